/** Random numbers from a seed: the same everywhere, so that a schedule can be played again. */
export class Random {
  #state: number;

  /** Begins a row of numbers that depends on all of the given ones. */
  constructor(...seeds: readonly number[]) {
    this.#state = 0x9e3779b9;
    for (const seed of seeds) {
      this.#state = Math.imul(this.#state ^ seed, 0x85ebca6b) + 0x165667b1 | 0;
      this.next();
    }
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = this.#state + 0x6d2b79f5 | 0;
    let t = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  }

  /** A whole number from `from` to `to`, both included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** Whether something of this likelihood happens. */
  chance(likelihood: number): boolean {
    return this.next() < likelihood;
  }

  /** One of some values. */
  pick<T>(values: readonly [T, ...T[]]): T {
    const value = values[this.int(0, values.length - 1)];
    return value === undefined ? values[0] : value;
  }
}
