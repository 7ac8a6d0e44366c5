/**
 * What the scaling policy is given, keeps and answers, as plain data: it travels in workflow
 * histories and over continue-as-new.
 *
 * @module
 */

import type { TopicPoint } from "./history.ts";
import type { Ceiling, Trial } from "./trial.ts";
import { type DownWindow, FIRST_WINDOW, type Peak } from "./window.ts";

export type { TopicPoint } from "./history.ts";
export type { Ceiling, Trial } from "./trial.ts";
export type { DownWindow, Peak } from "./window.ts";

/** Bounds and settings of the policy. */
export interface PolicySettings {
  /** The fewest workers. */
  readonly min: number;
  /** The most workers. */
  readonly max: number;
  /** A number of workers that a person has chosen; null to decide by load. */
  readonly fixed: number | null;
  /** How long the topic must have been still before the fleet goes to 0, in ms. */
  readonly idleToZeroMs: number;
  /**
   * How long a record of a caught-up partition takes until it is folded, in ms: the pace plus the
   * longest slice. What arrives in that time is lag, and no backlog.
   */
  readonly circulationMs: number;
}

/** The settings where nothing else is said. */
export const DEFAULT_POLICY: PolicySettings = {
  min: 0,
  max: 4,
  fixed: null,
  idleToZeroMs: 60_000,
  circulationMs: 2_000,
};

/** A look at one partition; null is what could not be found out. */
export interface PartitionLook {
  /** The partition. */
  readonly partition: number;
  /** Its end: the last stable offset. */
  readonly end: number | null;
  /** The next offset to fold. */
  readonly cursor: number | null;
}

/** What the supervisor knows at one moment. */
export interface FleetSample {
  /** When it was taken, epoch ms. */
  readonly atMs: number;
  /**
   * The partitions that workers can fold: without stopped and excluded ones. Empty where nothing
   * could be found out.
   */
  readonly partitions: readonly PartitionLook[];
  /** How many slices are being folded; null where it is not known. */
  readonly inFlight: number | null;
  /**
   * Offsets folded per busy second and worker, by the slices of the last seconds; null where there
   * were none. Offsets, not events, so that lag, arrivals and this one have the same unit.
   */
  readonly mu: number | null;
  /** Workers that are ready. */
  readonly ready: number;
  /** Workers that are starting. */
  readonly starting: number;
  /** Workers that are finishing their last slice. */
  readonly draining: number;
  /** How long a worker took to start, in ms; null where none has started yet. */
  readonly startupMs: number | null;
}

/** The policy's state. Times are those of the samples. */
export interface PolicyState {
  /** The workers that are wanted. */
  readonly desired: number;
  /** The last sample's time, epoch ms; null before the first. */
  readonly atMs: number | null;
  /** The partitions that the history is of, in its order. */
  readonly partitions: readonly number[];
  /** The history of the topic, oldest first. */
  readonly points: readonly TopicPoint[];
  /** The loads of the last 10 min that no later one exceeds. */
  readonly peaks: readonly Peak[];
  /** Offsets per busy second and worker, smoothed; null before the first measurement. */
  readonly mu: number | null;
  /** Since when samples have come without a gap and complete, epoch ms. */
  readonly knownSinceMs: number | null;
  /** Since when nothing has arrived and nothing is left to do, epoch ms. */
  readonly idleSinceMs: number | null;
  /** The first sample in which the present pressure was seen, epoch ms. */
  readonly pressureSinceMs: number | null;
  /** The first sample with records after a rest at 0 workers, epoch ms. */
  readonly wokeAtMs: number | null;
  /** The window that must pass before the fleet gets smaller. */
  readonly window: DownWindow;
  /** The last step up, until its effect has been seen. */
  readonly trial: Trial | null;
  /** The number beyond which more workers had no effect. */
  readonly ceiling: Ceiling | null;
}

/** Why a decision was taken; the codes are stable. */
export type DecisionCode =
  | "asleep"
  | "at-limit"
  | "bounds"
  | "down"
  | "down-window"
  | "fixed"
  | "hot-partition"
  | "missing-data"
  | "mu-unknown"
  | "no-effect"
  | "no-effect-hold"
  | "partial-data"
  | "pressure"
  | "settling"
  | "stale-sample"
  | "steady"
  | "to-zero"
  | "up-arrival"
  | "up-lag"
  | "wake";

/** The figures that a decision was taken by; null is what was not known. */
export interface DecisionInputs {
  /** Arrivals per second over 3 s. */
  readonly arrival3: number | null;
  /** Arrivals per second over 10 s. */
  readonly arrival10: number | null;
  /** Arrivals per second over 30 s. */
  readonly arrival30: number | null;
  /** Offsets between the cursors and the ends. */
  readonly lag: number | null;
  /** The part of the lag beyond what a caught-up topic has, too. */
  readonly backlog: number | null;
  /** Offsets per busy second and worker, smoothed. */
  readonly mu: number | null;
  /** The workers that the topic can keep busy, by the 10 s rate and the backlog. */
  readonly load: number | null;
  /** Slices being folded. */
  readonly inFlight: number | null;
  /** Workers that are ready. */
  readonly ready: number;
  /** Workers that are starting. */
  readonly starting: number;
  /** Workers that are draining. */
  readonly draining: number;
  /** Partitions that take more than one worker folds. */
  readonly hot: readonly number[];
}

/** A decision. */
export interface FleetDecision {
  /** When the sample was taken, epoch ms. */
  readonly atMs: number;
  /** The workers that are wanted. */
  readonly desired: number;
  /** The workers that were wanted before. */
  readonly previous: number;
  /** Why. */
  readonly code: DecisionCode;
  /** Why, a sentence for people. */
  readonly reason: string;
  /** What it was taken by. */
  readonly inputs: DecisionInputs;
  /** The policy wants to see the next sample within this time, in ms. */
  readonly sampleWithinMs: number;
}

/** A decision and the state to go on with. */
export interface PolicyStep {
  /** The state. */
  readonly state: PolicyState;
  /** The decision. */
  readonly decision: FleetDecision;
}

/**
 * The state before the first sample.
 *
 * @param desired The workers to begin with.
 * @returns The state.
 */
export function newPolicyState(desired: number): PolicyState {
  return {
    desired,
    atMs: null,
    partitions: [],
    points: [],
    peaks: [],
    mu: null,
    knownSinceMs: null,
    idleSinceMs: null,
    pressureSinceMs: null,
    wokeAtMs: null,
    window: FIRST_WINDOW,
    trial: null,
    ceiling: null,
  };
}
