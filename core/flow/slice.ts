/**
 * What travels between a drain workflow and the activities that look at its partition and fold it.
 *
 * @module
 */

import type { CellWire } from "../fold/aggregates.ts";

/** Counts of one slice. Events: `read = aggregated + late + invalid + skewed + filtered`. */
export interface SliceCounts {
  /** Events read. */
  readonly read: number;
  /** Events that count in at least one window. */
  readonly aggregated: number;
  /** Events that missed every window they belong to. */
  readonly late: number;
  /** Events, late or not, that missed a window only because of the floor. */
  readonly lateByFloor: number;
  /** Events that can't be decoded or break the schema. */
  readonly invalid: number;
  /** Events too far ahead of their record's timestamp. */
  readonly skewed: number;
  /** Events that the definition's filter left out. */
  readonly filtered: number;
  /** (event, window) pairs of the aggregated and the late events. */
  readonly assigned: number;
  /** Of the assigned pairs: those whose window may be closed. */
  readonly missed: number;
}

/** The cells of one slice for one window (and shard). */
export interface WindowPartial extends WindowShard {
  /** The cells, sorted by key. */
  readonly cells: readonly CellWire[];
}

/** A window, or one share of its keys. */
export interface WindowShard {
  /** Start of the window, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
}

/** What a worker is asked to fold. */
export interface SliceRequest {
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The source topic. */
  readonly topic: string;
  /** The topic's id when the generation began, where the broker has ids. */
  readonly topicId: string | null;
  /** The partition. */
  readonly partition: number;
  /** First offset to fold. */
  readonly from: number;
  /** Offset not to go beyond; null for the end of the log. */
  readonly until: number | null;
  /** The partition's largest event time so far. */
  readonly maxEventTime: number | null;
  /** The partition's floor. */
  readonly floor: number | null;
  /** Time budget of the slice in ms. */
  readonly sliceMs: number;
  /**
   * Set when a slice is folded again for windows that had completed. No cells come back, and the
   * records that belong to nothing else go to the late topic.
   */
  readonly refused?: readonly WindowShard[];
}

/** What a worker folded: one event in the drain's history. */
export interface SliceResult {
  /** First offset of the slice. */
  readonly from: number;
  /** Offset after the slice. */
  readonly to: number;
  /** The end of the log as the worker saw it. */
  readonly end: number;
  /** The partition's largest event time after the slice. */
  readonly maxEventTime: number | null;
  /** The event time of the first event of the slice. */
  readonly firstEventTime: number | null;
  /** The partial: its cells by window. */
  readonly windows: readonly WindowPartial[];
  /** What the slice counted. */
  readonly counts: SliceCounts;
  /** How long the worker was at it, in ms. */
  readonly busyMs: number;
  /** Which attempt this was, from 1. */
  readonly attempt: number;
  /** The worker's wall clock at its last read of the log, epoch ms. */
  readonly readAtMs: number;
  /** The worker's wall clock when it was done, epoch ms. */
  readonly endedAtMs: number;
  /** Who folded it, by its identity. */
  readonly worker: string;
  /** With `refused`: what moves from aggregated to late. */
  readonly moved?: { readonly events: number; readonly pairs: number };
}

/** What the control process is asked to wait for. */
export interface AwaitRequest {
  /** The source topic. */
  readonly topic: string;
  /** The topic's id when the generation began, where the broker has ids. */
  readonly topicId: string | null;
  /** The partition. */
  readonly partition: number;
  /** The next offset to fold; everything before it is durable. */
  readonly cursor: number;
  /** The pace: records are not answered before this moment (wall clock, epoch ms). */
  readonly notBeforeMs: number;
  /** Moments before `notBeforeMs` at which records are answered all the same, ascending. */
  readonly earlyAtMs: readonly number[];
  /** How long to look before the answer is `quiet`, in ms. */
  readonly quietMs: number;
}

/** What the control process found. */
export type AwaitAnswer =
  | {
    /** There are records. */
    readonly kind: "records";
    /** The end of the log. */
    readonly end: number;
    /** For how long the partition was really looked at, in ms. */
    readonly lookedMs: number;
    /** Whether it was answered before the pace would have. */
    readonly early: boolean;
    /** Which attempt this was, from 1. */
    readonly attempt: number;
  }
  | {
    /** Nothing came. */
    readonly kind: "quiet";
    /** For how long the partition was really looked at, in ms. */
    readonly lookedMs: number;
    /** Which attempt this was, from 1. */
    readonly attempt: number;
  };

/** How the delivery of one window's partial ended. */
export type DeliveryOutcome =
  /** The window has it, or had it before. */
  | "delivered"
  /** The window had completed without it. */
  | "refused"
  /** The window did not complete as it should. */
  | "lost";

/** No events. */
export const NO_COUNTS: SliceCounts = {
  read: 0,
  aggregated: 0,
  late: 0,
  lateByFloor: 0,
  invalid: 0,
  skewed: 0,
  filtered: 0,
  assigned: 0,
  missed: 0,
};

/**
 * Adds counts up.
 *
 * @param a Some counts.
 * @param b Some more.
 * @returns Their sum.
 */
export function addCounts(a: SliceCounts, b: SliceCounts): SliceCounts {
  return {
    read: a.read + b.read,
    aggregated: a.aggregated + b.aggregated,
    late: a.late + b.late,
    lateByFloor: a.lateByFloor + b.lateByFloor,
    invalid: a.invalid + b.invalid,
    skewed: a.skewed + b.skewed,
    filtered: a.filtered + b.filtered,
    assigned: a.assigned + b.assigned,
    missed: a.missed + b.missed,
  };
}
