/**
 * The activity `findPartitions`: where partitions begin of which the drain knows nothing yet, because
 * the topic has gained them, or because nobody led them when the generation began.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { LogReader } from "../adapters/kafka/log.ts";
import type { PartitionStart } from "../core/flow/drain.ts";

/** Where some are not found, the answer waits so long, in ms: the drain asks again at once. */
const PAUSE_MS = 2_000;

/** Answers where partitions begin; those that nobody can tell of at the moment are left out. */
export async function findPartitions(
  reader: Pick<LogReader, "offsets">,
  { topic, partitions }: { readonly topic: string; readonly partitions: readonly number[] },
): Promise<PartitionStart[]> {
  const found = await Promise.allSettled(
    partitions.map(async (partition) => ({
      partition,
      cursor: (await reader.offsets(topic, partition)).start,
    })),
  );
  const starts = found.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  if (starts.length < partitions.length) await sleep(PAUSE_MS);
  return starts;
}
