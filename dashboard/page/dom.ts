/**
 * Making elements. Content is always set as text: what events hold never becomes markup.
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

/**
 * Makes an element.
 *
 * @param tag Its tag.
 * @param parts What it is made of.
 * @returns The element.
 */
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
 * @param id Its id.
 * @returns The element.
 * @throws {Error} If there is none: page and code do not belong together.
 */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element ${id}`);
  return element;
}

/**
 * Sets a text if it is another one, so that nothing is read out or drawn anew in vain.
 *
 * @param element The element.
 * @param text The text.
 */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes a function that fills an element anew only if what it shows has changed, so that focus,
 * selection and scroll positions stay.
 *
 * @param element The element.
 * @param make Makes its children.
 * @returns Takes what is to be shown.
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

/**
 * Makes a row of cells; the first one is its head.
 *
 * @param cells The cells.
 * @param numbers The places of cells that hold numbers.
 * @returns The row.
 */
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

/**
 * Makes the head of a table.
 *
 * @param names The columns.
 * @param numbers The places of columns that hold numbers.
 * @returns The head.
 */
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
