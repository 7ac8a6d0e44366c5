/**
 * Partitions that do not get on although there are workers: their cursor stays where it is while
 * records wait. The workers at fault are replaced once; what that doesn't help is told to people.
 *
 * @module
 */

import type { FleetSample } from "./state.ts";

/** After this long without any progress the fleet counts as stuck, in ms. */
export const STUCK_AFTER_MS = 30_000;
/** After this long a partition counts as stuck although others get on, in ms. */
export const LEFT_BEHIND_AFTER_MS = 300_000;

/** A partition with lag whose cursor stays where it is. */
export interface Waiting {
  /** The partition. */
  readonly partition: number;
  /** Its cursor. */
  readonly cursor: number;
  /** Since when it is there while records wait and a worker is ready, epoch ms. */
  readonly sinceMs: number;
  /** When workers were replaced because of it, epoch ms; null if not. */
  readonly replacedAtMs: number | null;
}

/** What is known of partitions that wait. */
export interface StuckState {
  /** The partitions with lag. */
  readonly waiting: readonly Waiting[];
  /** When a cursor last moved, or there was nothing to wait for, epoch ms; null before. */
  readonly movedAtMs: number | null;
}

/** A look for partitions that are stuck. */
export interface StuckLook {
  /** What is known now. */
  readonly state: StuckState;
  /** Partitions whose workers are to be replaced now. */
  readonly replace: readonly number[];
  /** Partitions that people must look after. */
  readonly helpless: readonly Waiting[];
}

/** Nothing known. */
export const NOT_STUCK: StuckState = { waiting: [], movedAtMs: null };

/**
 * Looks for partitions that are stuck. With fewer slots than partitions each waits for its turn, and
 * a slice that is never answered is taken from its worker by Temporal's timeouts; so workers are
 * only replaced when no partition gets on.
 *
 * @param before What was known.
 * @param sample What is seen.
 * @returns What is known now, and what is to be done.
 */
export function lookForStuck(before: StuckState, sample: FleetSample): StuckLook {
  const { atMs, ready, partitions } = sample;
  const known = new Map(before.waiting.map((one) => [one.partition, one]));
  const waiting = partitions.flatMap(({ partition, end, cursor }): Waiting[] => {
    if (end === null || cursor === null || end <= cursor) return [];
    const old = known.get(partition);
    if (ready > 0 && old?.cursor === cursor) return [old];
    return [{ partition, cursor, sinceMs: atMs, replacedAtMs: null }];
  });
  const still = waiting.length > 0 && waiting.length >= before.waiting.length &&
    waiting.every((one) => known.get(one.partition) === one);
  const movedAtMs = still ? before.movedAtMs ?? atMs : atMs;
  const all = atMs - movedAtMs >= STUCK_AFTER_MS;
  const replace = all
    ? waiting.filter(({ sinceMs, replacedAtMs }) =>
      replacedAtMs === null && atMs - sinceMs >= STUCK_AFTER_MS
    ).map(({ partition }) => partition)
    : [];
  const helpless = waiting.filter(({ sinceMs, replacedAtMs }) =>
    atMs - sinceMs >= LEFT_BEHIND_AFTER_MS ||
    (all && replacedAtMs !== null && atMs - replacedAtMs >= STUCK_AFTER_MS)
  );
  return {
    state: {
      waiting: waiting.map((one) =>
        replace.includes(one.partition) ? { ...one, replacedAtMs: atMs } : one
      ),
      movedAtMs,
    },
    replace,
    helpless,
  };
}
