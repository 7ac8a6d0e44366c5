/**
 * Cells on their way: how they are merged, measured and cut while they wait for a window to take
 * them, and in the window itself. Sizes are real UTF-8 bytes of JSON, since Temporal counts those.
 *
 * @module
 */

import {
  type AggregateSpec,
  cellFromWire,
  cellToWire,
  type CellWire,
  createCellFolder,
} from "../fold/aggregates.ts";
import { jsonBytes } from "../fold/cells.ts";
import type { Span } from "./sweep.ts";

/** How many bytes a cell adds to a list of cells, its comma counted. */
export function cellWireBytes(cell: CellWire): number {
  return jsonBytes(cell) + 1;
}

/** How many bytes some cells take, each with its comma. */
export function cellsBytes(cells: readonly CellWire[]): number {
  return cells.reduce((sum, cell) => sum + cellWireBytes(cell), 0);
}

/** How many (event, window) pairs some cells hold. */
export function pairsIn(cells: readonly CellWire[]): number {
  return cells.reduce((sum, cell) => sum + cell[1], 0);
}

/** Merges two lists of cells, each sorted by key without repeats, to one such list. */
export function mergeCells(
  aggregates: readonly AggregateSpec[],
  some: readonly CellWire[],
  more: readonly CellWire[],
): CellWire[] {
  const folder = createCellFolder(aggregates);
  const merged: CellWire[] = [];
  let [i, j] = [0, 0];
  for (;;) {
    const [a, b] = [some[i], more[j]];
    if (a === undefined) return [...merged, ...more.slice(j)];
    if (b === undefined) return [...merged, ...some.slice(i)];
    if (a[0] < b[0]) merged.push(a);
    else if (a[0] > b[0]) merged.push(b);
    else {
      const { key, cell } = cellFromWire(a);
      folder.merge(cell, cellFromWire(b).cell);
      merged.push(cellToWire(key, cell));
    }
    if (a[0] <= b[0]) i += 1;
    if (a[0] >= b[0]) j += 1;
  }
}

/** The first of some cells that fit into so many bytes, at least one; and the rest. */
export function cutCells(
  cells: readonly CellWire[],
  bytes: number,
): readonly [first: CellWire[], rest: CellWire[]] {
  let size = 0;
  let count = 0;
  for (const cell of cells) {
    size += cellWireBytes(cell);
    if (count > 0 && size > bytes) break;
    count += 1;
  }
  return [cells.slice(0, count), cells.slice(count)];
}

/** Joins spans: one a partition, from the first offset to the last, in the order of partitions. */
export function mergeSpans(some: readonly Span[], more: readonly Span[]): Span[] {
  const byPartition = new Map<number, Span>();
  for (const [partition, from, to] of [...some, ...more]) {
    const known = byPartition.get(partition);
    byPartition.set(
      partition,
      known === undefined
        ? [partition, from, to]
        : [partition, Math.min(from, known[1]), Math.max(to, known[2])],
    );
  }
  return [...byPartition.values()].sort((a, b) => a[0] - b[0]);
}

/** Whether two lists of spans say the same. */
export function sameSpans(some: readonly Span[], more: readonly Span[]): boolean {
  return some.length === more.length &&
    some.every((span, i) => span.every((number, j) => number === more[i]?.[j]));
}
