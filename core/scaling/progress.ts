/**
 * Detects partitions that make no progress although there are workers: their cursor stays where it is
 * while records wait. The workers at fault are replaced once; what that doesn't help is told to people.
 *
 * @module
 */

import type { FleetSample } from "./state.ts";

/** After this long without any progress of any partition workers are replaced, in ms. */
export const NO_PROGRESS_AFTER_MS = 30_000;
/** After this long without progress a partition is told to people although others make some, in ms. */
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
export interface ProgressState {
  /** The partitions with lag. */
  readonly waiting: readonly Waiting[];
  /** When a cursor last moved, or there was nothing to wait for, epoch ms; null before. */
  readonly movedAtMs: number | null;
}

/** What a sample tells of the progress. */
export interface ProgressStep {
  /** What is known now. */
  readonly state: ProgressState;
  /** Partitions whose workers are to be replaced now. */
  readonly replace: readonly number[];
  /** Partitions that people must look after. */
  readonly noProgress: readonly Waiting[];
}

/** Nothing known. */
export const NO_WAITING: ProgressState = { waiting: [], movedAtMs: null };

/**
 * Follows the progress of the partitions. With fewer slots than partitions each waits for its turn, and
 * a sweep that is never answered is taken from its worker by Temporal's timeouts; so workers are
 * only replaced when no partition makes any.
 */
export function followProgress(before: ProgressState, sample: FleetSample): ProgressStep {
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
  const all = atMs - movedAtMs >= NO_PROGRESS_AFTER_MS;
  const replace = all
    ? waiting.filter(({ sinceMs, replacedAtMs }) =>
      replacedAtMs === null && atMs - sinceMs >= NO_PROGRESS_AFTER_MS
    ).map(({ partition }) => partition)
    : [];
  const noProgress = waiting.filter(({ sinceMs, replacedAtMs }) =>
    atMs - sinceMs >= LEFT_BEHIND_AFTER_MS ||
    (all && replacedAtMs !== null && atMs - replacedAtMs >= NO_PROGRESS_AFTER_MS)
  );
  return {
    state: {
      waiting: waiting.map((one) =>
        replace.includes(one.partition) ? { ...one, replacedAtMs: atMs } : one
      ),
      movedAtMs,
    },
    replace,
    noProgress,
  };
}
