/**
 * What the scaling policy is given, keeps and answers, as plain data: it travels in workflow
 * histories and over continue-as-new.
 *
 * @module
 */

import type { Offsets } from "./load.ts";

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
   * How long a record of a caught-up partition takes until it is told to be folded, in ms. What arrives in that time is lag, and no backlog.
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

/** What a sample says of one partition. */
export interface PartitionSample extends Offsets {
  /** The partition. */
  readonly partition: number;
}

/** What the supervisor knows at one moment. */
export interface FleetSample {
  /** When it was taken, epoch ms. */
  readonly atMs: number;
  /**
   * The partitions that workers can fold: without stopped and excluded ones. Empty where nothing
   * could be found out.
   */
  readonly partitions: readonly PartitionSample[];
  /** How many sweeps have records at hand; null where it is not known. */
  readonly inFlight: number | null;
  /**
   * Offsets folded per busy second and worker, by the sweeps of the last seconds; null where there
   * were none. Offsets, not events, so that lag, arrivals and this one have the same unit.
   */
  readonly workerRate: number | null;
  /** Workers that are ready. */
  readonly ready: number;
  /** Workers that are starting. */
  readonly starting: number;
  /** Workers that are finishing their last sweep. */
  readonly draining: number;
  /** How long a worker took to start, in ms; null where none has started yet. */
  readonly startupMs: number | null;
}

/** A moment of the topic; the lists are in the order of the partitions. */
export interface TopicPoint {
  /** When it was taken, epoch ms. */
  readonly atMs: number;
  /** The end of each partition. */
  readonly ends: readonly number[];
  /** The sum of the cursors. */
  readonly folded: number;
}

/** A load that no later one has exceeded: `[epoch ms, workers]`. */
export type Peak = readonly [atMs: number, load: number];

/** The window that must pass before the fleet gets smaller. */
export interface DownWindow {
  /** Its length, in ms. */
  readonly lengthMs: number;
  /** When the fleet last got smaller, epoch ms. */
  readonly downAtMs: number | null;
  /** When a step down was last undone within the window, epoch ms. */
  readonly flapAtMs: number | null;
}

/** The length of the window at the start, in ms. */
export const FIRST_WINDOW_MS = 30_000;

/** A step up whose effect is awaited. */
export interface Trial {
  /** The workers before it. */
  readonly from: number;
  /** The workers after it. */
  readonly to: number;
  /** Events per busy second and worker when it was taken. */
  readonly workerRate: number;
  /** Events folded per second before it. */
  readonly before: number;
  /** Arrivals per second that it was sized by. */
  readonly arrival: number;
  /** Since when all its workers have been ready, epoch ms. */
  readonly readyAtMs: number | null;
}

/** A number of workers beyond which more had no effect. */
export interface Ceiling {
  /** The number. */
  readonly workers: number;
  /** Until when it holds, epoch ms. */
  readonly untilMs: number;
  /** How long it was made to hold, in ms. */
  readonly holdMs: number;
  /** Arrivals per second at that time. */
  readonly arrival: number;
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
  readonly workerRate: number | null;
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
  | "no-effect"
  | "no-effect-hold"
  | "partial-data"
  | "pressure"
  | "rate-unknown"
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
  readonly workerRate: number | null;
  /** The workers that the topic can keep busy, by the 10 s rate and the backlog. */
  readonly load: number | null;
  /** Sweeps that have records at hand. */
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

/** The state before the first sample, with the workers to begin with. */
export function newPolicyState(desired: number): PolicyState {
  return {
    desired,
    atMs: null,
    partitions: [],
    points: [],
    peaks: [],
    workerRate: null,
    knownSinceMs: null,
    idleSinceMs: null,
    pressureSinceMs: null,
    wokeAtMs: null,
    window: { lengthMs: FIRST_WINDOW_MS, downAtMs: null, flapAtMs: null },
    trial: null,
    ceiling: null,
  };
}
