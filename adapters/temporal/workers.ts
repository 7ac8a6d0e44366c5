/**
 * Temporal workers: the control process's, which runs the workflows and the light activities, and
 * the worker process's, which only folds.
 *
 * @module
 */

import type { NativeConnection } from "@temporalio/worker/lib/connection.js";
import { Worker } from "@temporalio/worker/lib/worker.js";
import { controlQueue, drainQueue } from "../../core/ids.ts";
import { deadline } from "../deadline.ts";
import { connectNative, type TemporalSettings } from "./client.ts";

/** A running worker. */
export interface RunningWorker {
  /** Resolves when it has stopped; rejects if it failed. */
  readonly done: Promise<void>;
  /** Lets it finish what it is at and waits for that. */
  stop(): Promise<void>;
}

/** What a control worker is made of. */
export interface ControlWorkerOptions {
  /** How to reach the server. */
  readonly temporal: TemporalSettings;
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The path of the workflow bundle. */
  readonly bundlePath: string;
  /** The activities by name. */
  readonly activities: object;
  /** Names the process in Temporal's records. */
  readonly identity: string;
  /**
   * Whether remote activities are taken too.
   * @default {true}
   */
  readonly remoteActivities?: boolean;
  /**
   * How many workflows are kept in memory.
   * @default {400}
   */
  readonly maxCachedWorkflows?: number;
}

/** What a fold worker is made of. */
export interface FoldWorkerOptions {
  /** How to reach the server. */
  readonly temporal: TemporalSettings;
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The activities by name. */
  readonly activities: object;
  /** How many slices at a time. */
  readonly slots: number;
  /** Names the process in Temporal's records. */
  readonly identity: string;
}

/**
 * How long a control worker may take to stop, in ms. A report to the clock that is under way when it
 * begins to stop can't be answered any more: this worker would have to run the clock. It is given
 * up; the workflow task that it belongs to is run again by the next control process.
 */
const CONTROL_STOP_MS = 3_000;

function run(worker: Worker, connection: NativeConnection, stopMs = Infinity): RunningWorker {
  const done = worker.run().finally(() => connection.close());
  done.catch(() => undefined);
  return {
    done,
    async stop() {
      if (worker.getState() === "RUNNING") worker.shutdown();
      if (stopMs === Infinity) return await done;
      await deadline(done, stopMs);
    },
  };
}

/**
 * Starts the worker of a control process.
 *
 * @param options What it is made of.
 * @returns The running worker.
 */
export async function startControlWorker(options: ControlWorkerOptions): Promise<RunningWorker> {
  const connection = await connectNative(options.temporal);
  const worker = await Worker.create({
    connection,
    namespace: options.temporal.namespace,
    taskQueue: controlQueue(options.pipeline),
    identity: options.identity,
    workflowBundle: { codePath: options.bundlePath },
    activities: options.activities,
    enableNonLocalActivities: options.remoteActivities ?? true,
    maxCachedWorkflows: options.maxCachedWorkflows ?? 400,
    maxConcurrentActivityTaskExecutions: 500,
    maxConcurrentLocalActivityExecutions: 64,
    stickyQueueScheduleToStartTimeout: "2s",
    shutdownGraceTime: "1s",
    reuseV8Context: true,
  });
  return run(worker, connection, CONTROL_STOP_MS);
}

/**
 * Starts the worker of a worker process.
 *
 * @param options What it is made of.
 * @returns The running worker.
 */
export async function startFoldWorker(options: FoldWorkerOptions): Promise<RunningWorker> {
  const connection = await connectNative(options.temporal);
  const worker = await Worker.create({
    connection,
    namespace: options.temporal.namespace,
    taskQueue: drainQueue(options.pipeline),
    identity: options.identity,
    activities: options.activities,
    maxConcurrentActivityTaskExecutions: options.slots,
    shutdownGraceTime: "20s",
  });
  return run(worker, connection);
}
