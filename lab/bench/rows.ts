/**
 * Result rows of whatever engine, as a reader of their topic sees them: an independent one that
 * reads committed records only, and what the rows must be, computed from the records' own formula.
 *
 * @module
 */

import type { LogReader } from "../../adapters/kafka/log.ts";
import { formatInstant } from "../../core/event_time/instants.ts";
import { benchEvent, type BenchRecordOptions } from "./record.ts";

/** A row, without what only one engine says. */
export interface BenchRow {
  /** The window's start, epoch ms. */
  readonly start: number;
  /** The course or the student. */
  readonly key: string;
  /** How many events. */
  readonly events: number;
  /** Lines of code, summed up. */
  readonly lines: number;
  /** Mean processor load in percent. */
  readonly cpu: number;
}

/** Reads a row, ours or Flink's. */
export function parseRow(text: string): BenchRow {
  // Written by an engine that a benchmark has started, so it is of one of two shapes.
  const row = JSON.parse(text) as {
    readonly window: { readonly start: string };
    readonly key: string | Readonly<Record<string, string>>;
    readonly events: number;
    readonly values?: { readonly total_loc: number; readonly avg_cpu: number };
    readonly total_loc?: number;
    readonly avg_cpu?: number;
  };
  const { total_loc = NaN, avg_cpu = NaN } = row.values ?? row;
  return {
    start: Date.parse(row.window.start),
    key: typeof row.key === "string" ? row.key : Object.values(row.key)[0] ?? "",
    events: row.events,
    lines: total_loc,
    cpu: avg_cpu,
  };
}

/** Rows that have been seen, the last of each window and key. */
export class SeenRows {
  readonly #rows = new Map<string, BenchRow>();
  /** When each window's last new row came, by its start; ms of the benchmark's clock. */
  readonly fullMs = new Map<number, number>();
  /** Events in the rows of each window, by its start. */
  readonly eventsOf = new Map<number, number>();
  /** When the last new row came. */
  lastMs = NaN;
  /** Events in all rows. */
  events = 0;

  /** Takes a row. */
  take(row: BenchRow, atMs: number): void {
    const id = `${row.start} ${row.key}`;
    const more = row.events - (this.#rows.get(id)?.events ?? 0);
    this.#rows.set(id, row);
    // The same row again is no news.
    if (more === 0) return;
    this.events += more;
    this.eventsOf.set(row.start, (this.eventsOf.get(row.start) ?? 0) + more);
    this.fullMs.set(row.start, atMs);
    this.lastMs = atMs;
  }

  /** All rows. */
  get all(): readonly BenchRow[] {
    return [...this.#rows.values()];
  }
}

/** How long one look at the topic lasts, in ms. */
const POLL_MS = 500;

/** Follows a results topic of one partition until a signal. */
export async function followRows(
  reader: LogReader,
  topic: string,
  { onRow, signal }: {
    readonly onRow: (row: BenchRow, atMs: number) => void;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const decoder = new TextDecoder();
  for (let from = 0; !signal.aborted;) {
    try {
      const found = await reader.fetch({ topic, partition: 0, from, maxWaitMs: POLL_MS, signal });
      const atMs = performance.now();
      from = found.next;
      for (const { value } of found.records) {
        if (value !== null) onRow(parseRow(decoder.decode(value)), atMs);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** What the first `events` records come to. */
export function expectedRows(
  events: number,
  { windowMs, key, ...options }: BenchRecordOptions & {
    readonly windowMs: number;
    readonly key: "course" | "student_id";
  },
): BenchRow[] {
  const windows = new Map<number, Map<string, { n: number; lines: number; tenths: number }>>();
  for (let i = 0; i < events; i++) {
    const event = benchEvent(i, options);
    const start = Math.floor(event.eventTimeMs / windowMs) * windowMs;
    let cells = windows.get(start);
    if (cells === undefined) windows.set(start, cells = new Map());
    const name = key === "course" ? event.course : event.student;
    let cell = cells.get(name);
    if (cell === undefined) cells.set(name, cell = { n: 0, lines: 0, tenths: 0 });
    cell.n += 1;
    cell.lines += event.lines;
    cell.tenths += event.cpuTenths;
  }
  return [...windows].flatMap(([start, cells]) =>
    [...cells].map(([name, { n, lines, tenths }]) => ({
      start,
      key: name,
      events: n,
      lines,
      cpu: tenths / 10 / n,
    }))
  );
}

/** Sums of doubles in another order differ by less, relatively. */
const CLOSE = 1e-9;

/**
 * Compares rows: same windows, keys, counts and sums; means within a rounding.
 *
 * @returns How many differ, and the first few for people.
 */
export function compareRows(
  found: readonly BenchRow[],
  expected: readonly BenchRow[],
): { readonly differ: number; readonly samples: readonly string[] } {
  const place = ({ start, key }: BenchRow) => `${formatInstant(start)} ${key}`;
  const left = new Map(found.map((row) => [place(row), row]));
  const samples: string[] = [];
  let differ = 0;
  const note = (line: string) => {
    differ += 1;
    if (samples.length < 5) samples.push(line);
  };
  for (const want of expected) {
    const at = place(want);
    const got = left.get(at);
    left.delete(at);
    if (got === undefined) note(`${at}: missing`);
    else if (
      got.events !== want.events || got.lines !== want.lines ||
      !(Math.abs(got.cpu - want.cpu) <= CLOSE * Math.abs(want.cpu))
    ) note(`${at}: ${JSON.stringify(got)}, must be ${JSON.stringify(want)}`);
  }
  for (const at of left.keys()) note(`${at}: is not in the topic`);
  return { differ, samples };
}
