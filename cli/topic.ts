/**
 * Reads a topic that Tidegate writes, from its first record to its present end.
 *
 * @module
 */

import type { LogReader, LogRecord } from "../adapters/kafka/log.ts";

/** How long an answer without records is waited for, in ms, and how many of them are an end. */
const WAIT_MS = 200;
const EMPTY_ANSWERS = 5;

/**
 * Reads all committed records of a topic, partition by partition in the order of their offsets. A
 * topic that is not there has none.
 *
 * @param onRecord Is told of each.
 * @returns Whether nothing was removed from it, other than by compaction.
 */
export async function readWhole(
  reader: LogReader,
  topic: string,
  onRecord: (record: LogRecord) => void,
): Promise<boolean> {
  let isWhole = true;
  for (const partition of (await reader.describe(topic))?.partitions ?? []) {
    const { start, end } = await reader.offsets(topic, partition);
    isWhole &&= start === 0;
    // The last records may be gone by compaction, and then no answer ever reaches the end.
    for (let from = start, empty = 0; from < end && empty < EMPTY_ANSWERS;) {
      const maxWaitMs = empty === 0 ? 0 : WAIT_MS;
      const { records, next } = await reader.fetch({ topic, partition, from, maxWaitMs });
      records.forEach(onRecord);
      empty = next > from ? 0 : empty + 1;
      from = next;
    }
  }
  return isWhole;
}
