/**
 * Who polls for slices, as the Temporal server remembers it.
 *
 * @module
 */

import type { Client } from "@temporalio/client";
import { drainQueue } from "../../core/ids.ts";

/** The server's number for queues of activities. */
const ACTIVITY_QUEUE = 2;

/**
 * The server remembers a poller for five minutes. A poll lasts up to a minute and is noted when it
 * begins, so that a worker which waits was last seen up to a minute ago. In ms.
 */
const SEEN_WITHIN_MS = 65_000;

/**
 * The workers that poll for a pipeline's slices.
 *
 * @param client A connected client.
 * @param pipeline The pipeline's name.
 * @returns Their identities; one that has just died is still among them.
 */
export async function drainPollers(client: Client, pipeline: string): Promise<string[]> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: drainQueue(pipeline) },
    taskQueueType: ACTIVITY_QUEUE,
  });
  const since = Date.now() - SEEN_WITHIN_MS;
  const seen = (pollers ?? []).filter(({ lastAccessTime }) =>
    Number(lastAccessTime?.seconds ?? 0) * 1000 >= since
  );
  return [...new Set(seen.map(({ identity }) => identity ?? "").filter((one) => one !== ""))];
}
