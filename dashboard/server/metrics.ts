/**
 * Figures for Prometheus. Names and units are an interface: `docs/operations.md` lists them.
 *
 * @module
 */

import { cpuUsage } from "node:process";
import { lagOf } from "../../core/scaling/load.ts";
import { countSlots } from "../../core/scaling/slots.ts";
import { addCounts, NO_COUNTS } from "../../core/flow/slice.ts";
import { Exposition } from "./exposition.ts";
import type { Board } from "./board.ts";
import type { EventStream } from "./event_stream.ts";
import type { Look } from "./looker.ts";

/** States of workers, all of them told, also those that no worker is in. */
const STATES = ["starting", "ready", "draining", "backing off", "open"] as const;
/** Outcomes of an event. */
const OUTCOMES = ["aggregated", "late", "invalid", "skewed", "filtered"] as const;

/**
 * Writes the metrics.
 *
 * @param board What is known.
 * @param stream Who reads the page.
 * @returns Prometheus's text format.
 */
export function metricsText(board: Board, stream: EventStream): string {
  const out = new Exposition();
  const { about, fleet, health } = board.state();
  const { look, collector, tick } = board;
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
    [{ server: "broker" }, board.errors.broker],
    [{ server: "temporal" }, board.errors.temporal],
  ]);
  if (tick !== null) {
    const { ends, cursors } = tick;
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
      [...cursors].flatMap(([partition, cursor]) => {
        const lag = lagOf({ end: ends.get(partition) ?? null, cursor });
        return lag === null ? [] : [[{ partition }, lag] as const];
      }),
    );
    out.add(
      "gauge",
      "tidegate_worker_speed_records_per_second",
      "Records that a busy worker folds.",
      tick.workerRate,
    );
  }
  if (look !== null) lookMetrics(out, look);
  out.add(
    "counter",
    "tidegate_rows_emitted_total",
    "Rows written to the results topic, revisions and repeats included.",
    collector.results.rowsTaken,
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
      ...collector.decisionCounts,
    ].map(([code, count]) => [{ code }, count]),
  );
  out.histogram(
    "tidegate_slice_duration_seconds",
    "How long a worker takes to fold a slice.",
    collector.sliceSeconds,
  );
  out.histogram(
    "tidegate_close_to_emit_seconds",
    "From the records that let a window close until its rows are written.",
    collector.closeSeconds,
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

function lookMetrics(out: Exposition, { drains, clock }: Look): void {
  const totals = drains.map((drain) => drain.totals).reduce(addCounts, NO_COUNTS);
  out.add(
    "counter",
    "tidegate_events_total",
    "Events read, by what became of them.",
    OUTCOMES.map((outcome) => [{ outcome }, totals[outcome]]),
  );
  out.add(
    "counter",
    "tidegate_late_by_floor_events_total",
    "Events that were late by the floor alone.",
    totals.lateByFloor,
  );
  out.add(
    "counter",
    "tidegate_missed_pairs_total",
    "Pairs of event and window whose window may have been closed.",
    totals.missed,
  );
  const modes = [...new Set(drains.map(({ mode }) => mode))];
  out.add(
    "gauge",
    "tidegate_partitions",
    "Partitions by state.",
    modes.map((state) => [{ state }, drains.filter(({ mode }) => mode === state).length]),
  );
  const { watermark } = clock;
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
  out.add("gauge", "tidegate_windows_open", "Open windows.", clock.open.length);
  out.add("counter", "tidegate_windows_closed_total", "Closed windows.", clock.totals.windows);
  out.add("counter", "tidegate_windows_lost_total", "Windows that were lost.", clock.lost.length);
}
