/**
 * What the scaling policy remembers of the topic: the last 30 seconds of ends and cursors, thinned
 * out with age, and the rates that follow from them.
 *
 * @module
 */

/** A look at the topic; the lists are in the order of the partitions. */
export interface TopicPoint {
  /** When it was taken, epoch ms. */
  readonly atMs: number;
  /** The end of each partition. */
  readonly ends: readonly number[];
  /** The sum of the cursors. */
  readonly folded: number;
}

/** The longest rate that is asked for, in ms. */
const SPAN_MS = 30_000;

/** Points older than the age are kept at least this far apart, in ms: `[age, distance]`. */
const THINNING: readonly (readonly [ageMs: number, apartMs: number])[] = [
  [4_000, 900],
  [11_000, 2_400],
];

/**
 * Adds a point, forgets those that no rate needs, and thins out the older ones, so that the state
 * stays a few dozen points however often samples come.
 *
 * @param points The points, oldest first.
 * @param point The new one, later than all.
 * @returns The new list.
 */
export function addPoint(points: readonly TopicPoint[], point: TopicPoint): TopicPoint[] {
  const kept: TopicPoint[] = [];
  for (const [i, old] of points.entries()) {
    const age = point.atMs - old.atMs;
    const next = points[i + 1] ?? point;
    // One point at or before the span's beginning is kept: the longest rate starts there.
    if (age > SPAN_MS && point.atMs - next.atMs >= SPAN_MS) continue;
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
 * history, the oldest.
 *
 * @param points The points, oldest first.
 * @param spanMs The span.
 * @returns The point; undefined where there are not two points.
 */
export function pointBack(points: readonly TopicPoint[], spanMs: number): TopicPoint | undefined {
  const last = points.at(-1);
  if (last === undefined || points.length < 2) return undefined;
  for (let i = points.length - 2; i > 0; i--) {
    const point = points[i];
    if (point !== undefined && last.atMs - point.atMs >= spanMs) return point;
  }
  return points[0];
}

/**
 * Arrivals per second and partition between a point and the newest one.
 *
 * @param points The points, oldest first.
 * @param from The point to start from.
 * @param leastMs Shorter spans count as this long, so that one record in an instant is no flood.
 * @returns The rates, empty where there is no span.
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

/**
 * Events folded per second between a point and the newest one.
 *
 * @param points The points, oldest first.
 * @param from The point to start from.
 * @returns The rate, 0 where there is no span.
 */
export function foldedSince(points: readonly TopicPoint[], from: TopicPoint | undefined): number {
  const last = points.at(-1);
  if (last === undefined || from === undefined || from.atMs >= last.atMs) return 0;
  return (last.folded - from.folded) / ((last.atMs - from.atMs) / 1000);
}
