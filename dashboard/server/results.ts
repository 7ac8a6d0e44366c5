/**
 * The windows that emitted last: their rows, and the history of their revisions.
 *
 * @module
 */

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

  /**
   * Takes rows in, in the order of their writing. A row with a smaller revision than the one that is
   * known changes nothing.
   */
  take(rows: readonly ResultRow[]): void {
    for (const row of rows) this.#row(row);
    if (rows.length === 0) return;
    this.#version += 1;
    this.#rowsTaken += rows.length;
    const oldest = [...this.#windows.values()].sort((a, b) => a.start - b.start);
    for (const { id } of oldest.slice(0, -WINDOWS)) this.#windows.delete(id);
  }

  /** A window, or a share of one, has written its last rows. */
  closed(
    { start, shard, rows }: { readonly start: number; readonly shard: number; readonly rows: number },
    atMs: number,
  ): void {
    const entry = [...this.#windows.values()].find((known) =>
      known.start === start && (this.#plan.shards === 1 || known.id.endsWith(`/${shard}`))
    );
    if (entry === undefined) return;
    entry.rowCount = rows;
    this.#version += 1;
    this.#closed = [...this.#closed, { start, end: entry.end, atMs }].slice(-CLOSED);
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

  #row(row: ResultRow): void {
    const start = Date.parse(row.window.start);
    const { pipeline, shards, groupBy, aggregates } = this.#plan;
    const key = JSON.stringify(groupBy.map((field) => row.key[field] ?? null));
    const id = windowId(pipeline, row.generation, start, shardOf(key, shards), shards);
    const entry = this.#windows.get(id) ??
      { id, start, end: Date.parse(row.window.end), revisions: [], rows: new Map(), rowCount: 0 };
    this.#windows.set(id, entry);
    this.#revision(entry, row);
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

  #revision(entry: Entry, row: ResultRow): void {
    const at = entry.revisions.findIndex(({ revision }) => revision === row.revision);
    const known = entry.revisions[at];
    // Rows that are written twice count twice here; the last emission tells how many there are.
    const rows = (known?.rows ?? 0) + 1;
    const view = {
      revision: row.revision,
      final: row.final,
      emittedAtMs: Date.parse(row.emittedAt),
      watermark: Date.parse(row.watermark),
      rows,
    };
    if (known === undefined) entry.revisions = [...entry.revisions, view].slice(-REVISIONS);
    else entry.revisions[at] = view;
    entry.rowCount = Math.max(entry.rowCount, rows);
  }
}
