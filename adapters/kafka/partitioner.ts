/**
 * Which partition a record without one goes to, the same for all writers.
 *
 * @module
 */

import { murmur2 } from "../../core/fold/cells.ts";

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

/**
 * The partition of a key, as the Java client's default partitioner chooses it.
 */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}
