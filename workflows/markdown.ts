/**
 * Markdown for the details that a person sees in the Temporal Web UI.
 *
 * @module
 */

import { formatInstant } from "../core/event_time/instants.ts";

/**
 * A Markdown table. Cells are escaped, so that the content of events is shown as text.
 *
 * @param head The column heads.
 * @param rows The cells.
 * @returns The table's text.
 */
export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const line = (cells: readonly unknown[]) => `| ${cells.map(text).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

/**
 * A time for people.
 *
 * @param ms Epoch ms, or null.
 * @returns ISO, or a dash.
 */
export function instant(ms: number | null): string {
  return ms === null ? "–" : formatInstant(ms);
}

/**
 * Escapes what may hold anything, so that Markdown shows it as it is, on one line.
 *
 * @param value A text, a number, a value of a key.
 * @returns The text, without a character that means something to Markdown or HTML.
 */
export function text(value: unknown): string {
  return String(value).replace(/[\\|`*_{}[\]<>#&~!]/g, (c) => `&#${c.charCodeAt(0)};`)
    .replace(/[\r\n]+/g, " ");
}
