/**
 * How fast offsets move, over a few seconds.
 *
 * @module
 */

/** Over how long, in ms. */
const SPAN_MS = 3_000;

/** Offsets of the partitions at one moment. */
interface Reading {
  readonly atMs: number;
  readonly offsets: ReadonlyMap<number, number>;
}

/** The speed of one kind of offset, summed over the partitions. */
export class Rate {
  #readings: Reading[] = [];

  /**
   * Takes a reading.
   *
   * @param atMs When.
   * @param offsets The offsets that are known, by partition.
   * @returns Offsets per second; null with nothing to compare with.
   */
  read(atMs: number, offsets: ReadonlyMap<number, number>): number | null {
    this.#readings.push({ atMs, offsets });
    while ((this.#readings[1]?.atMs ?? Infinity) <= atMs - SPAN_MS) this.#readings.shift();
    const [first] = this.#readings;
    if (first === undefined || first.atMs >= atMs) return null;
    let moved = 0;
    let compared = 0;
    for (const [partition, offset] of offsets) {
      const before = first.offsets.get(partition);
      if (before === undefined) continue;
      compared += 1;
      moved += Math.max(0, offset - before);
    }
    return compared === 0 ? null : moved * 1_000 / (atMs - first.atMs);
  }
}
