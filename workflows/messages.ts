/**
 * The messages of the workflows: their names on the wire and their shapes. Clients, workflows and
 * tests are typed by these definitions.
 *
 * @module
 */

import { defineQuery, defineSignal, defineUpdate } from "@temporalio/workflow";
import type { Call, CallAnswer } from "../core/flow/delivery.ts";
import type { DrainPace, DrainSnapshot } from "../core/flow/drain.ts";
import type { GenerationView } from "../core/flow/view.ts";
import type { Span } from "../core/flow/sweep.ts";
import type {
  LeaseAnswer,
  LeaseRenewal,
  LeaseRequest,
  RenewalAnswer,
  SupervisorState,
} from "../core/flow/lease.ts";
import type { WindowSnapshot } from "../core/flow/window.ts";
import type { CellWire } from "../core/fold/aggregates.ts";
import type { RunPlan } from "../core/plan.ts";
import type { FleetBounds, FleetConfig, FleetState } from "../core/scaling/fleet.ts";
import type { Continuing } from "./durable.ts";

export type { GenerationView };

// ── window ──────────────────────────────────────────────────────────────────────────────────────

/** What a window is started with, by its first call. */
export interface WindowInput extends Continuing {
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
export interface WindowResult {
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
export interface WindowView {
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
  /** How many pairs it held after each of its last calls, for `audit`. */
  readonly held: readonly (readonly [n: number, pairs: number])[];
}

/** The drain's next call, which starts the window where it is the first. */
export const callUpdate = defineUpdate<CallAnswer, [Call], "call">("call");
/** The window as it stands. */
export const windowQuery = defineQuery<WindowView, [], "window">("window");

// ── drain ───────────────────────────────────────────────────────────────────────────────────────

/** What the drain of a generation is started with. */
export interface DrainInput extends Continuing {
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
  /** Whether the server knows Tidegate's search attributes. */
  readonly searchAttributes: boolean;
  /** The state to begin with or to go on from. */
  readonly state: DrainSnapshot;
}

/** The fleet has room for so many sweeps now. */
export const readySignal = defineSignal<[{ readonly slots: number }], "ready">("ready");
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
/** Paces sweeps and delivers anew. */
export const tuneSignal = defineSignal<[DrainPace], "tune">("tune");
/** Accepts results of code with another hash, which means the same. */
export const acceptUpdate = defineUpdate<GenerationView, [{ readonly hash: string }], "accept">(
  "accept",
);
/** The generation's state. */
export const generationQuery = defineQuery<GenerationView, [], "generation">("generation");

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

/** Takes the lease of the control process. */
export const leaseUpdate = defineUpdate<LeaseAnswer, [LeaseRequest], "lease">("lease");
/** Keeps the lease; begins nothing. */
export const renewUpdate = defineUpdate<RenewalAnswer, [LeaseRenewal], "renew">("renew");
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
