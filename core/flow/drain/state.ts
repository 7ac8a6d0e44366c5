/**
 * What the drain of a generation knows: its partitions, the open windows, the sweeps and settles that
 * are out. The other chapters change it; what changes the same everywhere is in here.
 *
 * @module
 */

import { later } from "../../event_time/watermark.ts";
import { NO_SWEEP_COUNTS } from "../counts.ts";
import {
  type DrainPartition,
  type FloorCause,
  heldBack,
  type HeldBy,
  type StopReason,
  WIDE,
} from "../dealing.ts";
import type { WindowCall } from "../delivery.ts";
import {
  NO_WINDOWS,
  OpenWindows,
  type OpenWindowsRules,
  type OpenWindowsSnapshot,
} from "../open_windows.ts";
import type { SweepRequest } from "../sweep.ts";

/** How sweeps and delivers are paced: what may change while a generation goes on. */
export type DrainPace = Pick<DrainRules, "paceMs" | "sliceMs" | "deliverEveryMs">;

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
  /** Since when the spread work is measured. */
  readonly spreadSinceMs: number;
  /** For how long workers were busy with it since then. */
  readonly spreadBusyMs: number;
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
  /** Ask where partitions begin that are not known yet; the answer, for some of them, is `added`. */
  | { readonly kind: "findPartitions"; readonly partitions: readonly number[] }
  /** End the run and begin the next with the snapshot. */
  | { readonly kind: "continueAsNew" };

/** A sweep that is out. */
export interface SweepOut {
  /** What it is asked. */
  readonly request: SweepRequest;
  /** Who is asked. */
  readonly at: "fleet" | "control";
  /** When it was asked, by the workflow's time. */
  readonly atMs: number;
}

/**
 * The state that a generation begins with.
 *
 * @param starts Where partitions begin, as far as that is known.
 * @param hash The hash of the code that may fold.
 * @param topicPartitions How many partitions the topic has; the others are asked for.
 */
export function newDrain(
  starts: readonly PartitionStart[],
  hash: string,
  topicPartitions = starts.length,
): DrainSnapshot {
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
    spreadSinceMs: 0,
    spreadBusyMs: 0,
    flushing: false,
    topicPartitions,
    wokenAtMs: null,
    runSinceMs: 0,
    refused: { struck: 0, code: 0, shape: 0, complete: 0, room: 0 },
    lateByFloor: { joined: 0, "run-on": 0, added: 0 },
  };
}

/** A partition of which nothing is read yet. */
export function newPartition(start: PartitionStart): DrainPartition {
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

/** What the chapters of the drain share. */
export class DrainState {
  /** The plan and the run. */
  rules: DrainRules;
  /** The open windows. */
  readonly windows: OpenWindows;
  /** What is kept besides partitions and windows. */
  s: Omit<DrainSnapshot, "partitions" | "windows">;
  /** The sweeps that are out, by number. */
  readonly out = new Map<number, SweepOut>();
  /** The settle activities that are out. */
  readonly settles = new Map<number, readonly WindowCall[]>();
  /** The number of the last settle activity. */
  lastSettle = 0;
  /** When the run ends, once its last sweeps have begun. */
  endsAtMs: number | null = null;
  /** How many partitions the topic had when it was last asked where the new ones begin. */
  askedPartitions = 0;

  /** What leaves with this activation. */
  commands: DrainCommand[] = [];
  /** The workflow's time of this activation. */
  nowMs = 0;
  /** Whether this activation took in a result by which the run-on may move. */
  looked = false;
  /** Whether a partition joined with this activation: then the run-on begins anew. */
  interrupted = false;

  readonly #partitions: Map<number, DrainPartition>;

  /** Goes on from a state. */
  constructor(rules: DrainRules, snapshot: DrainSnapshot) {
    const { partitions, windows, ...rest } = snapshot;
    this.rules = rules;
    this.s = rest;
    this.windows = new OpenWindows(rules, windows);
    this.#partitions = new Map(partitions.map((p) => [p.partition, p]));
  }

  /** The state as plain data. */
  snapshot(): DrainSnapshot {
    return { partitions: this.partitions, windows: this.windows.snapshot(), ...this.s };
  }

  /** An activation begins. */
  begin(nowMs: number): void {
    this.commands = [];
    this.nowMs = nowMs;
    this.looked = false;
    this.interrupted = false;
    if (this.s.runSinceMs === 0) this.change({ runSinceMs: nowMs });
  }

  /** Changes what is kept besides partitions and windows. */
  change(changed: Partial<DrainState["s"]>): void {
    this.s = { ...this.s, ...changed };
  }

  /** The partitions, in their order. */
  get partitions(): DrainPartition[] {
    return [...this.#partitions.values()];
  }

  /** One partition, if it is known. */
  partition(partition: number): DrainPartition | undefined {
    return this.#partitions.get(partition);
  }

  /** The partitions of a sweep. */
  partitionsOf(sweep: SweepOut): DrainPartition[] {
    return sweep.request.partitions.flatMap(({ partition }) =>
      this.#partitions.get(partition) ?? []
    );
  }

  /** Sets a partition in the place of what it was. */
  set(p: DrainPartition): void {
    this.#partitions.set(p.partition, p);
  }

  /** Adds partitions that are not known yet. */
  add(more: readonly DrainPartition[]): void {
    const all = [...this.#partitions.values(), ...more].sort((a, b) => a.partition - b.partition);
    this.#partitions.clear();
    for (const p of all) this.set(p);
  }

  /** From now on sweeps and delivers are paced so. */
  tune(pace: DrainPace): void {
    this.rules = { ...this.rules, ...pace };
    this.windows.tune(this.rules);
  }

  /** The partitions that are held back, and by what. */
  get held(): ReadonlyMap<number, HeldBy> {
    return heldBack(this.partitions, {
      delayMs: this.rules.delayMs,
      maxDriftMs: this.rules.maxDriftMs,
      isBudgetSpent: this.windows.size >= this.rules.maxOpenWindows,
    });
  }

  /** Whether the topic has partitions that the drain doesn't know yet: then the watermark holds. */
  get addsPartitions(): boolean {
    return this.s.topicPartitions > this.#partitions.size;
  }

  /** Somebody has seen so many partitions in the topic. */
  topicHas(partitions: number): void {
    if (partitions > this.s.topicPartitions) this.change({ topicPartitions: partitions });
  }

  /** Takes sweeps off the list and cancels them; what they answer is ignored. */
  strike(which: (sweep: SweepOut) => boolean): void {
    for (const [n, sweep] of this.out) {
      if (!which(sweep)) continue;
      this.out.delete(n);
      this.commands.push({ kind: "cancel", n });
    }
  }

  /** Strikes the sweeps that hold an idle partition, whose floors would not be true any more. */
  strikeLooking(): void {
    this.strike((sweep) => sweep.request.partitions.some((p) => p.role !== "fold"));
  }

  /** A partition as it is when it takes part (again), with a watermark as its floor. */
  joined(p: DrainPartition, watermark: number | null): DrainPartition {
    const floor = later(p.floor, watermark);
    if (floor === p.floor) return { ...p, mode: "active" };
    return {
      ...p,
      mode: "active",
      floor,
      floorBy: this.s.runOnFrom === null ? "joined" : "run-on",
    };
  }

  /** A partition holds the watermark, with what it has folded, until somebody decides. */
  stop(p: DrainPartition, stop: StopReason): void {
    // An idle one holds it from where it is now: what it has to fold must not come too late.
    const held = p.mode === "idle" ? this.joined(p, this.s.watermark) : p;
    this.set({ ...held, mode: "stopped", stop, narrow: WIDE });
  }
}
