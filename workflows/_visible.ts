/**
 * What a person sees of a workflow in the Temporal Web UI: search attributes and Markdown.
 *
 * @module
 */

import { upsertSearchAttributes } from "@temporalio/workflow";
import { formatInstant } from "../core/time.ts";

/**
 * Sets Tidegate's search attributes that change in a workflow's life.
 *
 * @param state The value of `TidegateState`.
 * @param events The value of `TidegateEvents`; unchanged if left out.
 */
export function showState(state: string, events?: number): void {
  upsertSearchAttributes([
    { key: { name: "TidegateState", type: "KEYWORD" }, value: state },
    ...(events === undefined
      ? []
      : [{ key: { name: "TidegateEvents", type: "INT" as const }, value: events }]),
  ]);
}

/**
 * A Markdown table. Cells are escaped, so that the content of events is shown as text.
 *
 * @param head The column heads.
 * @param rows The cells.
 * @returns The table's text.
 */
export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const line = (cells: readonly unknown[]) => `| ${cells.map(escapeCell).join(" | ")} |`;
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

function escapeCell(cell: unknown): string {
  return String(cell).replace(/[\\|`*_{}[\]<>#&~!]/g, (c) => `&#${c.charCodeAt(0)};`)
    .replace(/[\r\n]+/g, " ");
}
