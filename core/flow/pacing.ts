/**
 * Pacing of a caught-up partition: at most one answer a pace, except where a window could close.
 * That moment is predicted from the event time, as long as event time runs as the wall clock does.
 *
 * @module
 */

/** The history that a prediction looks at, in ms. */
export const PREDICTION_SPAN_MS = 10_000;
/** Early answers after a predicted moment, in ms; the budget of one boundary. */
export const EARLY_AFTER_MS: readonly number[] = [5, 10, 20, 40, 80];
/** Event time must have run at least this fast against the wall clock. */
const SLOWEST = 0.9;
/** Event time must have run at most this fast against the wall clock. */
const FASTEST = 1.1;
/** A prediction needs a history of at least this many ms. */
const SHORTEST_SPAN_MS = 2_000;

/** A point of a partition's event time over the wall clock: `[wall ms, event ms]`. */
export type PacePoint = readonly [wallMs: number, eventMs: number];

/**
 * Adds a point and forgets those that are too old, keeping one that spans the whole history.
 *
 * @param points The history, oldest first.
 * @param point The new point.
 * @returns The new history.
 */
export function remember(points: readonly PacePoint[], point: PacePoint): PacePoint[] {
  const last = points.at(-1);
  // A wall clock that went back makes the history worthless.
  const kept = last !== undefined && last[0] > point[0] ? [] : [...points];
  const oldest = point[0] - PREDICTION_SPAN_MS;
  while (kept.length > 1 && (kept[1]?.[0] ?? Infinity) <= oldest) kept.shift();
  return [...kept, point];
}

/**
 * Predicts when the partition's event time reaches a moment.
 *
 * @param points The history, oldest first.
 * @param eventMs The event time to be reached.
 * @returns The wall clock time in epoch ms; undefined if event time does not run as the wall clock.
 */
export function predict(points: readonly PacePoint[], eventMs: number): number | undefined {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const span = last[0] - first[0];
  if (span < SHORTEST_SPAN_MS) return undefined;
  const speed = (last[1] - first[1]) / span;
  if (speed < SLOWEST || speed > FASTEST) return undefined;
  return last[0] + (eventMs - last[1]);
}

/**
 * The pace of one partition: all partitions together stay near ten slices a second.
 *
 * @param paceMs The configured pace.
 * @param partitions How many partitions there are.
 * @returns The pace in ms.
 */
export function paceOf(paceMs: number, partitions: number): number {
  return Math.max(paceMs, partitions * 100);
}
