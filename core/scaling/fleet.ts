/**
 * What a supervisor keeps of the fleet: the bounds, what a person has set, the policy's state and
 * the decisions that are worth reading. Pure; the workflow carries messages and samples to it.
 *
 * @module
 */

import { decide, newPolicyState } from "./policy.ts";
import type {
  DecisionCode,
  FleetDecision,
  FleetSample,
  PolicySettings,
  PolicyState,
} from "./state.ts";
import { lookForStuck, NOT_STUCK, type StuckState, type Waiting } from "./progress.ts";

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
  /** How many workers there are in each state, by the states' names. */
  readonly states: Readonly<Record<string, number>>;
  /** How often workers were started again after a failure. */
  readonly restarts: number;
  /** What is wrong with workers, for people; a line each. */
  readonly problems: readonly string[];
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
  /** Partitions that wait. */
  readonly stuck: StuckState;
  /** Partitions that do not get on although workers were replaced. */
  readonly helpless: readonly Waiting[];
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
  stuck: NOT_STUCK,
  helpless: [],
};

/**
 * A control process begins. What a person has set since the last one began stays, unless the new one
 * was configured otherwise than the last.
 *
 * @param state The state.
 * @param config What it says.
 * @returns The new state.
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
  return { ...state, config, bounds, override, policy, stuck: NOT_STUCK, helpless: [] };
}

/**
 * A control process ends its workers: nothing is scaled until one begins again.
 *
 * @param state The state.
 * @param ownerId Whose fleet it was.
 * @returns The new state.
 */
export function standDownFleet(state: FleetState, ownerId: string): FleetState {
  const { config } = state;
  if (config?.ownerId !== ownerId) return state;
  return { ...state, config: { ...config, ownerId: null }, slots: null };
}

/**
 * What is wrong with a number of workers that a person asks for.
 *
 * @param state The state.
 * @param workers The number.
 * @returns The problem, or null.
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
 *
 * @param bounds The bounds.
 * @returns The problem, or null.
 */
export function refuseBounds({ min, max }: FleetBounds): string | null {
  if (!isCount(min) || !isCount(max)) {
    return `Cannot set bounds ${min} to ${max}: both must be whole numbers from 0 to ${MOST_WORKERS}`;
  }
  return min <= max ? null : `Cannot set bounds ${min} to ${max}: the first must not be the larger`;
}

/**
 * Sets the bounds. A number that is set goes down with them.
 *
 * @param state The state.
 * @param bounds The bounds.
 * @returns The new state.
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
 *
 * @param state The state.
 * @param workers The number; null to let the load decide.
 * @returns The new state.
 */
export function overrideFleet(state: FleetState, workers: number | null): FleetState {
  return { ...state, override: workers === null ? null : { workers, by: "person" } };
}

/**
 * The policy's settings.
 *
 * @param state The state.
 * @returns Bounds and settings.
 */
export function fleetSettings({ config, bounds, override }: FleetState): PolicySettings {
  return {
    ...bounds,
    fixed: override?.workers ?? null,
    idleToZeroMs: config?.idleToZeroMs ?? 0,
    circulationMs: config?.circulationMs ?? 0,
  };
}

/**
 * Takes a sample in.
 *
 * @param state The state.
 * @param sample The sample.
 * @param slots The workers as their launcher sees them.
 * @returns The new state, and whose workers to replace.
 */
export function sampleFleetState(
  state: FleetState,
  sample: FleetSample,
  slots: FleetSlots,
): FleetStep {
  const { state: policy, decision } = decide(state.policy, sample, fleetSettings(state));
  const stuck = lookForStuck(state.stuck, sample);
  return {
    state: {
      ...state,
      policy,
      last: decision,
      decisions: worthKeeping(state.last, decision)
        ? [...state.decisions, decision].slice(-KEPT_DECISIONS)
        : state.decisions,
      slots,
      stuck: stuck.state,
      helpless: stuck.helpless,
    },
    replace: stuck.replace,
  };
}

/** Reasons that come and go from sample to sample; only what they change is worth reading. */
const ROUTINE: ReadonlySet<DecisionCode> = new Set([
  "mu-unknown",
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
