/**
 * Decoding of Kafka's record batches (message format 2), the hot path of reading: no copy of keys
 * and values, no bigint per record, no work for records that nobody asked for.
 *
 * @module
 */

import type { LogRecord } from "./log.ts";

/** A producer's transaction that was aborted, as a fetch response lists it. */
export interface AbortedTransaction {
  /** Whose transaction. */
  readonly producerId: bigint;
  /** The first offset of the transaction. */
  readonly firstOffset: number;
}

/** What {@linkcode decodeBatches} needs to know. */
export interface DecodeOptions {
  /** The first offset wanted; earlier records of the first batch are passed over. */
  readonly from: number;
  /** The last stable offset; batches at or after it are not looked at. */
  readonly end: number;
  /** Transactions whose records are to be dropped. */
  readonly aborted: readonly AbortedTransaction[];
  /** Undoes a batch's compression; `codec` is 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  decompress(codec: number, bytes: Uint8Array): Uint8Array;
  /** CRC-32C of bytes; batches are not checked if left out. */
  readonly checksum?: (bytes: Uint8Array) => number;
}

/** What {@linkcode decodeBatches} found. */
export interface DecodedBatches {
  /** Committed data records at or after `from`, in offset order. */
  readonly records: LogRecord[];
  /** The offset after the last whole batch; `from` if there is none. */
  readonly next: number;
  /** The leader's epoch when the last whole batch was written; null if there is none. */
  readonly leaderEpoch: number | null;
  /** How many bytes the first batch has, if it was cut off; 0 if there was a whole one or none. */
  readonly cutOff: number;
}

/** A batch that can't be what the broker's producer wrote. */
export class BatchError extends Error {
  /** The class name, kept for logs. */
  override readonly name = "BatchError";
}

/** Bytes of a batch before its records: offset, length, epoch, magic, crc, and what crc covers. */
const HEADER_BYTES = 61;
/** Bytes before the ones that the length field counts. */
const LENGTH_END = 12;
/** Where the bytes under the checksum begin. */
const CHECKED_FROM = 21;
const MAGIC_AT = 16;
const ATTRIBUTES_AT = 21;
const CODEC_MASK = 0b111;
const LOG_APPEND_TIME = 1 << 3;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;
const ABORT_MARKER = 0;

/**
 * Decodes the record batches of one fetch response.
 *
 * A batch that is cut off at the end is left out: the broker fills answers up to the byte. Records
 * of aborted transactions and control records (commit and abort markers) are left out, and `next`
 * moves past them, as past the gaps that compaction leaves.
 *
 * @param bytes The batches one after the other; keys and values of the records are views into it.
 * @param options What to keep.
 * @returns The records and the offset to go on from.
 * @throws {BatchError} If a batch is of another format, fails its checksum or contradicts itself.
 */
export function decodeBatches(bytes: Uint8Array, options: DecodeOptions): DecodedBatches {
  const records: LogRecord[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const filter = new AbortedFilter(options.aborted);
  let next = options.from;
  let leaderEpoch: number | null = null;
  let at = 0;
  while (at + LENGTH_END <= bytes.length) {
    const batchEnd = at + LENGTH_END + view.getInt32(at + 8);
    if (batchEnd > bytes.length) {
      return { records, next, leaderEpoch, cutOff: at === 0 ? batchEnd : 0 };
    }
    const base = readInt64(view, at);
    if (base >= options.end) break;
    if (batchEnd - at > MAGIC_AT && view.getInt8(at + MAGIC_AT) !== 2) {
      const magic = view.getInt8(at + MAGIC_AT);
      throw new BatchError(`the record format at offset ${base} must be 2, got ${magic}`);
    }
    if (batchEnd - at < HEADER_BYTES) {
      throw new BatchError(`the batch at offset ${base} must have a whole header`);
    }
    const batchNext = base + view.getInt32(at + 23) + 1;
    if (batchNext > options.from) {
      checkCrc(view, bytes, at, batchEnd, base, options.checksum);
      try {
        if (filter.keeps(view, at, batchNext - 1)) {
          decodeRecords(bytes, view, at, batchEnd, options, records);
        }
      } catch (cause) {
        if (cause instanceof BatchError) throw cause;
        throw new BatchError(`the records of the batch at offset ${base} must be readable`, {
          cause,
        });
      }
      next = batchNext;
      leaderEpoch = view.getInt32(at + LENGTH_END);
    }
    at = batchEnd;
  }
  return { records, next, leaderEpoch, cutOff: 0 };
}

/** Decodes the records of the batch from `at` to `end` and adds those that are wanted. */
function decodeRecords(
  all: Uint8Array,
  header: DataView,
  at: number,
  end: number,
  options: DecodeOptions,
  records: LogRecord[],
): void {
  const base = readInt64(header, at);
  const attributes = header.getInt16(at + ATTRIBUTES_AT);
  const stamped = (attributes & LOG_APPEND_TIME) !== 0;
  const time = readInt64(header, stamped ? at + 35 : at + 27);
  const count = header.getInt32(at + 57);
  const codec = attributes & CODEC_MASK;
  const content = all.subarray(at + HEADER_BYTES, end);
  const bytes = codec === 0 ? content : options.decompress(codec, content);
  const { buffer, byteOffset } = bytes;
  const cursor = new VarintCursor(new DataView(buffer, byteOffset, bytes.byteLength));
  for (let i = 0; i < count; i++) {
    const length = cursor.int();
    const next = cursor.at + length;
    cursor.at += 1; // The record's attributes: no bit of them is in use.
    const timestampDelta = cursor.long();
    const offset = base + cursor.int();
    if (offset >= options.from) {
      const keyLength = cursor.int();
      const keyAt = byteOffset + cursor.at;
      if (keyLength > 0) cursor.at += keyLength;
      const valueLength = cursor.int();
      const valueAt = byteOffset + cursor.at;
      records.push({
        offset,
        timestampMs: stamped ? time : time < 0 ? -1 : time + timestampDelta,
        key: keyLength < 0 ? null : new Uint8Array(buffer, keyAt, keyLength),
        value: valueLength < 0 ? null : new Uint8Array(buffer, valueAt, valueLength),
      });
    }
    cursor.at = next; // Headers are not read.
  }
}

/** Decides batch by batch what isolation read_committed lets through. */
class AbortedFilter {
  readonly #pending: AbortedTransaction[];
  readonly #aborting = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#pending = [...aborted].sort((a, b) => b.firstOffset - a.firstOffset);
  }

  /** Whether the batch at `at` holds committed data; must be asked for every batch in order. */
  keeps(view: DataView, at: number, lastOffset: number): boolean {
    const attributes = view.getInt16(at + ATTRIBUTES_AT);
    if ((attributes & (TRANSACTIONAL | CONTROL)) === 0) return true;
    const producerId = view.getBigInt64(at + 43);
    for (
      let last = this.#pending.at(-1);
      last !== undefined && last.firstOffset <= lastOffset;
      last = this.#pending.at(-1)
    ) {
      this.#aborting.add(last.producerId);
      this.#pending.pop();
    }
    if ((attributes & CONTROL) !== 0) {
      if (controlType(view, at + HEADER_BYTES) === ABORT_MARKER) this.#aborting.delete(producerId);
      return false;
    }
    return !this.#aborting.has(producerId);
  }
}

/** The type of a control batch's one record: 0 abort, 1 commit. Control batches are never compressed. */
function controlType(view: DataView, at: number): number {
  const cursor = new VarintCursor(view);
  cursor.at = at;
  cursor.int();
  cursor.at += 1;
  cursor.long();
  cursor.int();
  cursor.int();
  return view.getInt16(cursor.at + 2);
}

function checkCrc(
  view: DataView,
  bytes: Uint8Array,
  at: number,
  batchEnd: number,
  base: number,
  checksum: DecodeOptions["checksum"],
): void {
  if (checksum === undefined) return;
  const wanted = view.getUint32(at + 17);
  const got = checksum(bytes.subarray(at + CHECKED_FROM, batchEnd));
  if (wanted !== got) {
    throw new BatchError(
      `the checksum of the batch at offset ${base} must be ${wanted}, got ${got}`,
    );
  }
}

/** A 64-bit integer as a number: exact for the offsets and times there are (below 2^53). */
function readInt64(view: DataView, at: number): number {
  return view.getInt32(at) * 4294967296 + view.getUint32(at + 4);
}

/** Reads zigzag varints; beyond the bytes it throws a RangeError. */
class VarintCursor {
  /** Where the next byte is read. */
  at = 0;
  readonly #view: DataView;

  constructor(view: DataView) {
    this.#view = view;
  }

  /** A varint of up to 32 bits. */
  int(): number {
    const view = this.#view;
    let byte = view.getUint8(this.at++);
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 127;
    let shift = 7;
    do {
      byte = view.getUint8(this.at++);
      value |= (byte & 127) << shift;
      shift += 7;
    } while (byte > 127);
    return (value >>> 1) ^ -(value & 1);
  }

  /** A varint of up to 64 bits as a number: exact up to 2^53. */
  long(): number {
    const view = this.#view;
    const start = this.at;
    let byte = view.getUint8(this.at++);
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 127;
    let scale = 128;
    do {
      byte = view.getUint8(this.at++);
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte > 127);
    const odd = (view.getUint8(start) & 1) === 1;
    return odd ? -(value - 1) / 2 - 1 : value / 2;
  }
}
