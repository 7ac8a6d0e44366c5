/**
 * What a test of the log's contract gets, and what it writes and reads with.
 *
 * @module
 */

import assert from "node:assert/strict";
import type {
  FetchRequest,
  LogAdmin,
  LogReader,
  LogRecord,
  LogWriter,
  OutRecord,
} from "../../../adapters/kafka/log.ts";

/** One implementation, opened for one test. */
export interface OpenLog {
  /** Reads. */
  readonly reader: LogReader;
  /** Writes. */
  readonly writer: LogWriter;
  /** Makes topics. */
  readonly admin: LogAdmin;
}

/** What a test of the contract gets. */
export interface Trial extends OpenLog {
  /** A name that no other test uses. */
  readonly topic: string;
  /** Fetches from partition 0 of the topic unless told otherwise. */
  fetch(from: number, more?: Partial<FetchRequest>): ReturnType<LogReader["fetch"]>;
  /** Reads a partition of the topic (0) from an offset (0) to its end. */
  readAll(from?: number, partition?: number): Promise<LogRecord[]>;
}

/** Registers a test of the contract for the implementation at hand. */
export type RegisterTest = (name: string, body: (trial: Trial) => Promise<void>) => void;

/** Records keep their own time; nothing is deleted for its age while a test runs. */
export const OWN_TIME: Readonly<Record<string, string>> = {
  "message.timestamp.type": "CreateTime",
  "retention.ms": "-1",
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Reads a partition from an offset to the end that it has when the reading begins. */
export async function readAll(
  reader: LogReader,
  topic: string,
  partition = 0,
  from = 0,
): Promise<LogRecord[]> {
  const { end } = await reader.offsets(topic, partition);
  const records: LogRecord[] = [];
  for (let next = from; next < end;) {
    const answer = await reader.fetch({ topic, partition, from: next });
    assert.ok(answer.next > next, `a fetch from ${next} must move on before ${end}`);
    records.push(...answer.records);
    next = answer.next;
  }
  return records;
}

/** Records whose values are the numbers `from` to `to` − 1. */
export function numbered(from: number, to: number, partition = 0): OutRecord[] {
  return numbers(from, to).map((value) => ({ key: null, value, partition }));
}

/** The numbers `from` to `to` − 1 as text. */
export function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => String(from + i));
}

/** A key or value as text. */
export function text(data: Uint8Array | null | undefined): string | null {
  return data === null || data === undefined ? null : decoder.decode(data);
}

/** A key or value as bytes. */
export function toBytes(data: string | Uint8Array | null): Uint8Array | null {
  return typeof data === "string" ? encoder.encode(data) : data?.slice() ?? null;
}
