/**
 * What workflows ask of the world: the activities, by the queue they run on, and the sinks that tell
 * the control process what workflows are like at no call of Temporal.
 *
 * @module
 */

import type { SettleOutcome, SettleRequest } from "../core/flow/delivery.ts";
import type { PartitionStart } from "../core/flow/drain.ts";
import type { SweepRequest, SweepResult } from "../core/flow/sweep.ts";
import type { RunPlan } from "../core/plan.ts";
import type { FleetSlots } from "../core/scaling/fleet.ts";
import type { SweepNote } from "../core/scaling/speed.ts";
import type { Looks } from "../core/scaling/looks.ts";
import type { FleetDecision, FleetSample, PolicySettings } from "../core/scaling/state.ts";
import type { GenerationView, SupervisorView } from "./messages.ts";

/** Runs in a worker process, on the generation's sweep queue. */
export interface WorkerActivities {
  /** Reads some partitions and folds what it finds; one answer is one commit. */
  sweep(request: SweepRequest): Promise<SweepResult>;
}

/** What the drain asks of the control process. */
export interface DrainActivities {
  /** Looks at partitions while no worker is there; folds nothing. */
  awaitRecords(request: SweepRequest): Promise<SweepResult>;
  /** Makes some calls of windows, and writes the rows that they answer. */
  settle(request: SettleRequest & { readonly plan: RunPlan }): Promise<SettleOutcome[]>;
  /** Where some partitions begin; those that have no leader at the moment are left out. */
  findPartitions(
    request: { readonly topic: string; readonly partitions: readonly number[] },
  ): Promise<PartitionStart[]>;
}

/** What the supervisor asks of the control process. */
export interface FleetActivities {
  /** Looks at the load and the fleet until something is to be decided. */
  sampleFleet(request: SampleRequest): Promise<SampleAnswer>;
  /** Has a decision done. */
  scaleFleet(request: ScaleRequest): Promise<void>;
}

/** Runs in the control process. */
export interface ControlActivities extends DrainActivities, FleetActivities {}

/** What {@linkcode FleetActivities.sampleFleet} is asked to do. */
export interface SampleRequest {
  /** What is known so far. */
  readonly looks: Looks;
  /** Bounds and settings of the policy. */
  readonly settings: PolicySettings;
  /** The last decision; null before the first. */
  readonly last: FleetDecision | null;
  /** How long to look at most, in ms. */
  readonly withinMs: number;
}

/** What {@linkcode FleetActivities.sampleFleet} saw. */
export interface SampleAnswer {
  /** What all looks but the last have come to: nothing that somebody has to do. */
  readonly looks: Looks;
  /** The load at the last look, which is still to be taken in. */
  readonly sample: FleetSample;
  /** The workers as their launcher sees them. */
  readonly slots: FleetSlots;
}

/** What {@linkcode FleetActivities.scaleFleet} is asked to do. */
export interface ScaleRequest {
  /** How many workers there are to be. */
  readonly desired: number;
  /** Partitions that make no progress: their workers are to be replaced. */
  readonly replace: readonly number[];
}

/** Who watches workflows from inside the control process, at no call of Temporal; not in replays. */
export type ControlSinks = {
  /** The sinks of the drain. */
  readonly drain: {
    /** Told what the generation is like after every decision. */
    state(view: GenerationView): void;
    /** Told of every result of a sweep. */
    swept(note: SweepNote): void;
  };
  /** The sinks of the supervisor. */
  readonly supervisor: {
    /** Told what the supervisor is like after every change. */
    state(view: SupervisorView): void;
  };
};
