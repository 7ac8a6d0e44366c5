/**
 * The messages of the workflows: their names on the wire and their shapes.
 *
 * @module
 */

import { defineQuery, defineSignal, defineUpdate } from "@temporalio/workflow";
import type { CellWire } from "../core/fold/aggregates.ts";
import type {
  ClosedTotals,
  ClosedWindow,
  CloseTimersSnapshot,
  LostWindow,
  TimerEntry,
} from "../core/event_time/close_timers.ts";
import type { FleetBounds, FleetConfig, FleetState } from "../core/scaling/fleet.ts";
import type { DrainMode, DrainSnapshot, Stop } from "../core/flow/drain_state.ts";
import type {
  PartitionClock,
  PipelineClockSnapshot,
  Report,
  ReportAnswer,
} from "../core/flow/pipeline_clock.ts";
import type { LeaseAnswer, LeaseRequest, SupervisorState } from "../core/flow/lease.ts";
import type { RunPlan } from "../core/plan.ts";
import type { ResultRow } from "../core/flow/row.ts";
import type { SliceCounts, WindowShard } from "../core/flow/slice.ts";
import type { Partial, WindowSnapshot } from "../core/flow/window_state.ts";
import type { Continuing } from "./durable.ts";

export type { Continuing };

// ── window ──────────────────────────────────────────────────────────────────────────────────────

/** What a window workflow is started with. */
export interface WindowInput extends Continuing {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** Start of the window, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
  /** Whether the server knows Tidegate's search attributes. */
  readonly searchAttributes: boolean;
  /** The state carried over continue-as-new. */
  readonly state?: WindowSnapshot;
}

/** What a window workflow leaves behind. */
export interface WindowResult {
  /** Start of the window, ISO. */
  readonly start: string;
  /** End of the window, ISO. */
  readonly end: string;
  /** (event, window) pairs taken. */
  readonly pairs: number;
  /** (event, window) pairs refused; anything but 0 breaks the account. */
  readonly refused: number;
  /** How many emissions there were. */
  readonly emissions: number;
  /** How many rows the last emission had. */
  readonly rowCount: number;
  /** The last rows, where they take no more than 256 KiB. */
  readonly rows: readonly ResultRow[] | null;
  /** `[partition, to]` of the last partial taken. */
  readonly lastTo: readonly (readonly [number, number])[];
}

/** What a window answers when asked. */
export interface WindowView {
  /** Start of the window, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
  /** Its cells, sorted by key. */
  readonly cells: readonly CellWire[];
  /** (event, window) pairs taken. */
  readonly pairs: number;
  /** (event, window) pairs refused. */
  readonly refused: number;
  /** How many emissions there were. */
  readonly emissions: number;
  /** The largest watermark heard. */
  readonly watermark: number | null;
  /** `[partition, to]` of the last partial taken. */
  readonly lastTo: readonly (readonly [number, number])[];
}

/** A partial for a window. */
export const foldSignal = defineSignal<[Partial], "fold">("fold");
/** The watermark has passed one of the window's times. */
export const closeSignal = defineSignal<[{ readonly watermark: number }], "close">("close");
/** The window's cells as they stand. */
export const cellsQuery = defineQuery<WindowView, [], "cells">("cells");

// ── clock ───────────────────────────────────────────────────────────────────────────────────────

/** What a clock workflow is started with. */
export interface ClockInput extends Continuing {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** All partitions at the start. */
  readonly partitions: readonly number[];
  /** The state carried over continue-as-new. */
  readonly state?: {
    readonly clock: PipelineClockSnapshot;
    readonly timers: CloseTimersSnapshot;
  };
}

/** What a clock answers when asked. */
export interface ClockView {
  /** The pipeline's watermark. */
  readonly watermark: number | null;
  /** `[partition, what is known of it]`. */
  readonly partitions: readonly (readonly [number, PartitionClock])[];
  /** The open windows, earliest first. */
  readonly open: readonly TimerEntry[];
  /** What the closed ones add up to. */
  readonly totals: ClosedTotals;
  /** Windows that did not complete as they should. */
  readonly lost: readonly LostWindow[];
}

/** A drain's report; answered with the pipeline's watermark. */
export const reportUpdate = defineUpdate<ReportAnswer, [Report], "report">("report");
/** Moves the watermark past all open windows; only while no partition is active. */
export const flushUpdate = defineUpdate<{ readonly windows: number }, [], "flush">("flush");
/** Windows have completed. */
export const closedSignal = defineSignal<[readonly ClosedWindow[]], "closed">("closed");
/** The clock's state. */
export const clockQuery = defineQuery<ClockView, [], "clock">("clock");

// ── drain ───────────────────────────────────────────────────────────────────────────────────────

/** What a drain workflow is started with. */
export interface DrainInput extends Continuing {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The topic's id, where the broker has ids. */
  readonly topicId: string | null;
  /** The pace while caught up, in ms. */
  readonly paceMs: number;
  /** The time budget of a slice, in ms. */
  readonly sliceMs: number;
  /** Whether the server knows Tidegate's search attributes. */
  readonly searchAttributes: boolean;
  /** The state to begin with or to go on from. */
  readonly state: DrainSnapshot;
}

/** What a drain answers when asked. */
export interface DrainView {
  /** The partition. */
  readonly partition: number;
  /** How it stands. */
  readonly mode: DrainMode;
  /** Why it stopped. */
  readonly stop: Stop | null;
  /** The next offset to fold. */
  readonly cursor: number;
  /** The end of the log as last seen. */
  readonly end: number;
  /** The fixed end of a bounded run. */
  readonly until: number | null;
  /** The largest event time. */
  readonly maxEventTime: number | null;
  /** The partition's watermark. */
  readonly watermark: number | null;
  /** What all slices counted. */
  readonly totals: SliceCounts;
  /** (event, window) pairs folded, but not delivered yet. */
  readonly inDelivery: number;
  /** Windows delivered to, which the clock has not been told of yet. */
  readonly untold: readonly WindowShard[];
  /** (event, window) pairs given up because their window was lost. */
  readonly lostPairs: number;
  /** Offsets skipped by a person's choice. */
  readonly skippedOffsets: number;
  /** Slices folded. */
  readonly slices: number;
  /** Time workers spent on them, in ms. */
  readonly busyMs: number;
  /** Whether the partition is held because it is too far ahead. */
  readonly held: boolean;
}

/** Sets or lifts the fixed end of the log. */
export const boundSignal = defineSignal<[{ readonly until: number | null }], "bound">("bound");
/** Stops the partition. */
export const stopSignal = defineSignal<
  [{ readonly code: string; readonly message: string }],
  "stop"
>("stop");
/** Lets a stopped partition go on from an offset at or after its cursor. */
export const resumeUpdate = defineUpdate<DrainView, [{ readonly from: number }], "resume">(
  "resume",
);
/** Gives a partition up. */
export const excludeUpdate = defineUpdate<DrainView, [], "exclude">("exclude");
/** The drain's state. */
export const progressQuery = defineQuery<DrainView, [], "progress">("progress");

// ── supervisor ──────────────────────────────────────────────────────────────────────────────────

/** What a supervisor workflow is started with. */
export interface SupervisorInput extends Continuing {
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The lease and the generation, carried over continue-as-new. */
  readonly state?: SupervisorState;
  /** The fleet, carried over continue-as-new. */
  readonly fleet?: FleetState;
}

/** What a supervisor answers when asked. */
export interface SupervisorView extends SupervisorState {
  /** The fleet, and how it came to be what it is. */
  readonly fleet: FleetState;
}

/** Takes or renews the lease of the control process. */
export const leaseUpdate = defineUpdate<LeaseAnswer, [LeaseRequest], "lease">("lease");
/** Gives the lease back. */
export const endLeaseUpdate = defineUpdate<void, [{ readonly ownerId: string }], "endLease">(
  "endLease",
);
/** The control process is ready to scale its fleet. */
export const configureUpdate = defineUpdate<FleetState, [FleetConfig], "configure">("configure");
/** The control process is about to end its workers: nothing is scaled any more. */
export const standDownUpdate = defineUpdate<
  FleetState,
  [{ readonly ownerId: string }],
  "standDown"
>(
  "standDown",
);
/** Sets the fewest and the most workers. */
export const setBoundsUpdate = defineUpdate<FleetState, [FleetBounds], "setBounds">("setBounds");
/** Sets the number of workers, until it is released. */
export const overrideUpdate = defineUpdate<
  FleetState,
  [{ readonly workers: number }],
  "override"
>("override");
/** Lets the load decide again. */
export const releaseUpdate = defineUpdate<FleetState, [], "release">("release");
/** The supervisor's state. */
export const statusQuery = defineQuery<SupervisorView, [], "status">("status");
