/**
 * The scaling policy: a pure function from state and sample to state and decision. The supervisor
 * runs it live, the simulator runs it against models of load, and the tests run it alone; it is the
 * same code. The constants were chosen by the simulator's goals (`tests/lab/simulator/goals_test.ts`).
 *
 * @module
 */

import { type Move, moveOn, stay } from "./moves.ts";
import { fleetOf, look } from "./view.ts";
import { addPeak, steppedDown, steppedUp } from "./window.ts";
import { count, rate, sentence } from "./words.ts";
import type {
  DecisionInputs,
  FleetSample,
  PolicySettings,
  PolicyState,
  PolicyStep,
} from "./state.ts";

export * from "./state.ts";

/** How soon the next sample is wanted while something is going on, in ms. */
const BUSY_SAMPLE_MS = 1_000;
/** How soon the next sample is wanted while nothing is going on, in ms. */
const CALM_SAMPLE_MS = 3_000;
/** How soon the next sample is wanted at 0 workers, in ms; a record ends the wait. */
const ASLEEP_SAMPLE_MS = 10_000;

/**
 * Decides how many workers there should be.
 *
 * Up: only under pressure in two samples 750 ms apart, then in one step to what is needed. From 0:
 * at the first record. Down: when the 30 s rate leaves one worker fewer less than 90 % busy and no
 * moment of the window needed more. To 0: after a minute without arrivals, lag and slices in flight.
 * Missing data: the number stays.
 *
 * @param state The state.
 * @param sample The sample; one that is not later than the last changes nothing.
 * @param settings Bounds and settings.
 * @returns The new state and the decision.
 */
export function decide(
  state: PolicyState,
  sample: FleetSample,
  settings: PolicySettings,
): PolicyStep {
  if (state.atMs !== null && sample.atMs <= state.atMs) {
    const { pressureSinceMs } = state;
    const reason = "this sample is not newer than the last one";
    const move = stay(state, "stale-sample", reason, { pressureSinceMs });
    return finish(state, state, move, sample, settings, nothingKnown(state, sample));
  }
  const view = look(state, sample, settings);
  if (view === null) {
    const blind: PolicyState = {
      ...state,
      atMs: sample.atMs,
      knownSinceMs: null,
      idleSinceMs: null,
      pressureSinceMs: null,
    };
    const move = stay(state, "missing-data", "the load is not known: the fleet stays as it is");
    return finish(state, blind, move, sample, settings, nothingKnown(state, sample));
  }
  if (settings.fixed !== null) {
    const move = stay(state, "fixed", `a person has set the fleet to ${count(settings.fixed)}`);
    return finish(state, view.state, move, sample, settings, view.inputs);
  }
  const next = moveOn(view, sample, settings);
  return finish(state, next.state, next.move, sample, settings, view.inputs);
}

/**
 * Tells whether a look at the topic is worth a sample of its own: it would change the number of
 * workers, or it is the first sign of pressure. Who takes samples looks often and hands on those
 * that matter, and one now and then that doesn't.
 *
 * @param state The state.
 * @param sample What a sample would say now.
 * @param settings Bounds and settings.
 * @returns Whether to hand it on at once.
 */
export function isMaterial(
  state: PolicyState,
  sample: FleetSample,
  settings: PolicySettings,
): boolean {
  const step = decide(state, sample, settings);
  return step.decision.desired !== state.desired ||
    (step.state.pressureSinceMs !== null && state.pressureSinceMs === null);
}

/** Puts the move within its bounds and carries it into the state. */
function finish(
  before: PolicyState,
  seenState: PolicyState,
  move: Move,
  sample: FleetSample,
  settings: PolicySettings,
  inputs: DecisionInputs,
): PolicyStep {
  const { fixed, min, max } = settings;
  const desired = fixed ?? Math.max(min, Math.min(max, move.desired));
  const bounded = fixed === null && desired !== move.desired && desired !== before.desired;
  const code = bounded && move.desired === before.desired ? "bounds" : move.code;
  const state = settled(
    { ...seenState, pressureSinceMs: null, ...move.changes, desired },
    before.desired,
    code !== "bounds" && code !== "fixed",
  );
  const busy = move.code === "pressure" || state.trial !== null || sample.ready < desired;
  return {
    state,
    decision: {
      atMs: sample.atMs,
      desired,
      previous: before.desired,
      code,
      reason: bounded
        ? `${sentence(move.reason)} Bounds: ${min} to ${max}.`
        : sentence(move.reason) + hotSentence(inputs),
      inputs,
      sampleWithinMs: busy ? BUSY_SAMPLE_MS : desired === 0 ? ASLEEP_SAMPLE_MS : CALM_SAMPLE_MS,
    },
  };
}

/** What a change of the number leaves behind in the state; a person's changes are no flaps. */
function settled(state: PolicyState, previous: number, automatic: boolean): PolicyState {
  const { desired, trial, window, atMs } = state;
  if (desired === previous || atMs === null) return state;
  const counts = automatic && desired > 0 && previous > 0;
  if (desired > previous) {
    return {
      ...state,
      // What the step was sized by is a need of the window, before the slower rates show it.
      peaks: automatic ? addPeak(state.peaks, atMs, desired) : state.peaks,
      pressureSinceMs: null,
      window: counts ? steppedUp(window, atMs) : window,
      trial: trial?.to === desired ? trial : null,
    };
  }
  return {
    ...state,
    pressureSinceMs: null,
    wokeAtMs: null,
    window: counts ? steppedDown(window, atMs) : window,
    trial: null,
  };
}

function nothingKnown(state: PolicyState, sample: FleetSample): DecisionInputs {
  return {
    arrival3: null,
    arrival10: null,
    arrival30: null,
    lag: null,
    backlog: null,
    mu: state.mu,
    load: null,
    ...fleetOf(sample),
    hot: [],
  };
}

function hotSentence({ hot, mu }: DecisionInputs): string {
  if (hot.length === 0 || mu === null) return "";
  const which = hot.length === 1
    ? `Partition ${hot[0]} takes`
    : `Partitions ${hot.join(", ")} take`;
  return ` ${which} more than the ${
    rate(mu)
  } of one worker, and a partition is folded by one at a ` +
    "time: more workers don't help it, other record keys or more partitions do.";
}
