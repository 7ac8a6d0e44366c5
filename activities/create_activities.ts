/**
 * The activities of the two kinds of process, one a file, made of what they need from outside.
 *
 * @module
 */

import { Context } from "@temporalio/activity";
import type { LogReader } from "../adapters/kafka/log.ts";
import type { Fleet } from "../adapters/launchers/launcher.ts";
import type { Trace } from "../adapters/tracing.ts";
import type { SweepRequest, SweepResult } from "../core/flow/sweep.ts";
import type {
  ControlActivities,
  FleetActivities,
  WorkerActivities,
} from "../workflows/activities.ts";
import { named, OneAtATime, untraced } from "./activity.ts";
import type { PipelineObserver } from "./observer.ts";
import { findPartitions } from "./find_partitions.ts";
import { createSampleFleet, type Load } from "./sample_fleet.ts";
import { type ScaleDeps, scaleFleet } from "./scale_fleet.ts";
import { settle, type SettleDeps } from "./settle.ts";
import { sweep, type SweepDeps, type SweepProgress } from "./sweep.ts";

/** How often an activity says that it is alive, in ms: a third of its timeout. */
const SETTLE_BEAT_MS = 1_000;
/**
 * The same for sweeps, whose progress travels with it, and which hear of a strike by the answer. One
 * that has something to fold is over before: each word is a call of Temporal, and costs money.
 */
const SWEEP_BEAT_MS = 6_000;
/** The same for looks of the control process: one ends when the next begins. */
const LOOK_BEAT_MS = 70_000;

/** What the sweeps of a process need; the rest comes with each of them. */
export type SweepTools =
  & Omit<SweepDeps, "progress" | "signal" | "attempt" | "nonce" | "codeHash">
  & {
    /**
     * Is told how far a sweep has come, after every answer of a broker.
     * @default {undefined}
     */
    readonly progress?: (progress: () => SweepProgress) => void;
    /**
     * Does work as spans.
     * @default no spans
     */
    readonly trace?: Trace;
  };

/** What the activities of the control process need. */
export interface ControlTools extends SettleDeps {
  /** What looking at partitions needs. */
  readonly look: SweepTools;
  /** Where partitions begin. */
  readonly reader: Pick<LogReader, "offsets">;
  /** The fleet; null where it is not scaled by this process. */
  readonly fleet: FleetTools | null;
  /** Is told of what the activities do. */
  readonly observer: Required<PipelineObserver>;
  /**
   * Does work as spans.
   * @default no spans
   */
  readonly trace?: Trace;
}

/** What scaling the fleet needs. */
export interface FleetTools extends ScaleDeps {
  /** What is known of the load. */
  readonly load: Load;
  /** Keeps the workers. */
  readonly launcher: ScaleDeps["launcher"] & Fleet;
}

/**
 * The activities of a worker process.
 *
 * @param codeHash The hash of the code that the process has loaded.
 */
export function createWorkerActivities(tools: SweepTools, codeHash: string): WorkerActivities {
  return {
    sweep: (request) =>
      sweepIn(tools, codeHash, request, { name: "sweep", beatMs: SWEEP_BEAT_MS, signal: null }),
  };
}

/** The activities of the control process. */
export function createControlActivities(
  { look, reader, fleet, observer, trace = untraced, ...settling }: ControlTools,
): ControlActivities {
  const looking = new OneAtATime();
  return {
    awaitRecords: (request) => {
      const signal = looking.begin();
      // It folds nothing, so that it does not matter by which code.
      return sweepIn({ ...look, trace }, request.codeHash, request, {
        ...{ name: "look", beatMs: LOOK_BEAT_MS, signal },
      });
    },
    settle: (request) =>
      beating(
        SETTLE_BEAT_MS,
        () =>
          trace("settle", { "tidegate.windows": request.calls.length }, () =>
            settle({ ...settling, observer }, request)),
      ),
    findPartitions: (request) => beating(SETTLE_BEAT_MS, () => findPartitions(reader, request)),
    ...(fleet === null ? NO_FLEET : {
      sampleFleet: createSampleFleet({ load: fleet.load, fleet: fleet.launcher, observer }),
      scaleFleet: (request) => scaleFleet(fleet, request),
    }),
  };
}

const NO_FLEET: FleetActivities = {
  sampleFleet: () => Promise.reject(new Error("this process does not scale the fleet")),
  scaleFleet: () => Promise.reject(new Error("this process does not scale the fleet")),
};

/** How a sweep is run. */
interface SweepingOptions {
  /** Names its span. */
  readonly name: string;
  /** How often it says that it is alive, in ms. */
  readonly beatMs: number;
  /** Ends it besides its cancellation; null where nothing does. */
  readonly signal: AbortSignal | null;
}

async function sweepIn(
  { progress: told, trace = untraced, ...tools }: SweepTools,
  codeHash: string,
  request: SweepRequest,
  { name, beatMs, signal: over }: SweepingOptions,
): Promise<SweepResult> {
  const { cancellationSignal, info: { attempt } } = Context.current();
  const signal = over === null ? cancellationSignal : AbortSignal.any([cancellationSignal, over]);
  let latest: (() => SweepProgress) | null = null;
  const progress = (now: () => SweepProgress) => {
    latest = now;
    told?.(now);
  };
  const nonce = () => crypto.randomUUID();
  const attributes = {
    "tidegate.sweep": request.n,
    "tidegate.partitions": request.partitions.length,
  };
  return await beating(beatMs, () =>
    trace(name, attributes, async (tell) => {
      const result = await sweep({ ...tools, codeHash, nonce, progress, signal, attempt }, request);
      tell({ "tidegate.why": result.why, "tidegate.busy_ms": Math.round(result.busyMs) });
      return result;
    }), () => latest?.());
}

/** Does work, says meanwhile that it goes on, and lets errors cross by their code. */
async function beating<T>(
  everyMs: number,
  work: () => Promise<T>,
  detail: () => unknown = () => undefined,
): Promise<T> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(detail()), everyMs);
  try {
    return await named(work);
  } finally {
    clearInterval(beat);
  }
}
