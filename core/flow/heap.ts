/**
 * A queue in an order of its own, from which any item can be taken out again. Adding, moving and
 * taking out cost the logarithm of its length.
 *
 * @module
 */

/** Items in the order of a comparison; each at most once. */
export class Heap<T> {
  readonly #compare: (a: T, b: T) => number;
  readonly #items: T[] = [];
  readonly #places = new Map<T, number>();

  /** Begins empty. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** The first item; undefined if there is none. */
  get first(): T | undefined {
    return this.#items[0];
  }

  /** Adds an item, or moves it to where it belongs after it has changed. */
  add(item: T): void {
    let place = this.#places.get(item);
    if (place === undefined) {
      place = this.#items.length;
      this.#items.push(item);
    }
    this.#down(item, this.#up(item, place));
  }

  /** Takes an item out, if it is there. */
  delete(item: T): void {
    const place = this.#places.get(item);
    if (place === undefined) return;
    this.#places.delete(item);
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#down(last, this.#up(last, place));
  }

  /** Moves an item up from a place that is free for it; where it may stay. */
  #up(item: T, from: number): number {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = this.#items[above];
      if (other === undefined || this.#compare(other, item) <= 0) break;
      this.#lay(other, place);
      place = above;
    }
    return place;
  }

  /** Moves an item down from a place that is free for it, and lays it there. */
  #down(item: T, from: number): void {
    let place = from;
    for (;;) {
      let below = place * 2 + 1;
      let other = this.#items[below];
      const next = this.#items[below + 1];
      if (other !== undefined && next !== undefined && this.#compare(next, other) < 0) {
        below += 1;
        other = next;
      }
      if (other === undefined || this.#compare(item, other) <= 0) break;
      this.#lay(other, place);
      place = below;
    }
    this.#lay(item, place);
  }

  #lay(item: T, place: number): void {
    this.#items[place] = item;
    this.#places.set(item, place);
  }
}
