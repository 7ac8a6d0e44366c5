/**
 * Temporal workers: the control process's, which runs the workflows and the light activities, and
 * the worker process's, which only folds.
 *
 * @module
 */

import { DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { controlQueue, drainQueue } from "../../core/ids.ts";
import { TidegateError } from "../../core/errors.ts";
import { connectionOptions, type TemporalSettings } from "./client.ts";

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

/** What the SDK warns of although it is meant so: a worker process runs no workflows. */
const MEANT = ["No workflows registered, not polling for workflow tasks"];

/** Log lines of the SDK that are about nothing a user could act on are left out. */
function quietRuntime(): void {
  const logger = new DefaultLogger("WARN", ({ level, message, meta }) => {
    if (MEANT.includes(message)) return;
    const why = meta?.error instanceof Error ? `: ${meta.error.message}` : "";
    console.error(`temporal ${level.toLowerCase()}: ${message}${why}`);
  });
  try {
    Runtime.install({
      logger,
      shutdownSignals: [],
      telemetryOptions: { logging: { filter: "ERROR", forward: {} } },
    });
  } catch {
    // Installed before in this process; one runtime serves all workers.
  }
}

async function connect(settings: TemporalSettings): Promise<NativeConnection> {
  quietRuntime();
  try {
    return await NativeConnection.connect(connectionOptions(settings));
  } catch (cause) {
    throw new TidegateError(
      "TG_TEMPORAL_UNREACHABLE",
      `Cannot reach Temporal at ${settings.address} (namespace ${settings.namespace})`,
      { cause, retryable: true, next: "Check TEMPORAL_ADDRESS, or run: deno task stack up." },
    );
  }
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
      let timer: ReturnType<typeof setTimeout> | undefined;
      const expired = new Promise<void>((resolve) => timer = setTimeout(resolve, stopMs));
      await Promise.race([done, expired]);
      clearTimeout(timer);
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
  const connection = await connect(options.temporal);
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
  const connection = await connect(options.temporal);
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
