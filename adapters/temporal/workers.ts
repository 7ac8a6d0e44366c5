/**
 * Temporal workers: the control process's, which runs the workflows and the light activities, and
 * the worker process's, which only folds.
 *
 * @module
 */

import type { NativeConnection } from "@temporalio/worker/lib/connection.js";
import type { InjectedSinks } from "@temporalio/worker/lib/sinks.js";
import { Worker } from "@temporalio/worker/lib/worker.js";
import { controlQueue, drainQueue, sweepQueue } from "../../core/ids.ts";
import type { DrainSinks } from "../../workflows/generation_activities.ts";
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
   * Functions that workflows tell of what they are, at no call of the server.
   * @default {{}}
   */
  readonly sinks?: InjectedSinks<DrainSinks>;
  /**
   * How many workflows are kept in memory.
   * @default {400}
   */
  readonly maxCachedWorkflows?: number;
}

/** What a sweep worker is made of. */
export interface SweepWorkerOptions extends FoldWorkerOptions {
  /** The generation whose sweeps it takes. */
  readonly generation: number;
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
    ...(options.sinks === undefined ? {} : { sinks: options.sinks }),
    maxConcurrentActivityTaskExecutions: 500,
    maxConcurrentLocalActivityExecutions: 64,
    stickyQueueScheduleToStartTimeout: "2s",
    shutdownGraceTime: "1s",
    reuseV8Context: true,
  });
  return run(worker, connection, CONTROL_STOP_MS);
}

/** Starts the worker of a worker process that sweeps for one generation. */
export function startSweepWorker(options: SweepWorkerOptions): Promise<RunningWorker> {
  return startFolder(options, sweepQueue(options.pipeline, options.generation));
}

/**
 * Starts the worker of a worker process.
 *
 * @param options What it is made of.
 * @returns The running worker.
 */
export function startFoldWorker(options: FoldWorkerOptions): Promise<RunningWorker> {
  return startFolder(options, drainQueue(options.pipeline));
}

async function startFolder(options: FoldWorkerOptions, taskQueue: string): Promise<RunningWorker> {
  const connection = await connectNative(options.temporal);
  const worker = await Worker.create({
    connection,
    namespace: options.temporal.namespace,
    taskQueue,
    identity: options.identity,
    activities: options.activities,
    maxConcurrentActivityTaskExecutions: options.slots,
    shutdownGraceTime: "20s",
  });
  return run(worker, connection);
}
