/**
 * Which partitions are swept together, how much a sweep may bring home, and who is held back: the
 * part of the drain that decides about work and never about time.
 *
 * @module
 */

import {
  holdsWatermark,
  type PartitionTimes,
  partitionWatermark,
  smallest,
} from "../event_time/watermark.ts";
import type { SweepCounts } from "./counts.ts";
import type { LastRecord, SweepLimits } from "./sweep.ts";

/** Most bytes of a sweep's result, and the fewest for which one is begun. */
export const SWEEP_BYTES = [512 * 1024, 32 * 1024] as const;
/** Most cells and windows of a sweep's result. */
const SWEEP_CELLS = 50_000;
const SWEEP_WINDOWS = 1_000;
/** How far a suspected record is closed in on: the first sweep of a partition alone folds so many. */
const NARROW_RECORDS = 4_096;
/** The step from one number of records to the next smaller one. */
const NARROW_STEP = 8;
/** How often a sweep of a single record must fail before the record is set aside. */
const POISON_TRIES = 2;
/** After so many records set aside with nothing folded in between, it isn't the records. */
const POISON_IN_A_ROW = 3;
/** How often the bytes of a sweep are halved for a window that may be full. */
const ROOM_HALVINGS = 5;

/** Why a partition stopped. */
export interface StopReason {
  /** The stable code. */
  readonly code: string;
  /** What happened. */
  readonly message: string;
  /** The offset it is about; null if none. */
  readonly offset: number | null;
  /** Since when, by the drain's workflow time, epoch ms. */
  readonly sinceMs: number;
}

/** What a partition's floor comes from, and so what makes events late by it. */
export type FloorCause = "joined" | "run-on" | "added";

/** What is suspected of a partition whose sweeps failed or brought too much. */
export interface Narrow {
  /** The partitions that are swept with it, by a number they share; 0 for all that are in no group. */
  readonly group: number;
  /** How many records a sweep of it folds; null for as many as come. */
  readonly records: number | null;
  /** How often a sweep of one record has failed. */
  readonly tries: number;
  /** How many records in a row were set aside. */
  readonly asides: number;
  /** How often the bytes of its sweeps are halved. */
  readonly halvings: number;
}

/** Nothing is suspected. */
export const WIDE: Narrow = { group: 0, records: null, tries: 0, asides: 0, halvings: 0 };

/** What the drain knows of a partition. */
export interface DrainPartition extends PartitionTimes {
  /** The partition. */
  readonly partition: number;
  /** Why it stopped; null if it did not. */
  readonly stop: StopReason | null;
  /** The next offset to fold: everything before it is durable. */
  readonly cursor: number;
  /** The last stable offset as last seen. */
  readonly end: number;
  /** The fixed end of a bounded run; null while live. */
  readonly until: number | null;
  /** The event time of its first event. */
  readonly firstEventTime: number | null;
  /** What its floor comes from; null without one. */
  readonly floorBy: FloorCause | null;
  /** The leader's epoch at the last record folded. */
  readonly leaderEpoch: number | null;
  /** The last record folded. */
  readonly last: LastRecord | null;
  /** For how long it is confirmed that nothing lay unread which moves its largest event time. */
  readonly silentMs: number;
  /** The part of that since no partition holds the watermark. */
  readonly ranOnMs: number;
  /** Whether its last result was fresh and confirmed some silence: only then does time follow. */
  readonly seen: boolean;
  /** Whether a look found a record that is not folded yet. */
  readonly waits: boolean;
  /** Up to which end nothing is found from its cursor on; null where that isn't known. */
  readonly hollowTo: number | null;
  /** A transaction that holds it. */
  readonly openTransaction: { readonly sinceMs: number; readonly offset: number } | null;
  /** A trouble that passes without a decision. */
  readonly trouble: StopReason | null;
  /** What is suspected of it. */
  readonly narrow: Narrow;
  /** The last sweep that held it. */
  readonly lastSweep: number;
  /** What was counted. */
  readonly totals: SweepCounts;
  /** Offsets skipped by a person's choice. */
  readonly skippedOffsets: number;
  /** `[from, to)` of those, for `audit`: their side records may be too many. */
  readonly skipped: readonly (readonly [from: number, to: number])[];
}

/** Whether nothing is found up to a partition's end, so that it counts as caught up there. */
export function isHollow(p: Pick<DrainPartition, "hollowTo" | "end">): boolean {
  return p.hollowTo !== null && p.hollowTo >= p.end;
}

/** Offsets that are known to wait. */
export function lagOf(p: DrainPartition): number {
  return isHollow(p) ? 0 : Math.max(0, Math.min(p.end, p.until ?? Infinity) - p.cursor);
}

/** Whether a partition in a bounded run is at its fixed end. */
export function isAtEnd(p: DrainPartition): boolean {
  return p.until !== null && (p.cursor >= p.until || (isHollow(p) && p.end >= p.until));
}

/** Why a partition is held back. */
export type HeldBy = "drift" | "budget";

/** What holds partitions back. */
export interface Holding {
  /** The watermark delay. */
  readonly delayMs: number;
  /** How far a partition may run ahead of the slowest. */
  readonly maxDriftMs: number;
  /** Whether there are as many open windows as there may be. */
  readonly isBudgetSpent: boolean;
}

/**
 * The partitions that are held back. Drift counts active and stopped ones: nobody waits for parked
 * ones, which would never come. Neither holds the one by which alone the watermark can move.
 */
export function heldBack(
  partitions: readonly DrainPartition[],
  holding: Holding,
): ReadonlyMap<number, HeldBy> {
  const { delayMs, maxDriftMs, isBudgetSpent } = holding;
  const watermarkOf = (p: DrainPartition) => partitionWatermark(p, delayMs);
  const counted = partitions.filter((p) => p.mode === "active" || p.mode === "stopped");
  const base = smallest(counted.map(watermarkOf)) ??
    smallest(partitions.filter((p) => p.firstEventTime !== null).map((p) => p.firstEventTime));
  const lowest = smallest(partitions.filter(holdsWatermark).map(watermarkOf));
  const held = new Map<number, HeldBy>();
  for (const p of partitions) {
    if (p.mode !== "active") continue;
    const watermark = watermarkOf(p);
    if (watermark === null) continue;
    if (base !== null && watermark > base + maxDriftMs) held.set(p.partition, "drift");
    else if (isBudgetSpent && (lowest === null || watermark > lowest)) {
      held.set(p.partition, "budget");
    }
  }
  return held;
}

/** Partitions to be swept together, and how. */
export interface SweepGroup {
  /** The partitions. */
  readonly partitions: readonly DrainPartition[];
  /** What is suspected of them. */
  readonly narrow: Narrow;
}

/**
 * Deals partitions that are free to sweeps: those under suspicion group by group, the others in so
 * many shares of about equal lag. Who has waited longest comes first.
 *
 * @param free The partitions that may be swept.
 * @param shares How many sweeps of partitions without suspicion may begin.
 * @param fair The lag of a share from which on it gets no further partition; those that are left wait.
 */
export function dealSweeps(
  free: readonly DrainPartition[],
  shares: number,
  fair = Infinity,
): SweepGroup[] {
  const groups = new Map<number, DrainPartition[]>();
  const pool: DrainPartition[] = [];
  for (const p of free) {
    if (p.narrow.group === 0) pool.push(p);
    else groups.set(p.narrow.group, [...groups.get(p.narrow.group) ?? [], p]);
  }
  const dealt: DrainPartition[][] = [...groups.values()];
  const hands = Array.from({ length: Math.min(shares, pool.length) }, () => ({
    lag: 0,
    partitions: [] as DrainPartition[],
  }));
  const waited = (p: DrainPartition) => fair === Infinity ? 0 : p.lastSweep;
  for (const p of pool.sort((a, b) => waited(a) - waited(b) || lagOf(b) - lagOf(a))) {
    const [hand] = hands.toSorted((a, b) =>
      a.lag - b.lag || a.partitions.length - b.partitions.length
    );
    if (hand === undefined) break;
    if (hand.partitions.length > 0 && lagOf(p) > 0 && hand.lag + lagOf(p) > fair) continue;
    hand.partitions.push(p);
    hand.lag += lagOf(p);
  }
  dealt.push(...hands.map((hand) => hand.partitions));
  const waitedSince = (group: readonly DrainPartition[]) =>
    Math.min(...group.map((p) => p.lastSweep));
  return dealt.sort((a, b) => waitedSince(a) - waitedSince(b)).map((partitions) => ({
    partitions: partitions.toSorted((a, b) => a.partition - b.partition),
    narrow: partitions[0]?.narrow ?? WIDE,
  }));
}

/** How much a sweep may bring home. */
export function limitsOf(narrow: Narrow, bytes: number): SweepLimits {
  return {
    cells: SWEEP_CELLS,
    windows: SWEEP_WINDOWS,
    bytes: Math.max(1, Math.min(bytes, SWEEP_BYTES[0] >> narrow.halvings)),
    records: isPoison(narrow) ? 1 : narrow.records,
  };
}

/** Whether the next record is to be set aside without folding it. */
export function isPoison(narrow: Narrow): boolean {
  return narrow.tries >= POISON_TRIES;
}

/** What follows for partitions whose sweep failed, or can't be taken for want of room. */
export type Narrowed =
  /** They are swept more narrowly. */
  | { readonly kind: "narrower"; readonly of: ReadonlyMap<number, Narrow>; readonly group: number }
  /** There is nothing narrower: the only partition stops. */
  | { readonly kind: "stop" };

/**
 * What follows from a sweep that failed for good: halves, down to one partition, then down to one
 * record, which is set aside when it has failed alone.
 *
 * @param partitions The partitions of the sweep.
 * @param group The last number given to a group.
 */
export function afterFailure(partitions: readonly DrainPartition[], group: number): Narrowed {
  const [only] = partitions;
  if (partitions.length !== 1 || only === undefined) return halves(partitions, group);
  const { narrow, partition } = only;
  // Setting the record aside has failed, or would be one too many: it is not about records.
  if (isPoison(narrow) || (narrow.records === 1 && narrow.asides >= POISON_IN_A_ROW)) {
    return { kind: "stop" };
  }
  const records = narrow.records === null
    ? NARROW_RECORDS
    : Math.max(1, Math.floor(narrow.records / NARROW_STEP));
  const tries = narrow.records === 1 ? narrow.tries + 1 : 0;
  return alone(partition, { ...narrow, records, tries }, group);
}

/** What follows from a result for which a window has no room: halves, then fewer bytes. */
export function afterFull(partitions: readonly DrainPartition[], group: number): Narrowed {
  const [only] = partitions;
  if (partitions.length !== 1 || only === undefined) return halves(partitions, group);
  const { narrow, partition } = only;
  if (narrow.halvings >= ROOM_HALVINGS) return { kind: "stop" };
  return alone(partition, { ...narrow, halvings: narrow.halvings + 1 }, group);
}

/** What is suspected of a partition after a sweep that held it was taken in. */
export function afterSuccess(p: DrainPartition, folded: number, setAside: boolean): Narrow {
  const { narrow } = p;
  if (setAside) return { ...narrow, records: NARROW_STEP, tries: 0, asides: narrow.asides + 1 };
  if (narrow === WIDE) return WIDE;
  const asides = folded > 0 ? 0 : narrow.asides;
  const records = narrow.records === null || folded < narrow.records
    ? null
    : narrow.records * 2 > NARROW_RECORDS
    ? null
    : narrow.records * 2;
  const halvings = Math.max(0, narrow.halvings - 1);
  const group = records === null && halvings === 0 ? 0 : narrow.group;
  return { group, records, tries: 0, asides, halvings };
}

function halves(partitions: readonly DrainPartition[], group: number): Narrowed {
  const half = Math.ceil(partitions.length / 2);
  const of = new Map(partitions.map((p, i): [number, Narrow] => [
    p.partition,
    { ...p.narrow, group: group + (i < half ? 1 : 2) },
  ]));
  return { kind: "narrower", of, group: group + 2 };
}

function alone(partition: number, narrow: Narrow, group: number): Narrowed {
  const of = new Map([[partition, { ...narrow, group: group + 1 }]]);
  return { kind: "narrower", of, group: group + 1 };
}
