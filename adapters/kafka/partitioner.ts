/**
 * Which partition a record without one goes to, the same for all writers.
 *
 * @module
 */

/** What is looked at of a record. */
export interface Choice {
  /** The record's key. */
  readonly key?: Uint8Array | string | null;
}

const encoder = new TextEncoder();

/**
 * Makes a chooser of partitions: by the hash of the key as Java's client does, else one after the
 * other.
 */
export function createPartitioner(): (record: Choice, partitions: number) => number {
  let turn = 0;
  return ({ key }, partitions) => {
    if (key === null || key === undefined) return turn++ % partitions;
    return partitionOfKey(typeof key === "string" ? encoder.encode(key) : key, partitions);
  };
}

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/**
 * Murmur2 with the Java client's seed: a signed 32-bit integer, the same as `org.apache.kafka.common.utils.Utils.murmur2`.
 */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length;
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k = Math.imul(view.getInt32(at, true), M);
    k = Math.imul(k ^ (k >>> 24), M);
    hash = Math.imul(hash, M) ^ k;
  }
  const rest = length - at;
  if (rest > 0) {
    for (let i = rest - 1; i >= 0; i--) hash ^= view.getUint8(at + i) << (8 * i);
    hash = Math.imul(hash, M);
  }
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/**
 * The partition of a key, as the Java client's default partitioner chooses it.
 */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
