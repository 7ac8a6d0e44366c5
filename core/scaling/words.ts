/**
 * The policy's figures in words.
 *
 * @module
 */

/**
 * A rate.
 *
 * @param perSecond Per second.
 * @returns Such as `10.3/s`.
 */
export function rate(perSecond: number): string {
  const digits = Math.abs(perSecond) < 100 ? 1 : 0;
  return `${perSecond.toFixed(digits)}/s`;
}

/**
 * A number of workers.
 *
 * @param workers The number.
 * @returns Such as `2 workers`.
 */
export function count(workers: number): string {
  return `${workers} ${workers === 1 ? "worker" : "workers"}`;
}

/**
 * A number of records.
 *
 * @param lag The number.
 * @returns Such as `1 record`.
 */
export function records(lag: number): string {
  return `${lag} ${lag === 1 ? "record" : "records"}`;
}

/**
 * A sentence.
 *
 * @param text What it says, without capital and full stop.
 * @returns The sentence.
 */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
