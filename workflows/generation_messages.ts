/**
 * The messages of the second engine: the drain of a generation, and windows that take numbered
 * calls. Clients, workflows and tests are typed by these definitions.
 *
 * @module
 */

import { defineQuery, defineSignal, defineUpdate } from "@temporalio/workflow";
import type { Call, CallAnswer } from "../core/flow/delivery.ts";
import type { DrainPartition } from "../core/flow/dealing.ts";
import type { DrainSnapshot, PartitionStart } from "../core/flow/drain.ts";
import type { BrokenWindow, ClosedWindows, OpenWindowLook } from "../core/flow/open_windows.ts";
import type { Span } from "../core/flow/sweep.ts";
import type { WindowSnapshot } from "../core/flow/window.ts";
import type { CellWire } from "../core/fold/aggregates.ts";
import type { RunPlan } from "../core/plan.ts";
import type { Continuing } from "./durable.ts";

// ── window ──────────────────────────────────────────────────────────────────────────────────────

/** What a window is started with, by its first call. */
export interface NumberedWindowInput extends Continuing {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** Start of the window, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
  /**
   * The state carried over continue-as-new.
   * @default a new window
   */
  readonly state?: WindowSnapshot;
}

/** What a window leaves behind, for people: its rows are in the results topic. */
export interface NumberedWindowResult {
  /** (event, window) pairs taken. */
  readonly pairs: number;
  /** How many cells, which are rows, it had. */
  readonly rows: number;
  /** How many emissions there were. */
  readonly emissions: number;
  /** What became of it; `lost` where it began with another call than its first. */
  readonly end: "complete" | "lost";
}

/** What a window answers when asked. */
export interface NumberedWindowView {
  /** Start of the window, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
  /** The number of the last call taken. */
  readonly n: number;
  /** Its cells, sorted by key. */
  readonly cells: readonly CellWire[];
  /** (event, window) pairs taken. */
  readonly pairs: number;
  /** How many emissions there were. */
  readonly emissions: number;
  /** From and up to which offset of each partition cells have come. */
  readonly spans: readonly Span[];
}

/** The drain's next call, which starts the window where it is the first. */
export const callUpdate = defineUpdate<CallAnswer, [Call], "call">("call");
/** The window as it stands. */
export const windowQuery = defineQuery<NumberedWindowView, [], "window">("window");

// ── drain ───────────────────────────────────────────────────────────────────────────────────────

/** What the drain of a generation is started with. */
export interface GenerationInput extends Continuing {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The topic's id, where the broker has ids. */
  readonly topicId: string | null;
  /** How long a sweep goes on that has folded something, in ms. */
  readonly paceMs: number;
  /** How long a sweep goes on in a backlog, in ms. */
  readonly sliceMs: number;
  /** How often a window that stays open gets its cells, in ms; null for never. */
  readonly deliverEveryMs: number | null;
  /** How many windows and shares of windows may be open. */
  readonly maxOpenWindows: number;
  /** The state to begin with or to go on from. */
  readonly state: DrainSnapshot;
}

/** What the drain answers when asked: one consistent look at the whole generation. */
export interface GenerationView {
  /** The pipeline's watermark. */
  readonly watermark: number | null;
  /** The partitions, in their order. */
  readonly partitions: readonly DrainPartition[];
  /** `[partition, why]` of those that are held back. */
  readonly held: readonly (readonly [partition: number, by: "drift" | "budget"])[];
  /** The open windows. */
  readonly open: readonly OpenWindowLook[];
  /** What the closed ones add up to. */
  readonly closed: ClosedWindows;
  /** Windows that did not complete as they should. */
  readonly lost: {
    readonly windows: number;
    readonly pairs: number;
    readonly named: readonly BrokenWindow[];
  };
  /** Sweeps that are out: their partitions. */
  readonly sweeps: readonly (readonly number[])[];
  /** Whether a bounded run has come to its end. */
  readonly drained: boolean;
  /** The parked partitions behind which a bounded run can't go on; null if it can. */
  readonly stuckBehind: readonly number[] | null;
  /** Events that missed a window by the floor alone, by what the floor came from. */
  readonly lateByFloor: Readonly<Record<string, number>>;
  /** Results that were not taken, by why. */
  readonly refused: Readonly<Record<string, number>>;
}

/** The fleet has room for so many sweeps now. */
export const readySignal = defineSignal<[{ readonly slots: number }], "ready">("ready");
/** The topic has gained partitions. */
export const addedSignal = defineSignal<[readonly PartitionStart[]], "added">("added");
/** Fixes or lifts the ends of partitions: `[partition, until]`. */
export const boundUpdate = defineUpdate<
  GenerationView,
  [readonly (readonly [partition: number, until: number | null])[]],
  "bound"
>("bound");
/** Closes what is open, as soon as no partition is active. */
export const flushWindowsUpdate = defineUpdate<GenerationView, [], "flush">("flush");
/** Lets a stopped partition go on from an offset at or after its cursor. */
export const resumePartitionUpdate = defineUpdate<
  GenerationView,
  [{ readonly partition: number; readonly from: number }],
  "resume"
>("resume");
/** Gives a partition up. */
export const excludePartitionUpdate = defineUpdate<
  GenerationView,
  [{ readonly partition: number }],
  "exclude"
>("exclude");
/** Accepts results of code with another hash, which means the same. */
export const acceptUpdate = defineUpdate<GenerationView, [{ readonly hash: string }], "accept">(
  "accept",
);
/** The generation's state. */
export const generationQuery = defineQuery<GenerationView, [], "generation">("generation");
