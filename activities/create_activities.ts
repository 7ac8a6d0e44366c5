/**
 * The activities, made of what they need from outside.
 *
 * @module
 */

import { ApplicationFailure, Context, heartbeat } from "@temporalio/activity";
import type { LogReader, LogWriter } from "../adapters/log.ts";
import type { WorkflowPort } from "../adapters/workflow_port.ts";
import { TidegateError } from "../core/errors.ts";
import type { EventReader } from "../core/fold.ts";
import type { RunPlan } from "../core/plan.ts";
import type { ControlActivities, LocalActivities, WorkerActivities } from "../workflows/ports.ts";
import { awaitRecords } from "./await_records.ts";
import { closeWindows } from "./close_windows.ts";
import { deliver } from "./deliver.ts";
import { emitRows } from "./emit_rows.ts";
import { foldSlice } from "./fold_slice.ts";

/** How often a waiting activity says that it is alive, in ms. */
const HEARTBEAT_MS = 3_000;

/** What the activities of the control process need. */
export interface ControlDeps {
  /** The log. */
  readonly reader: LogReader;
  /** Writes results. */
  readonly writer: LogWriter;
  /** Calls of the Temporal server. */
  readonly workflows: WorkflowPort;
  /** Told of every cursor that is durable. */
  readonly onCursor: (partition: number, cursor: number) => void;
  /** Told why the broker can't be reached, or null when it answers. */
  readonly onBroker: (problem: string | null) => void;
}

/** What the activities of a worker process need. */
export interface WorkerDeps {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** Makes events of decoded records. */
  readonly events: EventReader;
  /** The log. */
  readonly reader: LogReader;
  /** Writes to the side topics. */
  readonly writer: LogWriter;
  /** Whether the process is about to end: slices then return what they have. */
  readonly stopping: () => boolean;
  /**
   * Asked before a slice of a generation is folded; throws if this process must not fold it.
   * @default nothing is asked
   */
  readonly admit?: (generation: number) => Promise<void>;
}

/**
 * The activities of the control process.
 *
 * @param deps What they need.
 * @returns The activities by name.
 */
export function createControlActivities(deps: ControlDeps): ControlActivities & LocalActivities {
  return {
    async awaitRecords(request) {
      const context = Context.current();
      const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
      try {
        deps.onCursor(request.partition, request.cursor);
        const answer = await named(() =>
          awaitRecords({
            reader: deps.reader,
            now: Date.now,
            delay: abortableDelay,
            signal: context.cancellationSignal,
            attempt: context.info.attempt,
          }, request)
        );
        deps.onBroker(null);
        return answer;
      } catch (error) {
        if (error instanceof ApplicationFailure && error.type === "TG_BROKER_UNREACHABLE") {
          deps.onBroker(error.message);
        }
        throw error;
      } finally {
        clearInterval(beat);
      }
    },
    emitRows: (request) => named(() => emitRows(deps.writer, deps.workflows, request)),
    closeWindows: (request) => named(() => closeWindows(deps.workflows, request)),
    deliver: (request) => named(() => deliver(deps.workflows, request)),
    report: ({ clockId, report }) => named(() => deps.workflows.report(clockId, report)),
  };
}

/**
 * The activities of a worker process.
 *
 * @param deps What they need.
 * @returns The activities by name.
 */
export function createWorkerActivities(deps: WorkerDeps): WorkerActivities {
  return {
    foldSlice: (request) => {
      const { cancellationSignal: signal, info } = Context.current();
      return named(async () => {
        await deps.admit?.(request.generation);
        return await foldSlice({
          ...deps,
          now: Date.now,
          nonce: () => crypto.randomUUID(),
          heartbeat: () => heartbeat(),
          signal,
          attempt: info.attempt,
        }, request);
      });
    },
  };
}

/** Errors cross to the workflow by their code as the failure's type. */
async function named<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    throw ApplicationFailure.create({
      type: error.code,
      message: error.next === "" ? error.message : `${error.message}. ${error.next}`,
      nonRetryable: !error.retryable && error.code !== "TG_BROKER_UNREACHABLE",
      cause: error,
    });
  }
}

function abortableDelay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
