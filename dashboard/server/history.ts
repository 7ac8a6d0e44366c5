/**
 * Figures over time in a fixed amount of memory, and how fast offsets move.
 *
 * @module
 */

import { type Column, COLUMNS, type Points } from "./state.ts";

/** A quarter of an hour at one point a second. */
export const HISTORY_POINTS = 900;

/** The figures of one moment. */
export type Point = Readonly<Record<Column, number | null>>;

/** Keeps the last points, and forgets older ones. */
export class History {
  readonly #capacity: number;
  readonly #atMs: Float64Array;
  readonly #columns: Readonly<Record<Column, Float64Array>>;
  #count = 0;

  /** Begins empty. */
  constructor(capacity: number = HISTORY_POINTS) {
    this.#capacity = capacity;
    const column = () => new Float64Array(capacity);
    this.#atMs = column();
    this.#columns = {
      inRate: column(),
      foldedRate: column(),
      lag: column(),
      desired: column(),
      ready: column(),
      starting: column(),
      draining: column(),
    };
  }

  /** How many points were added, the forgotten ones too. */
  get count(): number {
    return this.#count;
  }

  /** Adds a point. */
  push(atMs: number, point: Point): void {
    const at = this.#count % this.#capacity;
    this.#atMs[at] = atMs;
    for (const name of COLUMNS) this.#columns[name][at] = point[name] ?? NaN;
    this.#count += 1;
  }

  /** The points after the first `seen` ones, as far as they are kept. */
  since(seen: number): Points {
    const first = Math.max(seen, this.#count - this.#capacity, 0);
    const places = Array.from(
      { length: Math.max(0, this.#count - first) },
      (_, i) => (first + i) % this.#capacity,
    );
    const read = (values: Float64Array) =>
      places.map((place) => {
        const value = values[place] ?? NaN;
        return Number.isNaN(value) ? null : Math.round(value * 10) / 10;
      });
    return {
      atMs: places.map((place) => this.#atMs[place] ?? 0),
      columns: {
        inRate: read(this.#columns.inRate),
        foldedRate: read(this.#columns.foldedRate),
        lag: read(this.#columns.lag),
        desired: read(this.#columns.desired),
        ready: read(this.#columns.ready),
        starting: read(this.#columns.starting),
        draining: read(this.#columns.draining),
      },
    };
  }
}

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
