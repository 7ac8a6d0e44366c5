/**
 * The activities, made of what they need from outside.
 *
 * @module
 */

import { ApplicationFailure, Context, heartbeat } from "@temporalio/activity";
import type { LogReader, LogWriter } from "../adapters/kafka/log.ts";
import type { Trace } from "../adapters/tracing.ts";
import type { WindowClient } from "../adapters/temporal/window_client.ts";
import { TidegateError } from "../core/errors.ts";
import type { EventReader } from "../core/fold/fold.ts";
import type { RunPlan } from "../core/plan.ts";
import type { AwaitAnswer } from "../core/flow/slice.ts";
import type { EventEnrichment } from "../definition/enrichment.ts";
import type {
  ControlActivities,
  LocalActivities,
  WorkerActivities,
} from "../workflows/activities.ts";
import { awaitRecords } from "./await_records.ts";
import { closeWindows } from "./close_windows.ts";
import { deliver } from "./deliver.ts";
import { emitRows } from "./emit_rows.ts";
import type { FleetBook } from "./fleet_book.ts";
import { foldSlice } from "./fold_slice.ts";
import { sampleFleet } from "./sample_fleet.ts";
import { type ScaleDeps, scaleFleet } from "./scale_fleet.ts";
import { type PipelineWatch, watchAll } from "./observer.ts";

/** How often a waiting activity says that it is alive, in ms. */
const HEARTBEAT_MS = 3_000;

/** What the activities of the control process need. */
export interface ControlDeps {
  /** The log. */
  readonly reader: LogReader;
  /** Writes results. */
  readonly writer: LogWriter;
  /** Calls of the Temporal server. */
  readonly workflows: WindowClient;
  /**
   * Those who watch.
   * @default {[]}
   */
  readonly watches?: readonly PipelineWatch[];
  /** The fleet; null where it is not scaled by this process. */
  readonly fleet: FleetDeps | null;
  /**
   * Does work as spans.
   * @default no spans
   */
  readonly trace?: Trace;
}

/** What scaling the fleet needs. */
export interface FleetDeps extends ScaleDeps {
  /** What is known of the load. */
  readonly book: FleetBook;
}

/** What the activities of a worker process need. */
export interface WorkerDeps {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** Makes events of decoded records. */
  readonly events: EventReader;
  /**
   * Looks up what is added to each event.
   * @default {null}
   */
  readonly enrichment?: EventEnrichment | null;
  /** The log. */
  readonly reader: LogReader;
  /** Writes to the side topics. */
  readonly writer: LogWriter;
  /** Names the process in what it folds. */
  readonly identity: string;
  /** Whether the process is about to end: slices then return what they have. */
  readonly stopping: () => boolean;
  /**
   * Asked before a slice of a generation is folded; throws if this process must not fold it.
   * @default nothing is asked
   */
  readonly admit?: (generation: number) => Promise<void>;
  /**
   * Does work as spans.
   * @default no spans
   */
  readonly trace?: Trace;
}

const untraced: Trace = (_name, _attributes, work) => work(() => undefined);

/**
 * The activities of the control process.
 *
 * @param deps What they need.
 * @returns The activities by name.
 */
export function createControlActivities(deps: ControlDeps): ControlActivities & LocalActivities {
  const { reader, writer, workflows, fleet, trace = untraced } = deps;
  const watch = watchAll(deps.watches ?? []);
  return {
    async awaitRecords(request) {
      const context = Context.current();
      const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
      const { partition } = request;
      let answer: AwaitAnswer | null = null;
      try {
        watch.awaiting(partition, request.cursor);
        answer = await named(() =>
          awaitRecords({
            reader,
            now: Date.now,
            delay: abortableDelay,
            signal: context.cancellationSignal,
            attempt: context.info.attempt,
          }, request)
        );
        watch.broker(null);
        return answer;
      } catch (error) {
        if (error instanceof ApplicationFailure && error.type === "TG_BROKER_UNREACHABLE") {
          watch.broker(error.message);
        }
        throw error;
      } finally {
        clearInterval(beat);
        watch.awaited(partition, answer);
      }
    },
    async emitRows(request) {
      const { topic, rows: { length }, closed } = request;
      const attributes = { "tidegate.topic": topic, "tidegate.rows": length };
      await named(() =>
        trace(
          "emit",
          { ...attributes, "tidegate.window.closed": closed !== null },
          async (tell) => {
            const [first] = request.rows;
            if (first !== undefined) tell({ "tidegate.window.start": first.window.start });
            await emitRows(writer, workflows, request);
          },
        )
      );
      watch.emitted(request);
    },
    async closeWindows(request) {
      const attributes = {
        "tidegate.windows": request.ids.length,
        "tidegate.watermark": new Date(request.watermark).toISOString(),
      };
      // A failure for good would end the clock, and with it the generation.
      const outcomes = await named(
        () => trace("close", attributes, () => closeWindows(workflows, request)),
        { mayBeFinal: false },
      );
      watch.told(request, outcomes);
      return outcomes;
    },
    async deliver(request) {
      const { partition, from, to, windows } = request;
      const attributes = {
        "tidegate.partition": partition,
        "tidegate.from": from,
        "tidegate.to": to,
        "tidegate.windows": windows.length,
      };
      const outcomes = await named(() =>
        trace("deliver", attributes, () => deliver(workflows, request))
      );
      watch.delivered(request, outcomes);
      return outcomes;
    },
    async report({ clockId, report }) {
      const answer = await named(() => workflows.report(clockId, report));
      watch.reported(report, answer);
      return answer;
    },
    async sampleFleet(request) {
      const { cancellationSignal: signal } = Context.current();
      const { book, launcher } = scaled(fleet);
      watch.sampling(request);
      const answer = await sampleFleet({
        book,
        fleet: launcher,
        now: Date.now,
        delay: abortableDelay,
        heartbeat: () => heartbeat(),
        signal,
      }, request);
      watch.sampled(answer);
      return answer;
    },
    scaleFleet: (request) => scaleFleet(scaled(fleet), request),
  };
}

/** Only a process that scales the fleet takes such tasks; another would be a mistake of ours. */
function scaled(fleet: FleetDeps | null): FleetDeps {
  if (fleet === null) throw new Error("this process does not scale the fleet");
  return fleet;
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
      const context = Context.current();
      const { cancellationSignal: signal, info } = context;
      const { partition, from } = request;
      const { trace = untraced } = deps;
      const attributes = {
        "tidegate.partition": partition,
        "tidegate.from": from,
        "tidegate.attempt": info.attempt,
      };
      return named(() =>
        trace("slice", attributes, async (tell) => {
          await deps.admit?.(request.generation);
          const result = await foldSlice({
            ...deps,
            now: Date.now,
            nonce: () => crypto.randomUUID(),
            heartbeat: () => context.heartbeat(),
            signal,
            attempt: info.attempt,
          }, request);
          tell({ "tidegate.to": result.to, "tidegate.events": result.counts.read });
          return result;
        })
      );
    },
  };
}

/** Errors cross to the workflow by their code as the failure's type. */
async function named<T>(work: () => Promise<T>, { mayBeFinal } = { mayBeFinal: true }): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    throw ApplicationFailure.create({
      type: error.code,
      message: error.next === "" ? error.message : `${error.message}. ${error.next}`,
      nonRetryable: mayBeFinal && !error.retryable && error.code !== "TG_BROKER_UNREACHABLE",
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
