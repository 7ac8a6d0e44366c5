/**
 * The rules of the policy in their order, each with its reason.
 *
 * @module
 */

import { shrinkOf } from "./down.ts";
import { sum } from "./load.ts";
import { ceilingOf, forbids, judge, OTHER_LOAD, type Trial } from "./trial.ts";
import { pressuresOn, sizeUp, sizeWake, WAKE_MS } from "./step_up.ts";
import { LEAST_SPAN_MS, type View } from "./view.ts";
import { count, rate, records } from "./words.ts";
import type { DecisionCode, FleetSample, PolicySettings, PolicyState } from "./state.ts";

/** What is decided, and what of the state it changes. */
export interface Move {
  /** The workers that are wanted, before the bounds. */
  readonly desired: number;
  /** Why. */
  readonly code: DecisionCode;
  /** Why, without capital and full stop. */
  readonly reason: string;
  /**
   * What it changes in the state besides.
   * @default {{}}
   */
  readonly changes?: Partial<PolicyState>;
}

/**
 * Applies the rules, the first that has something to say.
 *
 * @param view What is seen.
 * @param sample The sample.
 * @param settings Bounds and settings.
 * @returns The move, and the state that it starts from.
 */
export function moveOn(
  view: View,
  sample: FleetSample,
  settings: PolicySettings,
): { state: PolicyState; move: Move } {
  const tried = tryOut(view, sample);
  const move = tried.move ?? choose(tried.view, sample, settings);
  return { state: tried.view.state, move };
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
  const workers = sizeWake(view, state.mu);
  return {
    desired: workers,
    code: "wake",
    reason: `${records(lag)} waiting and no workers: ${count(workers)}`,
    changes: { wokeAtMs: sample.atMs },
  };
}

/** Looks at the effect of the last step up; a step without one is taken back. */
function tryOut(view: View, sample: FleetSample): { view: View; move?: Move } {
  const { state } = view;
  const { trial, atMs, knownSinceMs } = state;
  if (trial === null || atMs === null) return { view };
  const verdict = judge(trial, {
    atMs,
    knownSinceMs,
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
  const pressures = pressuresOn(view, mu, desired);
  if (pressures.length === 0) return null;
  // A wake was the first sample of its own pressure.
  const woke = state.wokeAtMs !== null && atMs - state.wokeAtMs <= WAKE_MS;
  const sinceMs = state.pressureSinceMs ?? (woke ? state.wokeAtMs : null);
  const { startupMs } = sample;
  const sized = sizeUp(view, { pressures, mu, workers: desired, sinceMs, startupMs, settings });
  if (sized.workers <= desired) return null;
  const changes = { pressureSinceMs: sinceMs ?? atMs };
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
    code: pressures.includes("arrival") ? "up-arrival" : "up-lag",
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
    return stay(
      state,
      "partial-data",
      "the load of some partitions is not known: no worker is removed",
    );
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

/**
 * No change.
 *
 * @param state The state.
 * @param code Why.
 * @param reason Why, without capital and full stop.
 * @param changes What it changes in the state besides.
 * @returns The move.
 */
export function stay(
  state: PolicyState,
  code: DecisionCode,
  reason: string,
  changes?: Partial<PolicyState>,
): Move {
  return changes === undefined
    ? { desired: state.desired, code, reason }
    : { desired: state.desired, code, reason, changes };
}

/** The state of the topic in a few words. */
function seen({ rates3, lag }: View): string {
  return `${rate(sum(rates3))} arrive, lag ${lag}`;
}
