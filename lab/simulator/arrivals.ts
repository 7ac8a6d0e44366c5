/**
 * The producers of a simulated topic: whole events, at the trace's rate with noise, each in a
 * partition.
 *
 * @module
 */

import { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/** Up to so many events of one instant are thrown to the partitions one by one. */
const SINGLY = 64;

/** How events arrive. */
export interface ArrivalOptions {
  /** The seed. */
  readonly seed: number;
  /** How many partitions. */
  readonly partitions: number;
  /** `paced`: evenly, as our load process sends; `poisson`: at random, as people act. */
  readonly arrivals: "paced" | "poisson";
  /** By what share the rate of each second is off, evenly spread to both sides. */
  readonly rateNoise: number;
}

/** The arrivals of one run. */
export class Arrivals {
  readonly #trace: Trace;
  readonly #options: ArrivalOptions;
  readonly #random: Random;
  readonly #shares: readonly number[];
  readonly #carried: number[];
  #step = -1;
  #noiseSecond = -1;
  #noise = 1;
  #credit = 0;

  /**
   * Begins the arrivals.
   *
   * @param trace The trace.
   * @param options How events arrive.
   */
  constructor(trace: Trace, options: ArrivalOptions) {
    this.#trace = trace;
    this.#options = options;
    this.#random = new Random(options.seed, 2);
    const { partitions } = options;
    const hot = partitions === 1 ? 1 : trace.hotShare ?? 1 / partitions;
    this.#shares = Array.from(
      { length: partitions },
      (_, i) => i === 0 ? hot : (1 - hot) / (partitions - 1),
    );
    this.#carried = this.#shares.map(() => 0);
  }

  /** The share of each partition. */
  get shares(): readonly number[] {
    return this.#shares;
  }

  /**
   * The trace's rate, without noise. Moments must be asked for in order.
   *
   * @param atMs When.
   * @returns Events per second.
   */
  rateAt(atMs: number): number {
    const { steps } = this.#trace;
    while ((steps[this.#step + 1]?.atSeconds ?? Infinity) * 1000 <= atMs) this.#step++;
    return steps[this.#step]?.rate ?? 0;
  }

  /**
   * The events of a stretch of time, by partition.
   *
   * @param atMs When it begins.
   * @param lengthMs How long it is.
   * @returns Whole numbers.
   */
  take(atMs: number, lengthMs: number): number[] {
    const second = Math.floor(atMs / 1000);
    if (second !== this.#noiseSecond) {
      this.#noiseSecond = second;
      this.#noise = 1 + this.#options.rateNoise * this.#random.signed();
    }
    const mean = this.rateAt(atMs) * this.#noise * lengthMs / 1000;
    return this.#spread(
      this.#options.arrivals === "poisson" ? this.#random.poisson(mean) : this.#paced(mean),
    );
  }

  #paced(mean: number): number {
    this.#credit += mean;
    const whole = Math.floor(this.#credit);
    this.#credit -= whole;
    return whole;
  }

  #spread(count: number): number[] {
    if (count > SINGLY) {
      return this.#shares.map((share, i) => {
        const due = count * share + (this.#carried[i] ?? 0);
        const whole = Math.floor(due);
        this.#carried[i] = due - whole;
        return whole;
      });
    }
    const counts = this.#shares.map(() => 0);
    for (let event = 0; event < count; event++) {
      let rest = this.#random.next();
      const found = this.#shares.findIndex((share) => (rest -= share) < 0);
      const partition = found < 0 ? counts.length - 1 : found;
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    return counts;
  }
}
