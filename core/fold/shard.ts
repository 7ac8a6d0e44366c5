/**
 * Which share of the keys a key belongs to, where the cells of one window are spread over several
 * workflows. The hash is the one by which Kafka's Java client chooses partitions, so that it can be
 * checked against known values; core has no `TextEncoder`, hence the small encoder.
 *
 * @module
 */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * Murmur2 with the seed of Kafka's Java client (`org.apache.kafka.common.utils.Utils.murmur2`).
 *
 * @param bytes What to hash.
 * @returns A signed 32-bit integer.
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

/**
 * Encodes text as UTF-8; a lone surrogate becomes U+FFFD, as with `TextEncoder`.
 *
 * @param text The text.
 * @returns The bytes.
 */
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

/**
 * The share that a key belongs to.
 *
 * @param key The canonical key.
 * @param shards How many shares there are, at least 1.
 * @returns A number from 0 to `shards - 1`.
 */
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
