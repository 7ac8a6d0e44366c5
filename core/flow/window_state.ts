/**
 * The state of one window: its cells, how far each partition has been taken in, and what has been
 * emitted. A plain object with a snapshot in and out; the window workflow only wires messages to it.
 *
 * @module
 */

import {
  type AggregateSpec,
  type Cell,
  type CellFolder,
  cellFromWire,
  cellToWire,
  type CellWire,
  createCellFolder,
} from "../fold/aggregates.ts";

/** A window refuses to grow past this many bytes of cells, so that it fits Temporal's limits. */
export const WINDOW_MAX_BYTES = 1024 * 1024;

/** A partial as a window receives it: the cells folded from the slice `[from, to)`. */
export interface Partial {
  /** The partition the slice belongs to. */
  readonly partition: number;
  /** First offset of the slice. */
  readonly from: number;
  /** Offset after the slice. */
  readonly to: number;
  /** The cells folded for this window. */
  readonly cells: readonly CellWire[];
  /**
   * What the drain knew of watermarks, for people who look at the window; no rule depends on it.
   * @default {undefined}
   */
  readonly heard?: HeardWatermarks;
}

/** Watermarks as a drain knew them. */
export interface HeardWatermarks {
  /** The pipeline's, as last heard; null before the first. */
  readonly pipeline: number | null;
  /** The partition's own; null before its first event. */
  readonly partition: number | null;
}

/** What became of a partial. */
export type FoldOutcome =
  /** Counted. */
  | "taken"
  /** Counted before; ignored. */
  | "covered"
  /** Came after the last rows were taken; counted as refused. */
  | "refused"
  /** Covers offsets partly counted before; refused. */
  | "overlap"
  /** Would make the window too large; refused, as is all that follows from its partition. */
  | "full";

/** Rows to emit. */
export interface RowsDue {
  /** The cells to emit, sorted by key. */
  readonly cells: readonly CellWire[];
  /** The emission's number, from 0. */
  readonly revision: number;
  /** Whether no later emission follows. */
  readonly final: boolean;
  /** The watermark at the emission. */
  readonly watermark: number;
}

/** A window's state as plain data. */
export interface WindowSnapshot {
  /** All cells. */
  readonly cells: readonly CellWire[];
  /** `[partition, to]` of the last partial judged, per partition. */
  readonly lastTo: readonly (readonly [number, number])[];
  /** Partitions whose partials are refused since the window is full or one overlapped. */
  readonly blocked: readonly number[];
  /** The next revision. */
  readonly revision: number;
  /** Keys changed since the last emission. */
  readonly changed: readonly string[];
  /** The largest watermark that a close carried. */
  readonly watermark: number | null;
  /** Whether the last rows were taken. */
  readonly completed: boolean;
  /** (event, window) pairs taken. */
  readonly pairs: number;
  /** (event, window) pairs refused. */
  readonly refused: number;
}

/** What a window needs to know of its plan. */
export interface WindowRules {
  /** The aggregates. */
  readonly aggregates: readonly AggregateSpec[];
  /** End of the window, epoch ms. */
  readonly endMs: number;
  /** How long the window stays open after its end, in event time. */
  readonly latenessMs: number;
  /**
   * How large the cells may grow.
   * @default {WINDOW_MAX_BYTES}
   */
  readonly maxBytes?: number;
}

/** One window's state and the rules that change it. */
export class WindowState {
  readonly #rules: WindowRules;
  readonly #folder: CellFolder;
  readonly #cells = new Map<string, Cell>();
  readonly #lastTo: Map<number, number>;
  readonly #blocked: Set<number>;
  readonly #changed: Set<string>;
  #bytes = 0;
  #revision: number;
  #watermark: number | null;
  #completed: boolean;
  #pairs: number;
  #refused: number;

  /**
   * Begins empty, or goes on from a state.
   *
   * @param rules What the window needs to know of its plan.
   * @param snapshot The state to go on from; empty if left out.
   */
  constructor(rules: WindowRules, snapshot?: WindowSnapshot) {
    this.#rules = rules;
    this.#folder = createCellFolder(rules.aggregates);
    for (const wire of snapshot?.cells ?? []) {
      const { key, cell } = cellFromWire(wire);
      this.#cells.set(key, cell);
      this.#bytes += wireBytes(wire);
    }
    this.#lastTo = new Map(snapshot?.lastTo);
    this.#blocked = new Set(snapshot?.blocked);
    this.#changed = new Set(snapshot?.changed);
    this.#revision = snapshot?.revision ?? 0;
    this.#watermark = snapshot?.watermark ?? null;
    this.#completed = snapshot?.completed ?? false;
    this.#pairs = snapshot?.pairs ?? 0;
    this.#refused = snapshot?.refused ?? 0;
  }

  /**
   * Takes a partial in, once however often it is delivered (I2): taken iff `from` is not before
   * the last `to` of its partition, ignored iff `to` is not after it.
   *
   * @param partial The partial.
   * @returns What became of it.
   */
  fold(partial: Partial): FoldOutcome {
    const last = this.#lastTo.get(partial.partition) ?? -Infinity;
    if (partial.to <= last) return "covered";
    const pairs = partial.cells.reduce((sum, cell) => sum + cell[1], 0);
    const outcome = this.#judge(partial, last);
    if (outcome === "refused") {
      this.#refused += pairs;
      return outcome;
    }
    // Whatever came of it, it is judged once: a repeated delivery must not be counted again.
    this.#lastTo.set(partial.partition, partial.to);
    if (outcome !== "taken") {
      this.#refused += pairs;
      this.#blocked.add(partial.partition);
      return outcome;
    }
    for (const wire of partial.cells) this.#merge(wire);
    this.#pairs += pairs;
    return "taken";
  }

  /**
   * Takes a close in; the largest watermark counts, whatever the order of arrival.
   *
   * @param watermark The pipeline's watermark.
   */
  close(watermark: number): void {
    this.#watermark = Math.max(this.#watermark ?? -Infinity, watermark);
  }

  /** Whether {@linkcode takeRows} has something to give. */
  get rowsDue(): boolean {
    if (this.#completed || this.#watermark === null || this.#watermark < this.#rules.endMs) {
      return false;
    }
    return this.#revision === 0 || this.#changed.size > 0 || this.#isFinal;
  }

  /**
   * Takes the rows that are due: all cells at the first and at the last emission, between them
   * those that changed. The last emission says `final`, so that the last revision of every row is
   * the same whatever came in between (I5).
   *
   * @returns The rows; undefined if none are due.
   */
  takeRows(): RowsDue | undefined {
    if (!this.rowsDue || this.#watermark === null) return undefined;
    const final = this.#isFinal;
    const all = final || this.#revision === 0;
    const keys = [...(all ? this.#cells.keys() : this.#changed)].sort(byCodeUnit);
    const rows = {
      cells: this.#wires(keys),
      revision: this.#revision,
      final,
      watermark: this.#watermark,
    };
    this.#revision += 1;
    this.#changed.clear();
    this.#completed = final;
    return rows;
  }

  /** Whether the last rows were taken; what comes now is refused. */
  get completed(): boolean {
    return this.#completed;
  }

  /** (event, window) pairs taken. */
  get pairs(): number {
    return this.#pairs;
  }

  /** (event, window) pairs refused. */
  get refused(): number {
    return this.#refused;
  }

  /** How many cells there are. */
  get size(): number {
    return this.#cells.size;
  }

  /** The next revision: how many emissions there were. */
  get revision(): number {
    return this.#revision;
  }

  /** The largest watermark that a close carried. */
  get watermark(): number | null {
    return this.#watermark;
  }

  /** `[partition, to]` of the last partial judged, by partition. */
  get lastTo(): [number, number][] {
    return [...this.#lastTo].sort((a, b) => a[0] - b[0]);
  }

  /** All cells, sorted by key. */
  cells(): CellWire[] {
    return this.#wires([...this.#cells.keys()].sort(byCodeUnit));
  }

  /** The state as plain data. */
  snapshot(): WindowSnapshot {
    return {
      cells: this.cells(),
      lastTo: this.lastTo,
      blocked: [...this.#blocked],
      revision: this.#revision,
      changed: [...this.#changed].sort(byCodeUnit),
      watermark: this.#watermark,
      completed: this.#completed,
      pairs: this.#pairs,
      refused: this.#refused,
    };
  }

  get #isFinal(): boolean {
    return this.#watermark !== null &&
      this.#watermark >= this.#rules.endMs + this.#rules.latenessMs;
  }

  #judge(partial: Partial, last: number): FoldOutcome {
    if (this.#completed) return "refused";
    if (partial.from < last) return "overlap";
    if (this.#blocked.has(partial.partition)) return "full";
    const growth = partial.cells.reduce(
      (sum, cell) => sum + (this.#cells.has(cell[0]) ? 0 : wireBytes(cell)),
      0,
    );
    const limit = this.#rules.maxBytes ?? WINDOW_MAX_BYTES;
    return growth > 0 && this.#bytes + growth > limit ? "full" : "taken";
  }

  #merge(wire: CellWire): void {
    const { key, cell } = cellFromWire(wire);
    const known = this.#cells.get(key);
    if (known === undefined) {
      this.#cells.set(key, cell);
      this.#bytes += wireBytes(wire);
    } else {
      this.#folder.merge(known, cell);
    }
    this.#changed.add(key);
  }

  #wires(keys: readonly string[]): CellWire[] {
    const wires: CellWire[] = [];
    for (const key of keys) {
      const cell = this.#cells.get(key);
      if (cell !== undefined) wires.push(cellToWire(key, cell));
    }
    return wires;
  }
}

/**
 * About how many bytes a cell takes as JSON: an accumulator grows to one or two numbers of up to
 * 20 digits whatever is added to it.
 */
function wireBytes(wire: CellWire): number {
  return wire[0].length + 16 + (wire.length - 2) * 32;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
