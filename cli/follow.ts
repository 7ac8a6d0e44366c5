/**
 * Follows the results topic: told of every window when its rows have been written.
 *
 * @module
 */

import type { LogReader } from "../adapters/kafka/log.ts";
import type { ResultRow } from "../core/flow/row.ts";

/** How long one look at the topic lasts, in ms. */
const LOOK_MS = 1_000;

/**
 * Follows the results topic from its present end on.
 *
 * @param reader The log.
 * @param topic The results topic; of one partition.
 * @param onRows Told of the rows of one look, in the order of their writing.
 * @param signal Ends it.
 */
export async function followResults(
  reader: LogReader,
  topic: string,
  onRows: (rows: readonly ResultRow[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const decoder = new TextDecoder();
  let { end: from } = await reader.offsets(topic, 0);
  while (!signal.aborted) {
    try {
      const found = await reader.fetch({ topic, partition: 0, from, maxWaitMs: LOOK_MS, signal });
      from = found.next;
      // Written by Tidegate, so it is of this shape.
      const rows = found.records.flatMap(({ value }) =>
        value === null ? [] : [JSON.parse(decoder.decode(value)) as ResultRow]
      );
      if (rows.length > 0) onRows(rows);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
