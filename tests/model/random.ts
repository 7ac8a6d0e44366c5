/**
 * Seeded randomness: the same seed gives the same schedule on every machine.
 *
 * @module
 */

/** A stream of random numbers (mulberry32). */
export class Random {
  #state: number;

  /** @param seeds Whole numbers; any difference in them gives another stream. */
  constructor(...seeds: readonly number[]) {
    this.#state = 0x9e3779b9;
    for (const seed of seeds) {
      this.#state = (this.#state ^ (seed | 0)) | 0;
      for (let i = 0; i < 3; i++) this.#step();
      this.#state = this.#step() | 0;
    }
  }

  /** A number from 0 to below 1. */
  next(): number {
    return this.#step() / 4_294_967_296;
  }

  /** A whole number between two bounds, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** True with a probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of some items. */
  pick<const T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)];
    if (item === undefined) throw new Error("Cannot pick: there must be an item");
    return item;
  }

  #step(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
}
