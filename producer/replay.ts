/**
 * Replays one's own data: a file with one record a line.
 *
 * @module
 */

import { createReadStream } from "node:fs";
import type { LogWriter } from "../adapters/kafka/log.ts";
import { errorText, TidegateError } from "../core/errors.ts";
import { shardOf } from "../core/fold/cells.ts";
import type { Pipeline } from "../definition/define.ts";
import { type LoadHooks, Sender, type SentCounts } from "./sender.ts";

/** What to replay. */
export interface ReplayOptions {
  /** The file: one JSON object a line. */
  readonly file: string;
  /** The pipeline, for its record key. */
  readonly pipeline: Pipeline;
  /**
   * The topic.
   * @default the pipeline's source topic
   */
  readonly topic?: string;
  /** How many partitions the topic has. */
  readonly partitions: number;
  /**
   * Records per second.
   * @default as fast as the broker takes them
   */
  readonly rate?: number;
}

/** What was replayed. */
export interface ReplayResult extends SentCounts {
  /** How many blank lines were passed over. */
  readonly blank: number;
  /** How many lines were sent that are no JSON object, and so will count as invalid. */
  readonly bad: number;
  /** The first of them; null if there is none. */
  readonly firstBad: BadLine | null;
}

/** A line that is no event. */
export interface BadLine {
  /** Its number in the file, from 1. */
  readonly line: number;
  /** What it is instead. */
  readonly reason: string;
}

/** So many lines are looked at before the first is sent: one of them must be an event. */
const LOOKED_AT = 100;

/**
 * Sends every line of a file as it is, byte for byte without its line break; blank lines and a byte
 * order mark are passed over. The record's key is the value of the pipeline's record key field where
 * the line is a JSON object that has it as text or number; else there is none.
 *
 * @throws {TidegateError} `TG_INPUT` if the file can't be read or is no text of one JSON object a
 * line, `TG_USAGE` if the rate is not above 0, and what the writer throws.
 */
export async function replay(
  options: ReplayOptions,
  writer: LogWriter,
  hooks: LoadHooks = {},
): Promise<ReplayResult> {
  const { file, pipeline, partitions, rate = Infinity } = options;
  if (!(rate > 0)) {
    throw new TidegateError("TG_USAGE", `Cannot replay: rate must be above 0, got ${rate}`);
  }
  const startMs = (hooks.now ?? Date.now)();
  const sender = new Sender(options.topic ?? pipeline.plan.topic, writer, hooks);
  const counts = { blank: 0, bad: 0 };
  let firstBad: BadLine | null = null;
  let taken = 0;
  for await (const line of checked(file, linesOf(file))) {
    if (sender.stopped) break;
    if (line.value.kind === "blank") {
      counts.blank += 1;
      continue;
    }
    await sender.until(startMs + taken * 1000 / rate);
    if (sender.stopped) break;
    if (line.value.kind === "bad") {
      counts.bad += 1;
      firstBad ??= { line: line.number, reason: line.value.reason };
    }
    const key = line.value.kind === "event" ? keyOf(line.value.event, pipeline.recordKey) : null;
    const partition = key === null ? taken % partitions : shardOf(key, partitions);
    await sender.add({ key, value: line.bytes, partition });
    taken += 1;
  }
  return { ...await sender.finish(), ...counts, firstBad };
}

/** What a line holds. */
type LineValue =
  | { readonly kind: "event"; readonly event: object }
  | { readonly kind: "blank" }
  | { readonly kind: "bad"; readonly reason: string };

interface Line {
  readonly bytes: Uint8Array;
  readonly number: number;
  readonly value: LineValue;
}

/** Hands lines on once one of the first of them is an event; refuses the file by its kind if not. */
async function* checked(file: string, lines: AsyncIterable<Line>): AsyncGenerator<Line> {
  const first: Line[] = [];
  let isKnown = false;
  for await (const line of lines) {
    if (isKnown) {
      yield line;
      continue;
    }
    first.push(line);
    // Elements of an array, one a line, look like events from the last one on.
    if (line.value.kind === "bad" && opensArray(first)) throw noEvents(file, first);
    isKnown = line.value.kind === "event";
    if (isKnown) yield* first;
    else if (first.length >= LOOKED_AT) throw noEvents(file, first);
  }
  if (isKnown) return;
  if (first.some(({ value }) => value.kind === "bad")) throw noEvents(file, first);
  yield* first;
}

/** Whether the first line that is not blank opens a JSON array that goes on in the next. */
function opensArray(lines: readonly Line[]): boolean {
  const [one, another] = lines.filter(({ value }) => value.kind !== "blank");
  if (one?.value.kind !== "bad" || another !== undefined) return false;
  return one.value.reason !== NO_OBJECT && decoder.decode(one.bytes).trimStart().startsWith("[");
}

function noEvents(file: string, lines: readonly Line[]): TidegateError {
  const [one, two] = lines.filter(({ value }) => value.kind === "bad");
  const text = one === undefined ? "" : decoder.decode(one.bytes);
  const kind = kindOf(text, two === undefined ? null : decoder.decode(two.bytes));
  const reason = one?.value.kind === "bad" ? one.value.reason : "";
  return new TidegateError(
    "TG_INPUT",
    `Cannot replay "${file}": it must hold one JSON object a line, got ${kind.got} ` +
      `(line ${one?.number ?? 1}: ${reason})`,
    { next: kind.next },
  );
}

function kindOf(one: string, two: string | null): { readonly got: string; readonly next: string } {
  const next = "Give the path of a file with one JSON event a line.";
  if (one.trimStart().startsWith("[")) {
    return { got: "a JSON array", next: "Write one element a line: jq -c '.[]' FILE > LINES." };
  }
  if (/^\s*\{/.test(one)) {
    return {
      got: "JSON over several lines",
      next: "Write one object a line: jq -c . FILE > LINES.",
    };
  }
  for (const comma of [",", ";", "\t"]) {
    const columns = one.split(comma).length;
    if (columns > 1 && (two === null || two.split(comma).length >= columns)) {
      return {
        got: "CSV",
        next: "Convert it to one JSON object a line, with the columns as fields.",
      };
    }
  }
  return { got: "other text", next };
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The lines of a file, in which not everything need be text. */
async function* linesOf(file: string): AsyncGenerator<Line> {
  let rest = new Uint8Array(0);
  let number = 0;
  let isHead = true;
  const line = (bytes: Uint8Array): Line => {
    number += 1;
    return { bytes, number, value: valueOf(bytes) };
  };
  for await (let chunk of chunksOf(file)) {
    if (isHead) chunk = textOf(file, chunk);
    isHead = false;
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      yield line(withoutReturn(joined(rest, chunk.subarray(from, end))));
      rest = new Uint8Array(0);
      from = end + 1;
    }
    rest = joined(rest, chunk.subarray(from));
  }
  if (rest.length > 0) yield line(withoutReturn(rest));
}

/** The head of a file without its byte order mark; refuses other encodings. */
function textOf(file: string, head: Uint8Array): Uint8Array {
  const [a = -1, b = -1, c = -1] = head;
  if (a === 0xef && b === 0xbb && c === 0xbf) return head.subarray(3);
  const isUtf16 = (a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff) ||
    (head.length >= 2 && (a === 0) !== (b === 0));
  const got = isUtf16 ? "UTF-16" : a === 0x1f && b === 0x8b ? "gzip" : null;
  if (got === null) return head;
  throw new TidegateError("TG_INPUT", `Cannot replay "${file}": it must be UTF-8, got ${got}`, {
    next: isUtf16
      ? "Convert it: iconv -f UTF-16 -t UTF-8 FILE > LINES."
      : "Unpack it: gunzip -c FILE > LINES.",
  });
}

async function* chunksOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 })) {
      if (chunk instanceof Uint8Array) yield chunk;
    }
  } catch (cause) {
    const reason = errorText(cause);
    throw new TidegateError("TG_INPUT", `Cannot replay "${file}": ${reason}`, {
      next: "Give the path of a file with one JSON event a line.",
      cause,
    });
  }
}

/** A copy: the stream may use its buffer again. */
function joined(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}

const decoder = new TextDecoder();
const NO_OBJECT = "JSON, but no object";

function valueOf(bytes: Uint8Array): LineValue {
  if (bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === CARRIAGE_RETURN)) {
    return { kind: "blank" };
  }
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    return { kind: "bad", reason: `no JSON: ${errorText(error)}` };
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return { kind: "event", event: value };
  }
  return { kind: "bad", reason: NO_OBJECT };
}

function keyOf(event: object, recordKey: string | null): string | null {
  if (recordKey === null || !Object.hasOwn(event, recordKey)) return null;
  const key: unknown = Reflect.get(event, recordKey);
  return typeof key === "string" || typeof key === "number" ? String(key) : null;
}
