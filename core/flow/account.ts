/**
 * The account: what went in must have come out, be open, or be on a side topic (I4).
 *
 * @module
 */

import type { ClosedTotals, LostWindow } from "../event_time/close_timers.ts";
import { addCounts, NO_COUNTS, type SliceCounts } from "./slice.ts";

/** One drain's part of the account. */
export interface DrainAccount {
  /** The partition. */
  readonly partition: number;
  /** What all its slices counted. */
  readonly totals: SliceCounts;
  /** (event, window) pairs folded, but not delivered yet. */
  readonly inDelivery: number;
  /** (event, window) pairs given up because their window was lost. */
  readonly lostPairs: number;
  /** Offsets skipped by a person's choice. */
  readonly skippedOffsets: number;
  /** Why it stopped; null if it did not. */
  readonly stop: { readonly code: string } | null;
  /** How it stands. */
  readonly mode?: string;
  /** The next offset to fold. */
  readonly cursor?: number;
}

/** One open window's part of the account. */
export interface OpenAccount {
  /** (event, window) pairs taken. */
  readonly pairs: number;
  /** (event, window) pairs refused. */
  readonly refused: number;
}

/** The account of one generation. */
export interface Account {
  /** Events: `read = aggregated + late + invalid + skewed + filtered`. */
  readonly events: Omit<SliceCounts, "assigned" | "missed">;
  /** (event, window) pairs: `assigned = closed + open + inDelivery + missed`. */
  readonly pairs: {
    /** All pairs of aggregated and late events. */
    readonly assigned: number;
    /** In closed windows. */
    readonly closed: number;
    /** In open windows. */
    readonly open: number;
    /** Folded, but not delivered yet. */
    readonly inDelivery: number;
    /** Their window may have been closed. */
    readonly missed: number;
  };
  /** How many windows are closed and open. */
  readonly windows: { readonly closed: number; readonly open: number };
  /** Pairs that came to a window after its last rows were taken. */
  readonly refused: number;
  /** Pairs given up because their window was lost. */
  readonly lost: number;
  /** Offsets skipped by a person's choice. */
  readonly skippedOffsets: number;
  /** What a person chose to leave out, in words: excluded partitions are not read on. */
  readonly notes: readonly string[];
  /** What is wrong, in words; empty if nothing is. */
  readonly problems: readonly string[];
  /** Whether both equations hold and nothing was refused or lost. */
  readonly ok: boolean;
}

/**
 * Adds the account up.
 *
 * @param drains All drains of the generation.
 * @param closed What the closed windows add up to.
 * @param lost Windows that did not complete as they should.
 * @param open All open windows.
 * @returns The account.
 */
export function accountOf(
  drains: readonly DrainAccount[],
  closed: ClosedTotals,
  lost: readonly LostWindow[],
  open: readonly OpenAccount[],
): Account {
  const sum = <T>(items: readonly T[], of: (item: T) => number) =>
    items.reduce((total, item) => total + of(item), 0);
  const { assigned, missed, ...events } = drains.map((drain) => drain.totals)
    .reduce(addCounts, NO_COUNTS);
  const pairs = {
    assigned,
    closed: closed.pairs,
    open: sum(open, (window) => window.pairs),
    inDelivery: sum(drains, (drain) => drain.inDelivery),
    missed,
  };
  const refused = closed.refused + sum(open, (window) => window.refused);
  const lostPairs = sum(drains, (drain) => drain.lostPairs);
  const { read, aggregated, late, invalid, skewed, filtered } = events;
  const out = aggregated + late + invalid + skewed + filtered;
  const placed = pairs.closed + pairs.open + pairs.inDelivery + pairs.missed;
  const problems = [
    ...(read === out ? [] : [`events: read ${read}, but ${out} came out`]),
    ...(assigned === placed ? [] : [`pairs: assigned ${assigned}, but ${placed} are found`]),
    ...(refused === 0 ? [] : [`${refused} pairs were refused by a window`]),
    ...(lostPairs === 0 ? [] : [`${lostPairs} pairs were given up with a lost window`]),
    ...lost.map((window) => `TG_WINDOW_LOST: ${window.id}: ${window.why}`),
    ...drains.filter((drain) => drain.stop !== null)
      .map((drain) => `partition ${drain.partition} stopped: ${drain.stop?.code}`),
    ...drains.filter((drain) => drain.skippedOffsets > 0)
      .map((drain) => `partition ${drain.partition}: ${drain.skippedOffsets} offsets skipped`),
  ];
  return {
    events,
    pairs,
    windows: { closed: closed.windows, open: open.length },
    refused,
    lost: lostPairs,
    skippedOffsets: sum(drains, (drain) => drain.skippedOffsets),
    notes: drains.filter((drain) => drain.mode === "excluded")
      .map((drain) => `partition ${drain.partition} is excluded from offset ${drain.cursor} on`),
    problems,
    ok: problems.length === 0,
  };
}
