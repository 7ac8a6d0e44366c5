/**
 * Observes the pipeline from inside the control process and keeps what the page and the metrics need,
 * in a fixed amount of memory. It asks nobody anything.
 *
 * @module
 */

import type { PipelineObserver } from "../../activities/observer.ts";
import type { Fleet } from "../../adapters/launchers/launcher.ts";
import { isHollow } from "../../core/flow/dealing.ts";
import { windowEnd } from "../../core/event_time/windows.ts";
import type { RunPlan } from "../../core/plan.ts";
import { lagOf } from "../../core/scaling/load.ts";
import { countSlots } from "../../core/scaling/slots.ts";
import type { WorkerLoad } from "../../core/scaling/speed.ts";
import type { FleetDecision } from "../../core/scaling/state.ts";
import type { LoadModel } from "../../processes/control/load.ts";
import type { GenerationView, SupervisorView } from "../../workflows/messages.ts";
import { Histogram } from "./metrics.ts";
import { History, Rate } from "./history.ts";
import { ResultsMonitor } from "./results.ts";
import type { DecisionView } from "./state.ts";

/** How many decisions are kept. */
const DECISIONS = 60;
/** Longer pauses between two ticks are those of a machine that slept: nobody worked then, in ms. */
const LONGEST_TICK_MS = 10_000;
/** The span of {@linkcode LoadModel.loads}, in seconds. */
const LOAD_SECONDS = 10;

/** What is looked at once a second: memory of this process, no call leaves it. */
export interface TickSource {
  /** What is known of the load. */
  readonly load: Pick<LoadModel, "pages" | "workerRate" | "loads" | "brokerHealth">;
  /** The worker processes. */
  readonly fleet: Fleet;
}

/** What a tick found. */
export interface Tick {
  /** When. */
  readonly atMs: number;
  /** Records that arrive per second. */
  readonly inRate: number | null;
  /** Records that are folded per second. */
  readonly foldedRate: number | null;
  /** Offsets between cursors and ends. */
  readonly lag: number | null;
  /** Records per busy second and worker. */
  readonly workerRate: number | null;
  /** Ends by partition, as far as they are known. */
  readonly ends: ReadonlyMap<number, number>;
  /** Cursors by partition, as far as they are known. */
  readonly cursors: ReadonlyMap<number, number>;
  /** Offsets between cursor and end by partition; null where that is not known. */
  readonly lags: ReadonlyMap<number, number | null>;
  /** How the workers spent the last seconds. */
  readonly loads: readonly WorkerLoad[];
}

/** Observes the pipeline. */
export class PipelineMonitor {
  /** Figures over time. */
  readonly history: History = new History();
  /** The windows that emitted last. */
  readonly results: ResultsMonitor;
  /** For how long sweeps that folded something kept a worker busy, in seconds. */
  readonly sweepSeconds: Histogram = new Histogram();
  /** From the decision by which the watermark passed a window's end until its first rows are written. */
  readonly closeSeconds: Histogram = new Histogram();
  /** How many decisions there were, by their codes. */
  readonly decisionCounts: Map<string, number> = new Map();
  /** How many readings of the ends for the policy have failed. */
  brokerErrors = 0;
  /** Seconds of worker processes. */
  workerSeconds = 0;
  /** What the drain told last, and when; null before that. */
  told: { readonly view: GenerationView; readonly atMs: number } | null = null;
  /** What the supervisor told last; null before that. */
  supervisor: SupervisorView | null = null;
  /** When a workflow last told of itself, which is a sign of life of Temporal; null before that. */
  heardMs: number | null = null;
  /** What interests it. */
  readonly watch: PipelineObserver;

  readonly #now: () => number;
  readonly #closing: CloseLatency;
  readonly #input = new Rate();
  readonly #folded = new Rate();
  #decisions: DecisionView[] = [];
  #decisionsVersion = 0;
  #lastDecisionMs = 0;
  #tickMs: number | null = null;

  /** Begins to observe. */
  constructor(plan: RunPlan, now: () => number = Date.now) {
    this.#now = now;
    this.results = new ResultsMonitor(plan);
    this.#closing = new CloseLatency(this.closeSeconds);
    this.watch = this.#watch(plan);
  }

  /** Decisions that changed something, oldest first. */
  get decisions(): readonly DecisionView[] {
    return this.#decisions;
  }

  /** Grows with every decision that is kept. */
  get decisionsVersion(): number {
    return this.#decisionsVersion;
  }

  /** Takes decisions in that were made before this process began, or by now. */
  remember(decisions: readonly FleetDecision[]): void {
    const known = new Set(this.#decisions.map(({ atMs }) => atMs));
    const fresh = decisions.filter(({ atMs }) => !known.has(atMs));
    if (fresh.length === 0) return;
    const all = [...this.#decisions, ...fresh.map(viewOf)].sort((a, b) => a.atMs - b.atMs);
    this.#decisions = all.slice(-DECISIONS);
    this.#decisionsVersion += 1;
  }

  /** Looks at what this process knows, and adds a point to the history. */
  tick({ load, fleet }: TickSource, ends: ReadonlyMap<number, number> = new Map()): Tick {
    const atMs = this.#now();
    const drains = new Map(this.told?.view.partitions.map((p) => [p.partition, p]));
    const known = new Map<number, number>();
    const cursors = new Map<number, number>();
    const lags = new Map<number, number | null>();
    for (const { partition, cursor, end } of load.pages) {
      const drain = drains.get(partition);
      const newest = end === null && !ends.has(partition) ? null : Math.max(
        ...[end, ends.get(partition), drain?.end, cursor].map((offset) => offset ?? -1),
      );
      if (newest !== null) known.set(partition, newest);
      if (cursor !== null) cursors.set(partition, cursor);
      // Where nothing is found up to the end, nothing waits there.
      const isCaughtUp = newest !== null && drain !== undefined &&
        isHollow({ hollowTo: drain.hollowTo, end: newest });
      lags.set(partition, isCaughtUp ? 0 : lagOf({ end: newest, cursor }));
    }
    const tick: Tick = {
      atMs,
      inRate: this.#input.read(atMs, known),
      foldedRate: this.#folded.read(atMs, cursors),
      lag: lags.size === 0 ? null : sumOf([...lags.values()]),
      workerRate: load.workerRate,
      ends: known,
      cursors,
      lags,
      loads: load.loads,
    };
    const { ready, starting, draining } = countSlots(fleet.slots);
    const passedMs = Math.min(LONGEST_TICK_MS, Math.max(0, atMs - (this.#tickMs ?? atMs)));
    this.workerSeconds += (ready + starting + draining) * passedMs / 1_000;
    this.#tickMs = atMs;
    const { inRate, foldedRate } = tick;
    this.history.push(atMs, {
      ...{ inRate, foldedRate, lag: tick.lag },
      ...{ desired: fleet.desired, ready, starting, draining },
    });
    return tick;
  }

  #watch({ windowing }: RunPlan): PipelineObserver {
    return {
      drained: (view) => {
        this.heardMs = this.#now();
        this.told = { view, atMs: this.heardMs };
        this.#closing.drained(view.watermark, this.heardMs);
      },
      supervised: (view) => {
        this.heardMs = this.#now();
        this.supervisor = view;
        this.remember(view.fleet.decisions.filter((d) => d.desired !== d.previous));
      },
      swept: ({ records, busyMs }) => {
        this.heardMs = this.#now();
        if (records > 0) this.sweepSeconds.observe(busyMs / 1_000);
      },
      emitted: (emission) => {
        const nowMs = this.#now();
        this.results.emitted(emission, nowMs);
        const { start, shard, rows } = emission;
        if (rows[0]?.revision !== 0) return;
        const window = `${start}/${shard}`;
        this.#closing.emitted({ window, end: windowEnd(windowing, start) }, nowMs);
      },
      decided: (decision) => this.#decided(decision),
      broker: (problem) => {
        if (problem !== null) this.brokerErrors += 1;
      },
    };
  }

  #decided(decision: FleetDecision): void {
    if (decision.atMs <= this.#lastDecisionMs) return;
    this.#lastDecisionMs = decision.atMs;
    const { code, desired, previous } = decision;
    this.decisionCounts.set(code, (this.decisionCounts.get(code) ?? 0) + 1);
    if (desired !== previous) this.remember([decision]);
  }
}

/** The sum of some lags; null if one is not known, which is not the same as 0. */
export function sumOf(lags: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const lag of lags) {
    if (lag === null) return null;
    sum += lag;
  }
  return sum;
}

/** What a worker did in the last seconds. */
export function loadOf(
  loads: readonly WorkerLoad[],
  identity: string | null,
): { readonly rate: number; readonly busy: number } {
  const load = loads.find(({ worker }) => worker === identity);
  if (load === undefined) return { rate: 0, busy: 0 };
  return {
    rate: load.records / LOAD_SECONDS,
    busy: Math.min(1, load.busyMs / 1_000 / LOAD_SECONDS),
  };
}

function viewOf({ atMs, previous, desired, code, reason }: FleetDecision): DecisionView {
  return { atMs, previous, desired, code, reason };
}

/** How many moves of the watermark, and windows that have emitted, are remembered. */
const MOVES = 500;

/** A move of the watermark. */
interface Move {
  readonly watermark: number;
  readonly atMs: number;
}

/** Measures how long windows take to close. */
export class CloseLatency {
  readonly #histogram: Histogram;
  #moves: Move[] = [];
  #measured: string[] = [];

  /** Begins with nothing known. */
  constructor(histogram: Histogram) {
    this.#histogram = histogram;
  }

  /** The drain has decided. */
  drained(watermark: number | null, nowMs: number): void {
    const last = this.#moves.at(-1);
    if (watermark === null || watermark <= (last?.watermark ?? -Infinity)) return;
    // When the first one was reached is not known.
    const atMs = last === undefined ? NaN : nowMs;
    this.#moves = [...this.#moves, { watermark, atMs }].slice(-MOVES);
  }

  /** A window has written its first rows; a repeat is passed over. */
  emitted({ window, end }: { readonly window: string; readonly end: number }, nowMs: number): void {
    const move = this.#moves.find(({ watermark }) => watermark >= end);
    // Windows that were passed before the first remembered move can't be told.
    const isForgotten = move === this.#moves[0] && this.#moves.length === MOVES;
    if (move === undefined || Number.isNaN(move.atMs) || isForgotten) return;
    if (this.#measured.includes(window)) return;
    this.#measured = [...this.#measured, window].slice(-MOVES);
    this.#histogram.observe((nowMs - move.atMs) / 1_000);
  }
}
