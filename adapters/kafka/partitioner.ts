/**
 * Which partition a record without one goes to, the same for all writers.
 *
 * @module
 */

/** The part of a kafkajs partitioner's arguments that is looked at. */
export interface Choice {
  /** The message. */
  readonly message: {
    key?: Uint8Array | string | null;
    partition?: number;
  };
  /** The topic's partitions. */
  readonly partitionMetadata: readonly { readonly partitionId: number }[];
}

const encoder = new TextEncoder();

/**
 * Makes a chooser of partitions: the given partition, else by the hash of the key as Java's client
 * does, else one after the other.
 *
 * The choice is noted in the message: kafkajs asks again when it repeats a request, and a record
 * that changed its partition then could be written twice.
 */
export function createPartitioner(): (choice: Choice) => number {
  let turn = 0;
  return ({ message, partitionMetadata }) => {
    const count = partitionMetadata.length;
    if (message.partition === undefined) {
      const { key } = message;
      if (key === null || key === undefined) message.partition = turn++ % count;
      else {
        const bytes = typeof key === "string" ? encoder.encode(key) : key;
        message.partition = partitionOfKey(bytes, count);
      }
    }
    return message.partition;
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
