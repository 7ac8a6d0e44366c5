/**
 * What is asked of the Temporal server itself: search attributes, pollers of a queue, and the
 * activities that a dead process still holds.
 *
 * @module
 */

import type { Client } from "@temporalio/client";
import { errorText } from "../../core/errors.ts";
import { sweepQueue } from "../../core/ids.ts";
import { fromTemporal, statusOf } from "./errors.ts";

/** The state of an activity that somebody holds: Temporal's PENDING_ACTIVITY_STATE_STARTED. */
export const STARTED = 2;

/**
 * Fails the activities of a workflow that dead processes held, so that they run elsewhere at once.
 *
 * @returns How many.
 */
export async function failPending(
  client: Client,
  workflowId: string,
  isDead: (identity: string) => boolean,
): Promise<number> {
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const pending = (raw.pendingActivities ?? []).filter(({ state, lastWorkerIdentity }) =>
    state === STARTED && isDead(lastWorkerIdentity ?? "")
  );
  let failed = 0;
  for (const { activityId, lastWorkerIdentity } of pending) {
    const call = client.workflowService.respondActivityTaskFailedById({
      namespace: client.options.namespace,
      workflowId,
      activityId: activityId ?? "",
      identity: lastWorkerIdentity ?? "",
      failure: {
        message: `process ${lastWorkerIdentity} has ended`,
        applicationFailureInfo: { type: "TG_WORKER_GONE", nonRetryable: false },
      },
    });
    try {
      await call;
      failed += 1;
    } catch (error) {
      // It has ended or timed out meanwhile.
      if (statusOf(error) !== "NOT_FOUND") throw error;
    }
  }
  return failed;
}

/** The server's number for queues of activities. */
const ACTIVITY_QUEUE = 2;

/**
 * The server remembers a poller for five minutes. A poll lasts up to a minute and is noted when it
 * begins, so that a worker which waits was last seen up to a minute ago. In ms.
 */
const SEEN_WITHIN_MS = 65_000;

/**
 * The workers that poll for a generation's sweeps.
 *
 * @returns Their identities; one that has just died is still among them.
 */
export async function sweepPollers(
  client: Client,
  pipeline: string,
  generation: number,
): Promise<string[]> {
  const asked = client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: sweepQueue(pipeline, generation) },
    taskQueueType: ACTIVITY_QUEUE,
  });
  const { pollers } = await asked.catch((error: unknown) => {
    throw fromTemporal(error, "list the workers");
  });
  const since = Date.now() - SEEN_WITHIN_MS;
  const seen = (pollers ?? []).filter(({ lastAccessTime }) =>
    Number(lastAccessTime?.seconds ?? 0) * 1000 >= since
  );
  return [...new Set(seen.map(({ identity }) => identity ?? "").filter((one) => one !== ""))];
}

/** Tidegate's search attributes and their types. */
export const SEARCH_ATTRIBUTES = {
  TidegatePipeline: "Keyword",
  TidegateFleet: "Keyword",
  TidegateWindowStart: "Datetime",
  TidegateWindowEnd: "Datetime",
} as const;

/** The numbers of Temporal's IndexedValueType. */
const INDEXED_TYPE = { Keyword: 2, Datetime: 6 } as const;

/**
 * Makes Tidegate's search attributes where they are missing.
 *
 * @param client A connected client.
 * @returns Null if they are there; else the reason why they could not be made.
 */
export async function ensureSearchAttributes(client: Client): Promise<string | null> {
  const { namespace } = client.options;
  const { operatorService } = client.connection;
  try {
    const known = await operatorService.listSearchAttributes({ namespace });
    const missing = Object.entries(SEARCH_ATTRIBUTES)
      .filter(([name]) => known.customAttributes?.[name] === undefined);
    if (missing.length === 0) return null;
    const searchAttributes = Object.fromEntries(
      missing.map(([name, type]) => [name, INDEXED_TYPE[type]]),
    );
    await operatorService.addSearchAttributes({ namespace, searchAttributes });
    return null;
  } catch (error) {
    return errorText(error);
  }
}

/**
 * Makes the search attributes where they are missing, or says by which commands a person can.
 *
 * @returns Whether they are there.
 */
export async function makeSearchable(
  client: Client,
  say: (line: string) => void,
): Promise<boolean> {
  const problem = await ensureSearchAttributes(client);
  if (problem === null) return true;
  say(`search attributes are missing and can't be made (${problem}); make them with:`);
  for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) {
    say(`  temporal operator search-attribute create --name ${name} --type ${type}`);
  }
  return false;
}
