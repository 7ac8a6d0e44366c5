/**
 * What the policy sees: a sample taken into the state, and the rates and loads that follow.
 *
 * @module
 */

import { addPoint, arrivalsSince, foldedSince, pointBack } from "./history.ts";
import { backlogsOf, loadOf, sum } from "./load.ts";
import { TRIAL_MS } from "./trial.ts";
import { addPeak, relaxed } from "./window.ts";
import type { DecisionInputs, FleetSample, PolicySettings, PolicyState } from "./state.ts";

/** A longer silence between two samples is a gap: what was in it is not known, in ms. */
const GAP_MS = 15_000;
/** The time over which mu is smoothed, in ms. */
const MU_SMOOTHING_MS = 10_000;
/** A mu that is larger by more than this factor is taken as it is. */
const OTHER_MU = 2;
/**
 * How far two samples must be apart to confirm each other, in ms, and the shortest span of a rate that
 * sizes a step. From the first sign of pressure to the first spawn there is 1 s (design, section 10).
 */
export const LEAST_SPAN_MS = 750;
/** By how many standard deviations of random arrivals a rate must stand out. */
export const NOISE_SIGMAS = 2.5;

/** A sample in the light of the state. */
export interface View {
  /** The state with the sample taken in; `desired` is that of the last decision. */
  readonly state: PolicyState;
  /** Whether all partitions are known. */
  readonly complete: boolean;
  /** The lag of each partition. */
  readonly lags: readonly number[];
  /** Their sum. */
  readonly lag: number;
  /** The lags' part that is a backlog, by the 10 s rate. */
  readonly backlogs: readonly number[];
  /** Arrivals per second of each partition over 3 s. */
  readonly rates3: readonly number[];
  /** The span that the 3 s rate is really of, in s. */
  readonly seconds3: number;
  /** Arrivals per second of each partition over 10 s. */
  readonly rates10: readonly number[];
  /** Arrivals per second of each partition over 30 s; empty until there is a history of 30 s. */
  readonly rates30: readonly number[];
  /** Events folded per second over the time in which a step up must show its effect. */
  readonly folded: number;
  /** Whether records have arrived since the last sample. */
  readonly arrived: boolean;
  /** Partitions that take more than one worker folds. */
  readonly hot: readonly number[];
  /** The figures for people. */
  readonly inputs: DecisionInputs;
}

/**
 * Takes a sample in.
 *
 * @param before The state.
 * @param sample The sample, later than the state's last.
 * @param settings The settings.
 * @returns What is seen; null if nothing could be found out.
 */
export function look(
  before: PolicyState,
  sample: FleetSample,
  settings: PolicySettings,
): View | null {
  const { atMs } = sample;
  const known = knownOf(sample);
  if (known.ids.length === 0) return null;
  const complete = known.ids.length === sample.partitions.length;
  const last = before.points.at(-1);
  const continues = sameList(before.partitions, known.ids) && last !== undefined &&
    known.ends.every((end, i) => end >= (last.ends[i] ?? end));
  const point = { atMs, ends: known.ends, folded: sum(known.cursors) };
  const points = continues ? addPoint(before.points, point) : [point];
  const mu = smoothedMu(before, sample);

  const lags = known.ends.map((end, i) => Math.max(0, end - (known.cursors[i] ?? end)));
  const lag = sum(lags);
  const ratesOver = (spanMs: number) => arrivalsSince(points, pointBack(points, spanMs), 1_000);
  const rates3 = ratesOver(3_000);
  const rates10 = ratesOver(10_000);
  const oldest = points[0]?.atMs ?? atMs;
  const rates30 = atMs - oldest >= 30_000 ? ratesOver(30_000) : [];
  const from10 = pointBack(points, 10_000);
  // No more than what has come can be in circulation.
  const circulationMs = Math.min(settings.circulationMs, atMs - (from10?.atMs ?? atMs));
  const backlogs = backlogsOf(lags, rates10, circulationMs);
  const load = mu === null ? null : loadOf({ rates: rates10, backlogs, mu });
  const arrived = continues && known.ends.some((end, i) => end > (last.ends[i] ?? end));
  const idle = complete && !arrived && lag === 0 && sample.inFlight === 0;
  const gap = before.atMs === null || atMs - before.atMs > GAP_MS || !continues;
  const hot = mu === null ? [] : hotOf(known.ids, rates10, mu);

  const state: PolicyState = {
    ...before,
    atMs,
    partitions: known.ids,
    points,
    mu,
    peaks: load === null ? before.peaks : addPeak(continues ? before.peaks : [], atMs, load),
    knownSinceMs: !complete ? null : gap ? atMs : before.knownSinceMs ?? atMs,
    idleSinceMs: !idle ? null : gap ? atMs : before.idleSinceMs ?? atMs,
    pressureSinceMs: continues ? before.pressureSinceMs : null,
    window: relaxed(before.window, atMs),
  };
  const total = (rates: readonly number[]) => rates.length === 0 ? null : sum(rates);
  return {
    state,
    complete,
    lags,
    lag,
    backlogs,
    rates3,
    seconds3: (atMs - (pointBack(points, 3_000)?.atMs ?? atMs)) / 1000,
    rates10,
    rates30,
    folded: foldedSince(points, pointBack(points, TRIAL_MS)),
    arrived,
    hot,
    inputs: {
      arrival3: total(rates3),
      arrival10: total(rates10),
      arrival30: total(rates30),
      lag,
      backlog: sum(backlogs),
      mu,
      load,
      ...fleetOf(sample),
      hot,
    },
  };
}

/** The part of a decision's inputs that is known whatever the topic says. */
export function fleetOf(
  { inFlight, ready, starting, draining }: FleetSample,
): Pick<DecisionInputs, "inFlight" | "ready" | "starting" | "draining"> {
  return { inFlight, ready, starting, draining };
}

/** The partitions of which end and cursor are known, in their order. */
function knownOf(sample: FleetSample): { ids: number[]; ends: number[]; cursors: number[] } {
  const known: { ids: number[]; ends: number[]; cursors: number[] } = {
    ids: [],
    ends: [],
    cursors: [],
  };
  for (const one of sample.partitions.toSorted((a, b) => a.partition - b.partition)) {
    if (one.end === null || one.cursor === null) continue;
    known.ids.push(one.partition);
    known.ends.push(one.end);
    known.cursors.push(one.cursor);
  }
  return known;
}

function smoothedMu(before: PolicyState, { mu, atMs }: FleetSample): number | null {
  if (mu === null || !Number.isFinite(mu) || mu <= 0) return before.mu;
  if (before.mu === null || before.atMs === null) return mu;
  // That is no noise: slices of a few records cost mostly by the slice, large ones by the record.
  if (mu > before.mu * OTHER_MU) return mu;
  // A plain fraction, not an exponential: replays must give the same digits on every machine.
  const elapsed = atMs - before.atMs;
  return before.mu + (mu - before.mu) * elapsed / (elapsed + MU_SMOOTHING_MS);
}

/** Partitions whose own rate exceeds what one worker folds, by more than chance. */
function hotOf(ids: readonly number[], rates10: readonly number[], mu: number): number[] {
  const limit = mu + NOISE_SIGMAS * Math.sqrt(mu / 10);
  return ids.filter((_, i) => (rates10[i] ?? 0) > limit);
}

function sameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
