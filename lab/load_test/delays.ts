/**
 * How long events took from their arrival in the topic until they were folded.
 *
 * @module
 */

import { type Delay, delayQuantile } from "../simulator/metrics.ts";
import type { Span } from "./timeline.ts";

/** A record's arrival. */
export interface Arrival {
  /** Its partition. */
  readonly partition: number;
  /** Its offset. */
  readonly offset: number;
  /** The record's timestamp, by the broker's clock, epoch ms. */
  readonly atMs: number;
}

/** A moment at which everything of a partition before an offset was known to be durable. */
export interface DurableMark {
  /** The partition. */
  readonly partition: number;
  /** The offset. */
  readonly before: number;
  /** The moment, by the control process's clock, epoch ms. */
  readonly atMs: number;
}

/** Delays in figures. */
export interface DelaySummary {
  /** How many events. */
  readonly events: number;
  /** Half of them took no longer than this, in ms. */
  readonly p50Ms: number;
  /** 99 of 100 took no longer than this, in ms. */
  readonly p99Ms: number;
  /** The longest, in ms. */
  readonly maxMs: number;
}

/** What an event's delay was. */
export interface EventDelay {
  /** When it arrived, epoch ms. */
  readonly atMs: number;
  /** How long it took, in ms. */
  readonly delayMs: number;
}

/**
 * Finds each event's delay: from its arrival to the first moment at which it was known to be durable.
 *
 * @param arrivals The events.
 * @param marks What was known to be durable when, earliest first.
 * @returns The delays of those that were folded.
 */
export function delaysOf(
  arrivals: readonly Arrival[],
  marks: readonly DurableMark[],
): EventDelay[] {
  const byPartition = new Map<number, DurableMark[]>();
  for (const mark of marks) {
    const known = byPartition.get(mark.partition) ?? [];
    // Only what is news: the offsets of a partition's marks ascend strictly then.
    if (mark.before > (known.at(-1)?.before ?? 0)) known.push(mark);
    byPartition.set(mark.partition, known);
  }
  return arrivals.flatMap(({ partition, offset, atMs }) => {
    const mark = firstAfter(byPartition.get(partition) ?? [], offset);
    return mark === undefined ? [] : [{ atMs, delayMs: Math.max(0, mark.atMs - atMs) }];
  });
}

function firstAfter(marks: readonly DurableMark[], offset: number): DurableMark | undefined {
  let low = 0;
  let high = marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((marks[middle]?.before ?? 0) > offset) high = middle;
    else low = middle + 1;
  }
  return marks[low];
}

/**
 * Sums the delays of a stretch of time up.
 *
 * @param delays All delays.
 * @param span When the events arrived; all of them if left out.
 * @returns The figures; null if there were none.
 */
export function summarize(delays: readonly EventDelay[], span?: Span): DelaySummary | null {
  const inside = span === undefined
    ? delays
    : delays.filter(({ atMs }) => atMs >= span.fromMs && atMs < span.toMs);
  if (inside.length === 0) return null;
  const all = inside.map(({ delayMs }): Delay => [delayMs, 1]);
  return {
    events: inside.length,
    p50Ms: delayQuantile(all, 0.5),
    p99Ms: delayQuantile(all, 0.99),
    maxMs: delayQuantile(all, 1),
  };
}
