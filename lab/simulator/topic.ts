/**
 * A simulated topic: for each partition what has arrived, what is being folded and what is durable.
 *
 * @module
 */

import type { Delay } from "./metrics.ts";

/** Events that arrived in one instant. */
interface Lot {
  readonly atMs: number;
  count: number;
}

/** One partition. */
export class Partition {
  /** How many events have arrived. */
  end = 0;
  /** Up to where events are folded by the slice at hand. */
  taken = 0;
  /** Up to where events are durably folded. */
  cursor = 0;
  /** When its next slice may begin. */
  dueMs = 0;
  /** Whether a slice of it is in flight. */
  busy = false;
  readonly #lots: Lot[] = [];
  #first = 0;

  /** Takes events in. */
  arrive(atMs: number, count: number): void {
    if (count === 0) return;
    this.end += count;
    this.#lots.push({ atMs, count });
  }

  /**
   * Makes durable what the slice at hand has taken.
   *
   * @param atMs When.
   * @param delays Where the delays go.
   */
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
