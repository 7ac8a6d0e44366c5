/**
 * Replays one's own data: a file with one record a line.
 *
 * @module
 */

import { errorText } from "../core/errors.ts";
import { createReadStream } from "node:fs";
import type { LogWriter } from "../adapters/kafka/log.ts";
import { TidegateError } from "../core/errors.ts";
import { shardOf } from "../core/fold/cells.ts";
import type { Pipeline } from "../definition/define.ts";
import { Sender } from "./_sender.ts";
import type { LoadHooks, SentCounts } from "./load.ts";

/** What to replay. */
export interface ReplayOptions {
  /** The file: one record value a line, usually JSON. */
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
}

/**
 * Sends every line of a file as it is, byte for byte without its line break; blank lines are passed
 * over. The record's key is the value of the pipeline's record key field where the line is a JSON
 * object that has it as text or number; else there is none.
 *
 * @param options What to replay.
 * @param writer Sends the records; it stays open.
 * @param hooks The clock, the signal, and who is told.
 * @returns What was sent.
 * @throws {TidegateError} `TG_INPUT` if the file can't be read, `TG_USAGE` if the rate is not above
 * 0, and what the writer throws.
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
  let blank = 0;
  let taken = 0;
  for await (const value of linesOf(file)) {
    if (sender.stopped) break;
    if (isBlank(value)) {
      blank += 1;
      continue;
    }
    await sender.until(startMs + taken * 1000 / rate);
    if (sender.stopped) break;
    const key = keyOf(value, pipeline.recordKey);
    const partition = key === null ? taken % partitions : shardOf(key, partitions);
    await sender.add({ key, value, partition });
    taken += 1;
  }
  return { ...await sender.finish(), blank };
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The lines of a file as bytes, which need not be text. */
async function* linesOf(file: string): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array(0);
  for await (const chunk of chunksOf(file)) {
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      yield withoutReturn(joined(rest, chunk.subarray(from, end)));
      rest = new Uint8Array(0);
      from = end + 1;
    }
    rest = joined(rest, chunk.subarray(from));
  }
  if (rest.length > 0) yield withoutReturn(rest);
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

function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === CARRIAGE_RETURN);
}

const decoder = new TextDecoder();

function keyOf(line: Uint8Array, recordKey: string | null): string | null {
  if (recordKey === null) return null;
  let event: unknown;
  try {
    event = JSON.parse(decoder.decode(line));
  } catch {
    // Not JSON: it is sent all the same, and Tidegate will count it as invalid.
    return null;
  }
  if (typeof event !== "object" || event === null || !Object.hasOwn(event, recordKey)) return null;
  const key: unknown = Reflect.get(event, recordKey);
  return typeof key === "string" || typeof key === "number" ? String(key) : null;
}
