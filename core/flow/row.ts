/**
 * Result rows: what one cell looks like to the reader of the results topic, `windows --json` and
 * a window workflow's result.
 *
 * @module
 */

import { cellFromWire, type CellWire, createCellFolder } from "../fold/aggregates.ts";
import type { RunPlan } from "../plan.ts";
import { formatInstant } from "../event_time/instants.ts";
import { windowEnd } from "../event_time/windows.ts";

/** A value of a groupBy field. */
export type KeyValue = string | number | boolean | null;

/** One row of results; times are ISO 8601 in UTC. */
export interface ResultRow {
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The window `[start, end)`. */
  readonly window: { readonly start: string; readonly end: string };
  /** The groupBy fields and their values; `{}` if there are none. */
  readonly key: Readonly<Record<string, KeyValue>>;
  /** How many events the row aggregates. */
  readonly events: number;
  /** The aggregates by name. */
  readonly values: Readonly<Record<string, number>>;
  /** Counts the emissions of this window from 0; a larger one replaces a smaller one. */
  readonly revision: number;
  /** Whether no later revision can come. */
  readonly final: boolean;
  /** The watermark at the emission. */
  readonly watermark: string;
  /** When the window workflow took the row. */
  readonly emittedAt: string;
}

/** What all rows of one emission share. */
export interface Emission {
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** Start of the window, epoch ms. */
  readonly windowStart: number;
  /** Counts the emissions of the window from 0. */
  readonly revision: number;
  /** Whether no later revision can come. */
  readonly final: boolean;
  /** The watermark, epoch ms. */
  readonly watermark: number;
  /** When the rows were taken, epoch ms. */
  readonly emittedAtMs: number;
}

/**
 * Makes the rows of an emission.
 *
 * @param plan The pipeline's plan.
 * @param emission What the rows share.
 * @param cells The cells; the rows keep their order.
 * @returns One row per cell.
 */
export function rowsOf(plan: RunPlan, emission: Emission, cells: readonly CellWire[]): ResultRow[] {
  const folder = createCellFolder(plan.aggregates);
  const start = formatInstant(emission.windowStart);
  const end = formatInstant(windowEnd(plan.windowing, emission.windowStart));
  return cells.map((wire) => {
    const { key, cell } = cellFromWire(wire);
    return {
      pipeline: plan.pipeline,
      generation: emission.generation,
      window: { start, end },
      key: keyObject(plan.groupBy, key),
      events: cell.events,
      values: folder.values(cell),
      revision: emission.revision,
      final: emission.final,
      watermark: formatInstant(emission.watermark),
      emittedAt: formatInstant(emission.emittedAtMs),
    };
  });
}

/**
 * The key of a row as an object of the groupBy fields.
 *
 * @param groupBy The fields.
 * @param key The canonical key: a JSON array of the fields' values.
 * @returns The fields with their values.
 */
export function keyObject(groupBy: readonly string[], key: string): Record<string, KeyValue> {
  const values = JSON.parse(key) as KeyValue[];
  return Object.fromEntries(groupBy.map((field, i) => [field, values[i] ?? null]));
}

/**
 * The key of a row's record in the results topic: two revisions of one row share it, so that
 * compaction keeps the last.
 *
 * @param row The row.
 * @returns A JSON array `[pipeline, generation, start, end, key]`.
 */
export function rowRecordKey(row: ResultRow): string {
  return JSON.stringify([
    row.pipeline,
    row.generation,
    row.window.start,
    row.window.end,
    row.key,
  ]);
}
