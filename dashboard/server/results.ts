/**
 * The windows that emitted last: their rows, and the history of their revisions.
 *
 * @module
 */

import type { Emission } from "../../activities/observer.ts";
import type { ResultRow } from "../../core/flow/row.ts";
import { shardOf } from "../../core/fold/cells.ts";
import { windowId } from "../../core/ids.ts";
import type { RunPlan } from "../../core/plan.ts";
import type { ResultView, RevisionView, RowView } from "./state.ts";

/** How many windows are kept. */
const WINDOWS = 24;
/** How many rows of a window are kept. */
const ROWS = 100;
/** How many emissions of a window are kept. */
const REVISIONS = 50;
/** How many windows that closed are kept. */
const CLOSED = 40;
/** A longer text of a key is cut. */
const KEY_CHARS = 300;

/** What the results are of. */
export type ResultPlan = Pick<RunPlan, "pipeline" | "shards" | "groupBy" | "aggregates">;

interface Entry extends Omit<ResultView, "rows" | "rowCount" | "revisions"> {
  readonly rows: Map<string, RowView>;
  revisions: RevisionView[];
  rowCount: number;
}

/** Keeps the windows that emitted last. */
export class ResultsMonitor {
  readonly #plan: ResultPlan;
  readonly #windows = new Map<string, Entry>();
  #version = 0;
  #rowsTaken = 0;
  #closed: { readonly start: number; readonly end: number; readonly atMs: number }[] = [];

  /** Begins empty. */
  constructor(plan: ResultPlan) {
    this.#plan = plan;
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** How many rows were taken in. */
  get rowsTaken(): number {
    return this.#rowsTaken;
  }

  /** Takes rows of any windows in, in the order of their writing. */
  take(rows: readonly ResultRow[]): void {
    const emissions = new Map<string, { id: string; rows: ResultRow[] }>();
    for (const row of rows) {
      const id = this.#idOf(row, shardOf(this.#keyOf(row), this.#plan.shards));
      const emission = emissions.get(`${id} ${row.revision}`) ?? { id, rows: [] };
      emissions.set(`${id} ${row.revision}`, emission);
      emission.rows.push(row);
    }
    for (const { id, rows } of emissions.values()) this.#emission(id, rows);
  }

  /** A window, or a share of one, has written rows. */
  emitted({ shard, rows, final }: Emission, atMs: number): void {
    const [first] = rows;
    if (first === undefined) return;
    const entry = this.#emission(this.#idOf(first, shard), rows);
    if (!final) return;
    // The last emission has all rows, one before may have only those that had changed.
    entry.rowCount = rows.length;
    const { start, end } = entry;
    this.#closed = [...this.#closed, { start, end, atMs }].slice(-CLOSED);
  }

  /** The windows that closed lately. */
  closedSince(sinceMs: number): { readonly start: number; readonly end: number }[] {
    return this.#closed.filter(({ atMs }) => atMs >= sinceMs)
      .map(({ start, end }) => ({ start, end }));
  }

  /** The windows, earliest first. */
  get windows(): ResultView[] {
    return [...this.#windows.values()].sort((a, b) => a.start - b.start).map((entry) => ({
      ...entry,
      revisions: [...entry.revisions],
      rows: [...entry.rows.values()],
    }));
  }

  /** All rows of one revision. A smaller one than is known of a row changes nothing. */
  #emission(id: string, rows: readonly ResultRow[]): Entry {
    const [first] = rows;
    if (first === undefined) throw new Error("an emission has rows");
    const entry = this.#windows.get(id) ?? {
      id,
      start: Date.parse(first.window.start),
      end: Date.parse(first.window.end),
      revisions: [],
      rows: new Map(),
      rowCount: 0,
    };
    this.#windows.set(id, entry);
    this.#revision(entry, first, rows.length);
    // A first emission can have thousands of rows, of which no more are kept than are shown.
    const news = entry.rows.size === 0 ? rows.slice(0, ROWS) : rows;
    for (const row of news) this.#row(entry, row);
    this.#version += 1;
    this.#rowsTaken += rows.length;
    const oldest = [...this.#windows.values()].sort((a, b) => a.start - b.start);
    for (const { id } of oldest.slice(0, -WINDOWS)) this.#windows.delete(id);
    return entry;
  }

  #row(entry: Entry, row: ResultRow): void {
    const { groupBy, aggregates } = this.#plan;
    const key = this.#keyOf(row);
    const known = entry.rows.get(key);
    if (known !== undefined && known.revision > row.revision) return;
    if (known === undefined && entry.rows.size >= ROWS) return;
    entry.rows.set(key, {
      key: groupBy.map((field) => String(row.key[field] ?? "null").slice(0, KEY_CHARS)),
      events: row.events,
      values: aggregates.map(({ name }) => row.values[name] ?? null),
      revision: row.revision,
    });
  }

  #revision(entry: Entry, row: ResultRow, rows: number): void {
    const at = entry.revisions.findIndex(({ revision }) => revision === row.revision);
    const view = {
      revision: row.revision,
      final: row.final,
      emittedAtMs: Date.parse(row.emittedAt),
      watermark: Date.parse(row.watermark),
      // Of what is read from the topic at the start a part may be missing.
      rows: Math.max(rows, entry.revisions[at]?.rows ?? 0),
    };
    if (at < 0) entry.revisions = [...entry.revisions, view].slice(-REVISIONS);
    else entry.revisions[at] = view;
    entry.rowCount = Math.max(entry.rowCount, rows);
  }

  #keyOf(row: ResultRow): string {
    return JSON.stringify(this.#plan.groupBy.map((field) => row.key[field] ?? null));
  }

  #idOf({ generation, window }: ResultRow, shard: number): string {
    const { pipeline, shards } = this.#plan;
    return windowId(pipeline, generation, Date.parse(window.start), shard, shards);
  }
}
