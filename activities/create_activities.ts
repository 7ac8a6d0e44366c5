/**
 * The activities of the two kinds of process, one a file, made of what they need from outside.
 *
 * @module
 */

import type { LogReader, LogWriter } from "../adapters/kafka/log.ts";
import type { Launcher } from "../adapters/launchers/launcher.ts";
import type { WindowClient } from "../adapters/temporal/window_client.ts";
import type { Trace } from "../adapters/tracing.ts";
import type {
  ControlActivities,
  LocalActivities,
  ScaleRequest,
  WorkerActivities,
} from "../workflows/activities.ts";
import { untraced } from "./activity.ts";
import { createAwaitRecords } from "./await_records.ts";
import { createCloseWindows } from "./close_windows.ts";
import { createDeliver } from "./deliver.ts";
import { createEmitRows } from "./emit_rows.ts";
import { createFoldSlice, type FoldSliceDeps } from "./fold_slice.ts";
import { observeAll, type PipelineObserver } from "./observer.ts";
import { createReport } from "./report.ts";
import { createSampleFleet, type Load } from "./sample_fleet.ts";
import { type ScaleDeps, scaleFleet } from "./scale_fleet.ts";

/** What the activities of the control process need. */
export interface ControlDeps {
  /** The log. */
  readonly reader: LogReader;
  /** Writes results. */
  readonly writer: LogWriter;
  /** Calls of windows and clocks. */
  readonly windows: WindowClient;
  /**
   * Are told of what the activities do.
   * @default {[]}
   */
  readonly observers?: readonly PipelineObserver[];
  /** The fleet; null where it is not scaled by this process, which then takes no such tasks. */
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
  readonly load: Load;
  /** Keeps the workers. */
  readonly launcher: Launcher;
}

/** What the activities of a worker process need. */
export type WorkerDeps = Omit<FoldSliceDeps, "trace"> & Partial<Pick<FoldSliceDeps, "trace">>;

/** The activities of the control process, by name. */
export function createControlActivities(
  { observers = [], trace = untraced, fleet, ...deps }: ControlDeps,
): ControlActivities & LocalActivities {
  const observer = observeAll(observers);
  const tools = { ...deps, observer, trace };
  return {
    awaitRecords: createAwaitRecords(tools),
    emitRows: createEmitRows(tools),
    closeWindows: createCloseWindows(tools),
    deliver: createDeliver(tools),
    report: createReport(tools),
    ...(fleet === null ? NO_FLEET : {
      sampleFleet: createSampleFleet({ load: fleet.load, fleet: fleet.launcher, observer }),
      scaleFleet: (request: ScaleRequest) => scaleFleet(fleet, request),
    }),
  };
}

const NO_FLEET: Pick<ControlActivities, "sampleFleet" | "scaleFleet"> = {
  sampleFleet: () => Promise.reject(new Error("this process does not scale the fleet")),
  scaleFleet: () => Promise.reject(new Error("this process does not scale the fleet")),
};

/** The activities of a worker process, by name. */
export function createWorkerActivities(
  { trace = untraced, ...deps }: WorkerDeps,
): WorkerActivities {
  return { foldSlice: createFoldSlice({ ...deps, trace }) };
}
