/**
 * Making elements, and colours. Content is always set as text: what events hold never becomes markup.
 *
 * @module
 */

/** What an element is made of. */
export interface Parts {
  /** Its classes. */
  readonly class?: string;
  /** Its text; an element has text or children. */
  readonly text?: string;
  /** Attributes by name; no `style`, which the page's policy forbids. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Its children. */
  readonly children?: readonly (Node | null)[];
}

/** Makes an element. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  parts: Parts = {},
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (parts.class !== undefined) element.className = parts.class;
  if (parts.text !== undefined) element.textContent = parts.text;
  for (const [name, value] of Object.entries(parts.attributes ?? {})) {
    element.setAttribute(name, value);
  }
  for (const child of parts.children ?? []) if (child !== null) element.append(child);
  return element;
}

/**
 * An element of the page.
 *
 * @throws {Error} If there is none: page and code do not belong together.
 */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element ${id}`);
  return element;
}

/** Sets a text if it is another one, so that nothing is read out or drawn anew in vain. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes a function that fills an element anew only if what it shows has changed, so that focus,
 * selection and scroll positions stay.
 */
export function filler<T>(element: Element, make: (value: T) => readonly Node[]): (v: T) => void {
  let before = "";
  return (value) => {
    const now = JSON.stringify(value) ?? "";
    if (now === before) return;
    before = now;
    element.replaceChildren(...make(value));
  };
}

/** A cell of a table: a text, or an element. */
export type CellContent = string | Node;

/** Makes a row of cells; the first one is its head. */
export function row(cells: readonly CellContent[], numbers: readonly number[] = []): HTMLElement {
  return el("tr", {
    children: cells.map((content, i) => {
      const cell = i === 0 ? el("th", { attributes: { scope: "row" } }) : el("td");
      if (numbers.includes(i)) cell.classList.add("number");
      cell.append(content);
      return cell;
    }),
  });
}

/** Makes the head of a table. */
export function head(names: readonly string[], numbers: readonly number[] = []): HTMLElement {
  return el("thead", {
    children: [el("tr", {
      children: names.map((text, i) =>
        el("th", {
          text,
          attributes: { scope: "col" },
          class: numbers.includes(i) ? "number" : "",
        })
      ),
    })],
  });
}

/** The part of an element with a name; made where it is not there yet. */
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

  /** Begins with no children. */
  constructor(box: HTMLElement) {
    this.#box = box;
  }

  /** Shows items in their order, and removes those that are not among them. */
  show(items: readonly KeyedItem[]): void {
    const keys = new Set(items.map(([key]) => key));
    for (const [key, element] of this.#known) {
      if (keys.has(key)) continue;
      element.remove();
      this.#known.delete(key);
    }
    for (const [i, [key, draw]] of items.entries()) {
      const element = this.#known.get(key) ?? el("div");
      this.#known.set(key, element);
      draw(element);
      // What is moved glides no longer, so that only what is out of place is.
      const there = this.#box.children[i];
      if (there !== element) this.#box.insertBefore(element, there ?? null);
    }
  }
}

const KEY = "tidegate-theme";

/** Sets the theme and its button up. */
export function setUpTheme(changed: () => void): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme");
  const chosen = () => localStorage.getItem(KEY);
  const isDark = () => chosen() === null ? system.matches : chosen() === "dark";
  const apply = () => {
    document.documentElement.dataset["theme"] = isDark() ? "dark" : "light";
    setText(button, isDark() ? "Light" : "Dark");
    button.setAttribute("aria-label", isDark() ? "Switch to light" : "Switch to dark");
    changed();
  };
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, isDark() ? "light" : "dark");
    apply();
  });
  system.addEventListener("change", apply);
  apply();
}

/** A colour of the theme. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
