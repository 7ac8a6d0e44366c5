/**
 * Reads late and invalid topics.
 *
 * @module
 */

import type { LogReader } from "../../../adapters/kafka/log.ts";

/** A record of a side topic. */
export interface SideRecord {
  /** The pipeline. */
  readonly pipeline: string;
  /** Its generation. */
  readonly generation: number;
  /** Which count it is part of. */
  readonly kind: string;
  /** Why. */
  readonly reason: string;
  /** The failing path. */
  readonly path: string;
  /** What is wrong, for people. */
  readonly message: string;
  /** The source topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** The offset. */
  readonly offset: number;
  /** The record's timestamp, ISO. */
  readonly timestamp: string | null;
  /** The partition's watermark before it, ISO. */
  readonly watermark: string | null;
  /** The windows that it missed. */
  readonly windows: readonly { readonly start: string; readonly end: string }[];
  /** Its value as text. */
  readonly value?: string | null;
  /** Its value, where it is no text. */
  readonly valueBase64?: string;
  /** Whether the value is cut. */
  readonly truncated?: boolean;
  /** The bytes of the whole value, where it is cut. */
  readonly bytes?: number;
}

/**
 * Reads a side topic.
 *
 * @param reader Reads it.
 * @param topic The topic.
 * @returns The last record of every key.
 */
export async function sideRecords(
  reader: LogReader,
  topic: string,
): Promise<ReadonlyMap<string, SideRecord>> {
  const found = new Map<string, SideRecord>();
  const text = new TextDecoder();
  const { start, end } = await reader.offsets(topic, 0);
  for (let from = start; from < end;) {
    const { records, next } = await reader.fetch({ topic, partition: 0, from });
    for (const { key, value } of records) {
      if (key === null || value === null) throw new Error(`${topic} holds a record without a key`);
      // Written by side_record.ts, so it is of this shape.
      found.set(text.decode(key), JSON.parse(text.decode(value)) as SideRecord);
    }
    from = next;
  }
  return found;
}
