/**
 * Writes record batches as a broker holds them, for the tests of their decoding.
 *
 * @module
 */

/** A record of a batch. */
export interface PlainRecord {
  /** Offset relative to the batch's. */
  readonly offsetDelta: number;
  /** Time relative to the batch's, in ms. */
  readonly timestampDelta: number;
  /** The record's key. */
  readonly key: Uint8Array | null;
  /** The record's value. */
  readonly value: Uint8Array | null;
  /** Headers: names and values. */
  readonly headers?: readonly (readonly [string, Uint8Array])[];
}

/** A batch; what is left out is 0, or what a producer without id writes. */
export interface PlainBatch {
  /** The offset of a record with offset delta 0. */
  readonly base: number;
  /** The records, deltas ascending. */
  readonly records: readonly PlainRecord[];
  /** The delta of the last offset that the batch stands for; the last record's if left out. */
  readonly lastOffsetDelta?: number;
  /** The attribute bits. */
  readonly attributes?: number;
  /** The time that deltas are relative to, in epoch ms. */
  readonly baseTimestampMs?: number;
  /** The batch's largest time, in epoch ms. */
  readonly maxTimestampMs?: number;
  /** The producer. */
  readonly producerId?: bigint;
  /** The format's number. */
  readonly magic?: number;
  /** Compresses the records. */
  readonly compress?: (bytes: Uint8Array) => Uint8Array;
}

/** Attribute bits. */
export const Attribute = { logAppendTime: 8, transactional: 16, control: 32 } as const;

/** The bytes of one batch. */
export function encodeBatch(batch: PlainBatch): Uint8Array {
  const plain = concat(batch.records.map(encodeRecord));
  const content = batch.compress?.(plain) ?? plain;
  const bytes = new Uint8Array(61 + content.length);
  const view = new DataView(bytes.buffer);
  const lastDelta = batch.lastOffsetDelta ?? batch.records.at(-1)?.offsetDelta ?? 0;
  const base = BigInt(batch.baseTimestampMs ?? 0);
  view.setBigInt64(0, BigInt(batch.base));
  view.setInt32(8, bytes.length - 12);
  view.setInt32(12, 3); // leader epoch
  view.setInt8(16, batch.magic ?? 2);
  view.setInt16(21, batch.attributes ?? 0);
  view.setInt32(23, lastDelta);
  view.setBigInt64(27, base);
  view.setBigInt64(35, BigInt(batch.maxTimestampMs ?? 0));
  view.setBigInt64(43, batch.producerId ?? -1n);
  view.setInt16(51, batch.producerId === undefined ? -1 : 0);
  view.setInt32(53, -1);
  view.setInt32(57, batch.records.length);
  bytes.set(content, 61);
  view.setUint32(17, crc32c(bytes.subarray(21)));
  return bytes;
}

/** The bytes of a batch with a commit or abort marker. */
export function encodeMarker(
  base: number,
  producerId: bigint,
  type: "commit" | "abort",
): Uint8Array {
  const key = Uint8Array.of(0, 0, 0, type === "commit" ? 1 : 0);
  const value = new Uint8Array(6);
  return encodeBatch({
    base,
    producerId,
    attributes: Attribute.transactional | Attribute.control,
    records: [{ offsetDelta: 0, timestampDelta: 0, key, value }],
  });
}

/** One array after the other. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** CRC-32C bit by bit, to check the fast one against. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function encodeRecord(record: PlainRecord): Uint8Array {
  const headers = record.headers ?? [];
  const body = concat([
    Uint8Array.of(0),
    varint(BigInt(record.timestampDelta)),
    varint(BigInt(record.offsetDelta)),
    prefixed(record.key),
    prefixed(record.value),
    varint(BigInt(headers.length)),
    ...headers.flatMap((
      [name, value],
    ) => [prefixed(new TextEncoder().encode(name)), prefixed(value)]),
  ]);
  return concat([varint(BigInt(body.length)), body]);
}

function prefixed(data: Uint8Array | null): Uint8Array {
  return data === null ? varint(-1n) : concat([varint(BigInt(data.length)), data]);
}

/** A zigzag varint, by the book. */
function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
