/**
 * The cells of one sweep while it is folded: the canonical keys of its events, and the cells by
 * window, share and key. Built for the common case of a few keys seen again and again.
 *
 * Where the cells of one window are spread over several workflows, the share of a key is found by
 * the hash by which Kafka's Java client chooses partitions, so that it can be checked against known
 * values; core has no `TextEncoder`, hence the small encoder.
 *
 * @module
 */

import {
  type AggregateSpec,
  type Cell,
  type CellFolder,
  cellToWire,
  type CellWire,
  createCellFolder,
} from "./aggregates.ts";
import type { WindowShard } from "../flow/counts.ts";

/** The longest canonical key in UTF-8 bytes. */
export const MAX_KEY_BYTES = 256;

/** How many keys are remembered before the memory starts afresh; it only saves work. */
const MAX_REMEMBERED_KEYS = 20_000;

/** What one partition adds to one window, or to one share of its keys. */
export interface WindowCells extends WindowShard {
  /** The cells, sorted by key. */
  readonly cells: readonly CellWire[];
}

/** What a sweep adds to one window, or to one share of its keys. */
export interface SharedCells extends WindowCells {
  /** The partitions that gave an event, ascending. */
  readonly partitions: readonly number[];
}

/** How much is folded at once; whichever is reached first. */
export interface CellLimits {
  /** Cells in all windows. */
  readonly cells: number;
  /** Windows, with every share of their keys. */
  readonly windows: number;
  /** UTF-8 bytes of all of it as JSON. */
  readonly bytes: number;
}

/** No limits. */
const UNLIMITED: CellLimits = { cells: Infinity, windows: Infinity, bytes: Infinity };
/** A number as JSON has at most so many bytes, with a comma: -2.2250738585072014e-308 has 24. */
const NUMBER_BYTES = 25;
/** What a cell takes beside key and accumulators: brackets, commas, and the number of events. */
const CELL_BYTES = 20;
/** What a window or share takes beside its cells: its names, start, shard and bytes. */
const WINDOW_BYTES = 96;
/** What one partition takes in a window: a number and two offsets. */
const SPAN_BYTES = 48;

/** The cells of one window while they grow, a map by key for every share. */
export interface GrowingWindow {
  /** Its start, epoch ms. */
  readonly start: number;
  /** The cells by key, a map a share. */
  readonly shards: Map<string, Cell>[];
  /** The partitions that gave an event, a set a share. */
  readonly partitions: Set<number>[];
}

/** A valid key of the sweep. */
export interface SliceKey {
  /** Tells it from a {@linkcode KeyProblem}. */
  readonly ok: true;
  /** The canonical key: the JSON array of the groupBy values. */
  readonly key: string;
  /** Which share of the keys it belongs to. */
  readonly shard: number;
  /** The window it was last added to. */
  window: GrowingWindow | null;
  /** Its cell in that window. */
  cell: Cell | null;
  /** The partition of the event that was last added. */
  partition: number;
}

/** Why an event has no valid key. */
export interface KeyProblem {
  /** Tells it from a {@linkcode SliceKey}. */
  readonly ok: false;
  /** The groupBy field at fault; empty if the key as a whole is. */
  readonly path: string;
  /** What is wrong, for people. */
  readonly message: string;
}

/** A step on the way from raw groupBy values to a key: one level per field. */
interface KeyNode {
  readonly children: Map<unknown, KeyNode>;
  key: SliceKey | null;
}

/** What the cells of a sweep depend on. */
export interface SliceCellsRules {
  /** The event's fields that make the key. */
  readonly groupBy: readonly string[];
  /** The aggregates. */
  readonly aggregates: readonly AggregateSpec[];
  /** How many shares of the keys there are. */
  readonly shards: number;
}

/** The cells of all partitions of a sweep. */
export class SliceCells {
  /** The partition whose event is added next. */
  partition = 0;
  readonly #groupBy: readonly string[];
  readonly #shards: number;
  readonly #folder: CellFolder;
  readonly #windows = new Map<number, GrowingWindow>();
  #lastWindow: GrowingWindow | null = null;
  #root: KeyNode = newNode();
  #remembered = 0;
  #cellCount = 0;
  #shareCount = 0;
  #bytesBound = 0;
  readonly #limits: CellLimits;
  /** What a cell takes beside its key, before its sums have numbers. */
  readonly #cellBytes: number;

  /** Begins without cells. */
  constructor(rules: SliceCellsRules, limits: CellLimits = UNLIMITED) {
    this.#limits = limits;
    this.#cellBytes = rules.aggregates.reduce(
      (sum, { kind }) => sum + (kind === "sum" || kind === "avg" ? 3 : NUMBER_BYTES),
      CELL_BYTES,
    );
    this.#groupBy = rules.groupBy;
    this.#shards = rules.shards;
    this.#folder = createCellFolder(rules.aggregates);
  }

  /** How many cells there are. */
  get cellCount(): number {
    return this.#cellCount;
  }

  /** How many windows there are. */
  get windowCount(): number {
    return this.#windows.size;
  }

  /**
   * Whether one of the limits is reached. Bytes are counted as they grow, each number at its largest;
   * only if that reaches the limit, they are measured, and half of the difference is given free.
   */
  get isFull(): boolean {
    const { cells, windows, bytes } = this.#limits;
    if (this.#cellCount >= cells || this.#shareCount >= windows) return true;
    if (this.#bytesBound < bytes) return false;
    const free = (this.#bytesBound - this.measure()) >> 1;
    // Another look costs a walk over all cells: not for a few more records.
    if (free < bytes / 16) return true;
    this.#bytesBound -= free;
    return this.#bytesBound >= bytes;
  }

  /** How many bytes the cells take as JSON in UTF-8, spans at their largest. */
  measure(): number {
    let bytes = 0;
    for (const { shards, partitions } of this.#windows.values()) {
      for (const [shard, cells] of shards.entries()) {
        if (cells.size === 0) continue;
        bytes += WINDOW_BYTES + SPAN_BYTES * (partitions[shard]?.size ?? 0);
        for (const [key, cell] of cells) bytes += jsonBytes(cellToWire(key, cell)) + 1;
      }
    }
    return bytes;
  }

  /** The key of an event, or why it has none. */
  keyOf(event: Readonly<Record<string, unknown>>): SliceKey | KeyProblem {
    let node: KeyNode | undefined = this.#root;
    for (const field of this.#groupBy) {
      node = node.children.get(event[field]);
      if (node === undefined) return this.#learn(event);
    }
    return node.key ?? this.#learn(event);
  }

  /** Adds an event with its key to the window that begins at `start`. */
  add(start: number, key: SliceKey, event: Readonly<Record<string, unknown>>): void {
    let window = this.#lastWindow;
    if (window === null || window.start !== start) {
      window = this.#windows.get(start) ?? this.#open(start);
      this.#lastWindow = window;
    }
    let cell = key.cell;
    if (cell === null || key.window !== window || key.partition !== this.partition) {
      cell = this.#cellOf(window, key);
      key.window = window;
      key.cell = cell;
      key.partition = this.partition;
    }
    const grown = this.#folder.add(cell, event);
    if (grown !== 0) this.#bytesBound += grown * NUMBER_BYTES;
  }

  /** The cells by window and share, sorted; the cells of each sorted by key. */
  byWindow(): WindowCells[] {
    return this.shared().map(({ start, shard, cells }) => ({ start, shard, cells }));
  }

  /** The same with the partitions that they come from. */
  shared(): SharedCells[] {
    const found: SharedCells[] = [];
    const windows = [...this.#windows.values()].sort((a, b) => a.start - b.start);
    for (const { start, shards, partitions } of windows) {
      for (const [shard, cells] of shards.entries()) {
        if (cells.size === 0) continue;
        const sources = [...partitions[shard] ?? []].sort((a, b) => a - b);
        found.push({ start, shard, cells: sortedWires(cells), partitions: sources });
      }
    }
    return found;
  }

  #open(start: number): GrowingWindow {
    const shards = Array.from({ length: this.#shards }, () => new Map<string, Cell>());
    const partitions = shards.map(() => new Set<number>());
    const window = { start, shards, partitions };
    this.#windows.set(start, window);
    return window;
  }

  #cellOf(window: GrowingWindow, key: SliceKey): Cell {
    const cells = window.shards[key.shard];
    const partitions = window.partitions[key.shard];
    if (partitions !== undefined && !partitions.has(this.partition)) {
      partitions.add(this.partition);
      this.#bytesBound += SPAN_BYTES;
    }
    const known = cells?.get(key.key);
    if (known !== undefined) return known;
    const cell = this.#folder.create();
    if (cells?.size === 0) {
      this.#shareCount += 1;
      this.#bytesBound += WINDOW_BYTES;
    }
    cells?.set(key.key, cell);
    this.#cellCount += 1;
    this.#bytesBound += this.#cellBytes + jsonBytes(key.key);
    return cell;
  }

  /** Makes the canonical key of an event and remembers the way to it. */
  #learn(event: Readonly<Record<string, unknown>>): SliceKey | KeyProblem {
    const values: unknown[] = [];
    for (const field of this.#groupBy) {
      const value = event[field];
      if (!isKeyValue(value)) {
        const got = value === undefined ? "no value" : typeof value;
        return problem(field, `${field} must be a text, number, boolean or null, got ${got}`);
      }
      // UTF-8 is never shorter than the text, so the canonical key of a huge text is not made.
      if (typeof value === "string" && value.length > MAX_KEY_BYTES) return tooLong(field);
      values.push(value);
    }
    const key = JSON.stringify(values);
    if (key.length > MAX_KEY_BYTES || utf8Length(key) > MAX_KEY_BYTES) return tooLong("");
    const learnt: SliceKey = {
      ok: true,
      key,
      shard: shardOf(key, this.#shards),
      window: null,
      cell: null,
      partition: -1,
    };
    this.#remember(values, learnt);
    return learnt;
  }

  #remember(values: readonly unknown[], key: SliceKey): void {
    if (this.#remembered >= MAX_REMEMBERED_KEYS) {
      this.#root = newNode();
      this.#remembered = 0;
    }
    let node = this.#root;
    for (const value of values) {
      let next = node.children.get(value);
      if (next === undefined) {
        next = newNode();
        node.children.set(value, next);
      }
      node = next;
    }
    node.key = key;
    this.#remembered += 1;
  }
}

/** How long a text is in UTF-8; an upper bound where that is surely allowed. */
function utf8Length(text: string): number {
  const most = text.length * 3;
  return most <= MAX_KEY_BYTES ? most : utf8Bytes(text).length;
}

/** How many bytes a value takes as JSON in UTF-8. */
export function jsonBytes(value: unknown): number {
  const text = JSON.stringify(value);
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    // Each half of a surrogate pair has two of its four bytes; lone ones are escaped in JSON.
    bytes += code < 0x800 || code >= 0xd800 && code < 0xe000 ? 1 : 2;
  }
  return bytes;
}

function newNode(): KeyNode {
  return { children: new Map(), key: null };
}

function isKeyValue(value: unknown): value is string | number | boolean | null {
  return value === null || typeof value === "string" || typeof value === "boolean" ||
    (typeof value === "number" && Number.isFinite(value));
}

function problem(path: string, message: string): KeyProblem {
  return { ok: false, path, message };
}

function tooLong(path: string): KeyProblem {
  return problem(path, `the key must be at most ${MAX_KEY_BYTES} bytes as a JSON array`);
}

function sortedWires(cells: ReadonlyMap<string, Cell>): CellWire[] {
  return [...cells]
    .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .map(([key, cell]) => cellToWire(key, cell));
}

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * Murmur2 with the seed of Kafka's Java client (`org.apache.kafka.common.utils.Utils.murmur2`).
 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let at = 0; at < whole; at += 4) {
    let k = Math.imul(littleEndian(bytes, at, 4), M);
    k = Math.imul(k ^ (k >>> 24), M);
    hash = Math.imul(hash, M) ^ k;
  }
  if (length > whole) hash = Math.imul(hash ^ littleEndian(bytes, whole, length - whole), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/** Encodes text as UTF-8; a lone surrogate becomes U+FFFD, as with `TextEncoder`. */
export function utf8Bytes(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of text.toWellFormed()) {
    const code = char.codePointAt(0) ?? 0;
    if (code < 0x80) {
      bytes.push(code);
    } else if (code < 0x800) {
      bytes.push(0xc0 | code >> 6, trailing(code));
    } else if (code < 0x10000) {
      bytes.push(0xe0 | code >> 12, trailing(code >> 6), trailing(code));
    } else {
      bytes.push(0xf0 | code >> 18, trailing(code >> 12), trailing(code >> 6), trailing(code));
    }
  }
  return Uint8Array.from(bytes);
}

/** The share that a canonical key belongs to, from 0 to `shards - 1`. */
export function shardOf(key: string, shards: number): number {
  if (shards === 1) return 0;
  // Kafka's toPositive: the sign bit is cut off, which differs from the absolute value.
  return (murmur2(utf8Bytes(key)) & 0x7fffffff) % shards;
}

function trailing(bits: number): number {
  return 0x80 | bits & 0x3f;
}

/** Up to four bytes as an integer, the first one lowest. */
function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value << 8 | (bytes[at + i] ?? 0);
  return value;
}
