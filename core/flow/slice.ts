/**
 * What travels between a drain workflow and the activities that look at its partition and fold it.
 *
 * @module
 */

import type { CellWire } from "../fold/aggregates.ts";
import type { SliceCounts, WindowShard } from "./counts.ts";

export { addCounts, NO_COUNTS, type SliceCounts, type WindowShard } from "./counts.ts";

/** The cells of one slice for one window (and shard). */
export interface WindowPartial extends WindowShard {
  /** The cells, sorted by key. */
  readonly cells: readonly CellWire[];
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
