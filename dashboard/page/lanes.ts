/**
 * Where things lie on the axis of event time: pure, in parts of the drawn span.
 *
 * @module
 */

import type { EventTimeView } from "../server/state.ts";

/** The drawn span of event time. */
export interface Span {
  /** Its start, epoch ms. */
  readonly from: number;
  /** Its end, epoch ms. */
  readonly to: number;
}

/** A span longer than this many windows is cut at its old end. */
const MOST_WINDOWS = 40;

/**
 * The span that shows all open windows, the watermark and the newest events.
 *
 * @returns The span; null as long as there is nothing to draw.
 */
export function spanOf(time: EventTimeView, sizeMs: number): Span | null {
  const newest = Math.max(
    ...time.partitions.map(({ maxEventTime }) => maxEventTime ?? -Infinity),
    time.folded?.maxEventTime ?? -Infinity,
    ...time.open.map(({ end }) => end),
    time.watermark ?? -Infinity,
  );
  if (newest === -Infinity) return null;
  const oldest = Math.min(
    ...time.open.map(({ start }) => start),
    (time.watermark ?? newest) - sizeMs * 2,
    ...time.partitions.map(({ watermark }) => (watermark ?? Infinity) - sizeMs),
  );
  const to = newest + sizeMs * 0.6;
  return { from: Math.max(oldest, to - sizeMs * MOST_WINDOWS), to };
}

/**
 * Where a time lies.
 *
 * @returns 0 at its start, 1 at its end; times beyond lie on the nearer edge.
 */
export function placeOf({ from, to }: Span, ms: number): number {
  return Math.min(1, Math.max(0, (ms - from) / (to - from)));
}

/** Steps of the axis, in ms. */
const STEPS = [
  1_000,
  2_000,
  5_000,
  10_000,
  15_000,
  30_000,
  60_000,
  120_000,
  300_000,
  600_000,
  1_800_000,
  3_600_000,
  21_600_000,
  86_400_000,
  604_800_000,
  2_629_800_000,
];

/** Round times on the axis. */
export function ticksOf({ from, to }: Span, most: number): number[] {
  const step = STEPS.find((size) => (to - from) / size <= most) ?? (to - from) / most;
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, i) => first + i * step);
}
