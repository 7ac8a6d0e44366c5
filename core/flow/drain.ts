/**
 * The drain of a generation: what is known of all its partitions and open windows, and what follows
 * from it. Messages are only noted; {@linkcode Drain.decide} takes them in when all that came with
 * one activation are there, so that their order doesn't matter, and says what leaves. The workflow
 * wires messages and commands and holds no rule of its own.
 *
 * @module
 */

import { type DrainPartition, type FloorCause, type HeldBy, isAtEnd } from "./dealing.ts";
import type { SettleOutcome } from "./delivery.ts";
import { type Move, takeMove } from "./drain/moves.ts";
import {
  type FailedSweep,
  gather,
  isInBacklog,
  type Settled,
  takeFailure,
  takeNotStarted,
  takeResult,
  takeSettled,
} from "./drain/results.ts";
import {
  type DrainCommand,
  type DrainPace,
  type DrainRules,
  type DrainSnapshot,
  DrainState,
  type PartitionStart,
  type RefusedBy,
} from "./drain/state.ts";
import { moveWatermark, park } from "./drain/time.ts";
import {
  carryBytes,
  endsRun,
  findPartitions,
  type History,
  nextDecision,
  startSettles,
  startSweeps,
  wake,
} from "./drain/work.ts";
import type { OpenWindows } from "./open_windows.ts";
import type { SweepRequest, SweepResult } from "./sweep.ts";

export { newDrain } from "./drain/state.ts";
export type {
  DrainCommand,
  DrainPace,
  DrainRules,
  DrainSnapshot,
  PartitionStart,
  RefusedBy,
} from "./drain/state.ts";
export type { History } from "./drain/work.ts";

/** What follows from an activation. */
export interface Decision {
  /** What leaves. */
  readonly commands: readonly DrainCommand[];
  /** When to decide again at the latest, by the workflow's time; null for when a message comes. */
  readonly wakeAtMs: number | null;
}

/** A sweep that is out, as people see it. */
export interface SweepLook {
  /** Its number. */
  readonly n: number;
  /** Who is asked: the fleet, or the control process, which only looks. */
  readonly at: "fleet" | "control";
  /** Its partitions. */
  readonly partitions: readonly number[];
}

/** The drain of a generation. */
export class Drain {
  readonly #state: DrainState;
  #moves: Move[] = [];
  #settled: Settled[] = [];
  #notStarted: number[] = [];
  #failed: FailedSweep[] = [];
  #results: SweepResult[] = [];

  /** Goes on from a state. */
  constructor(rules: DrainRules, snapshot: DrainSnapshot) {
    this.#state = new DrainState(rules, snapshot);
  }

  /** The state as plain data. */
  snapshot(): DrainSnapshot {
    return this.#state.snapshot();
  }

  /** The partitions, in their order. */
  get partitions(): DrainPartition[] {
    return this.#state.partitions;
  }

  /** The pipeline's watermark. */
  get watermark(): number | null {
    return this.#state.s.watermark;
  }

  /** The open windows. */
  get windows(): Pick<
    OpenWindows,
    "look" | "size" | "bytes" | "closed" | "lost" | "carriedBytes"
  > {
    return this.#state.windows;
  }

  /** Events that missed a window by the floor alone, by what the floor came from. */
  get lateByFloor(): Readonly<Record<FloorCause, number>> {
    return this.#state.s.lateByFloor;
  }

  /** Results that were not taken, by why. */
  get refused(): Readonly<Record<RefusedBy, number>> {
    return this.#state.s.refused;
  }

  /** How many sweeps the fleet has room for; with 0 the control process looks. */
  get slots(): number {
    return this.#state.s.slots;
  }

  /** The sweeps that are out, as people see them. */
  get sweeps(): SweepLook[] {
    return [...this.#state.out.values()].map(({ request: { n, partitions }, at }) => (
      { n, at, partitions: partitions.map((p) => p.partition) }
    ));
  }

  /** The sweeps that are out, with what they are asked. */
  get sweepsOut(): SweepRequest[] {
    return [...this.#state.out.values()].map((sweep) => sweep.request);
  }

  /** Whether no worker is at work for it: asked before the last one is stopped. */
  get isFleetFree(): boolean {
    return [...this.#state.out.values()].every((sweep) => sweep.at === "control");
  }

  /** The partitions that are held back, and by what. */
  get held(): ReadonlyMap<number, HeldBy> {
    return this.#state.held;
  }

  /** Whether a bounded run has come to its end: all is read, and nothing is due or under way. */
  get isDrained(): boolean {
    return this.#isRead && !this.#state.windows.isCalling;
  }

  /** Whether a bounded run has read all that it is to read; then no sweep is out. */
  get #isRead(): boolean {
    const { s, addsPartitions, partitions } = this.#state;
    return !s.flushing && !addsPartitions &&
      partitions.every((p) => p.mode === "excluded" || p.mode === "stopped" || isAtEnd(p));
  }

  /**
   * The parked partitions for which a bounded run can't go on, since there are as many open windows
   * as there may be: it ends with `TG_TOO_MANY_WINDOWS`. Null if it can go on.
   */
  get stuckBehind(): number[] | null {
    const { out, windows, partitions, held } = this.#state;
    if (out.size > 0 || windows.isCalling) return null;
    const active = partitions.filter((p) => p.mode === "active");
    const isStuck = active.every((p) => held.has(p.partition)) &&
      active.some((p) => held.get(p.partition) === "budget" && p.until !== null);
    const parked = partitions.filter((p) => p.mode === "parked");
    const stopped = partitions.some((p) => p.mode === "stopped");
    return isStuck && !stopped ? parked.map((p) => p.partition) : null;
  }

  /** A sweep has answered. */
  swept(result: SweepResult): void {
    this.#results.push(result);
  }

  /** A sweep has failed for good. */
  sweepFailed(n: number, code: string, message: string): void {
    this.#failed.push({ n, code, message });
  }

  /** No worker has begun a sweep in time. */
  sweepNotStarted(n: number): void {
    this.#notStarted.push(n);
  }

  /** A settle activity has answered, for all of its calls or for some. */
  settled(id: number, outcomes: readonly SettleOutcome[]): void {
    this.#settled.push({ id, outcomes });
  }

  /** A settle activity has failed for good: its calls are sent again as they are. */
  settleFailed(id: number): void {
    this.#settled.push({ id, outcomes: [] });
  }

  /** The fleet has room for so many sweeps now; with 0 the control process looks. */
  ready(slots: number): void {
    this.#moves.push({ kind: "ready", slots });
  }

  /** A person lets a partition go on; what lies before `from` is counted as skipped. */
  resume(partition: number, from: number): void {
    this.#moves.push({ kind: "resume", partition, from });
  }

  /** A person gives a partition up. */
  exclude(partition: number): void {
    this.#moves.push({ kind: "exclude", partition });
  }

  /** Fixes or lifts the ends of partitions. */
  bound(untils: ReadonlyMap<number, number | null>): void {
    this.#moves.push({ kind: "bound", untils });
  }

  /**
   * Somebody has seen how many partitions the topic has. Sweeps say so too, but where none is out
   * nobody would look.
   */
  topicHas(partitions: number): void {
    this.#moves.push({ kind: "topicHas", partitions });
  }

  /** Partitions that the topic has gained, with where they begin. */
  added(starts: readonly PartitionStart[]): void {
    this.#moves.push({ kind: "added", starts });
  }

  /** Code with another hash is accepted too; sweeps are asked with it from now on. */
  accept(hash: string): void {
    this.#moves.push({ kind: "accept", hash });
  }

  /** Sweeps and delivers are paced anew. */
  tune(pace: DrainPace): void {
    this.#moves.push({ kind: "tune", pace });
  }

  /** A person closes what is open, as soon as no partition is active. */
  flush(): void {
    this.#moves.push({ kind: "flush" });
  }

  /** Takes in what has come, and says what leaves. */
  decide(nowMs: number, history: History): Decision {
    const state = this.#state;
    state.begin(nowMs);
    for (const move of this.#moves.splice(0)) takeMove(state, move);
    for (const settled of this.#settled.splice(0)) takeSettled(state, settled);
    for (const n of this.#notStarted.splice(0)) takeNotStarted(state, n);
    for (const failure of this.#failed.splice(0)) takeFailure(state, failure);
    const results = this.#results.splice(0).sort((a, b) => a.n - b.n);
    for (const result of results) takeResult(state, result);
    gather(state);
    park(state);
    moveWatermark(state);
    const bytes = carryBytes(state.windows.size, state.partitions.length);
    state.windows.makeCalls(state.s.watermark, nowMs, bytes, isInBacklog(state));
    // Nothing decides again by itself: what stays open is to be seen with all its cells.
    if (this.#isRead && state.partitions.some(isAtEnd)) state.windows.deliverAll(nowMs);
    if (endsRun(state, history)) {
      state.change({ runSinceMs: 0 });
      state.commands.push({ kind: "continueAsNew" });
      return { commands: state.commands, wakeAtMs: null };
    }
    startSettles(state);
    findPartitions(state);
    startSweeps(state);
    wake(state);
    return { commands: state.commands, wakeAtMs: nextDecision(state) };
  }
}
