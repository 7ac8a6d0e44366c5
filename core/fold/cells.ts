/**
 * The cells of one slice while it is folded: the canonical keys of its events, and the cells by
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

/** What a slice adds to one window, or to one share of its keys. */
export interface WindowCells extends WindowShard {
  /** The cells, sorted by key. */
  readonly cells: readonly CellWire[];
}

/** The cells of one window while they grow, a map by key for every share. */
export interface GrowingWindow {
  /** Its start, epoch ms. */
  readonly start: number;
  /** The cells by key, a map a share. */
  readonly shards: Map<string, Cell>[];
}

/** A valid key of the slice. */
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

/** What the cells of a slice depend on. */
export interface SliceCellsRules {
  /** The event's fields that make the key. */
  readonly groupBy: readonly string[];
  /** The aggregates. */
  readonly aggregates: readonly AggregateSpec[];
  /** How many shares of the keys there are. */
  readonly shards: number;
}

/** The cells of one slice. */
export class SliceCells {
  readonly #groupBy: readonly string[];
  readonly #shards: number;
  readonly #folder: CellFolder;
  readonly #windows = new Map<number, GrowingWindow>();
  #lastWindow: GrowingWindow | null = null;
  #root: KeyNode = newNode();
  #remembered = 0;
  #cellCount = 0;

  /** Begins without cells. */
  constructor(rules: SliceCellsRules) {
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
    if (cell === null || key.window !== window) {
      cell = this.#cellOf(window, key);
      key.window = window;
      key.cell = cell;
    }
    this.#folder.add(cell, event);
  }

  /** About how many bytes the cells take as JSON; walks over all of them. */
  bytes(): number {
    let bytes = 0;
    for (const { shards } of this.#windows.values()) {
      for (const cells of shards) {
        if (cells.size > 0) bytes += 48;
        for (const [key, cell] of cells) bytes += cellBytes(key, cell);
      }
    }
    return bytes;
  }

  /** The cells by window and share, sorted; the cells of each sorted by key. */
  byWindow(): WindowCells[] {
    const found: WindowCells[] = [];
    const windows = [...this.#windows.values()].sort((a, b) => a.start - b.start);
    for (const { start, shards } of windows) {
      for (const [shard, cells] of shards.entries()) {
        if (cells.size > 0) found.push({ start, shard, cells: sortedWires(cells) });
      }
    }
    return found;
  }

  #open(start: number): GrowingWindow {
    const shards = Array.from({ length: this.#shards }, () => new Map<string, Cell>());
    const window = { start, shards };
    this.#windows.set(start, window);
    return window;
  }

  #cellOf(window: GrowingWindow, key: SliceKey): Cell {
    const cells = window.shards[key.shard];
    const known = cells?.get(key.key);
    if (known !== undefined) return known;
    const cell = this.#folder.create();
    cells?.set(key.key, cell);
    this.#cellCount += 1;
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

/** The key is a JSON text inside of JSON, so that its quotes are escaped once more. */
function cellBytes(key: string, cell: Cell): number {
  let bytes = key.length + 12 + numberBytes(cell.events);
  for (const accumulator of cell.accumulators) {
    if (accumulator === null) bytes += 5;
    else if (typeof accumulator === "number") bytes += numberBytes(accumulator);
    else bytes += accumulator.reduce((sum, part) => sum + numberBytes(part), 3);
  }
  return bytes;
}

/** At least as many bytes as a number takes in JSON, with a comma; printing it would be slow. */
function numberBytes(value: number): number {
  const size = Math.abs(value);
  if (!(size < 1e6)) return 26;
  if (Number.isInteger(value)) return size < 1e3 ? 5 : 8;
  // A decimal of up to three places, as most measured values are.
  return Math.round(value * 1000) / 1000 === value ? (size < 1e3 ? 9 : 12) : 26;
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
