/**
 * Seeded randomness: the same seed gives the same run on every machine.
 *
 * @module
 */

/** A stream of random numbers (mulberry32). */
export class Random {
  #state: number;

  /**
   * Begins a stream.
   *
   * @param seed A whole number.
   * @param stream Another whole number; streams of one seed are independent.
   */
  constructor(seed: number, stream = 0) {
    this.#state = Math.imul(seed + 1, 0x9e3779b9) ^ Math.imul(stream + 1, 0x85ebca6b);
    for (let i = 0; i < 3; i++) this.next();
  }

  /** A number from 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A number from -1 to below 1. */
  signed(): number {
    return 2 * this.next() - 1;
  }

  /** A number of the normal distribution with mean 0 and deviation 1 (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /**
   * A number of the Poisson distribution; by the normal one where the mean is large.
   *
   * @param mean The mean.
   * @returns A whole number.
   */
  poisson(mean: number): number {
    if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.next(); product > limit; product *= this.next()) count++;
    return count;
  }
}
