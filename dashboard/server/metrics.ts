/**
 * Figures for Prometheus. Names and units are an interface: `docs/operations.md` lists them.
 *
 * @module
 */

import { cpuUsage } from "node:process";
import { addSweepCounts, NO_SWEEP_COUNTS } from "../../core/flow/counts.ts";
import { countSlots } from "../../core/scaling/slots.ts";
import type { Model } from "./model.ts";
import type { GenerationView } from "../../workflows/messages.ts";
import type { EventStream } from "./event_stream.ts";

/** States of workers, all of them told, also those that no worker is in. */
const STATES = ["starting", "ready", "draining", "backing off", "open"] as const;
/** Outcomes of an event. */
const OUTCOMES = ["aggregated", "late", "invalid", "skewed", "filtered", "failed"] as const;

/** States of partitions. */
const MODES = ["active", "idle", "parked", "stopped", "excluded"] as const;

/** Writes the metrics. */
export function metricsText(model: Model, stream: EventStream): string {
  const out = new Exposition();
  const { about, fleet, health } = model.state();
  const { monitor, tick } = model;
  const counts = countSlots(fleet.workers);
  const isUp = (ok: boolean | null) => ok === true ? 1 : 0;
  out.add("gauge", "tidegate_pipeline_info", "The pipeline and its generation.", [
    [{ pipeline: about.pipeline, generation: about.generation }, 1],
  ]);
  out.add("gauge", "tidegate_server_up", "Whether a server answers.", [
    [{ server: "broker" }, isUp(health.broker.ok)],
    [{ server: "temporal" }, isUp(health.temporal.ok)],
  ]);
  out.add("counter", "tidegate_server_errors_total", "Failed calls of a server.", [
    [{ server: "broker" }, model.errors.broker],
    [{ server: "temporal" }, model.errors.temporal],
  ]);
  if (tick !== null) {
    const { ends, cursors, lags } = tick;
    out.add(
      "counter",
      "tidegate_records_written_total",
      "The end of a partition, in offsets.",
      [
        ...ends,
      ].map(([partition, end]) => [{ partition }, end]),
    );
    out.add(
      "counter",
      "tidegate_records_folded_total",
      "The cursor of a partition, in offsets.",
      [
        ...cursors,
      ].map(([partition, cursor]) => [{ partition }, cursor]),
    );
    out.add(
      "gauge",
      "tidegate_lag_records",
      "Records not folded yet.",
      [...lags].flatMap(([partition, lag]) => lag === null ? [] : [[{ partition }, lag] as const]),
    );
    out.add(
      "gauge",
      "tidegate_worker_speed_records_per_second",
      "Records that a busy worker folds.",
      tick.workerRate,
    );
  }
  if (monitor.told !== null) viewMetrics(out, monitor.told.view);
  out.add(
    "counter",
    "tidegate_rows_emitted_total",
    "Rows written to the results topic, revisions and repeats included.",
    monitor.results.rowsTaken,
  );
  out.add("gauge", "tidegate_workers", "Worker processes by state.", [
    ...STATES.map((state) => [{ state: state.replace(" ", "_") }, counts[state]] as const),
  ]);
  out.add("gauge", "tidegate_workers_desired", "Workers that are wanted.", fleet.desired);
  out.add("gauge", "tidegate_workers_max", "The most workers that are allowed.", fleet.max);
  out.add(
    "counter",
    "tidegate_worker_restarts_total",
    "Workers started again after a failure.",
    fleet.workers.reduce((sum, { restarts }) => sum + restarts, 0),
  );
  out.add(
    "counter",
    "tidegate_worker_seconds_total",
    "Time of worker processes, all together.",
    fleet.workerSeconds,
  );
  out.add(
    "counter",
    "tidegate_decisions_total",
    "Decisions of the supervisor by their reason.",
    [
      ...monitor.decisionCounts,
    ].map(([code, count]) => [{ code }, count]),
  );
  out.histogram(
    "tidegate_sweep_busy_seconds",
    "For how long sweeps that folded something kept a worker busy, without waiting.",
    monitor.sweepSeconds,
  );
  out.histogram(
    "tidegate_close_to_emit_seconds",
    "From the decision by which the watermark passed a window's end until its first rows are written.",
    monitor.closeSeconds,
  );
  out.add("gauge", "tidegate_page_readers", "Readers of the live page.", stream.readers);
  const { user, system } = cpuUsage();
  out.add(
    "counter",
    "process_cpu_seconds_total",
    "Processor time of the control process.",
    (user + system) / 1e6,
  );
  out.add(
    "gauge",
    "process_resident_memory_bytes",
    "Memory of the control process.",
    Deno.memoryUsage().rss,
  );
  return out.text;
}

function viewMetrics(out: Exposition, view: GenerationView): void {
  const { partitions, held, watermark, open, closed, lost } = view;
  const totals = partitions.map((p) => p.totals).reduce(addSweepCounts, NO_SWEEP_COUNTS);
  out.add(
    "counter",
    "tidegate_events_total",
    "Events read, by what became of them.",
    OUTCOMES.map((outcome) => [{ outcome }, totals[outcome]]),
  );
  out.add(
    "counter",
    "tidegate_late_by_floor_events_total",
    "Events that missed a window by the floor alone, by what the floor came from.",
    Object.entries(view.lateByFloor).map(([cause, events]) => [{ cause }, events]),
  );
  out.add(
    "counter",
    "tidegate_missed_pairs_total",
    "Pairs of event and window whose window may have been closed.",
    totals.missed,
  );
  const count = <T>(items: readonly T[], is: (item: T) => boolean) => items.filter(is).length;
  out.add(
    "gauge",
    "tidegate_partitions",
    "Partitions by state.",
    MODES.map((state) => [{ state }, count(partitions, ({ mode }) => mode === state)]),
  );
  out.add(
    "gauge",
    "tidegate_partitions_held",
    "Partitions that are held back, by what.",
    (["drift", "budget"] as const).map((by) => [{ by }, count(held, ([, why]) => why === by)]),
  );
  out.add(
    "gauge",
    "tidegate_partitions_waiting",
    "Partitions that can't be read on at the moment, by why.",
    [
      [{ why: "broker" }, count(partitions, ({ trouble }) => trouble !== null)],
      [{ why: "transaction" }, count(partitions, (p) => p.openTransaction !== null)],
    ],
  );
  if (watermark !== null) {
    out.add(
      "gauge",
      "tidegate_watermark_timestamp_seconds",
      "The watermark, event time since the epoch.",
      watermark / 1_000,
    );
    out.add(
      "gauge",
      "tidegate_watermark_delay_seconds",
      "How far the watermark is behind the wall clock.",
      (Date.now() - watermark) / 1_000,
    );
  }
  out.add("gauge", "tidegate_sweeps", "Sweeps that are out, by who is asked.", [
    [{ at: "fleet" }, count(view.sweeps, ({ at }) => at === "fleet")],
    [{ at: "control" }, count(view.sweeps, ({ at }) => at === "control")],
  ]);
  out.add(
    "counter",
    "tidegate_sweeps_refused_total",
    "Results of sweeps that were not taken, by why.",
    Object.entries(view.refused).map(([why, sweeps]) => [{ why }, sweeps]),
  );
  out.add("gauge", "tidegate_windows_open", "Open windows.", view.openWindows);
  out.add(
    "gauge",
    "tidegate_windows_unwritten",
    "Windows whose rows could not be written at the first try.",
    count(open, ({ unwrittenSinceMs }) => unwrittenSinceMs !== null),
  );
  out.add("counter", "tidegate_windows_closed_total", "Closed windows.", closed.windows);
  out.add("counter", "tidegate_windows_lost_total", "Windows that were lost.", lost.windows);
}

/** A value with its labels. */
export type Sample = readonly [labels: Readonly<Record<string, string | number>>, value: number];

/** Writes metrics, a family after the other. */
export class Exposition {
  readonly #lines: string[] = [];

  /** The text. */
  get text(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  /** Adds a gauge or a counter. */
  add(
    type: "gauge" | "counter",
    name: string,
    help: string,
    samples: readonly Sample[] | number | null,
  ): void {
    const all: readonly Sample[] = typeof samples === "number" ? [[{}, samples]] : samples ?? [];
    if (all.length === 0) return;
    this.#head(type, name, help);
    for (const [labels, value] of all) this.#line(name, labels, value);
  }

  /** Adds a histogram. */
  histogram(name: string, help: string, histogram: Histogram): void {
    this.#head("histogram", name, help);
    const { cumulative, bounds, sum, count } = histogram;
    cumulative.forEach((total, i) =>
      this.#line(`${name}_bucket`, { le: String(bounds[i] ?? "+Inf") }, total)
    );
    this.#line(`${name}_sum`, {}, sum);
    this.#line(`${name}_count`, {}, count);
  }

  #head(type: string, name: string, help: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  #line(name: string, labels: Sample[0], value: number): void {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(String(text))}"`);
    this.#lines.push(`${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`);
  }
}

function escaped(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

/** Upper bounds for sweeps and for windows that close, in seconds. */
export const SECONDS: readonly number[] = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.15,
  0.2,
  0.3,
  0.5,
  1,
  2.5,
  5,
  10,
];

/** Counts durations. */
export class Histogram {
  /** The upper bounds of the buckets, ascending, in seconds; what lies above them is counted too. */
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** Begins at zero. */
  constructor(bounds: readonly number[] = SECONDS) {
    this.bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  /**
   * Counts a duration.
   *
   * @param seconds The duration; one below 0 comes of a clock that was set back, and counts as 0.
   */
  observe(seconds: number): void {
    const value = Math.max(0, seconds);
    const found = this.bounds.findIndex((bound) => value <= bound);
    const at = found < 0 ? this.bounds.length : found;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  /** How many durations are at or below each bound; all of them last. */
  get cumulative(): readonly number[] {
    let total = 0;
    return this.#counts.map((count) => total += count);
  }

  /** How many durations were counted. */
  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** Their sum, in seconds. */
  get sum(): number {
    return this.#sum;
  }
}
