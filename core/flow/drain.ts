/**
 * The drain of a generation: the state of all its partitions and open windows, and what follows from
 * it. Messages are only noted; {@linkcode Drain.decide} takes them in when all that came with one
 * activation are there, so that their order doesn't matter, and says what leaves. The workflow wires
 * messages and commands and holds no rule of its own.
 *
 * @module
 */

import { nextTimer, ranOnTo } from "../event_time/timers.ts";
import {
  holdsWatermark,
  later,
  partitionWatermark,
  pipelineWatermark,
  smallest,
} from "../event_time/watermark.ts";
import { boundaryAfter } from "../event_time/windows.ts";
import { addSweepCounts, NO_SWEEP_COUNTS } from "./counts.ts";
import {
  afterFailure,
  afterFull,
  afterSuccess,
  dealSweeps,
  type DrainPartition,
  type FloorCause,
  heldBack,
  type HeldBy,
  isAtEnd,
  isHollow,
  isPoison,
  lagOf,
  limitsOf,
  type Narrowed,
  type StopReason,
  SWEEP_BYTES,
  type SweepGroup,
  WIDE,
} from "./dealing.ts";
import type { SettleOutcome, WindowCall } from "./delivery.ts";
import {
  NO_WINDOWS,
  OpenWindows,
  type OpenWindowsRules,
  type OpenWindowsSnapshot,
} from "./open_windows.ts";
import { addLooked, isFresh } from "./silence.ts";
import type { SweepRequest, SweepResult, SweepRole, SweptPartition } from "./sweep.ts";

/** How long a sweep looks before it answers that nothing came. */
const QUIET_MS = 5_000;
/** The same where no partition holds the watermark: fewer entries in the history. */
const IDLE_QUIET_MS = 60_000;
/** The shortest silence that a sweep is asked to wait for. */
const LEAST_SILENT_MS = 50;
/** After so long without a return by a limit, one sweep over all partitions is enough again. */
const CALM_MS = 5_000;
/** Sweeps that return by a limit one after the other before the work is spread. */
const LIMITS_IN_A_ROW = 2;
/** How many settle activities are out at once. */
const SETTLES_OUT = 8;
/** How often the supervisor is told that records wait while no worker is ready. */
const WAKE_EVERY_MS = 30_000;
/** Bytes of cells that the drain may carry, so that its state fits a continue-as-new. */
const CARRY_BYTES = 1024 * 1024;
/** What a state may come to, and what a window and a partition take in it. */
const STATE_BYTES = 1536 * 1024;
const WINDOW_STATE_BYTES = 64;
const PARTITION_STATE_BYTES = 800;
/** The run ends at so many events or bytes of history, and at twice that whatever is out. */
const RUN_EVENTS = 8_000;
const RUN_BYTES = 8 * 1024 * 1024;
/** From this part of it on, the last sweeps are begun. */
const LAST_PART = 0.9;
/** A sweep is not begun for less than this. */
const LEAST_SWEEP_MS = 500;
/** In a backlog a run lasts at least this long. */
const BACKLOG_RUN_MS = 30_000;

/** What the drain needs to know of the plan and the run. */
export interface DrainRules extends OpenWindowsRules {
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The source topic. */
  readonly topic: string;
  /** The topic's id, where the broker has ids. */
  readonly topicId: string | null;
  /** The watermark delay. */
  readonly delayMs: number;
  /** How long a caught-up partition must be silent before it leaves the minimum. */
  readonly idleAfterMs: number;
  /** How far a partition may run ahead. */
  readonly maxDriftMs: number;
  /** How long a sweep goes on that has folded something. */
  readonly paceMs: number;
  /** How long a sweep goes on in a backlog. */
  readonly sliceMs: number;
  /** How many windows and shares of windows may be open. */
  readonly maxOpenWindows: number;
}

/** The drain's state as plain data. Sweeps that are out are not in it: they are folded again. */
export interface DrainSnapshot {
  /** The partitions, in their order. */
  readonly partitions: readonly DrainPartition[];
  /** The pipeline's watermark. */
  readonly watermark: number | null;
  /** From which watermark it runs on; null while a partition holds it. */
  readonly runOnFrom: number | null;
  /** The open windows. */
  readonly windows: OpenWindowsSnapshot;
  /** The number of the last sweep. */
  readonly sweep: number;
  /** The number of the last group of suspected partitions. */
  readonly group: number;
  /** The hashes of code whose results are taken; sweeps are asked with the last. */
  readonly hashes: readonly string[];
  /** How many sweeps the fleet has room for; 0 while no worker is ready. */
  readonly slots: number;
  /** Over how many sweeps the work is spread. */
  readonly spread: number;
  /** Returns by a limit in a row. */
  readonly limits: number;
  /** When the last return by a limit was taken in. */
  readonly limitAtMs: number;
  /** Whether a person wants all open windows closed as soon as no partition is active. */
  readonly flushing: boolean;
  /** How many partitions the topic is known to have. */
  readonly topicPartitions: number;
  /** When the supervisor was last told that records wait; null if it need not know. */
  readonly wokenAtMs: number | null;
  /** When the run began. */
  readonly runSinceMs: number;
  /** Results that were not taken, by why. */
  readonly refused: Readonly<Record<RefusedBy, number>>;
  /** Events that missed a window by the floor alone, by what the floor came from. */
  readonly lateByFloor: Readonly<Record<FloorCause, number>>;
}

/** Why a result was not taken. */
export type RefusedBy =
  /** The sweep is not out: it was struck, or belongs to an earlier run. */
  | "struck"
  /** Its code is none of those accepted. */
  | "code"
  /** It doesn't answer what was asked. */
  | "shape"
  /** It has cells for a window that has completed. */
  | "complete"
  /** A window has no room for its cells. */
  | "room";

/** Where a generation begins to read a partition. */
export interface PartitionStart {
  /** The partition. */
  readonly partition: number;
  /** The first offset to fold. */
  readonly cursor: number;
  /**
   * The fixed end of a bounded run; null while live.
   * @default {null}
   */
  readonly until?: number | null;
}

/** The state that a generation begins with. */
export function newDrain(starts: readonly PartitionStart[], hash: string): DrainSnapshot {
  return {
    partitions: starts.map((start) => newPartition(start)),
    watermark: null,
    runOnFrom: null,
    windows: NO_WINDOWS,
    sweep: 0,
    group: 0,
    hashes: [hash],
    slots: 0,
    spread: 1,
    limits: 0,
    limitAtMs: 0,
    flushing: false,
    topicPartitions: starts.length,
    wokenAtMs: null,
    runSinceMs: 0,
    refused: { struck: 0, code: 0, shape: 0, complete: 0, room: 0 },
    lateByFloor: { joined: 0, "run-on": 0, added: 0 },
  };
}

/** What leaves with an activation. */
export type DrainCommand =
  /** Begin a sweep: with the fleet, or in the control process as `awaitRecords`. */
  | { readonly kind: "sweep"; readonly at: "fleet" | "control"; readonly request: SweepRequest }
  /** Cancel a sweep without waiting for it; what it answers is ignored. */
  | { readonly kind: "cancel"; readonly n: number }
  /** Begin a settle activity; `id` names it in the answer. */
  | { readonly kind: "settle"; readonly id: number; readonly calls: readonly WindowCall[] }
  /** Tell the supervisor that records wait while no worker is ready. */
  | { readonly kind: "wake" }
  /** Ask where the partitions begin that the topic has gained; the answer is `added`. */
  | { readonly kind: "findPartitions"; readonly from: number; readonly to: number }
  /** End the run and begin the next with the snapshot. */
  | { readonly kind: "continueAsNew" };

/** What follows from an activation. */
export interface Decision {
  /** What leaves. */
  readonly commands: readonly DrainCommand[];
  /** When to decide again at the latest, by the workflow's time; null for when a message comes. */
  readonly wakeAtMs: number | null;
}

/** How far the workflow's history has grown. */
export interface History {
  /** Its events. */
  readonly events: number;
  /** Its bytes. */
  readonly bytes: number;
  /** Whether the server suggests to continue as new. */
  readonly suggested: boolean;
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

/** A sweep that is out. */
interface SweepOut {
  readonly request: SweepRequest;
  readonly at: "fleet" | "control";
  readonly atMs: number;
  /** What the run-on was counted from when it began: only silence after that counts for it. */
  readonly runOnFrom: number | null;
}

/** What a message asks for; it is taken in with the next decision. */
type Move =
  | { readonly kind: "ready"; readonly slots: number }
  | { readonly kind: "resume"; readonly partition: number; readonly from: number }
  | { readonly kind: "exclude"; readonly partition: number }
  | { readonly kind: "bound"; readonly untils: ReadonlyMap<number, number | null> }
  | { readonly kind: "added"; readonly starts: readonly PartitionStart[] }
  | { readonly kind: "topicHas"; readonly partitions: number }
  | { readonly kind: "accept"; readonly hash: string }
  | { readonly kind: "flush" };

/** The drain of a generation. */
export class Drain {
  readonly #rules: DrainRules;
  readonly #windows: OpenWindows;
  readonly #partitions: Map<number, DrainPartition>;
  #s: Omit<DrainSnapshot, "partitions" | "windows">;
  readonly #out = new Map<number, SweepOut>();
  readonly #settles = new Map<number, readonly WindowCall[]>();
  #settle = 0;
  #endsAtMs: number | null = null;
  /** Whether this activation took in a result by which the run-on may move. */
  #looked = false;
  /** Whether a partition joined with this activation: then the run-on begins anew. */
  #interrupted = false;
  #askedPartitions = 0;
  #moves: Move[] = [];
  #results: SweepResult[] = [];
  #failed: { readonly n: number; readonly code: string; readonly message: string }[] = [];
  #unstarted: number[] = [];
  #outcomes: { readonly id: number; readonly outcomes: readonly SettleOutcome[] }[] = [];
  #commands: DrainCommand[] = [];

  /** Goes on from a state. */
  constructor(rules: DrainRules, snapshot: DrainSnapshot) {
    const { partitions, windows, ...rest } = snapshot;
    this.#rules = rules;
    this.#s = rest;
    this.#windows = new OpenWindows(rules, windows);
    this.#partitions = new Map(partitions.map((p) => [p.partition, p]));
  }

  /** The state as plain data. */
  snapshot(): DrainSnapshot {
    return { partitions: this.partitions, windows: this.#windows.snapshot(), ...this.#s };
  }

  /** The partitions, in their order. */
  get partitions(): DrainPartition[] {
    return [...this.#partitions.values()].sort((a, b) => a.partition - b.partition);
  }

  /** The pipeline's watermark. */
  get watermark(): number | null {
    return this.#s.watermark;
  }

  /** The open windows. */
  get windows(): Pick<OpenWindows, "look" | "size" | "closed" | "lost" | "carriedBytes"> {
    return this.#windows;
  }

  /** Events that missed a window by the floor alone, by what the floor came from. */
  get lateByFloor(): Readonly<Record<FloorCause, number>> {
    return this.#s.lateByFloor;
  }

  /** Results that were not taken, by why. */
  get refused(): Readonly<Record<RefusedBy, number>> {
    return this.#s.refused;
  }

  /** How many sweeps the fleet has room for; with 0 the control process looks. */
  get slots(): number {
    return this.#s.slots;
  }

  /** The sweeps that are out, as people see them. */
  get sweeps(): SweepLook[] {
    return [...this.#out.values()].map(({ request: { n, partitions }, at }) => (
      { n, at, partitions: partitions.map((p) => p.partition) }
    ));
  }

  /** The sweeps that are out, with what they are asked. */
  get sweepsOut(): SweepRequest[] {
    return [...this.#out.values()].map((sweep) => sweep.request);
  }

  /** Whether no worker is at work for it: asked before the last one is stopped. */
  get isFleetFree(): boolean {
    return [...this.#out.values()].every((sweep) => sweep.at === "control");
  }

  /** The partitions that are held back, and by what. */
  get held(): ReadonlyMap<number, HeldBy> {
    return heldBack(this.partitions, {
      delayMs: this.#rules.delayMs,
      maxDriftMs: this.#rules.maxDriftMs,
      isBudgetSpent: this.#windows.size >= this.#rules.maxOpenWindows,
    });
  }

  /** Whether a bounded run has come to its end: all is read, and nothing is due or under way. */
  get isDrained(): boolean {
    return this.#out.size === 0 && !this.#windows.isCalling && !this.#s.flushing &&
      !this.#addsPartitions &&
      this.partitions.every((p) => p.mode === "excluded" || p.mode === "stopped" || isAtEnd(p));
  }

  /**
   * The parked partitions for which a bounded run can't go on, since there are as many open windows
   * as there may be: it ends with `TG_TOO_MANY_WINDOWS`. Null if it can go on.
   */
  get stuckBehind(): number[] | null {
    const active = this.partitions.filter((p) => p.mode === "active");
    const held = this.held;
    const isStuck = active.length > 0 && active.every((p) => held.has(p.partition)) &&
      active.some((p) => held.get(p.partition) === "budget" && p.until !== null) &&
      this.#out.size === 0 && !this.#windows.isCalling;
    const parked = this.partitions.filter((p) => p.mode === "parked");
    const stopped = this.partitions.some((p) => p.mode === "stopped");
    return isStuck && parked.length > 0 && !stopped ? parked.map((p) => p.partition) : null;
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
    this.#unstarted.push(n);
  }

  /** A settle activity has answered, for all of its calls or for some. */
  settled(id: number, outcomes: readonly SettleOutcome[]): void {
    this.#outcomes.push({ id, outcomes });
  }

  /** A settle activity has failed for good: its calls are sent again as they are. */
  settleFailed(id: number): void {
    this.#outcomes.push({ id, outcomes: [] });
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

  /** A person closes what is open, as soon as no partition is active. */
  flush(): void {
    this.#moves.push({ kind: "flush" });
  }

  /** Takes in what has come, and says what leaves. */
  decide(nowMs: number, history: History): Decision {
    this.#commands = [];
    this.#looked = false;
    this.#interrupted = false;
    if (this.#s.runSinceMs === 0) this.#s = { ...this.#s, runSinceMs: nowMs };
    for (const move of this.#moves.splice(0)) this.#move(move);
    for (const { id, outcomes } of this.#outcomes.splice(0)) this.#answer(id, outcomes, nowMs);
    for (const n of this.#unstarted.splice(0)) this.#notStarted(n);
    for (const failure of this.#failed.splice(0)) this.#fail(failure, nowMs);
    for (const result of this.#results.splice(0).sort((a, b) => a.n - b.n)) {
      this.#take(result, nowMs);
    }
    this.#park();
    this.#moveWatermark();
    this.#windows.makeCalls(this.#s.watermark, nowMs, this.#carryBytes, this.#inBacklog(nowMs));
    if (this.#endsRun(nowMs, history)) {
      this.#s = { ...this.#s, runSinceMs: 0 };
      this.#commands.push({ kind: "continueAsNew" });
      return { commands: this.#commands, wakeAtMs: null };
    }
    for (const calls of this.#windows.send(nowMs, SETTLES_OUT - this.#settles.size)) {
      this.#settle += 1;
      this.#settles.set(this.#settle, calls);
      this.#commands.push({ kind: "settle", id: this.#settle, calls });
    }
    this.#startSweeps(nowMs);
    this.#wake(nowMs);
    return { commands: this.#commands, wakeAtMs: this.#wakeAtMs(nowMs) };
  }

  // ---- what people and the supervisor ask for

  #move(move: Move): void {
    switch (move.kind) {
      case "ready":
        this.#ready(move.slots);
        break;
      case "topicHas":
        this.#notePartitions(move.partitions);
        break;
      case "accept":
        this.#s = {
          ...this.#s,
          hashes: [...this.#s.hashes.filter((hash) => hash !== move.hash), move.hash],
        };
        break;
      case "flush":
        this.#s = { ...this.#s, flushing: true };
        this.#strikeLooking();
        break;
      case "resume":
        this.#resume(move.partition, move.from);
        break;
      case "exclude":
        this.#touch(move.partition, (p) => ({ ...p, mode: "excluded", stop: null }));
        break;
      case "bound":
        for (const [partition, until] of move.untils) this.#bound(partition, until);
        break;
      case "added":
        this.#add(move.starts);
        break;
    }
  }

  #ready(slots: number): void {
    const before = this.#s.slots;
    this.#s = { ...this.#s, slots };
    if (slots === 0) this.#strike((sweep) => sweep.at === "fleet");
    if (slots > 0) {
      this.#s = { ...this.#s, wokenAtMs: null };
      if (before === 0) this.#strike((sweep) => sweep.at === "control");
    }
  }

  #resume(partition: number, from: number): void {
    this.#touch(partition, (p) => {
      const cursor = Math.max(from, p.cursor);
      const skipped = cursor - p.cursor;
      return {
        ...this.#joined(p, this.#s.watermark),
        stop: null,
        cursor,
        end: Math.max(p.end, cursor),
        hollowTo: null,
        silentMs: 0,
        trouble: null,
        narrow: WIDE,
        skippedOffsets: p.skippedOffsets + skipped,
        skipped: skipped > 0 ? [...p.skipped, [p.cursor, cursor]] : p.skipped,
      };
    });
  }

  /** A parked partition joins again, because the watermark may have been flushed past it. */
  #bound(partition: number, until: number | null): void {
    this.#touch(
      partition,
      (p) =>
        p.mode === "stopped" || p.mode === "excluded"
          ? { ...p, until }
          : { ...this.#joined(p, this.#s.watermark), until, hollowTo: null, silentMs: 0 },
    );
  }

  /** Partitions that the topic has gained begin at their beginning, whatever the start position. */
  #add(starts: readonly PartitionStart[]): void {
    for (const start of starts) {
      if (this.#partitions.has(start.partition)) continue;
      const { watermark } = this.#s;
      this.#set({
        ...newPartition(start),
        floor: watermark,
        floorBy: watermark === null ? null : "added",
      });
    }
    this.#s = {
      ...this.#s,
      topicPartitions: Math.max(this.#s.topicPartitions, this.#partitions.size),
    };
    this.#strikeLooking();
  }

  /** A person's move strikes the sweep that holds the partition, and all whose floors it may move. */
  #touch(partition: number, change: (p: DrainPartition) => DrainPartition): void {
    const p = this.#partitions.get(partition);
    if (p === undefined) return;
    this.#strike((sweep) => sweep.request.partitions.some((q) => q.partition === partition));
    this.#strikeLooking();
    this.#set(change(p));
  }

  #strikeLooking(): void {
    this.#strike((sweep) => sweep.request.partitions.some((p) => p.role !== "fold"));
  }

  #strike(which: (sweep: SweepOut) => boolean): void {
    for (const [n, sweep] of this.#out) {
      if (!which(sweep)) continue;
      this.#out.delete(n);
      this.#commands.push({ kind: "cancel", n });
    }
  }

  /** The partition takes part (again), from the pipeline's watermark on. */
  #joined(p: DrainPartition, floor: number | null): DrainPartition {
    const raised = floor !== null && (p.floor === null || floor > p.floor);
    const by = this.#s.runOnFrom === null ? "joined" : "run-on";
    return {
      ...p,
      mode: "active",
      floor: later(p.floor, floor),
      floorBy: raised ? by : p.floorBy,
    };
  }

  // ---- answers

  #answer(id: number, outcomes: readonly SettleOutcome[], nowMs: number): void {
    const calls = this.#settles.get(id);
    if (calls === undefined) return;
    this.#settles.delete(id);
    for (const outcome of outcomes) this.#windows.answered(outcome, nowMs);
    const isAnswered = (call: WindowCall) =>
      outcomes.some((o) => o.start === call.start && o.shard === call.shard && o.n === call.call.n);
    this.#windows.failed(calls.filter((call) => !isAnswered(call)), nowMs);
  }

  /** No worker polls: the control process looks until the supervisor says otherwise. */
  #notStarted(n: number): void {
    if (!this.#out.delete(n)) return;
    this.#s = { ...this.#s, slots: 0 };
    this.#strike((sweep) => sweep.at === "fleet");
  }

  #fail(failure: { n: number; code: string; message: string }, nowMs: number): void {
    const sweep = this.#out.get(failure.n);
    if (sweep === undefined) return;
    this.#out.delete(failure.n);
    if (sweep.request.partitions.every((p) => p.role === "look")) return;
    this.#narrow(sweep, afterFailure(this.#partitionsOf(sweep), this.#s.group), {
      code: failure.code,
      message: failure.message,
    }, nowMs);
  }

  #narrow(
    sweep: SweepOut,
    narrowed: Narrowed,
    why: { readonly code: string; readonly message: string },
    nowMs: number,
  ): void {
    if (narrowed.kind === "stop") {
      for (const p of this.#partitionsOf(sweep)) {
        this.#stop(p, { ...why, offset: p.cursor, sinceMs: nowMs });
      }
      return;
    }
    this.#s = { ...this.#s, group: narrowed.group };
    for (const p of this.#partitionsOf(sweep)) {
      this.#set({ ...p, narrow: narrowed.of.get(p.partition) ?? p.narrow });
    }
  }

  /** It holds the watermark, with what it has folded, until somebody decides. */
  #stop(p: DrainPartition, stop: StopReason): void {
    if (p.mode === "excluded") return;
    // An idle one holds it from where it is now: what it has to fold must not come too late.
    const held = p.mode === "idle" ? this.#joined(p, this.#s.watermark) : p;
    this.#set({ ...held, mode: "stopped", stop, narrow: WIDE });
  }

  /** Takes a result in, as a whole or not at all. */
  #take(result: SweepResult, nowMs: number): void {
    const sweep = this.#out.get(result.n);
    if (sweep === undefined) return this.#refuse("struck");
    this.#out.delete(result.n);
    if (!this.#s.hashes.includes(result.codeHash)) return this.#refuse("code");
    if (!answers(result, sweep.request)) return this.#refuse("shape");
    const complete = OpenWindows.completeBy(this.#rules, result.windows, this.#s.watermark);
    if (complete !== undefined) {
      this.#refuse("complete");
      const message = `A sweep has cells for the window ${complete.start}, which has completed`;
      return this.#narrow(sweep, { kind: "stop" }, { code: "TG_WINDOW_CLOSED", message }, nowMs);
    }
    const room = this.#windows.room(result.windows);
    if (room === "later") return this.#refuse("room");
    if (room === "full") {
      this.#refuse("room");
      const message = "A window has no room for more cells";
      const why = { code: "TG_WINDOW_FULL", message };
      return this.#narrow(sweep, afterFull(this.#partitionsOf(sweep), this.#s.group), why, nowMs);
    }
    this.#windows.hold(result.windows, nowMs);
    for (const swept of result.partitions) this.#takePartition(sweep, swept, result, nowMs);
    this.#noteSpeed(result, nowMs);
    this.#notePartitions(result.topicPartitions ?? 0);
  }

  #refuse(why: RefusedBy): void {
    const { refused } = this.#s;
    this.#s = { ...this.#s, refused: { ...refused, [why]: refused[why] + 1 } };
  }

  #takePartition(
    sweep: SweepOut,
    swept: SweptPartition,
    result: SweepResult,
    nowMs: number,
  ): void {
    const before = this.#partitions.get(swept.partition);
    const asked = sweep.request.partitions.find((p) => p.partition === swept.partition);
    if (before === undefined || asked === undefined) return;
    const folded = swept.to > swept.from;
    // What was judged by a floor keeps it, whether or not the partition joins.
    const judged = asked.role === "join" && folded
      ? { ...this.#joined(before, asked.floor), mode: before.mode }
      : before;
    // Also a record that belongs to an open transaction lies unread.
    // What was hollow once stays so, whoever looks: nothing can come below an end that has been.
    const hollowTo = swept.hollow ? swept.end : folded ? null : before.hollowTo;
    const unread = swept.found || (swept.highWatermark > swept.end) ||
      (swept.end > swept.to && !isHollow({ hollowTo, end: swept.end }));
    const joins = before.mode === "idle" && (unread || swept.looked.moved);
    const p = joins ? this.#joined(judged, this.#s.watermark) : judged;
    this.#interrupted ||= joins;
    const setAside = sweep.request.setAside;
    const runsOn = sweep.runOnFrom !== null && sweep.runOnFrom === this.#s.runOnFrom && !joins;
    const { confirmedMs } = swept.looked;
    const { idleAfterMs } = this.#rules;
    const fresh = isFresh(idleAfterMs, nowMs - sweep.atMs, result.ranMs);
    const cause = p.floorBy ?? "joined";
    const { lateByFloor } = this.#s;
    this.#s = {
      ...this.#s,
      lateByFloor: { ...lateByFloor, [cause]: lateByFloor[cause] + swept.counts.lateByFloor },
    };
    const taken: DrainPartition = {
      ...p,
      cursor: swept.to,
      end: Math.max(swept.end, swept.to),
      maxEventTime: swept.maxEventTime,
      firstEventTime: p.firstEventTime ?? swept.firstEventTime,
      leaderEpoch: swept.leaderEpoch,
      last: swept.last,
      silentMs: addLooked(p.silentMs, swept.looked),
      ranOnMs: runsOn ? p.ranOnMs + confirmedMs : p.ranOnMs,
      seen: fresh && confirmedMs > 0,
      waits: asked.role === "look" && (swept.found || p.waits),
      hollowTo,
      openTransaction: swept.openTransaction === null ? null : {
        sinceMs: p.openTransaction?.sinceMs ?? nowMs - swept.openTransaction.forMs,
        offset: swept.openTransaction.offset,
      },
      trouble: swept.failure === null
        ? null
        : { ...reasonOf(swept.failure, nowMs), sinceMs: p.trouble?.sinceMs ?? nowMs },
      narrow: afterSuccess(p, swept.to - swept.from, setAside),
      lastSweep: result.n,
      totals: addSweepCounts(p.totals, swept.counts),
    };
    const leaves = taken.mode === "active" && taken.until === null && !unread && !taken.waits &&
      taken.silentMs >= idleAfterMs && taken.seen;
    this.#set(leaves ? { ...taken, mode: "idle", ranOnMs: 0 } : taken);
    this.#looked ||= taken.seen;
    if (swept.failure !== null && !swept.failure.passing) {
      this.#stop(taken, reasonOf(swept.failure, nowMs));
    }
  }

  // ---- time

  /** Whether the topic has partitions that the drain doesn't know yet: then the watermark holds. */
  get #addsPartitions(): boolean {
    return this.#s.topicPartitions > this.#partitions.size;
  }

  /** Partitions of a bounded run that are at their fixed ends. */
  #park(): void {
    for (const p of this.#partitions.values()) {
      if (p.mode !== "active" || !isAtEnd(p)) continue;
      this.#set({ ...p, mode: p.maxEventTime === null ? "idle" : "parked", ranOnMs: 0 });
    }
  }

  /**
   * How far the run-on is confirmed by those partitions that are looked at. What is not fresh has
   * only added its time.
   */
  #ranOn(watermark: number, runOnFrom: number): number {
    const looked = this.partitions.filter((p) => p.mode === "idle");
    if (!looked.every((p) => p.seen)) return watermark;
    const reach = runOnFrom + Math.min(...looked.map((p) => p.ranOnMs));
    return ranOnTo(this.#windows.times(), watermark, reach);
  }

  #moveWatermark(): void {
    if (this.#addsPartitions) return;
    const { watermark: before } = this.#s;
    const runOnFrom = this.#interrupted ? null : this.#s.runOnFrom;
    const moved = pipelineWatermark(before, this.partitions, this.#rules.delayMs);
    let { watermark } = moved;
    if (!moved.runsOn) {
      this.#s = { ...this.#s, watermark, runOnFrom: null };
    } else if (runOnFrom === null) {
      for (const p of this.#partitions.values()) this.#set({ ...p, ranOnMs: 0 });
      this.#s = { ...this.#s, watermark, runOnFrom: watermark };
    } else if (watermark !== null && this.#looked) {
      watermark = this.#ranOn(watermark, runOnFrom);
      this.#s = { ...this.#s, watermark };
    }
    if (!this.#s.flushing || this.partitions.some(isWaitedFor)) return;
    this.#strikeLooking();
    if (this.#out.size > 0) return;
    const last = this.#windows.lastTime();
    this.#s = { ...this.#s, watermark: later(watermark, last), flushing: false };
  }

  // ---- work

  #noteSpeed(result: SweepResult, nowMs: number): void {
    const behind = result.partitions.some((p) => p.end > p.to && !p.hollow);
    const isDear = result.busyMs > result.ranMs * 0.9 && behind;
    if (behind && (result.why === "limit" || isDear)) {
      this.#s = { ...this.#s, limits: this.#s.limits + 1, limitAtMs: nowMs };
      if (this.#s.limits >= LIMITS_IN_A_ROW) this.#s = { ...this.#s, spread: this.#s.slots };
    } else if (nowMs - this.#s.limitAtMs >= CALM_MS) {
      this.#s = { ...this.#s, limits: 0, spread: 1 };
    } else if (this.#s.spread <= 1) {
      this.#s = { ...this.#s, limits: 0 };
    }
  }

  #inBacklog(nowMs: number): boolean {
    return this.#s.limits > 0 && nowMs - this.#s.limitAtMs < CALM_MS;
  }

  #notePartitions(has: number): void {
    if (has <= this.#s.topicPartitions) return;
    this.#s = { ...this.#s, topicPartitions: has };
  }

  get #carryBytes(): number {
    const tables = this.#windows.size * WINDOW_STATE_BYTES +
      this.#partitions.size * PARTITION_STATE_BYTES;
    return Math.max(CARRY_BYTES / 4, Math.min(CARRY_BYTES, STATE_BYTES - tables));
  }

  #startSweeps(nowMs: number): void {
    if (this.#addsPartitions && this.#askedPartitions !== this.#s.topicPartitions) {
      this.#askedPartitions = this.#s.topicPartitions;
      this.#commands.push({
        kind: "findPartitions",
        from: this.#partitions.size,
        to: this.#s.topicPartitions,
      });
    }
    const leftMs = this.#endsAtMs === null ? Infinity : this.#endsAtMs - nowMs;
    if (this.#windows.isUrgent || leftMs < LEAST_SWEEP_MS) return;
    // An idle partition is folded by the floor of now: nothing may move the watermark meanwhile.
    const outs = [...this.#out.values()];
    if (outs.some((sweep) => sweep.request.partitions.some((p) => p.role === "join"))) return;
    if (this.#s.slots === 0) return this.#startLook(nowMs, leftMs);
    const free = this.#free();
    const pooled = outs.filter((sweep) => this.#isPooled(sweep)).length;
    const spread = Math.max(1, Math.min(this.#s.spread, this.#s.slots));
    const groups = dealSweeps(free, Math.max(0, spread - pooled))
      .slice(0, Math.max(0, this.#s.slots - outs.length));
    const isAlone = outs.length === 0 && groups.length === 1;
    this.#begin(groups, isAlone ? "join" : "look", "fleet", nowMs, leftMs);
  }

  #startLook(nowMs: number, leftMs: number): void {
    if (this.#out.size > 0) return;
    const partitions = this.#free().filter((p) => !p.waits && lagOf(p) === 0);
    if (partitions.length === 0) return;
    this.#begin([{ partitions, narrow: WIDE }], "look", "control", nowMs, leftMs);
  }

  #isPooled(sweep: SweepOut): boolean {
    return this.#partitionsOf(sweep).some((p) => p.narrow.group === 0);
  }

  /** The partitions that may be swept: neither out, held, at an end, nor given up. */
  #free(): DrainPartition[] {
    const held = this.held;
    const out = new Set(
      [...this.#out.values()].flatMap((s) => s.request.partitions.map((p) => p.partition)),
    );
    return this.partitions.filter((p) =>
      (p.mode === "active" || p.mode === "idle") && !isAtEnd(p) && !held.has(p.partition) &&
      !out.has(p.partition)
    );
  }

  #begin(
    groups: readonly SweepGroup[],
    idleRole: SweepRole,
    at: "fleet" | "control",
    nowMs: number,
    leftMs: number,
  ): void {
    const reserved = [...this.#out.values()]
      .reduce((sum, sweep) => sum + sweep.request.limits.bytes, 0);
    const room = this.#carryBytes - this.#windows.carriedBytes - reserved;
    const each = Math.floor(room / Math.max(1, groups.length));
    for (const group of groups) {
      if (at === "fleet" && each < SWEEP_BYTES[1]) return;
      const request = this.#requestOf(group, idleRole, at, each, leftMs);
      this.#out.set(request.n, { request, at, atMs: nowMs, runOnFrom: this.#s.runOnFrom });
      this.#commands.push({ kind: "sweep", at, request });
    }
  }

  #requestOf(
    group: SweepGroup,
    idleRole: SweepRole,
    at: "fleet" | "control",
    bytes: number,
    leftMs: number,
  ): SweepRequest {
    const { rules, watermark } = { rules: this.#rules, watermark: this.#s.watermark };
    const n = this.#s.sweep + 1;
    this.#s = { ...this.#s, sweep: n };
    const partitions = group.partitions.map((p) => {
      const role: SweepRole = at === "control" ? "look" : p.mode === "idle" ? idleRole : "fold";
      return {
        partition: p.partition,
        role,
        cursor: p.cursor,
        until: p.until,
        maxEventTime: p.maxEventTime,
        floor: role === "join" ? later(p.floor, watermark) : p.floor,
        leaderEpoch: p.leaderEpoch,
        last: p.last,
        hollowTo: p.hollowTo,
      };
    });
    const counting = partitions.filter((p) => p.role === "fold")
      .map((p) => partitionWatermark(p, rules.delayMs)).filter((time) => time !== null);
    const from = counting.length > 0 ? smallest(counting) : watermark;
    const allIdle = group.partitions.every((p) => p.mode === "idle");
    return {
      n,
      generation: rules.generation,
      topic: rules.topic,
      topicId: rules.topicId,
      codeHash: this.#s.hashes.at(-1) ?? "",
      partitions,
      boundary: from === null ? null : boundaryAfter(rules.windowing, rules.latenessMs, from),
      silentMs: this.#silentMs(group.partitions),
      paceMs: Math.min(rules.paceMs, leftMs),
      quietMs: Math.min(allIdle ? IDLE_QUIET_MS : QUIET_MS, leftMs),
      sliceMs: Math.min(rules.sliceMs, leftMs),
      limits: limitsOf(group.narrow, bytes),
      setAside: at === "fleet" && isPoison(group.narrow),
    };
  }

  /** For how long all must be silent until one of them becomes idle, or the run-on fires a timer. */
  #silentMs(partitions: readonly DrainPartition[]): number | null {
    const { runOnFrom, watermark } = this.#s;
    const least = Math.min(LEAST_SILENT_MS, this.#rules.idleAfterMs / 4);
    if (runOnFrom !== null && watermark !== null) {
      const next = nextTimer(this.#windows.times(), watermark);
      if (next === null) return null;
      return Math.max(least, ...partitions.map((p) => next - runOnFrom - p.ranOnMs));
    }
    const left = partitions.filter((p) => p.mode === "active" && p.until === null)
      .map((p) => this.#rules.idleAfterMs - p.silentMs);
    return left.length === 0 ? null : Math.max(least, Math.min(...left));
  }

  #partitionsOf(sweep: SweepOut): DrainPartition[] {
    return sweep.request.partitions.flatMap(({ partition }) => {
      const p = this.#partitions.get(partition);
      return p === undefined ? [] : [p];
    });
  }

  /** Whether the run ends now; before it does, its last sweeps are given the time that is left. */
  #endsRun(nowMs: number, history: History): boolean {
    const { events, bytes, suggested } = history;
    const full = Math.max(events / RUN_EVENTS, bytes / RUN_BYTES, suggested ? 1 : 0);
    if (full >= 2) return true;
    if (full < LAST_PART) return false;
    if (this.#inBacklog(nowMs) && nowMs - this.#s.runSinceMs < BACKLOG_RUN_MS) return false;
    this.#endsAtMs ??= nowMs + Math.max(this.#rules.sliceMs, LEAST_SWEEP_MS);
    // Looking costs nothing to begin again.
    this.#strike((sweep) => sweep.request.partitions.every((p) => p.role !== "fold"));
    return this.#out.size === 0;
  }

  #wake(nowMs: number): void {
    if (this.#s.slots > 0) return;
    const held = this.held;
    const waits = this.partitions.some((p) =>
      p.mode === "active" && !isAtEnd(p) && (p.waits || lagOf(p) > 0) && !held.has(p.partition)
    );
    if (!waits) return;
    const last = this.#s.wokenAtMs;
    if (last !== null && nowMs - last < WAKE_EVERY_MS) return;
    this.#s = { ...this.#s, wokenAtMs: nowMs };
    this.#commands.push({ kind: "wake" });
  }

  #wakeAtMs(nowMs: number): number | null {
    const times = [
      this.#settles.size < SETTLES_OUT ? this.#windows.nextTryMs() : null,
      this.#endsAtMs === null ? null : Math.max(nowMs + 1, this.#endsAtMs),
      this.#s.wokenAtMs === null || this.#s.slots > 0 ? null : this.#s.wokenAtMs + WAKE_EVERY_MS,
    ].filter((time) => time !== null);
    return times.length === 0 ? null : Math.max(nowMs + 1, Math.min(...times));
  }

  #set(p: DrainPartition): void {
    this.#partitions.set(p.partition, p);
  }
}

function newPartition(start: PartitionStart): DrainPartition {
  return {
    partition: start.partition,
    mode: "active",
    stop: null,
    cursor: start.cursor,
    end: start.cursor,
    until: start.until ?? null,
    maxEventTime: null,
    firstEventTime: null,
    floor: null,
    floorBy: null,
    leaderEpoch: null,
    last: null,
    silentMs: 0,
    ranOnMs: 0,
    seen: false,
    waits: false,
    hollowTo: null,
    openTransaction: null,
    trouble: null,
    narrow: WIDE,
    lastSweep: 0,
    totals: NO_SWEEP_COUNTS,
    skippedOffsets: 0,
    skipped: [],
  };
}

/** Whether a flush waits for a partition. */
function isWaitedFor(p: DrainPartition): boolean {
  return holdsWatermark(p) && p.mode !== "parked";
}

/** Whether a result answers what was asked: each partition once, from its cursor on. */
function answers(result: SweepResult, request: SweepRequest): boolean {
  const asked = new Map(request.partitions.map((p) => [p.partition, p]));
  return result.partitions.length === asked.size &&
    new Set(result.partitions.map((p) => p.partition)).size === asked.size &&
    result.partitions.every((p) => {
      const { cursor, role } = asked.get(p.partition) ?? { cursor: -1, role: "look" };
      return p.from === cursor && p.to >= p.from && (role !== "look" || p.to === p.from);
    });
}

function reasonOf(
  failure: { readonly code: string; readonly message: string; readonly offset: number | null },
  sinceMs: number,
): StopReason {
  const { code, message, offset } = failure;
  return { code, message, offset, sinceMs };
}
