/**
 * Which worker processes hold sweeps, and which have run them.
 *
 * @module
 */

import type { Client } from "../../../adapters/temporal/client.ts";
import { drainId } from "../../../core/ids.ts";
import type { Run } from "./run.ts";
import { until } from "./until.ts";

/** An attempt at a sweep. */
export interface SweepAttempt {
  /** The worker process. */
  readonly identity: string;
  /** Which attempt it was, from 1. */
  readonly attempt: number;
}

/**
 * Kills a worker process with SIGKILL while it holds a sweep.
 *
 * @param client The Temporal server.
 * @param run The run.
 * @returns The identity of the dead process.
 */
export async function killHolder(client: Client, run: Run): Promise<string> {
  const dead = await until("a worker process that holds a sweep", async () => {
    const [slots, holders] = await Promise.all([run.control.slots(), holdersOf(client, run)]);
    return slots.find(({ identity }) => identity !== null && holders.has(identity));
  }, { everyMs: 10 });
  if (dead.pid === null || dead.identity === null) throw new Error("the slot has no process");
  Deno.kill(dead.pid, "SIGKILL");
  return dead.identity;
}

/** The sweeps in the history of the drain's present run. */
export interface Sweeps {
  /** All attempts that have ended well. */
  readonly attempts: readonly SweepAttempt[];
  /** How many sweeps were given up: told to end, or never answered. */
  readonly lost: number;
}

/**
 * What became of sweeps, by the history of the drain's present run.
 *
 * @param client The Temporal server.
 * @param run The run.
 */
export async function sweepAttempts(client: Client, run: Run): Promise<Sweeps> {
  const { events } = await drainOf(client, run).fetchHistory();
  const all = events ?? [];
  const attempts = all.flatMap(({ activityTaskStartedEventAttributes: started }) => {
    const identity = started?.identity ?? "";
    return isWorker(identity) ? [{ identity, attempt: started?.attempt ?? 0 }] : [];
  });
  const lost =
    all.filter((event) =>
      event.activityTaskCancelRequestedEventAttributes || event.activityTaskFailedEventAttributes ||
      event.activityTaskTimedOutEventAttributes
    ).length;
  return { attempts, lost };
}

async function holdersOf(client: Client, run: Run): Promise<ReadonlySet<string>> {
  const { raw } = await drainOf(client, run).describe();
  const holders = (raw.pendingActivities ?? [])
    // State 2 is STARTED.
    .flatMap(({ state, lastWorkerIdentity }) => state === 2 ? [lastWorkerIdentity ?? ""] : []);
  return new Set(holders.filter(isWorker));
}

function drainOf(client: Client, run: Run) {
  return client.workflow.getHandle(drainId(run.pipeline.plan.pipeline, run.generation));
}

function isWorker(identity: string): boolean {
  return /-worker-\d+\.\d+$/.test(identity);
}
