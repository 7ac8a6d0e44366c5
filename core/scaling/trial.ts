/**
 * Whether a step up helped. Where the workers are not what holds the topic up (a slow lookup
 * service, a broker at its limit), more of them cost and change nothing: the step is taken back.
 *
 * @module
 */

import { loadOf, sum } from "./load.ts";

/** How long a step up has to show an effect once its workers are ready, in ms. */
export const TRIAL_MS = 10_000;
/** The least gain, as a share of the expected one. */
export const LEAST_GAIN = 0.25;
/** How long a step that was taken back is not tried again, in ms; doubles up to the longest. */
export const FIRST_HOLD_MS = 120_000;
/** The longest hold, in ms. */
export const LONGEST_HOLD_MS = 600_000;
/** More arrivals than this, against those of the step, are another load that may be stepped for. */
export const OTHER_LOAD = 1.25;

/** A step up whose effect is awaited. */
export interface Trial {
  /** The workers before it. */
  readonly from: number;
  /** The workers after it. */
  readonly to: number;
  /** Events per busy second and worker when it was taken. */
  readonly mu: number;
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

/** What is known when a trial is judged. */
export interface TrialEvidence {
  /** Now, epoch ms. */
  readonly atMs: number;
  /** Since when the whole topic has been known, epoch ms; null where it isn't. */
  readonly knownSinceMs: number | null;
  /** How many workers are ready. */
  readonly ready: number;
  /** Events folded per second over the last {@linkcode TRIAL_MS}. */
  readonly folded: number;
  /** Arrivals per second of each partition. */
  readonly rates: readonly number[];
  /** Events to be caught up with in each partition. */
  readonly backlogs: readonly number[];
}

/** How a trial stands. */
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
    /** Events per second gained. */
    readonly gain: number;
    /** Events per second that should have been. */
    readonly expected: number;
  };

/**
 * Judges a step up.
 *
 * @param trial The step.
 * @param evidence What is known now.
 * @returns The verdict.
 */
export function judge(trial: Trial, evidence: TrialEvidence): Verdict {
  const { atMs, knownSinceMs, ready, folded, rates, backlogs } = evidence;
  if (ready < trial.to || knownSinceMs === null) {
    return { kind: "waiting", trial: { ...trial, readyAtMs: null } };
  }
  const readyAtMs = Math.max(trial.readyAtMs ?? atMs, knownSinceMs);
  if (atMs - readyAtMs < TRIAL_MS) return { kind: "waiting", trial: { ...trial, readyAtMs } };
  // mu as it was: where a shared service is the bottleneck, each worker's own rate falls with it.
  const { mu } = trial;
  if (sum(backlogs) <= trial.to * mu) return { kind: "worked" };
  const expected = Math.min(trial.to, loadOf({ rates, backlogs, mu })) * mu - trial.before;
  const gain = folded - trial.before;
  return expected > 0 && gain < LEAST_GAIN * expected
    ? { kind: "no-effect", gain, expected }
    : { kind: "worked" };
}

/**
 * The ceiling after a step without effect; one that follows another holds twice as long.
 *
 * @param trial The step.
 * @param previous The ceiling of an earlier step.
 * @param atMs Now, epoch ms.
 * @returns The ceiling.
 */
export function ceilingOf(trial: Trial, previous: Ceiling | null, atMs: number): Ceiling {
  const holdMs = previous === null ? FIRST_HOLD_MS : Math.min(2 * previous.holdMs, LONGEST_HOLD_MS);
  return { workers: trial.from, untilMs: atMs + holdMs, holdMs, arrival: trial.arrival };
}

/**
 * Whether a ceiling forbids a step.
 *
 * @param ceiling The ceiling.
 * @param workers The workers that are wanted.
 * @param arrival Arrivals per second now.
 * @param atMs Now, epoch ms.
 * @returns Whether it does.
 */
export function forbids(
  ceiling: Ceiling | null,
  workers: number,
  arrival: number,
  atMs: number,
): ceiling is Ceiling {
  return ceiling !== null && workers > ceiling.workers && atMs < ceiling.untilMs &&
    arrival <= OTHER_LOAD * ceiling.arrival;
}
