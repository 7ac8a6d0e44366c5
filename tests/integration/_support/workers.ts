/**
 * Which worker processes hold slices, and which have folded them.
 *
 * @module
 */

import type { Client } from "../../../adapters/temporal/client.ts";
import { drainId } from "../../../core/ids.ts";
import type { Run } from "./run.ts";
import { until } from "./until.ts";

/** An attempt at a slice. */
export interface SliceAttempt {
  /** The worker process. */
  readonly identity: string;
  /** Which attempt it was, from 1. */
  readonly attempt: number;
}

/**
 * Kills a worker process with SIGKILL while it holds a slice.
 *
 * @param client The Temporal server.
 * @param run The run.
 * @returns The identity of the dead process.
 */
export async function killHolder(client: Client, run: Run): Promise<string> {
  const dead = await until("a worker process that holds a slice", async () => {
    const [slots, holders] = await Promise.all([run.control.slots(), holdersOf(client, run)]);
    return slots.find(({ identity }) => identity !== null && holders.has(identity));
  }, { everyMs: 10 });
  if (dead.pid === null || dead.identity === null) throw new Error("the slot has no process");
  Deno.kill(dead.pid, "SIGKILL");
  return dead.identity;
}

/**
 * All attempts at slices that have ended well, by the histories of the drains' present runs.
 *
 * @param client The Temporal server.
 * @param run The run.
 * @returns The attempts.
 */
export async function sliceAttempts(client: Client, run: Run): Promise<SliceAttempt[]> {
  const histories = await Promise.all(
    (await drainIds(run)).map((id) => client.workflow.getHandle(id).fetchHistory()),
  );
  return histories.flatMap(({ events }) =>
    (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) => {
      const identity = started?.identity ?? "";
      return isWorker(identity) ? [{ identity, attempt: started?.attempt ?? 0 }] : [];
    })
  );
}

async function holdersOf(client: Client, run: Run): Promise<ReadonlySet<string>> {
  const drains = await Promise.all(
    (await drainIds(run)).map((id) => client.workflow.getHandle(id).describe()),
  );
  const holders = drains.flatMap(({ raw }) => raw.pendingActivities ?? [])
    // State 2 is STARTED.
    .flatMap(({ state, lastWorkerIdentity }) => state === 2 ? [lastWorkerIdentity ?? ""] : []);
  return new Set(holders.filter(isWorker));
}

async function drainIds(run: Run): Promise<string[]> {
  const { partitions } = await run.clock();
  const { pipeline } = run.pipeline.plan;
  return partitions.map(([partition]) => drainId(pipeline, run.generation, partition));
}

function isWorker(identity: string): boolean {
  return /-worker-\d+\.\d+$/.test(identity);
}
