/**
 * What is counted while records are folded, and how a window is named: words that folding, the
 * account and everything in between share.
 *
 * @module
 */

/** Counts of one partition in a sweep. Events: `read = aggregated + late + invalid + skewed + filtered`. */
export interface SliceCounts {
  /** Events read. */
  readonly read: number;
  /** Events that count in at least one window. */
  readonly aggregated: number;
  /** Events that missed every window they belong to. */
  readonly late: number;
  /** Events, late or not, that missed a window only because of the floor. */
  readonly lateByFloor: number;
  /** Events that can't be decoded or break the schema. */
  readonly invalid: number;
  /** Events too far ahead of their record's timestamp. */
  readonly skewed: number;
  /** Events that the definition's filter left out. */
  readonly filtered: number;
  /** (event, window) pairs of the aggregated and the late events. */
  readonly assigned: number;
  /** Of the assigned pairs: those whose window may be closed. */
  readonly missed: number;
}

/** No events. */
export const NO_COUNTS: SliceCounts = {
  read: 0,
  aggregated: 0,
  late: 0,
  lateByFloor: 0,
  invalid: 0,
  skewed: 0,
  filtered: 0,
  assigned: 0,
  missed: 0,
};

/** Adds counts up. */
export function addCounts(a: SliceCounts, b: SliceCounts): SliceCounts {
  return {
    read: a.read + b.read,
    aggregated: a.aggregated + b.aggregated,
    late: a.late + b.late,
    lateByFloor: a.lateByFloor + b.lateByFloor,
    invalid: a.invalid + b.invalid,
    skewed: a.skewed + b.skewed,
    filtered: a.filtered + b.filtered,
    assigned: a.assigned + b.assigned,
    missed: a.missed + b.missed,
  };
}

/** A window, or one share of its keys. */
export interface WindowShard {
  /** Start of the window, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
}

/** Counts of a sweep: `read = aggregated + late + invalid + skewed + filtered + failed`. */
export interface SweepCounts extends SliceCounts {
  /** Records set aside because folding them kills or fails a sweep that holds nothing else. */
  readonly failed: number;
}

/** No events of a sweep. */
export const NO_SWEEP_COUNTS: SweepCounts = { ...NO_COUNTS, failed: 0 };

/** Adds counts of sweeps up. */
export function addSweepCounts(a: SweepCounts, b: SweepCounts): SweepCounts {
  return { ...addCounts(a, b), failed: a.failed + b.failed };
}
