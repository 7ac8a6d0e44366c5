/**
 * What a supervisor keeps of the fleet: the bounds, what a person has set, the policy's state and
 * the decisions that are worth reading. Pure; the workflow carries messages and samples to it.
 *
 * @module
 */

import type { Looks } from "./looks.ts";
import { decide } from "./policy.ts";
import {
  type DecisionCode,
  type FleetDecision,
  type FleetSample,
  newPolicyState,
  type PolicySettings,
  type PolicyState,
} from "./state.ts";
import { followProgress, NO_WAITING, type ProgressState, type Waiting } from "./progress.ts";
import { countSlots, type SlotCounts } from "./slots.ts";
import type { SlotState } from "./slot.ts";

/** How many decisions are kept. */
const KEPT_DECISIONS = 30;
/** More workers than this are taken for a slip of the finger. */
export const MOST_WORKERS = 1_000;

/** The fewest and the most workers. */
export interface FleetBounds {
  /** The fewest. */
  readonly min: number;
  /** The most. */
  readonly max: number;
}

/** What a control process says of its fleet when it begins. */
export interface FleetConfig extends FleetBounds {
  /** Whose fleet it is, the holder of the lease; null once that one has stood down. */
  readonly ownerId: string | null;
  /** A number of workers that it was started with; null to decide by load. */
  readonly workers: number | null;
  /** How long the topic must have been still before the fleet goes to 0, in ms. */
  readonly idleToZeroMs: number;
  /** How long a record of a caught-up partition takes until it is folded, in ms. */
  readonly circulationMs: number;
  /** Whether the server knows Tidegate's search attributes. */
  readonly searchAttributes: boolean;
}

/** A number of workers that stands until it is released. */
export interface Override {
  /** The number. */
  readonly workers: number;
  /** Who set it: the start of the control process, or a person since. */
  readonly by: "start" | "person";
}

/** The workers as their launcher sees them. */
export interface FleetSlots {
  /** How many the launcher was told to keep up. */
  readonly desired: number;
  /** How many slots there are in each state. */
  readonly states: SlotCounts;
  /** How often workers were started again after a failure. */
  readonly restarts: number;
  /** What is wrong with workers, for people; a line each. */
  readonly problems: readonly string[];
}

/** One worker's slot, as far as it is counted and told of. */
export interface CountedSlot {
  /** The slot's number. */
  readonly slot: number;
  /** Its state. */
  readonly state: SlotState;
  /** How often its process was started again after a failure. */
  readonly restarts: number;
  /** What the last failure was; null once a process is ready again. */
  readonly problem: string | null;
}

/** Counts the workers that a launcher was told to keep up. */
export function fleetSlotsOf(
  { desired, slots }: { readonly desired: number; readonly slots: readonly CountedSlot[] },
): FleetSlots {
  return {
    desired,
    states: countSlots(slots),
    restarts: slots.reduce((sum, { restarts }) => sum + restarts, 0),
    problems: slots.flatMap(({ slot, problem }) =>
      problem === null ? [] : [`worker ${slot}: ${problem}`]
    ),
  };
}

/** What a supervisor keeps of the fleet. */
export interface FleetState {
  /** What the present control process said; null before the first. */
  readonly config: FleetConfig | null;
  /** The bounds in force. */
  readonly bounds: FleetBounds;
  /** A number that is set; null if the load decides. */
  readonly override: Override | null;
  /** The policy's state. */
  readonly policy: PolicyState;
  /** The last decision; null before the first. */
  readonly last: FleetDecision | null;
  /** Decisions that changed something, and the first of each run of others, oldest first. */
  readonly decisions: readonly FleetDecision[];
  /** The workers at the last sample; null before the first. */
  readonly slots: FleetSlots | null;
  /** Partitions that wait, and since when. */
  readonly progress: ProgressState;
  /** Partitions that make no progress although workers were replaced. */
  readonly noProgress: readonly Waiting[];
}

/** What came of a sample. */
export interface FleetStep {
  /** The state. */
  readonly state: FleetState;
  /** Partitions whose workers are to be replaced. */
  readonly replace: readonly number[];
}

/** A fleet that nothing is known of. */
export const NO_FLEET: FleetState = {
  config: null,
  bounds: { min: 0, max: 0 },
  override: null,
  policy: newPolicyState(0),
  last: null,
  decisions: [],
  slots: null,
  progress: NO_WAITING,
  noProgress: [],
};

/**
 * A control process begins. What a person has set since the last one began stays, unless the new one
 * was configured otherwise than the last.
 */
export function configureFleet(state: FleetState, config: FleetConfig): FleetState {
  const before = state.config;
  const sameBounds = before?.min === config.min && before.max === config.max;
  const bounds = sameBounds ? state.bounds : { min: config.min, max: config.max };
  const kept = state.override?.by === "person" ? state.override : null;
  const override: Override | null = config.workers === null
    ? kept
    : { workers: config.workers, by: "start" };
  const policy = before === null ? newPolicyState(config.min) : state.policy;
  return { ...state, config, bounds, override, policy, progress: NO_WAITING, noProgress: [] };
}

/**
 * A control process ends its workers: nothing is scaled until one begins again.
 */
export function standDownFleet(state: FleetState, ownerId: string): FleetState {
  const { config } = state;
  if (config?.ownerId !== ownerId) return state;
  return { ...state, config: { ...config, ownerId: null }, slots: null };
}

/**
 * What is wrong with a number of workers that a person asks for.
 */
export function refuseWorkers({ bounds }: FleetState, workers: number): string | null {
  if (!isCount(workers)) {
    return `Cannot set ${workers} workers: must be a whole number from 0 to ${MOST_WORKERS}`;
  }
  if (workers <= bounds.max) return null;
  return `Cannot set ${workers} workers: must be at most ${bounds.max}, the most that are allowed; ` +
    "raise that first with --max";
}

/**
 * What is wrong with bounds that a person asks for.
 */
export function refuseBounds({ min, max }: FleetBounds): string | null {
  if (!isCount(min) || !isCount(max)) {
    return `Cannot set bounds ${min} to ${max}: both must be whole numbers from 0 to ${MOST_WORKERS}`;
  }
  return min <= max ? null : `Cannot set bounds ${min} to ${max}: the first must not be the larger`;
}

/**
 * Sets the bounds. A number that is set goes down with them.
 */
export function setFleetBounds(state: FleetState, { min, max }: FleetBounds): FleetState {
  const { override } = state;
  return {
    ...state,
    bounds: { min, max },
    override: override === null ? null : { ...override, workers: Math.min(override.workers, max) },
  };
}

/**
 * Sets a number of workers, or lets the load decide again.
 */
export function overrideFleet(state: FleetState, workers: number | null): FleetState {
  return { ...state, override: workers === null ? null : { workers, by: "person" } };
}

/**
 * The policy's settings.
 */
export function fleetSettings({ config, bounds, override }: FleetState): PolicySettings {
  return {
    ...bounds,
    fixed: override?.workers ?? null,
    idleToZeroMs: config?.idleToZeroMs ?? 0,
    circulationMs: config?.circulationMs ?? 0,
  };
}

/** Takes in what looks between two decisions have come to. */
export function lookedFleet(state: FleetState, { policy, progress }: Looks): FleetState {
  return { ...state, policy, progress };
}

/**
 * Takes a sample in.
 */
export function sampleFleetState(
  state: FleetState,
  sample: FleetSample,
  slots: FleetSlots,
): FleetStep {
  const { state: policy, decision } = decide(state.policy, sample, fleetSettings(state));
  const progress = followProgress(state.progress, sample);
  return {
    state: {
      ...state,
      policy,
      last: decision,
      decisions: worthKeeping(state.last, decision)
        ? [...state.decisions, decision].slice(-KEPT_DECISIONS)
        : state.decisions,
      slots,
      progress: progress.state,
      noProgress: progress.noProgress,
    },
    replace: progress.replace,
  };
}

/** Reasons that come and go from sample to sample; only what they change is worth reading. */
const ROUTINE: ReadonlySet<DecisionCode> = new Set([
  "rate-unknown",
  "steady",
  "settling",
  "pressure",
  "down-window",
  "stale-sample",
  "asleep",
]);

function worthKeeping(last: FleetDecision | null, decision: FleetDecision): boolean {
  if (decision.desired !== decision.previous) return true;
  return decision.code !== last?.code && !ROUTINE.has(decision.code);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= MOST_WORKERS;
}
