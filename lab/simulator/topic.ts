/**
 * A simulated topic: what arrives when, and for each partition what is being folded and what is
 * durable.
 *
 * @module
 */

import type { Delay } from "./metrics.ts";
import type { Trace } from "./trace.ts";

/** Events that arrived in one instant. */
interface Lot {
  readonly atMs: number;
  count: number;
}

/** One partition. */
export class Partition {
  /** How many events have arrived. */
  end = 0;
  /** Up to where events are folded by the sweep at hand. */
  taken = 0;
  /** Up to where events are durably folded. */
  cursor = 0;
  /** When its next sweep may begin. */
  dueMs = 0;
  /** Whether it is in a sweep. */
  busy = false;
  readonly #lots: Lot[] = [];
  #first = 0;

  /** Takes events in. */
  arrive(atMs: number, count: number): void {
    if (count === 0) return;
    this.end += count;
    this.#lots.push({ atMs, count });
  }

  /** Makes durable what the sweep at hand has taken. */
  commit(atMs: number, delays: Delay[]): void {
    let left = this.taken - this.cursor;
    this.cursor = this.taken;
    while (left > 0) {
      const lot = this.#lots[this.#first];
      if (lot === undefined) return;
      const count = Math.min(left, lot.count);
      delays.push([atMs - lot.atMs, count]);
      lot.count -= count;
      left -= count;
      if (lot.count === 0) this.#first++;
    }
  }
}

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

  /** Begins the arrivals. */
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

  /** The trace's rate, without noise. Moments must be asked for in order. */
  rateAt(atMs: number): number {
    const { steps } = this.#trace;
    while ((steps[this.#step + 1]?.atSeconds ?? Infinity) * 1000 <= atMs) this.#step++;
    return steps[this.#step]?.rate ?? 0;
  }

  /** The events of a stretch of time, by partition. */
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

/** A stream of random numbers (mulberry32). */
export class Random {
  #state: number;

  /** Begins a stream. */
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

  /** A number of the Poisson distribution; by the normal one where the mean is large. */
  poisson(mean: number): number {
    if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * this.normal()));
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.next(); product > limit; product *= this.next()) count++;
    return count;
  }
}
