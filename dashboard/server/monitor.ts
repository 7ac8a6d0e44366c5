/**
 * Monitors the pipeline from inside the control process and keeps what the page and the metrics need,
 * in a fixed amount of memory. It asks nobody anything: `poller.ts` does that.
 *
 * @module
 */

import type { PipelineObserver } from "../../activities/observer.ts";
import type { LoadModel } from "../../processes/control/load.ts";
import type { Fleet } from "../../adapters/launchers/launcher.ts";
import type { Report, ReportAnswer } from "../../core/flow/pipeline_clock.ts";
import { totalLag } from "../../core/scaling/load.ts";
import { countSlots } from "../../core/scaling/slots.ts";
import type { WorkerLoad } from "../../core/scaling/speed.ts";
import type { FleetDecision } from "../../core/scaling/state.ts";
import { Histogram } from "./metrics.ts";
import { History, Rate } from "./history.ts";
import { type ResultPlan, ResultsMonitor } from "./results.ts";
import type { DecisionView, ServerView } from "./state.ts";

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
  /** How the workers spent the last seconds. */
  readonly loads: readonly WorkerLoad[];
}

/** Watches the pipeline. */
export class PipelineMonitor {
  /** Figures over time. */
  readonly history: History = new History();
  /** The windows that emitted last. */
  readonly results: ResultsMonitor;
  /** How long slices take, in seconds of a worker. */
  readonly sliceSeconds: Histogram = new Histogram();
  /** From the records that let a window close until its rows are written. */
  readonly closeSeconds: Histogram = new Histogram();
  /** How many decisions there were, by their codes. */
  readonly decisionCounts: Map<string, number> = new Map();
  /** How many calls of the broker have failed. */
  brokerErrors = 0;
  /** Seconds of worker processes. */
  workerSeconds = 0;
  /** Whether something happened since it was last set to false. */
  dirty = true;
  /** How the broker answers, as the waiting activities see it. */
  broker: ServerView & { readonly problem: string | null };
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

  /** Begins to watch. */
  constructor(plan: ResultPlan, now: () => number = Date.now) {
    this.#now = now;
    this.results = new ResultsMonitor(plan);
    this.#closing = new CloseLatency(this.closeSeconds);
    this.broker = { ok: null, sinceMs: now(), problem: null };
    this.watch = this.#watch();
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
    const partitions = load.pages.map(({ partition, cursor, end }) => {
      const newest = Math.max(end ?? -1, ends.get(partition) ?? -1);
      return { partition, cursor, end: newest < 0 ? null : Math.max(newest, cursor ?? -1) };
    });
    const known = new Map<number, number>();
    const cursors = new Map<number, number>();
    for (const { partition, cursor, end } of partitions) {
      if (end !== null) known.set(partition, end);
      if (cursor !== null) cursors.set(partition, cursor);
    }
    const tick: Tick = {
      atMs,
      inRate: this.#input.read(atMs, known),
      foldedRate: this.#folded.read(atMs, cursors),
      lag: partitions.length === 0 ? null : totalLag(partitions),
      workerRate: load.workerRate,
      ends: known,
      cursors,
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

  #watch(): PipelineObserver {
    return {
      awaited: (partition, answer) => {
        if (answer?.kind !== "records") return;
        this.dirty = true;
        this.#closing.turn(partition, this.#now());
        this.#turned.delete(partition);
      },
      delivered: ({ partition, note }) => {
        this.dirty = true;
        if (note === null) return;
        this.sliceSeconds.observe(note.busyMs / 1_000);
        // Without a wait in between, this slice began when the one before was delivered.
        const before = this.#turned.get(partition);
        if (before !== undefined) this.#closing.turn(partition, before);
        this.#turned.set(partition, this.#now());
      },
      reported: (report, answer) => {
        this.dirty = true;
        this.#closing.reported(report, answer);
      },
      told: () => {
        this.dirty = true;
      },
      emitted: ({ rows, closed }) => {
        this.dirty = true;
        const nowMs = this.#now();
        this.results.take(rows);
        if (closed !== null) this.results.closed(closed.window, nowMs);
        const [first] = rows;
        if (first?.revision === 0) this.#closing.emitted(Date.parse(first.window.end), nowMs);
      },
      decided: (decision) => this.#decided(decision),
      broker: (problem) => this.#broker(problem),
    };
  }

  /** When the last slice of a partition was delivered, as long as it has not waited since. */
  readonly #turned = new Map<number, number>();

  #decided(decision: FleetDecision): void {
    if (decision.atMs <= this.#lastDecisionMs) return;
    this.#lastDecisionMs = decision.atMs;
    const { code, desired, previous } = decision;
    this.decisionCounts.set(code, (this.decisionCounts.get(code) ?? 0) + 1);
    if (desired !== previous) this.remember([decision]);
  }

  #broker(problem: string | null): void {
    const ok = problem === null;
    if (!ok) this.brokerErrors += 1;
    const sinceMs = ok === (this.broker.ok ?? true) ? this.broker.sinceMs : this.#now();
    this.broker = { ok, sinceMs, problem };
  }
}

/** What a worker did in the last seconds. */
export function loadOf(
  loads: readonly WorkerLoad[],
  identity: string | null,
): { readonly rate: number; readonly busy: number } {
  const load = loads.find(({ worker }) => worker === identity);
  if (load === undefined) return { rate: 0, busy: 0 };
  return {
    rate: load.offsets / LOAD_SECONDS,
    busy: Math.min(1, load.busyMs / 1_000 / LOAD_SECONDS),
  };
}

function viewOf({ atMs, previous, desired, code, reason }: FleetDecision): DecisionView {
  return { atMs, previous, desired, code, reason };
}

/** How many moves of the watermark are remembered. */
const MOVES = 500;

/** A move of the watermark. */
interface Move {
  readonly watermark: number;
  readonly sinceMs: number;
}

/** Measures how long windows take to close. */
export class CloseLatency {
  readonly #histogram: Histogram;
  readonly #turns = new Map<number, number>();
  #watermark = -Infinity;
  #moves: Move[] = [];

  /** Begins with nothing known. */
  constructor(histogram: Histogram) {
    this.#histogram = histogram;
  }

  /** A partition has seen records, or begins with the next slice of a backlog. */
  turn(partition: number, nowMs: number): void {
    this.#turns.set(partition, nowMs);
  }

  /** A partition has reported. */
  reported({ partition, kind }: Report, { watermark }: ReportAnswer): void {
    if (watermark === null || watermark <= this.#watermark) return;
    // A first watermark, or one that a join or a run-on moved, says nothing of a slice.
    const sinceMs = this.#turns.get(partition);
    const known = this.#watermark > -Infinity && kind === "advance" && sinceMs !== undefined;
    this.#watermark = watermark;
    this.#moves = [...this.#moves, { watermark, sinceMs: known ? sinceMs : NaN }].slice(-MOVES);
  }

  /** A window has written the last of its first rows. */
  emitted(end: number, nowMs: number): void {
    const move = this.#moves.find(({ watermark }) => watermark >= end);
    // Windows that were passed before the first remembered move can't be told.
    const first = this.#moves[0];
    if (move === undefined || Number.isNaN(move.sinceMs)) return;
    if (move === first && this.#moves.length === MOVES) return;
    this.#histogram.observe((nowMs - move.sinceMs) / 1_000);
  }
}
