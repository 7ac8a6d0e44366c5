/**
 * Whether a step up helped. Where the workers are not what holds the topic up (a slow lookup
 * service, a broker at its limit), more of them cost and change nothing: the step is undone.
 *
 * @module
 */

import { loadOf, sum } from "./load.ts";
import { foldedOver, type View } from "./view.ts";
import type { Ceiling, Trial } from "./state.ts";

/** How long a step up has to show an effect once its workers are ready, in ms. */
const TRIAL_MS = 10_000;
/** The least gain, as a share of the expected one. */
const LEAST_GAIN = 0.25;
/** How long a step that was undone is not tried again, in ms; doubles up to the longest. */
const FIRST_HOLD_MS = 120_000;
/** The longest hold, in ms. */
const LONGEST_HOLD_MS = 600_000;
/** More arrivals than this, against those of the step, are another load that may be stepped for. */
const OTHER_LOAD = 1.25;

/** What became of a step up. */
export type Verdict =
  | {
    /** The workers are not ready, or not for long enough. */
    readonly kind: "waiting";
    /** The trial to go on with. */
    readonly trial: Trial;
  }
  | {
    /** The step helped, or there is nothing left that would tell. */
    readonly kind: "worked";
  }
  | {
    /** The step did not help. */
    readonly kind: "no-effect";
    /** The step. */
    readonly trial: Trial;
    /** Events per second gained. */
    readonly gain: number;
    /** Events per second that should have been. */
    readonly expected: number;
    /** How long it is not tried again; twice as long as after the one before. */
    readonly ceiling: Ceiling;
  };

/** A step up to begin with. */
export function beginTrial(
  view: View,
  step: Pick<Trial, "from" | "to" | "workerRate" | "arrival">,
): Trial {
  return { ...step, before: foldedOver(view.state.points, TRIAL_MS), readyAtMs: null };
}

/** Judges the step up that is being tried, if there is one, with so many workers ready. */
export function judge(view: View, ready: number): Verdict | null {
  const { rates10: rates, backlogs } = view;
  const { trial, atMs, knownSinceMs, points, ceiling } = view.state;
  if (trial === null || atMs === null) return null;
  if (ready < trial.to || knownSinceMs === null) {
    return { kind: "waiting", trial: { ...trial, readyAtMs: null } };
  }
  const readyAtMs = Math.max(trial.readyAtMs ?? atMs, knownSinceMs);
  if (atMs - readyAtMs < TRIAL_MS) return { kind: "waiting", trial: { ...trial, readyAtMs } };
  // As it was: where a shared service is the bottleneck, each worker's own rate falls with it.
  const { workerRate } = trial;
  if (sum(backlogs) <= trial.to * workerRate) return { kind: "worked" };
  const useful = Math.min(trial.to, loadOf({ rates, backlogs, workerRate }));
  const expected = useful * workerRate - trial.before;
  const gain = foldedOver(points, TRIAL_MS) - trial.before;
  if (expected <= 0 || gain >= LEAST_GAIN * expected) return { kind: "worked" };
  const holdMs = ceiling === null ? FIRST_HOLD_MS : Math.min(2 * ceiling.holdMs, LONGEST_HOLD_MS);
  return {
    kind: "no-effect",
    trial,
    gain,
    expected,
    ceiling: { workers: trial.from, untilMs: atMs + holdMs, holdMs, arrival: trial.arrival },
  };
}

/** Whether so many arrivals per second are another load than the one that was stepped for. */
export function isOtherLoad(arrival: number, of: Pick<Trial, "arrival">): boolean {
  return arrival > OTHER_LOAD * of.arrival;
}

/** Whether a ceiling forbids so many workers for so many arrivals per second. */
export function forbids(
  ceiling: Ceiling | null,
  step: { readonly workers: number; readonly arrival: number },
  atMs: number,
): ceiling is Ceiling {
  return ceiling !== null && step.workers > ceiling.workers && atMs < ceiling.untilMs &&
    !isOtherLoad(step.arrival, ceiling);
}
