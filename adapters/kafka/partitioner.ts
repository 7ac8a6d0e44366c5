/**
 * Which partition a record without one goes to, the same for all writers.
 *
 * @module
 */

import { partitionOfKey } from "./murmur2.ts";

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
 *
 * @returns The chooser.
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
