/**
 * Temporal workers: the control process's, which runs the workflows and the light activities, the
 * supervisor's, and the worker process's, which only sweeps.
 *
 * @module
 */

import type { NativeConnection } from "@temporalio/worker/lib/connection.js";
import type { InjectedSinks } from "@temporalio/worker/lib/sinks.js";
import { Worker } from "@temporalio/worker/lib/worker.js";
import { controlQueue, supervisorQueue, sweepQueue } from "../../core/ids.ts";
import type { ControlSinks } from "../../workflows/activities.ts";
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
  readonly sinks?: InjectedSinks<ControlSinks>;
  /**
   * How many workflows are kept in memory.
   * @default {400}
   */
  readonly maxCachedWorkflows?: number;
}

/** What a supervisor's worker is made of. */
export type SupervisorWorkerOptions = Pick<
  ControlWorkerOptions,
  "temporal" | "pipeline" | "bundlePath" | "identity" | "sinks"
>;

/** What a sweep worker is made of. */
export interface SweepWorkerOptions {
  /** How to reach the server. */
  readonly temporal: TemporalSettings;
  /** The pipeline's name. */
  readonly pipeline: string;
  /** The generation whose sweeps it takes. */
  readonly generation: number;
  /** The activities by name. */
  readonly activities: object;
  /** Names the process in Temporal's records. */
  readonly identity: string;
}

/**
 * How long a control worker may take to stop, in ms. A call of a window that is under way when it
 * begins to stop can't be answered any more: this worker would have to run the window. It is given
 * up; the activity that it belongs to is run again by the next control process.
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
    maxEagerActivityReservationsPerWorkflowTask: 8,
    maxConcurrentLocalActivityExecutions: 64,
    stickyQueueScheduleToStartTimeout: "2s",
    shutdownGraceTime: "1s",
    reuseV8Context: true,
  });
  return run(worker, connection, CONTROL_STOP_MS);
}

/**
 * Starts the worker that runs a pipeline's supervisor, and nothing else: who has not got the lease
 * does none of the control process's work.
 */
export async function startSupervisorWorker(
  { temporal, pipeline, bundlePath, identity, sinks }: SupervisorWorkerOptions,
): Promise<RunningWorker> {
  const connection = await connectNative(temporal);
  const worker = await Worker.create({
    connection,
    namespace: temporal.namespace,
    taskQueue: supervisorQueue(pipeline),
    identity,
    workflowBundle: { codePath: bundlePath },
    maxCachedWorkflows: 2,
    maxConcurrentWorkflowTaskPolls: 2,
    ...(sinks === undefined ? {} : { sinks }),
    stickyQueueScheduleToStartTimeout: "2s",
    shutdownGraceTime: "1s",
    reuseV8Context: true,
  });
  return run(worker, connection, CONTROL_STOP_MS);
}

/**
 * Starts the worker of a worker process: one sweep at a time, since a sweep uses what its process
 * can give.
 */
export async function startSweepWorker(
  { temporal, pipeline, generation, activities, identity }: SweepWorkerOptions,
): Promise<RunningWorker> {
  const connection = await connectNative(temporal);
  const worker = await Worker.create({
    connection,
    namespace: temporal.namespace,
    taskQueue: sweepQueue(pipeline, generation),
    identity,
    activities,
    maxConcurrentActivityTaskExecutions: 1,
    maxHeartbeatThrottleInterval: "5s",
    shutdownGraceTime: "20s",
  });
  return run(worker, connection);
}
