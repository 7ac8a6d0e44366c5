/**
 * Encoding of Kafka's record batches (message format 2), the counterpart of `record_batch.ts`.
 *
 * @module
 */

import type { OutRecord } from "./log.ts";

/** What a batch says beside its records. */
export interface EncodeOptions {
  /** Whose batch. */
  readonly producerId: bigint;
  /** The producer's epoch. */
  readonly producerEpoch: number;
  /** The number of its first record among all that the producer wrote to the partition. */
  readonly sequence: number;
  /** The time of records without one, in epoch ms. */
  readonly nowMs: number;
  /** CRC-32C of bytes. */
  readonly checksum: (bytes: Uint8Array) => number;
  /** Compresses the records, by which codec; they stay as they are if left out. */
  readonly compression?: {
    /** Kafka's number of the codec: 1 is gzip. */
    readonly codec: number;
    /** Compresses. */
    readonly compress: (bytes: Uint8Array) => Uint8Array;
  };
}

const HEADER_BYTES = 61;
/** Bytes before the ones that the length field counts. */
const LENGTH_END = 12;
const CHECKED_FROM = 21;
/** Lengths, deltas, attributes and headers of one record take no more. */
const RECORD_OVERHEAD = 40;

const encoder = new TextEncoder();

/** The bytes of one batch, at least one record. */
export function encodeBatch(records: readonly OutRecord[], options: EncodeOptions): Uint8Array {
  const times = records.map(({ timestampMs }) => Math.trunc(timestampMs ?? options.nowMs));
  const baseTime = times[0] ?? options.nowMs;
  const plain = encodeRecords(records, times, baseTime);
  const { compression } = options;
  const content = compression?.compress(plain) ?? plain;
  const bytes = new Uint8Array(HEADER_BYTES + content.length);
  const view = new DataView(bytes.buffer);
  view.setInt32(8, bytes.length - LENGTH_END);
  view.setInt32(12, -1); // The leader knows its epoch.
  view.setInt8(16, 2);
  view.setInt16(21, compression?.codec ?? 0);
  view.setInt32(23, records.length - 1);
  view.setBigInt64(27, BigInt(baseTime));
  view.setBigInt64(35, BigInt(times.reduce((a, b) => Math.max(a, b), baseTime)));
  view.setBigInt64(43, options.producerId);
  view.setInt16(51, options.producerEpoch);
  view.setInt32(53, options.sequence);
  view.setInt32(57, records.length);
  bytes.set(content, HEADER_BYTES);
  view.setUint32(17, options.checksum(bytes.subarray(CHECKED_FROM)));
  return bytes;
}

function encodeRecords(
  records: readonly OutRecord[],
  times: readonly number[],
  baseTime: number,
): Uint8Array {
  const parts = records.map(({ key, value }) => [bytesOf(key), bytesOf(value)] as const);
  const size = parts.reduce(
    (sum, [key, value]) => sum + (key?.length ?? 0) + (value?.length ?? 0) + RECORD_OVERHEAD,
    0,
  );
  const bytes = new Uint8Array(size);
  let at = 0;
  const put = (value: number): void => {
    // Zigzag; of two factors, as bit operators end at 32 bits.
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    for (; rest > 127; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
    bytes[at++] = rest;
  };
  const putBytes = (data: Uint8Array | null): void => {
    put(data?.length ?? -1);
    if (data === null) return;
    bytes.set(data, at);
    at += data.length;
  };
  for (const [i, [key, value]] of parts.entries()) {
    const timeDelta = (times[i] ?? baseTime) - baseTime;
    put(2 + varintSize(timeDelta) + varintSize(i) + sizeOf(key) + sizeOf(value));
    put(0); // attributes; a zero reads the same as a byte
    put(timeDelta);
    put(i);
    putBytes(key);
    putBytes(value);
    put(0); // headers
  }
  return bytes.subarray(0, at);
}

function bytesOf(data: string | Uint8Array | null): Uint8Array | null {
  return typeof data === "string" ? encoder.encode(data) : data;
}

function sizeOf(data: Uint8Array | null): number {
  return data === null ? 1 : varintSize(data.length) + data.length;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value < 0 ? -2 * value - 1 : 2 * value; rest > 127; size++) {
    rest = Math.floor(rest / 128);
  }
  return size;
}
