/**
 * The scaling policy: a pure function from state and sample to state and decision. The supervisor
 * runs it live, the simulator runs it against models of load, and the tests run it alone; it is the
 * same code. The constants were chosen by the simulator's goals (`tests/lab/simulator/goals_test.ts`).
 *
 * A decision reads from top to bottom: `view.ts` takes the sample in, the rules below are asked in
 * their order and the first that has something to say decides, `conclude` puts that within the bounds.
 *
 * @module
 */

import { sum } from "./load.ts";
import { addPeak, shrinkOf, steppedDown, steppedUp } from "./step_down.ts";
import { pressuresOn, sizeUp, sizeWake, WAKE_MS } from "./step_up.ts";
import { beginTrial, forbids, isOtherLoad, judge, type Verdict } from "./trial.ts";
import { LEAST_SPAN_MS, look, unknownInputs, type View } from "./view.ts";
import type {
  DecisionCode,
  DecisionInputs,
  FleetSample,
  PolicySettings,
  PolicyState,
  PolicyStep,
} from "./state.ts";

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
 * moment of the window needed more. To 0: after a minute without arrivals, lag and sweeps in flight.
 * Missing data: the number stays. A sample that is not later than the last one changes nothing.
 */
export function decide(
  before: PolicyState,
  sample: FleetSample,
  settings: PolicySettings,
): PolicyStep {
  if (before.atMs !== null && sample.atMs <= before.atMs) {
    const reason = "this sample is not newer than the last one";
    const changes = { pressureSinceMs: before.pressureSinceMs };
    const inputs = unknownInputs(before, sample);
    return conclude({ code: "stale-sample", reason, changes }, {
      before,
      sample,
      settings,
      inputs,
    });
  }
  const view = look(before, sample, settings);
  if (view === null) {
    const reason = "the load is not known: the fleet stays as it is";
    const changes = { atMs: sample.atMs, knownSinceMs: null, idleSinceMs: null };
    const inputs = unknownInputs(before, sample);
    return conclude({ code: "missing-data", reason, changes }, {
      before,
      sample,
      settings,
      inputs,
    });
  }
  const { inputs } = view;
  if (settings.fixed !== null) {
    const reason = `a person has set the fleet to ${count(settings.fixed)}`;
    const now = { before, seen: view.state, sample, settings, inputs };
    return conclude({ code: "fixed", reason }, now);
  }
  const verdict = judge(view, sample.ready);
  const judged = { ...view, state: afterVerdict(view.state, verdict) };
  const now = { view: judged, sample, settings, verdict };
  const answer = firstOf(RULES, now) ?? keep(now);
  return conclude(answer, { before, seen: judged.state, sample, settings, inputs });
}

/**
 * Tells whether a look at the topic is worth a sample of its own: it would change the number of
 * workers, or it is the first sign of pressure. Who takes samples looks often and hands on those
 * that matter, and one now and then that doesn't.
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

// ---- the rules

/** What the rules are asked about. */
interface Situation {
  readonly view: View;
  readonly sample: FleetSample;
  readonly settings: PolicySettings;
  readonly verdict: Verdict | null;
}

/** What a rule says. */
interface Answer {
  /** The workers that are wanted, before the bounds; without it the number stays. */
  readonly to?: number;
  readonly code: DecisionCode;
  /** Why, without capital and full stop. */
  readonly reason: string;
  /** What it changes in the state besides. */
  readonly changes?: Partial<PolicyState>;
}

type Rule = (now: Situation) => Answer | null;

/** In the order in which they are asked. */
const RULES: readonly Rule[] = [undo, wake, grow, empty, shrink];

function firstOf(rules: readonly Rule[], now: Situation): Answer | null {
  for (const rule of rules) {
    const answer = rule(now);
    if (answer !== null) return answer;
  }
  return null;
}

/** The last step up did not help: back. */
function undo({ verdict }: Situation): Answer | null {
  if (verdict?.kind !== "no-effect") return null;
  const { trial: { from, to }, gain, expected, ceiling } = verdict;
  const reason = `${from} → ${count(to)} brought ${rate(gain)} of ${rate(expected)} expected, so ` +
    `something else is the bottleneck: back to ${from} for ` +
    `${Math.round(ceiling.holdMs / 60_000)} min`;
  return { to: from, code: "no-effect", reason, changes: { ceiling } };
}

/** At 0 workers: up to what is needed with the first record. */
function wake({ view, sample, settings }: Situation): Answer | null {
  const { state, lag, arrived } = view;
  if (state.desired > 0) return null;
  if (lag === 0 && !arrived) return { code: "asleep", reason: "nothing to fold, no workers" };
  if (settings.max === 0) return { code: "at-limit", reason: `${records(lag)} waiting, 0 allowed` };
  const to = sizeWake(view);
  const reason = `${records(lag)} waiting and no workers: ${count(to)}`;
  return { to, code: "wake", reason, changes: { wokeAtMs: sample.atMs } };
}

/** Up, under pressure in two samples. */
function grow({ view, sample: { startupMs }, settings }: Situation): Answer | null {
  const { state } = view;
  const { atMs, desired, workerRate, trial, ceiling, wokeAtMs } = state;
  if (workerRate === null || atMs === null) return null;
  const pressures = pressuresOn(view, workerRate, desired);
  if (pressures.length === 0) return null;
  // A wake was the first sample of its own pressure.
  const woke = wokeAtMs !== null && atMs - wokeAtMs <= WAKE_MS;
  const sinceMs = state.pressureSinceMs ?? (woke ? wokeAtMs : null);
  const size = { pressures, workerRate, workers: desired, sinceMs, startupMs, settings };
  const sized = sizeUp(view, size);
  const { workers, arrival, backlog } = sized;
  if (workers <= desired) return null;
  const stay = (code: DecisionCode, why: string): Answer => ({
    code,
    reason: `${loadWords(view)}${why}`,
    changes: { pressureSinceMs: sinceMs ?? atMs },
  });
  if (sinceMs === null || atMs - sinceMs < LEAST_SPAN_MS) {
    return stay("pressure", ": up if the next sample agrees");
  }
  if (desired >= settings.max) {
    return stay("at-limit", `: ${count(workers)} needed, ${settings.max} allowed`);
  }
  if (forbids(ceiling, sized, atMs)) {
    return stay("no-effect-hold", `, but more than ${count(ceiling.workers)} had no effect`);
  }
  if (trial !== null && !isOtherLoad(arrival, trial)) {
    return stay("settling", `: the step to ${count(trial.to)} is not judged yet`);
  }
  const to = Math.min(workers, settings.max);
  return {
    to,
    code: pressures.includes("arrival") ? "up-arrival" : "up-lag",
    reason: `${rate(arrival)} and a backlog of ${Math.round(backlog)} ` +
      `need ${count(workers)} at ${rate(workerRate)} each`,
    changes: { trial: beginTrial(view, { from: desired, to, workerRate, arrival }) },
  };
}

/** To 0, after a rest. */
function empty({ view: { state }, settings }: Situation): Answer | null {
  const { idleSinceMs, atMs } = state;
  if (settings.min > 0 || idleSinceMs === null || atMs === null) return null;
  const idleMs = atMs - idleSinceMs;
  if (idleMs < settings.idleToZeroMs) return null;
  const seconds = Math.round(idleMs / 1000);
  const reason = `no arrivals, no lag and nothing in flight for ${seconds} s`;
  return { to: 0, code: "to-zero", reason };
}

/** Down, after the window. */
function shrink({ view, settings }: Situation): Answer | null {
  const { state, inputs } = view;
  const { desired } = state;
  if (desired <= Math.max(1, settings.min)) return null;
  const shrinkable = shrinkOf(state, view.rates30);
  if (shrinkable === null || shrinkable.byRate >= desired) return null;
  const to = Math.max(shrinkable.byRate, shrinkable.byWindow, settings.min);
  const seconds = Math.round(state.window.lengthMs / 1000);
  const calm = `${rate(inputs.arrival30 ?? 0)} over 30 s need ${count(shrinkable.byRate)}`;
  if (!shrinkable.seen || to >= desired) {
    return { code: "down-window", reason: `${calm}, but the last ${seconds} s needed more` };
  }
  const reason = `${calm}, and no moment of the last ${seconds} s needed more than ${to}`;
  return { to, code: "down", reason };
}

/** No rule changes anything: why. */
function keep({ view }: Situation): Answer {
  const { state, hot, complete } = view;
  if (!complete) {
    const reason = "the load of some partitions is not known: no worker is removed";
    return { code: "partial-data", reason };
  }
  if (state.workerRate === null) {
    const reason = "no sweep has folded anything yet, so a worker's rate is unknown";
    return { code: "rate-unknown", reason };
  }
  if (hot.length > 0) {
    return { code: "hot-partition", reason: "the fleet fits the rest of the topic" };
  }
  if (state.trial !== null) {
    const reason = `the step to ${count(state.trial.to)} is being watched`;
    return { code: "settling", reason };
  }
  return { code: "steady", reason: `${loadWords(view)}: ${count(state.desired)} fit` };
}

// ---- from an answer to a decision

/** What a decision is concluded from. */
interface Conclusion {
  readonly before: PolicyState;
  /**
   * The state with the sample taken in.
   * @default {before}
   */
  readonly seen?: PolicyState;
  readonly sample: FleetSample;
  readonly settings: PolicySettings;
  readonly inputs: DecisionInputs;
}

/** Puts an answer within the bounds and carries it into the state. */
function conclude(
  { to, code, reason, changes }: Answer,
  { before, seen = before, sample, settings, inputs }: Conclusion,
): PolicyStep {
  const { fixed, min, max } = settings;
  const previous = before.desired;
  const wanted = to ?? seen.desired;
  const desired = fixed ?? Math.max(min, Math.min(max, wanted));
  const bounded = fixed === null && desired !== wanted && desired !== previous;
  const byBounds = bounded && wanted === previous;
  const state = carried({ ...seen, pressureSinceMs: null, ...changes, desired }, {
    previous,
    automatic: !byBounds && code !== "fixed",
  });
  const active = code === "pressure" || state.trial !== null || sample.ready < desired;
  return {
    state,
    decision: {
      atMs: sample.atMs,
      desired,
      previous,
      code: byBounds ? "bounds" : code,
      reason: bounded
        ? `${sentence(reason)} Bounds: ${min} to ${max}.`
        : sentence(reason) + hotSentence(inputs),
      inputs,
      sampleWithinMs: active ? BUSY_SAMPLE_MS : desired === 0 ? ASLEEP_SAMPLE_MS : CALM_SAMPLE_MS,
    },
  };
}

/** The state once the last step up has been judged. */
function afterVerdict(state: PolicyState, verdict: Verdict | null): PolicyState {
  switch (verdict?.kind) {
    case "waiting":
      return { ...state, trial: verdict.trial };
    case "worked":
      return { ...state, trial: null, ceiling: null };
    case "no-effect":
      return { ...state, trial: null };
    default:
      return state;
  }
}

/** What a change of the number leaves behind in the state; a person's changes are no flaps. */
function carried(
  state: PolicyState,
  { previous, automatic }: { readonly previous: number; readonly automatic: boolean },
): PolicyState {
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

// ---- words

/** The state of the topic in a few words. */
function loadWords({ rates3, lag }: View): string {
  return `${rate(sum(rates3))} arrive, lag ${lag}`;
}

function hotSentence({ hot, workerRate }: DecisionInputs): string {
  if (hot.length === 0 || workerRate === null) return "";
  const which = hot.length === 1
    ? `Partition ${hot[0]} takes`
    : `Partitions ${hot.join(", ")} take`;
  return ` ${which} more than the ${
    rate(workerRate)
  } of one worker, and a partition is folded by ` +
    "one at a time: more workers don't help it, other record keys or more partitions do.";
}

function rate(perSecond: number): string {
  return `${perSecond.toFixed(Math.abs(perSecond) < 100 ? 1 : 0)}/s`;
}

function count(workers: number): string {
  return `${workers} ${workers === 1 ? "worker" : "workers"}`;
}

function records(lag: number): string {
  return `${lag} ${lag === 1 ? "record" : "records"}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
