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
import { columns } from "./output.ts";

/** How long one look at the results topic lasts, in ms. */
const FOLLOW_MS = 1_000;

/** A row of a window that has not emitted: there may be no watermark yet. */
export type OpenRow = Omit<ResultRow, "watermark"> & {
  /** The watermark; null before the first. */
  readonly watermark: string | null;
};

/** The last revision of every row of a generation in the results topic, by window and key. */
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

/** The present rows of the open windows, by window and key. */
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
 * Follows the results topic from its present end on: told of every window when its rows have been
 * written.
 *
 * @param topic The results topic; of one partition.
 * @param onRows Told of the rows of one look, in the order of their writing.
 */
export async function followResults(
  reader: LogReader,
  topic: string,
  onRows: (rows: readonly ResultRow[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const decoder = new TextDecoder();
  let { end: from } = await reader.offsets(topic, 0);
  while (!signal.aborted) {
    try {
      const found = await reader.fetch({ topic, partition: 0, from, maxWaitMs: FOLLOW_MS, signal });
      from = found.next;
      // Written by Tidegate, so it is of this shape.
      const rows = found.records.flatMap(({ value }) =>
        value === null ? [] : [JSON.parse(decoder.decode(value)) as ResultRow]
      );
      if (rows.length > 0) onRows(rows);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** Rows as a table for people, those of open windows last. */
export function rowLines(
  emitted: readonly ResultRow[],
  open: readonly OpenRow[] = [],
): string[] {
  const rows = [...emitted, ...open];
  const [first] = rows;
  if (first === undefined) return ["no windows"];
  const keys = Object.keys(first.key);
  const names = Object.keys(first.values);
  const cells = rows.map((row, i) => [
    windowText(row.window),
    ...keys.map((key) => String(row.key[key])),
    String(row.events),
    ...names.map((name) => number(row.values[name])),
    row.final ? "closed" : i < emitted.length ? `revision ${row.revision}` : "open",
  ]);
  return columns([["window", ...keys, "events", ...names, "state"], ...cells]);
}

/** The start and the end of a window, the end without its day where that is the start's. */
export function windowText({ start, end }: ResultRow["window"]): string {
  const [day, time] = end.split("T");
  return `${start} to ${start.startsWith(`${day}T`) && time !== undefined ? time : end}`;
}

function number(value: number | undefined): string {
  if (value === undefined) return "–";
  return Number.isInteger(value) ? String(value) : value.toFixed(3);
}
