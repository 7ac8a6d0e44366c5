/**
 * The scaling policy: a pure function from state and sample to state and decision. The supervisor
 * runs it live, the simulator runs it against models of load, and the tests run it alone; it is the
 * same code. The constants were chosen by the simulator's goals (`tests/simulator/goals_test.ts`).
 *
 * @module
 */

import { shrinkOf } from "./_policy_down.ts";
import { sum } from "./_policy_load.ts";
import { pressureOn, sizeUp, sizeWake } from "./_policy_up.ts";
import { fleetOf, LEAST_SPAN_MS, look, type View } from "./_policy_view.ts";
import { ceilingOf, forbids, judge, OTHER_LOAD, type Trial } from "./_policy_trial.ts";
import { addPeak, steppedDown, steppedUp } from "./_policy_window.ts";
import type {
  DecisionCode,
  DecisionInputs,
  FleetSample,
  PolicySettings,
  PolicyState,
  PolicyStep,
} from "./policy_state.ts";

export * from "./policy_state.ts";

/** How soon the next sample is wanted while something is going on, in ms. */
const BUSY_SAMPLE_MS = 1_000;
/** How soon the next sample is wanted while nothing is going on, in ms. */
const CALM_SAMPLE_MS = 3_000;
/** How soon the next sample is wanted at 0 workers, in ms; a record ends the wait. */
const ASLEEP_SAMPLE_MS = 5_000;

/** What is decided, and what of the state it changes. */
interface Move {
  readonly desired: number;
  readonly code: DecisionCode;
  readonly reason: string;
  readonly changes?: Partial<PolicyState>;
}

/**
 * Decides how many workers there should be.
 *
 * Up: only under pressure in two samples a second apart, then in one step to what is needed. From 0:
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
    const move = stay(state, "missing-data", "the topic could not be looked at: the fleet stays");
    return finish(state, blind, move, sample, settings, nothingKnown(state, sample));
  }
  if (settings.fixed !== null) {
    const move = stay(state, "fixed", `a person has set the fleet to ${count(settings.fixed)}`);
    return finish(state, view.state, move, sample, settings, view.inputs);
  }
  const tried = tryOut(view, sample);
  const move = tried.move ?? choose(tried.view, sample, settings);
  return finish(state, tried.view.state, move, sample, settings, view.inputs);
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

function choose(view: View, sample: FleetSample, settings: PolicySettings): Move {
  if (view.state.desired === 0) return chooseAsleep(view, sample, settings);
  return grown(view, sample, settings) ??
    emptied(view, settings) ??
    shrunk(view, settings) ??
    unchanged(view);
}

/** At 0 workers: up to what is needed with the first record. */
function chooseAsleep(view: View, sample: FleetSample, settings: PolicySettings): Move {
  const { state, lag } = view;
  if (lag === 0 && !view.arrived) return stay(state, "asleep", "nothing to fold, no workers");
  if (settings.max === 0) return stay(state, "at-limit", `${records(lag)} waiting, 0 allowed`);
  const before = state.points.at(-2)?.atMs ?? sample.atMs;
  const workers = sizeWake(view, state.mu, before);
  return {
    desired: workers,
    code: "wake",
    reason: `${records(lag)} waiting and no workers: ${count(workers)}`,
    changes: { wokeAtMs: before },
  };
}

/** Looks at the effect of the last step up; a step without one is taken back. */
function tryOut(view: View, sample: FleetSample): { view: View; move?: Move } {
  const { state } = view;
  const { trial, atMs } = state;
  if (trial === null || atMs === null) return { view };
  const verdict = judge(trial, {
    atMs,
    ready: sample.ready,
    folded: view.folded,
    rates: view.rates10,
    backlogs: view.backlogs,
  });
  if (verdict.kind === "waiting") {
    return { view: { ...view, state: { ...state, trial: verdict.trial } } };
  }
  const over = { ...view, state: { ...state, trial: null } };
  if (verdict.kind === "worked") {
    return { view: { ...over, state: { ...over.state, ceiling: null } } };
  }
  const ceiling = ceilingOf(trial, state.ceiling, atMs);
  const reason = `${trial.from} → ${count(trial.to)} brought ${rate(verdict.gain)} of ` +
    `${rate(verdict.expected)} expected, so something else is the bottleneck: back to ` +
    `${trial.from} for ${Math.round(ceiling.holdMs / 60_000)} min`;
  return {
    view: over,
    move: { desired: trial.from, code: "no-effect", reason, changes: { ceiling } },
  };
}

/** Up, under pressure in two samples. */
function grown(view: View, sample: FleetSample, settings: PolicySettings): Move | null {
  const { state } = view;
  const { atMs, desired, mu, trial } = state;
  if (mu === null || atMs === null) return null;
  const pressure = pressureOn(view, mu, desired);
  if (pressure === null) return null;
  // A wake was the first sample of its own pressure.
  const woke = state.wokeAtMs !== null && atMs - state.wokeAtMs <= 3 * LEAST_SPAN_MS;
  const sinceMs = state.pressureSinceMs ?? (woke ? state.wokeAtMs : null);
  const { startupMs } = sample;
  const sized = sizeUp(view, { pressure, mu, workers: desired, sinceMs, startupMs, settings });
  if (sized.workers <= desired) return null;
  const changes = { pressureSinceMs: state.pressureSinceMs ?? atMs };
  if (sinceMs === null || atMs - sinceMs < LEAST_SPAN_MS) {
    return stay(state, "pressure", `${seen(view)}: up if the next sample agrees`, changes);
  }
  if (desired >= settings.max) {
    const reason = `${seen(view)}: ${count(sized.workers)} needed, ${settings.max} allowed`;
    return stay(state, "at-limit", reason, changes);
  }
  if (forbids(state.ceiling, sized.workers, sized.arrival, atMs)) {
    const reason = `${seen(view)}, but more than ${count(state.ceiling.workers)} had no effect`;
    return stay(state, "no-effect-hold", reason, changes);
  }
  if (trial !== null && sized.arrival <= OTHER_LOAD * trial.arrival) {
    const reason = `${seen(view)}: the step to ${count(trial.to)} is not judged yet`;
    return stay(state, "settling", reason, changes);
  }
  const to = Math.min(sized.workers, settings.max);
  const next: Trial = {
    from: desired,
    to,
    mu,
    before: view.folded,
    arrival: sized.arrival,
    readyAtMs: null,
  };
  return {
    desired: to,
    code: pressure === "arrival" ? "up-arrival" : "up-lag",
    reason: `${rate(sized.arrival)} and a backlog of ${Math.round(sized.backlog)} ` +
      `need ${count(sized.workers)} at ${rate(mu)} each`,
    changes: { trial: next },
  };
}

/** To 0, after a rest. */
function emptied(view: View, settings: PolicySettings): Move | null {
  const { state } = view;
  const { idleSinceMs, atMs } = state;
  if (settings.min > 0 || idleSinceMs === null || atMs === null) return null;
  if (atMs - idleSinceMs < settings.idleToZeroMs) return null;
  return {
    desired: 0,
    code: "to-zero",
    reason: `no arrivals, no lag and nothing in flight for ${
      Math.round((atMs - idleSinceMs) / 1000)
    } s`,
  };
}

/** Down, after the window. */
function shrunk(view: View, settings: PolicySettings): Move | null {
  const { state, inputs } = view;
  const { desired, mu } = state;
  if (mu === null || desired <= Math.max(1, settings.min)) return null;
  const shrink = shrinkOf(view, mu);
  if (shrink === null || shrink.byRate >= desired) return null;
  const to = Math.max(shrink.byRate, shrink.byWindow, settings.min);
  const seconds = Math.round(state.window.lengthMs / 1000);
  const calm = `${rate(inputs.arrival30 ?? 0)} over 30 s need ${count(shrink.byRate)}`;
  if (!shrink.seen || to >= desired) {
    return stay(state, "down-window", `${calm}, but the last ${seconds} s needed more`);
  }
  return {
    desired: to,
    code: "down",
    reason: `${calm}, and no moment of the last ${seconds} s needed more than ${to}`,
  };
}

/** No change, and why. */
function unchanged(view: View): Move {
  const { state, hot } = view;
  if (!view.complete) {
    return stay(state, "partial-data", "some partitions could not be looked at: none is removed");
  }
  if (state.mu === null) {
    return stay(state, "mu-unknown", "no slice has been folded yet, so a worker's rate is unknown");
  }
  if (hot.length > 0) return stay(state, "hot-partition", "the fleet fits the rest of the topic");
  if (state.trial !== null) {
    return stay(state, "settling", `the step to ${count(state.trial.to)} is being watched`);
  }
  return stay(state, "steady", `${seen(view)}: ${count(state.desired)} fit`);
}

function stay(
  state: PolicyState,
  code: DecisionCode,
  reason: string,
  changes?: Partial<PolicyState>,
): Move {
  return changes === undefined
    ? { desired: state.desired, code, reason }
    : { desired: state.desired, code, reason, changes };
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
  const state = settled(
    { ...seenState, pressureSinceMs: null, ...move.changes, desired },
    before.desired,
    fixed === null,
  );
  const busy = move.code === "pressure" || state.trial !== null || sample.ready < desired;
  return {
    state,
    decision: {
      atMs: sample.atMs,
      desired,
      previous: before.desired,
      code: bounded && move.desired === before.desired ? "bounds" : move.code,
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

/** The state of the topic in a few words. */
function seen({ rates3, lag }: View): string {
  return `${rate(sum(rates3))} arrive, lag ${lag}`;
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

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function rate(perSecond: number): string {
  const digits = Math.abs(perSecond) < 100 ? 1 : 0;
  return `${perSecond.toFixed(digits)}/s`;
}

function count(workers: number): string {
  return `${workers} ${workers === 1 ? "worker" : "workers"}`;
}

function records(lag: number): string {
  return `${lag} ${lag === 1 ? "record" : "records"}`;
}
