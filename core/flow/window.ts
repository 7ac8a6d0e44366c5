/**
 * The rules of one window: it takes the calls of the drain in the order of their numbers, each
 * once, and answers a repeat byte for byte as before. Nothing is read from outside; the workflow
 * only wires its update to {@linkcode Window.call}.
 *
 * @module
 */

import {
  type AggregateSpec,
  type Cell,
  cellFromWire,
  cellToWire,
  type CellWire,
  createCellFolder,
} from "../fold/aggregates.ts";
import { type Call, type CallAnswer, type EmissionHead, WINDOW_BYTES } from "./delivery.ts";
import { cellWireBytes, mergeSpans, pairsIn, sameSpans } from "./held.ts";
import type { Span } from "./sweep.ts";

/** After how many calls a window still knows what it held: longer than an audit takes. */
const KEPT_CALLS = 16;

/** What a window needs to know of its plan. */
export interface WindowRules {
  /** The aggregates. */
  readonly aggregates: readonly AggregateSpec[];
  /** End of the window, epoch ms. */
  readonly endMs: number;
  /** How long the window stays open after its end, in event time. */
  readonly latenessMs: number;
}

/** The last emission: its head, and which cells it had, which can't have changed since. */
export interface Emitted {
  /** The head. */
  readonly head: EmissionHead;
  /** The keys of its rows; null for all. */
  readonly keys: readonly string[] | null;
}

/** A window's state as plain data. */
export interface WindowSnapshot {
  /** The number of the last call taken; 0 before the first. */
  readonly n: number;
  /** The offsets that call brought. */
  readonly lastSpans: readonly Span[];
  /** When the drain decided to make that call: with number and offsets it tells a repeat. */
  readonly lastAtMs: number;
  /** All cells, sorted by key. */
  readonly cells: readonly CellWire[];
  /** The keys changed since the last emission, sorted. */
  readonly changed: readonly string[];
  /** The next revision. */
  readonly revision: number;
  /** The last emission. */
  readonly emitted: Emitted | null;
  /** From and up to which offset of each partition cells have come, for people. */
  readonly spans: readonly Span[];
  /** How many pairs it held after each of its last calls, for `audit`. */
  readonly held: readonly (readonly [n: number, pairs: number])[];
}

/** The state a window begins with. */
export const NEW_WINDOW: WindowSnapshot = {
  n: 0,
  lastSpans: [],
  lastAtMs: 0,
  cells: [],
  changed: [],
  revision: 0,
  emitted: null,
  spans: [],
  held: [],
};

/** What a call's cells come to with those that are there. */
interface Merged {
  readonly cells: readonly CellWire[];
  readonly bytes: number;
}

/** One window's state and the rules that change it. */
export class Window {
  readonly #rules: WindowRules;
  readonly #cells = new Map<string, CellWire>();
  readonly #changed: Set<string>;
  #s: Omit<WindowSnapshot, "cells" | "changed">;
  #bytes = 0;
  #pairs = 0;

  /** Begins empty, or goes on from a state. */
  constructor(rules: WindowRules, snapshot: WindowSnapshot = NEW_WINDOW) {
    const { cells, changed, ...rest } = snapshot;
    this.#rules = rules;
    this.#s = rest;
    this.#changed = new Set(changed);
    for (const cell of cells) {
      this.#cells.set(cell[0], cell);
      this.#bytes += cellWireBytes(cell);
    }
    this.#pairs = pairsIn(cells);
  }

  /** Takes a call in, if it is the next one, and answers. */
  call(call: Call): CallAnswer {
    const { n, lastSpans, lastAtMs } = this.#s;
    if (call.n === n) {
      // A drain that was put back uses its numbers again, for other calls.
      const isRepeat = call.emittedAtMs === lastAtMs && sameSpans(call.spans, lastSpans);
      return isRepeat ? this.#answer() : this.#refusal("overlap");
    }
    if (call.n <= n || this.isComplete) return this.#refusal("overlap");
    if (call.n > n + 1 || call.cells === null) return this.#refusal("lost");
    const merged = this.#merged(call.cells);
    if (merged === undefined) return this.#refusal("full");
    this.#take(call, merged);
    return this.#answer();
  }

  /** Whether the last rows are taken. */
  get isComplete(): boolean {
    return this.#s.emitted?.head.final === true;
  }

  /** Whether it has taken no call: a run that began with another than the first ends again. */
  get isNew(): boolean {
    return this.#s.n === 0;
  }

  /** The number of the last call taken. */
  get n(): number {
    return this.#s.n;
  }

  /** (event, window) pairs taken. */
  get pairs(): number {
    return this.#pairs;
  }

  /** UTF-8 bytes of the cells. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many cells there are. */
  get size(): number {
    return this.#cells.size;
  }

  /** The last emission. */
  get emitted(): Emitted | null {
    return this.#s.emitted;
  }

  /** How many pairs it held after each of its last calls. */
  get held(): WindowSnapshot["held"] {
    return this.#s.held;
  }

  /** From and up to which offset of each partition cells have come. */
  get spans(): readonly Span[] {
    return this.#s.spans;
  }

  /** All cells, sorted by key. */
  cells(): CellWire[] {
    return this.#of(null);
  }

  /** The state as plain data. */
  snapshot(): WindowSnapshot {
    return { ...this.#s, cells: this.cells(), changed: [...this.#changed].sort(byCodeUnit) };
  }

  /** The changed cells after a merge, and all bytes; undefined if the window would be too large. */
  #merged(cells: readonly CellWire[]): Merged | undefined {
    const folder = createCellFolder(this.#rules.aggregates);
    const merged: CellWire[] = [];
    let bytes = this.#bytes;
    for (const wire of cells) {
      const known = this.#cells.get(wire[0]);
      const cell: Cell = cellFromWire(known ?? wire).cell;
      if (known !== undefined) {
        folder.merge(cell, cellFromWire(wire).cell);
        bytes -= cellWireBytes(known);
      }
      const next = cellToWire(wire[0], cell);
      bytes += cellWireBytes(next);
      merged.push(next);
    }
    return bytes > WINDOW_BYTES ? undefined : { cells: merged, bytes };
  }

  #take(call: Call, { cells, bytes }: Merged): void {
    this.#bytes = bytes;
    for (const cell of cells) {
      const [key] = cell;
      this.#pairs += cell[1] - (this.#cells.get(key)?.[1] ?? 0);
      this.#cells.set(key, cell);
      this.#changed.add(key);
    }
    const spans = mergeSpans(this.#s.spans, call.spans);
    const held = [...this.#s.held.slice(1 - KEPT_CALLS), [call.n, this.#pairs] as const];
    this.#s = {
      ...this.#s,
      n: call.n,
      lastSpans: call.spans,
      lastAtMs: call.emittedAtMs,
      spans,
      held,
    };
    if (call.watermark !== null) this.#emit(call, call.watermark);
  }

  /** All rows at the first and at the last emission, between them those that changed (I5). */
  #emit(call: Call, watermark: number): void {
    const { endMs, latenessMs } = this.#rules;
    if (watermark < endMs && call.early !== true) return;
    const { revision } = this.#s;
    const final = watermark >= endMs + latenessMs;
    if (revision > 0 && this.#changed.size === 0 && !final) return;
    const keys = final || revision === 0 ? null : [...this.#changed].sort(byCodeUnit);
    const head = { n: call.n, revision, final, watermark, emittedAtMs: call.emittedAtMs };
    this.#changed.clear();
    this.#s = { ...this.#s, revision: revision + 1, emitted: { head, keys } };
  }

  /** The answer to the last call taken; always the same until the next is taken. */
  #answer(): CallAnswer {
    const { n, emitted } = this.#s;
    const size = { pairs: this.#pairs, bytes: this.#bytes };
    if (emitted === null || emitted.head.n !== n) return { kind: "taken", ...size };
    return { kind: "emitted", head: emitted.head, cells: this.#of(emitted.keys), ...size };
  }

  #refusal(kind: "full" | "overlap" | "lost"): CallAnswer {
    return { kind, pairs: this.#pairs, bytes: this.#bytes };
  }

  #of(keys: readonly string[] | null): CellWire[] {
    const cells: CellWire[] = [];
    for (const key of keys ?? [...this.#cells.keys()].sort(byCodeUnit)) {
      const cell = this.#cells.get(key);
      if (cell !== undefined) cells.push(cell);
    }
    return cells;
  }
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
