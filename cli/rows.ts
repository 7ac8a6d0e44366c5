/**
 * Result rows as a command reads them: closed ones from the results topic, open ones from the
 * window workflows.
 *
 * @module
 */

import type { LogReader } from "../adapters/kafka/log.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import type { Plan } from "../core/plan.ts";
import { type ResultRow, rowsOf } from "../core/flow/row.ts";
import type { GenerationView, WindowView } from "../workflows/messages.ts";
import { columns } from "./output.ts";
import { readWhole } from "./topic.ts";

/** How long one look at the results topic lasts, in ms. */
const FOLLOW_MS = 1_000;

/** A row of a window that has not emitted: there may be no watermark yet. */
export type OpenRow = Omit<ResultRow, "watermark"> & {
  /** The watermark; null before the first. */
  readonly watermark: string | null;
};

/** The rows of a generation, and whether the topic still holds all of them. */
export interface LastRows {
  /** The last record of every row by offset, as compaction keeps it, by window and key. */
  readonly rows: readonly ResultRow[];
  /** Whether none was removed. */
  readonly isWhole: boolean;
}

/** Reads the last record of every row of a generation in the results topic. */
export async function lastRows(
  reader: LogReader,
  plan: Plan,
  generation: number,
): Promise<LastRows> {
  const rows = new Map<string, ResultRow>();
  const decoder = new TextDecoder();
  const isWhole = await readWhole(reader, plan.resultsTopic, ({ key, value }) => {
    if (key === null || value === null) return;
    // Written by Tidegate, so it is of this shape.
    const row = JSON.parse(decoder.decode(value)) as ResultRow;
    if (row.generation === generation) rows.set(decoder.decode(key), row);
  });
  return { rows: [...rows.values()].sort(byWindow), isWhole };
}

/** What has become of a row. */
export type RowState =
  /** The drain has booked its window: nothing follows. */
  | "closed"
  /** Its last revision is written, and its window is not booked yet. */
  | "closing"
  /** Later revisions may follow. */
  | "revision"
  /** It is not written. */
  | "open";

/** A row with what has become of it. */
export type ShownRow = (ResultRow | OpenRow) & {
  /** What has become of it. */
  readonly state: RowState;
};

/** The rows that are written. */
export function writtenRows(
  rows: readonly ResultRow[],
  { open }: Pick<GenerationView, "open">,
): ShownRow[] {
  const starts = new Set(open.map(({ start }) => formatInstant(start)));
  return rows.map((row) => {
    const last = starts.has(row.window.start) ? "closing" : "closed";
    return { ...row, state: row.final ? last : "revision" };
  });
}

/** The present rows of windows that are open, by window and key. */
export function openRows(
  plan: Plan,
  generation: number,
  { watermark }: Pick<GenerationView, "watermark">,
  windows: readonly WindowView[],
): ShownRow[] {
  return windows.flatMap((window): ShownRow[] =>
    rowsOf(plan, {
      generation,
      windowStart: window.start,
      revision: window.emissions,
      final: false,
      watermark: watermark ?? window.start,
      emittedAtMs: Date.now(),
    }, window.cells).map((row) => ({
      ...row,
      state: "open",
      ...(watermark === null ? { watermark: null } : {}),
    }))
  ).sort(byWindow);
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

/** Rows as a table for people, in their order. */
export function rowLines(rows: readonly ShownRow[]): string[] {
  const [first] = rows;
  if (first === undefined) return ["no windows"];
  const keys = Object.keys(first.key);
  const names = Object.keys(first.values);
  const cells = rows.map((row) => [
    windowText(row.window),
    ...keys.map((key) => String(row.key[key])),
    String(row.events),
    ...names.map((name) => number(row.values[name])),
    row.state === "revision" ? `revision ${row.revision}` : row.state,
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
