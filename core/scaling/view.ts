/**
 * What the policy sees: a sample taken into the state, and the rates and loads that follow from the
 * last 30 seconds of ends and cursors, which are thinned out with age.
 *
 * @module
 */

import { backlogsOf, lagOf, loadOf, sum } from "./load.ts";
import { addPeak, relaxed } from "./step_down.ts";
import type {
  DecisionInputs,
  FleetSample,
  PolicySettings,
  PolicyState,
  TopicPoint,
} from "./state.ts";

/** A longer silence between two samples is a gap: what was in it is not known, in ms. */
const GAP_MS = 15_000;
/** The time over which the worker rate is smoothed, in ms. */
const RATE_SMOOTHING_MS = 10_000;
/** A worker rate that is larger by more than this factor is taken as it is. */
const OTHER_RATE = 2;
/**
 * How far two samples must be apart to confirm each other, in ms, and the shortest span of a rate that
 * sizes a step: from the first sign of pressure to the first spawn there is 1 s.
 */
export const LEAST_SPAN_MS = 750;
/** By how many standard deviations of random arrivals a rate must stand out. */
export const NOISE_SIGMAS = 2.5;
/** The longest rate that is asked for, in ms. */
const LONGEST_SPAN_MS = 30_000;
/** Points older than the age are kept at least this far apart, in ms: `[age, distance]`. */
const THINNING: readonly (readonly [ageMs: number, apartMs: number])[] = [
  [4_000, 900],
  [11_000, 2_400],
];

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
  /** Whether records have arrived since the last sample. */
  readonly arrived: boolean;
  /** Partitions that take more than one worker folds. */
  readonly hot: readonly number[];
  /** The figures for people. */
  readonly inputs: DecisionInputs;
}

/** Takes in a sample that is later than the state's last; null if it knows no partition. */
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
  const workerRate = smoothedRate(before, sample);

  const lag = sum(known.lags);
  const ratesOver = (spanMs: number) => arrivalsSince(points, pointBack(points, spanMs), 1_000);
  const rates3 = ratesOver(3_000);
  const rates10 = ratesOver(10_000);
  const oldest = points[0]?.atMs ?? atMs;
  const rates30 = atMs - oldest >= 30_000 ? ratesOver(30_000) : [];
  const from10 = pointBack(points, 10_000);
  // No more than what has come can be in circulation.
  const circulationMs = Math.min(settings.circulationMs, atMs - (from10?.atMs ?? atMs));
  const backlogs = backlogsOf(known.lags, rates10, circulationMs);
  const load = workerRate === null ? null : loadOf({ rates: rates10, backlogs, workerRate });
  const arrived = continues && known.ends.some((end, i) => end > (last.ends[i] ?? end));
  const idle = complete && !arrived && lag === 0 && sample.inFlight === 0;
  const gap = before.atMs === null || atMs - before.atMs > GAP_MS || !continues;
  const hot = workerRate === null ? [] : hotOf(known.ids, rates10, workerRate);

  const state: PolicyState = {
    ...before,
    atMs,
    partitions: known.ids,
    points,
    workerRate,
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
    lags: known.lags,
    lag,
    backlogs,
    rates3,
    seconds3: (atMs - (pointBack(points, 3_000)?.atMs ?? atMs)) / 1000,
    rates10,
    rates30,
    arrived,
    hot,
    inputs: {
      arrival3: total(rates3),
      arrival10: total(rates10),
      arrival30: total(rates30),
      lag,
      backlog: sum(backlogs),
      workerRate,
      load,
      ...fleetOf(sample),
      hot,
    },
  };
}

/** The inputs of a decision that knows nothing of the topic. */
export function unknownInputs(state: PolicyState, sample: FleetSample): DecisionInputs {
  return {
    arrival3: null,
    arrival10: null,
    arrival30: null,
    lag: null,
    backlog: null,
    workerRate: state.workerRate,
    load: null,
    ...fleetOf(sample),
    hot: [],
  };
}

/** The part of a decision's inputs that is known whatever the topic says. */
function fleetOf(
  { inFlight, ready, starting, draining }: FleetSample,
): Pick<DecisionInputs, "inFlight" | "ready" | "starting" | "draining"> {
  return { inFlight, ready, starting, draining };
}

/** The partitions of which end and cursor are known, in their order. */
function knownOf(sample: FleetSample) {
  const ids: number[] = [];
  const ends: number[] = [];
  const cursors: number[] = [];
  const lags: number[] = [];
  for (const one of sample.partitions.toSorted((a, b) => a.partition - b.partition)) {
    const lag = lagOf(one);
    if (one.end === null || one.cursor === null || lag === null) continue;
    ids.push(one.partition);
    ends.push(one.end);
    cursors.push(one.cursor);
    lags.push(lag);
  }
  return { ids, ends, cursors, lags };
}

function smoothedRate(before: PolicyState, { workerRate, atMs }: FleetSample): number | null {
  if (workerRate === null || !Number.isFinite(workerRate) || workerRate <= 0) {
    return before.workerRate;
  }
  if (before.workerRate === null || before.atMs === null) return workerRate;
  // That is no noise: sweeps of a few records cost mostly by the sweep, large ones by the record.
  if (workerRate > before.workerRate * OTHER_RATE) return workerRate;
  // A plain fraction, not an exponential: replays must give the same digits on every machine.
  const elapsed = atMs - before.atMs;
  return before.workerRate +
    (workerRate - before.workerRate) * elapsed / (elapsed + RATE_SMOOTHING_MS);
}

/** Partitions whose own rate exceeds what one worker folds, by more than chance. */
function hotOf(ids: readonly number[], rates10: readonly number[], workerRate: number): number[] {
  const limit = workerRate + NOISE_SIGMAS * Math.sqrt(workerRate / 10);
  return ids.filter((_, i) => (rates10[i] ?? 0) > limit);
}

function sameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

// ---- the history

/**
 * Adds a point that is later than all, forgets those that no rate needs, and thins out the older ones,
 * so that the state stays a few dozen points however often samples come.
 */
function addPoint(points: readonly TopicPoint[], point: TopicPoint): TopicPoint[] {
  const kept: TopicPoint[] = [];
  for (const [i, old] of points.entries()) {
    const age = point.atMs - old.atMs;
    const next = points[i + 1] ?? point;
    // One point at or before the span's beginning is kept: the longest rate starts there.
    if (age > LONGEST_SPAN_MS && point.atMs - next.atMs >= LONGEST_SPAN_MS) continue;
    const before = kept.at(-1);
    if (before === undefined || next.atMs - before.atMs > apartAt(age)) kept.push(old);
  }
  kept.push(point);
  return kept;
}

/** How far apart points of an age may lie; 0 for those that are all kept. */
function apartAt(ageMs: number): number {
  let apart = 0;
  for (const [age, distance] of THINNING) if (ageMs > age) apart = distance;
  return apart;
}

/**
 * The point that a rate over a span starts from: the last one at least as old, or, with a shorter
 * history, the oldest; undefined where there are not two points.
 */
function pointBack(points: readonly TopicPoint[], spanMs: number): TopicPoint | undefined {
  const last = points.at(-1);
  if (last === undefined || points.length < 2) return undefined;
  for (let i = points.length - 2; i > 0; i--) {
    const point = points[i];
    if (point !== undefined && last.atMs - point.atMs >= spanMs) return point;
  }
  return points[0];
}

/**
 * Arrivals per second and partition between a point and the newest one; empty where there is no span.
 * Spans below `leastMs` count as so long, so that one record in an instant is no flood.
 */
export function arrivalsSince(
  points: readonly TopicPoint[],
  from: TopicPoint | undefined,
  leastMs: number,
): number[] {
  const last = points.at(-1);
  if (last === undefined || from === undefined || from.atMs >= last.atMs) return [];
  const seconds = Math.max(last.atMs - from.atMs, leastMs) / 1000;
  return last.ends.map((end, i) => (end - (from.ends[i] ?? end)) / seconds);
}

/** Events folded per second over a span up to the newest point; 0 where there is no span. */
export function foldedOver(points: readonly TopicPoint[], spanMs: number): number {
  const last = points.at(-1);
  const from = pointBack(points, spanMs);
  if (last === undefined || from === undefined || from.atMs >= last.atMs) return 0;
  return (last.folded - from.folded) / ((last.atMs - from.atMs) / 1000);
}
