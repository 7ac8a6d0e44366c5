/**
 * Counts of durations in buckets, as Prometheus has them.
 *
 * @module
 */

/** Upper bounds for slices and for windows that close, in seconds. */
export const SECONDS: readonly number[] = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.15,
  0.2,
  0.3,
  0.5,
  1,
  2.5,
  5,
  10,
];

/** Counts durations. */
export class Histogram {
  /** The upper bounds of the buckets, ascending, in seconds; what lies above them is counted too. */
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /**
   * Begins at zero.
   *
   * @param bounds The upper bounds, ascending, in seconds.
   */
  constructor(bounds: readonly number[] = SECONDS) {
    this.bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  /**
   * Counts a duration.
   *
   * @param seconds The duration; one below 0 comes of a clock that was set back, and counts as 0.
   */
  observe(seconds: number): void {
    const value = Math.max(0, seconds);
    const found = this.bounds.findIndex((bound) => value <= bound);
    const at = found < 0 ? this.bounds.length : found;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  /** How many durations are at or below each bound; all of them last. */
  get cumulative(): readonly number[] {
    let total = 0;
    return this.#counts.map((count) => total += count);
  }

  /** How many durations were counted. */
  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** Their sum, in seconds. */
  get sum(): number {
    return this.#sum;
  }
}
