/**
 * Result rows as a command reads them: closed ones from the results topic, open ones from the
 * window workflows.
 *
 * @module
 */

import type { LogReader } from "../adapters/kafka/log.ts";
import type { Plan } from "../core/plan.ts";
import { type ResultRow, rowsOf } from "../core/flow/row.ts";
import type { ClockView, WindowView } from "../workflows/messages.ts";

/** A row of a window that has not emitted: there may be no watermark yet. */
export type OpenRow = Omit<ResultRow, "watermark"> & {
  /** The watermark; null before the first. */
  readonly watermark: string | null;
};

/**
 * The last revision of every row in the results topic.
 *
 * @param reader The log.
 * @param plan The pipeline's plan.
 * @param generation The generation whose rows are wanted.
 * @returns The rows, by window and key.
 */
export async function emittedRows(
  reader: LogReader,
  plan: Plan,
  generation: number,
): Promise<ResultRow[]> {
  const topic = plan.resultsTopic;
  const rows = new Map<string, ResultRow>();
  const decoder = new TextDecoder();
  for (const partition of (await reader.describe(topic))?.partitions ?? []) {
    const { start, end } = await reader.offsets(topic, partition);
    for (let from = start; from < end;) {
      const { records, next } = await reader.fetch({ topic, partition, from });
      for (const { key, value } of records) {
        if (key === null || value === null) continue;
        // Written by Tidegate, so it is of this shape.
        const row = JSON.parse(decoder.decode(value)) as ResultRow;
        const id = decoder.decode(key);
        if (row.generation !== generation) continue;
        if (row.revision >= (rows.get(id)?.revision ?? 0)) rows.set(id, row);
      }
      from = next;
    }
  }
  return [...rows.values()].sort(byWindow);
}

/**
 * The rows of the open windows as they stand.
 *
 * @param plan The pipeline's plan.
 * @param generation The generation.
 * @param clock The clock.
 * @param open The open windows.
 * @param nowMs The wall clock.
 * @returns The rows, by window and key.
 */
export function openRows(
  plan: Plan,
  generation: number,
  clock: ClockView,
  open: readonly WindowView[],
  nowMs: number,
): OpenRow[] {
  return open.flatMap((window): OpenRow[] => {
    const rows = rowsOf(plan, {
      generation,
      windowStart: window.start,
      revision: window.emissions,
      final: false,
      watermark: clock.watermark ?? window.start,
      emittedAtMs: nowMs,
    }, window.cells);
    return clock.watermark === null ? rows.map((row) => ({ ...row, watermark: null })) : rows;
  }).sort(byWindow);
}

function byWindow(a: Pick<ResultRow, "window" | "key">, b: Pick<ResultRow, "window" | "key">) {
  const order = (row: Pick<ResultRow, "window" | "key">) =>
    `${Date.parse(row.window.start) + 9e15} ${JSON.stringify(row.key)}`;
  const [first, second] = [order(a), order(b)];
  return first < second ? -1 : first > second ? 1 : 0;
}

/**
 * Rows as a table for people.
 *
 * @param emitted Rows that have been emitted.
 * @param open Rows of open windows, as they stand.
 * @returns The lines, with a head.
 */
export function rowLines(
  emitted: readonly ResultRow[],
  open: readonly OpenRow[] = [],
): string[] {
  const rows = [...emitted, ...open];
  const [first] = rows;
  if (first === undefined) return ["no windows"];
  const keys = Object.keys(first.key);
  const names = Object.keys(first.values);
  const head = ["window", ...keys, "events", ...names, "state"];
  const cells = rows.map((row, i) => [
    `${row.window.start} ${row.window.end.slice(11)}`,
    ...keys.map((key) => plain(row.key[key])),
    String(row.events),
    ...names.map((name) => number(row.values[name])),
    row.final ? "closed" : i < emitted.length ? `revision ${row.revision}` : "open",
  ]);
  const widths = head.map((title, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0))
  );
  return [head, ...cells].map((row) =>
    row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()
  );
}

/** Content of events is shown without the characters that a terminal acts on. */
function plain(value: unknown): string {
  // deno-lint-ignore no-control-regex
  return String(value).replace(/[\u0000-\u001f\u007f-\u009f]/g, "\ufffd");
}

function number(value: number | undefined): string {
  if (value === undefined) return "–";
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}
