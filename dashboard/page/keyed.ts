/**
 * Elements that are kept from one drawing to the next, so that they glide instead of jumping.
 *
 * @module
 */

import { el } from "./dom.ts";

/**
 * The part of an element with a name; made where it is not there yet.
 *
 * @param element The element.
 * @param name The part's name, and its class to begin with.
 * @returns The part.
 */
export function part(element: HTMLElement, name: string): HTMLElement {
  for (const child of element.children) {
    if (child instanceof HTMLElement && child.dataset["part"] === name) return child;
  }
  const made = el("span", { class: name });
  made.dataset["part"] = name;
  element.append(made);
  return made;
}

/** A child: its key, and how it is drawn. */
export type KeyedItem = readonly [key: string, draw: (element: HTMLElement) => void];

/** Children that are kept from one drawing to the next by a key, so that they glide. */
export class Keyed {
  readonly #box: HTMLElement;
  readonly #known = new Map<string, HTMLElement>();

  /**
   * Begins with no children.
   *
   * @param box Their parent.
   */
  constructor(box: HTMLElement) {
    this.#box = box;
  }

  /**
   * Shows items, and removes those that are not among them.
   *
   * @param items The items.
   */
  show(items: readonly KeyedItem[]): void {
    const keys = new Set(items.map(([key]) => key));
    for (const [key, element] of this.#known) {
      if (keys.has(key)) continue;
      element.remove();
      this.#known.delete(key);
    }
    for (const [key, draw] of items) {
      const element = this.#known.get(key) ?? el("div");
      draw(element);
      if (this.#known.has(key)) continue;
      this.#known.set(key, element);
      this.#box.append(element);
    }
  }
}
