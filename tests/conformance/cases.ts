/**
 * The cases of conformance files, as they are run; times in milliseconds.
 *
 * @module
 */

import type { AggregateSpec } from "../../core/fold/aggregates.ts";
import type { Windowing } from "../../core/event_time/windows.ts";

/** A case that is not run. */
export interface SkippedVector {
  /** Tells the shapes apart. */
  readonly shape: "skip";
  /** The case's id. */
  readonly id: string;
  /** Why it is not run. */
  readonly reason: string;
}

/** A record of a window case. */
export interface VectorRecord {
  /** Its key, a text unless it is a number, boolean or null. */
  readonly key: string | number | boolean | null;
  /** Its event time, ms. */
  readonly timeMs: number;
  /** Its values by column. */
  readonly values: readonly unknown[];
}

/** A row of a window case: the key, start and end in ms, and the aggregates. */
export type VectorRow = readonly [key: unknown, start: number, end: number, ...values: number[]];

/** What is expected after a step, as far as it is given. */
export interface StepExpectation {
  /** The rows emitted by the step. */
  readonly out?: readonly VectorRow[];
  /** The watermark, ms; null before the first. */
  readonly watermark?: number | null;
  /** Records late for all their windows. */
  readonly late?: number;
  /** Records late for some of their windows. */
  readonly partlyLate?: number;
  /** Cells in state. */
  readonly open?: number;
}

/** A step of a window case. */
export interface VectorStep {
  /** Whether all state is taken down and started afresh first. */
  readonly restart: boolean;
  /** The records. */
  readonly records: readonly VectorRecord[];
  /** The explicit watermark after the records, ms; null if it does not move. */
  readonly advance: number | null;
  /** What is expected. */
  readonly expected: StepExpectation;
}

/** A window case. */
export interface WindowVector {
  /** Tells the shapes apart. */
  readonly shape: "window";
  /** The case's id. */
  readonly id: string;
  /** Milliseconds of its unit. */
  readonly unitMs: number;
  /** Size, slide and offset. */
  readonly windowing: Windowing;
  /** The watermark delay; null if the watermark is explicit. */
  readonly delayMs: number | null;
  /** The allowed lateness. */
  readonly latenessMs: number;
  /** The aggregates, over the fields `v0`, `v1`, …. */
  readonly aggregates: readonly AggregateSpec[];
  /** The steps. */
  readonly steps: readonly VectorStep[];
}

/** One operation of a clock case: partition, what it says, and the watermark if that changes. */
export type ClockOp = readonly [
  partition: number,
  says: number | "idle" | "active",
  emitted: number | null,
];

/** A clock case. */
export interface ClockVector {
  /** Tells the shapes apart. */
  readonly shape: "clock";
  /** The case's id. */
  readonly id: string;
  /** The clocks. */
  readonly clocks: readonly { readonly inputs: number; readonly ops: readonly ClockOp[] }[];
}

/** One assignment: size, slide, offset, time and the starts of its windows. */
export type Assignment = readonly [
  size: number,
  slide: number,
  offset: number,
  time: number,
  starts: readonly number[],
];

/** An assignment case. */
export interface AssignVector {
  /** Tells the shapes apart. */
  readonly shape: "assign";
  /** The case's id. */
  readonly id: string;
  /** The assignments. */
  readonly assignments: readonly Assignment[];
}

/** A case. */
export type Vector = SkippedVector | WindowVector | ClockVector | AssignVector;
