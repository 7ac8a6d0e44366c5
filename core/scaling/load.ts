/**
 * From offsets to workers: lag, backlog, load. A partition is in one sweep at a time, so it
 * can keep one worker busy and no more: whatever it asks for beyond that counts as one worker.
 *
 * @module
 */

/** How far a partition is: its end, and the next offset to fold; null is what is not known. */
export interface Offsets {
  /** Its end: the last stable offset. */
  readonly end: number | null;
  /** The next offset to fold. */
  readonly cursor: number | null;
}

/** How many offsets of a partition are not folded yet; null where that is not known. */
export function lagOf({ end, cursor }: Offsets): number | null {
  // A cursor beyond the end as it was seen is newer than that.
  return end === null || cursor === null ? null : Math.max(0, end - cursor);
}

/** The lag of some partitions together; null if that of one is not known, which is not the same as 0. */
export function totalLag(partitions: readonly Offsets[]): number | null {
  let total = 0;
  for (const partition of partitions) {
    const lag = lagOf(partition);
    if (lag === null) return null;
    total += lag;
  }
  return total;
}

/**
 * The part of each lag that is a backlog. Records wait for their sweep and are counted as lag until
 * it ends, so a caught-up topic has a lag too: what arrives in the time of that circulation.
 */
export function backlogsOf(
  lags: readonly number[],
  rates: readonly number[],
  circulationMs: number,
): number[] {
  return lags.map((lag, i) => Math.max(0, lag - (rates[i] ?? 0) * circulationMs / 1000));
}

/** What a load is made of; the lists are in the order of the partitions. */
export interface LoadInputs {
  /** Arrivals per second of each partition. */
  readonly rates: readonly number[];
  /**
   * Events to be caught up with in each partition.
   * @default {[]}
   */
  readonly backlogs?: readonly number[];
  /** Events that one worker folds per busy second. */
  readonly workerRate: number;
}

/** How a load is computed. */
export interface LoadOptions {
  /**
   * The share of a worker's time that arrivals may take.
   * @default {1}
   */
  readonly utilization?: number;
  /**
   * The seconds in which the backlog is to be caught up with.
   * @default {10}
   */
  readonly catchUpSeconds?: number;
}

/** How many workers the topic can keep busy, with fractions. */
export function loadOf(inputs: LoadInputs, options: LoadOptions = {}): number {
  const { rates, backlogs = [], workerRate } = inputs;
  const { utilization = 1, catchUpSeconds = 10 } = options;
  let load = 0;
  for (let i = 0; i < Math.max(rates.length, backlogs.length); i++) {
    const wanted = (rates[i] ?? 0) / utilization + (backlogs[i] ?? 0) / catchUpSeconds;
    load += Math.min(1, wanted / workerRate);
  }
  return load;
}

/** Whole workers for a load; a rounding error is not worth one. */
export function workersFor(load: number): number {
  return Math.max(0, Math.ceil(load - 1e-9));
}

/** The sum of some numbers. */
export function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
