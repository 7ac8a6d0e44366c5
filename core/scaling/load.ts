/**
 * From rates and lags to workers. A partition has one slice in flight at a time, so it can keep one
 * worker busy and no more: whatever it asks for beyond that counts as one worker.
 *
 * @module
 */

/** What a load is made of; the lists are in the order of the partitions. */
export interface LoadInputs {
  /** Arrivals per second of each partition. */
  readonly rates: readonly number[];
  /** Events to be caught up with in each partition. */
  readonly backlogs: readonly number[];
  /** Events that one worker folds per busy second. */
  readonly mu: number;
}

/** How a load is reckoned. */
export interface LoadOptions {
  /**
   * The share of a worker's time that arrivals may take.
   * @default {1}
   */
  readonly busy?: number;
  /**
   * The seconds in which the backlog is to be caught up with.
   * @default {10}
   */
  readonly catchUpSeconds?: number;
}

/** The seconds in which a backlog is to be caught up with. */
export const CATCH_UP_SECONDS = 10;

/**
 * How many workers the topic can keep busy.
 *
 * @param inputs Rates, backlogs and mu.
 * @param options How it is reckoned.
 * @returns Workers, with fractions.
 */
export function loadOf(inputs: LoadInputs, options: LoadOptions = {}): number {
  const { rates, backlogs, mu } = inputs;
  const { busy = 1, catchUpSeconds = CATCH_UP_SECONDS } = options;
  let load = 0;
  for (let i = 0; i < backlogs.length; i++) {
    const wanted = (rates[i] ?? 0) / busy + (backlogs[i] ?? 0) / catchUpSeconds;
    load += Math.min(1, wanted / mu);
  }
  return load;
}

/**
 * Whole workers for a load; a rounding error is not worth one.
 *
 * @param load The load.
 * @returns The workers.
 */
export function workersFor(load: number): number {
  return Math.max(0, Math.ceil(load - 1e-9));
}

/**
 * The part of each lag that is a backlog. Records wait for their slice and are counted as lag until
 * it ends, so a caught-up topic has a lag too: what arrives in the time of that circulation.
 *
 * @param lags The lag of each partition.
 * @param rates Arrivals per second of each partition.
 * @param circulationMs The time that a record of a caught-up partition takes to be folded.
 * @returns The backlogs.
 */
export function backlogsOf(
  lags: readonly number[],
  rates: readonly number[],
  circulationMs: number,
): number[] {
  return lags.map((lag, i) => Math.max(0, lag - (rates[i] ?? 0) * circulationMs / 1000));
}

/**
 * The sum of some numbers.
 *
 * @param numbers The numbers.
 * @returns Their sum.
 */
export function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
