/**
 * Cells: what one window keeps for one key, how events and other cells are added to it, and how it
 * travels. All of it is independent of the order of adding and merging.
 *
 * @module
 */

import { addToExpansion, mergeExpansions, roundExpansion } from "./exact_sum.ts";

/** What can be computed per window and key. */
export type AggregateKind = "count" | "sum" | "avg" | "min" | "max";

/** One aggregate of a definition. */
export interface AggregateSpec {
  /** The name of the value in result rows. */
  readonly name: string;
  /** What is computed. */
  readonly kind: AggregateKind;
  /** The event's field it is computed from; null for `count` only. */
  readonly field: string | null;
}

/**
 * What a cell keeps for one aggregate: nothing for `count` (the cell has its number of events), the
 * expansion of the exact sum for `sum` and `avg`, the number so far for `min` and `max`.
 */
export type Accumulator = number | number[] | null;

/** One (window, key): the number of events and an accumulator per aggregate, in their order. */
export interface Cell {
  /** How many events were added. */
  events: number;
  /** The accumulators. */
  readonly accumulators: Accumulator[];
}

/** A cell with its canonical key, as it travels and is kept. */
export type CellWire = readonly [key: string, events: number, ...accumulators: Accumulator[]];

/** The operations on the cells of one list of aggregates. */
export interface CellFolder {
  /** Makes an empty cell. */
  create(): Cell;
  /**
   * Adds an event.
   * @param event The event; the fields of the aggregates must be finite numbers below 2^960.
   * @returns By how many numbers its sums have grown; negative where they have shrunk.
   */
  add(cell: Cell, event: Readonly<Record<string, unknown>>): number;
  /**
   * Adds another cell.
   * @param from The cell to add; not changed, and nothing of it is kept.
   */
  merge(into: Cell, from: Cell): void;
  /**
   * Computes the values of a result row.
   * @param cell A cell with at least one event.
   * @returns The value of each aggregate by name, in the order of the definition; never -0.
   */
  values(cell: Cell): Record<string, number>;
}

/** Makes the operations on the cells of a list of aggregates. */
export function createCellFolder(specs: readonly AggregateSpec[]): CellFolder {
  const steps = specs.map(({ kind, field }) => ({ kind, field: field ?? "" }));
  return {
    create: () => ({ events: 0, accumulators: specs.map(({ kind }) => isSum(kind) ? [] : null) }),
    add(cell, event) {
      cell.events += 1;
      let grown = 0;
      const accumulators = cell.accumulators;
      for (let i = 0; i < steps.length; i++) {
        const step = steps[i];
        if (step === undefined || step.kind === "count") continue;
        const value = event[step.field];
        if (typeof value !== "number") continue;
        const accumulator = accumulators[i];
        if (typeof accumulator === "object" && accumulator !== null) {
          grown -= accumulator.length;
          addToExpansion(accumulator, value);
          grown += accumulator.length;
        } else {
          accumulators[i] = extreme(step.kind, accumulator, value);
        }
      }
      return grown;
    },
    merge(into, from) {
      into.events += from.events;
      for (let i = 0; i < steps.length; i++) {
        const ours = into.accumulators[i];
        const theirs = from.accumulators[i];
        if (typeof theirs === "number") {
          into.accumulators[i] = extreme(steps[i]?.kind, ours, theirs);
        } else if (Array.isArray(ours) && Array.isArray(theirs)) {
          mergeExpansions(ours, theirs);
        }
      }
    },
    values: (cell) =>
      Object.fromEntries(specs.map(({ name, kind }, i) => [name, valueOf(kind, cell, i)])),
  };
}

/**
 * Prepares a cell for travelling.
 *
 * @returns The cell as plain data that shares nothing with it.
 */
export function cellToWire(key: string, cell: Cell): CellWire {
  return [key, cell.events, ...cell.accumulators.map(copy)];
}

/**
 * Takes a cell that has travelled.
 *
 * @returns The canonical key, and a cell that shares nothing with the data.
 */
export function cellFromWire(wire: CellWire): { key: string; cell: Cell } {
  const [key, events, ...accumulators] = wire;
  return { key, cell: { events, accumulators: accumulators.map(copy) } };
}

function copy(accumulator: Accumulator): Accumulator {
  return Array.isArray(accumulator) ? accumulator.slice() : accumulator;
}

function isSum(kind: AggregateKind): boolean {
  return kind === "sum" || kind === "avg";
}

/** The smaller or the larger of what there is and a new value, without the sign of a zero. */
function extreme(
  kind: AggregateKind | undefined,
  known: Accumulator | undefined,
  value: number,
): number {
  const number = value + 0;
  if (typeof known !== "number") return number;
  return (kind === "min" ? number < known : number > known) ? number : known;
}

function valueOf(kind: AggregateKind, cell: Cell, index: number): number {
  if (kind === "count") return cell.events;
  const accumulator = cell.accumulators[index] ?? 0;
  if (typeof accumulator === "number") return accumulator;
  const sum = roundExpansion(accumulator);
  // The quotient of a tiny negative sum underflows to -0; + 0 makes that 0.
  return kind === "avg" ? sum / cell.events + 0 : sum;
}
