/**
 * Watches the pipeline from inside the control process and keeps what the page and the metrics need,
 * in a fixed amount of memory. It asks nobody anything: `looker.ts` does that.
 *
 * @module
 */

import type { PipelineWatch } from "../../activities/observer.ts";
import type { FleetBook } from "../../activities/fleet_book.ts";
import type { Fleet } from "../../adapters/launchers/launcher.ts";
import type { WorkerLoad } from "../../core/scaling/speed.ts";
import { totalLag } from "../../core/scaling/load.ts";
import { countSlots } from "../../core/scaling/slots.ts";
import type { FleetDecision } from "../../core/scaling/state.ts";
import { Rate } from "./rates.ts";
import { CloseLatency } from "./close_latency.ts";
import { Histogram } from "./histogram.ts";
import { History } from "./history.ts";
import { ResultBook, type ResultPlan } from "./result_book.ts";
import type { DecisionView, ServerView } from "./state.ts";

/** How many decisions are kept. */
const DECISIONS = 60;
/** Longer pauses between two ticks are those of a machine that slept: nobody worked then, in ms. */
const LONGEST_TICK_MS = 10_000;
/** The span of {@linkcode FleetBook.loads}, in seconds. */
const LOAD_SECONDS = 10;

/** What is looked at once a second: memory of this process, no call leaves it. */
export interface TickSource {
  /** What is known of the load. */
  readonly book: Pick<FleetBook, "pages" | "workerRate" | "loads" | "brokerHealth">;
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
export class Collector {
  /** Figures over time. */
  readonly history: History = new History();
  /** The windows that emitted last. */
  readonly results: ResultBook;
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
  readonly watch: PipelineWatch;

  readonly #now: () => number;
  readonly #closing: CloseLatency;
  readonly #input = new Rate();
  readonly #folded = new Rate();
  #decisions: DecisionView[] = [];
  #decisionsVersion = 0;
  #lastDecisionMs = 0;
  #tickMs: number | null = null;

  /**
   * Begins to watch.
   *
   * @param plan The pipeline's plan.
   * @param now The wall clock, epoch ms.
   */
  constructor(plan: ResultPlan, now: () => number = Date.now) {
    this.#now = now;
    this.results = new ResultBook(plan);
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

  /**
   * Takes decisions in that were made before this process began, or by now.
   *
   * @param decisions The decisions, oldest first.
   */
  remember(decisions: readonly FleetDecision[]): void {
    const known = new Set(this.#decisions.map(({ atMs }) => atMs));
    const fresh = decisions.filter(({ atMs }) => !known.has(atMs));
    if (fresh.length === 0) return;
    const all = [...this.#decisions, ...fresh.map(viewOf)].sort((a, b) => a.atMs - b.atMs);
    this.#decisions = all.slice(-DECISIONS);
    this.#decisionsVersion += 1;
  }

  /**
   * Looks at what this process knows, and adds a point to the history.
   *
   * @param source What is looked at.
   * @param ends Ends that are newer than those of the book, by partition.
   * @returns What it found.
   */
  tick({ book, fleet }: TickSource, ends: ReadonlyMap<number, number> = new Map()): Tick {
    const atMs = this.#now();
    const partitions = book.pages.map(({ partition, cursor, end }) => {
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
      workerRate: book.workerRate,
      ends: known,
      cursors,
      loads: book.loads,
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

  #watch(): PipelineWatch {
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
      sampling: ({ last }) => {
        if (last !== null) this.#decided(last);
      },
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

/**
 * What a worker did in the last seconds.
 *
 * @param loads How the workers spent them.
 * @param identity The worker.
 * @returns Records per second, and the share of the time in which it was busy.
 */
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
