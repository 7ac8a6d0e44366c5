/**
 * What the workflows ask of the world: the activities, by the queue they run on. Implemented in
 * `activities/`; workflows know only these interfaces.
 *
 * @module
 */

import type { SliceNote } from "../core/scaling/speed.ts";
import type { ClosedWindow } from "../core/event_time/close_timers.ts";
import type { FleetSlots } from "../core/scaling/fleet.ts";
import type { Report, ReportAnswer } from "../core/flow/pipeline_clock.ts";
import type { RunPlan } from "../core/plan.ts";
import type {
  FleetDecision,
  FleetSample,
  PolicySettings,
  PolicyState,
} from "../core/scaling/state.ts";
import type { ResultRow } from "../core/flow/row.ts";
import type {
  AwaitAnswer,
  AwaitRequest,
  DeliveryOutcome,
  SliceRequest,
  SliceResult,
  WindowPartial,
} from "../core/flow/slice.ts";
import type { HeardWatermarks } from "../core/flow/window_state.ts";

/** Runs in a worker process, on the queue `<pipeline>-drain`. */
export interface WorkerActivities {
  /**
   * Folds a slice. Late, invalid and skewed records are on their topics before it returns.
   * Failures that are not retryable, such as `TG_OFFSET_GONE`, stop the partition.
   */
  foldSlice(request: SliceRequest): Promise<SliceResult>;
}

/** Runs in the control process, on the queue `<pipeline>-control`. */
export interface ControlActivities {
  /** Waits for records at the cursor. Never holds a worker. */
  awaitRecords(request: AwaitRequest): Promise<AwaitAnswer>;
  /**
   * Writes rows to the results topic; a retry writes the same bytes. The last page of the last
   * emission also tells the clock that the window has closed, which is harmless to repeat.
   */
  emitRows(request: EmitRequest): Promise<void>;
  /** Tells windows of a watermark; which must be durable before (I3). */
  closeWindows(request: CloseRequest): Promise<CloseOutcome[]>;
  /**
   * Looks at the load and the fleet: answers as soon as what it sees would change the number of
   * workers, at the latest after the time that it is given.
   */
  sampleFleet(request: SampleRequest): Promise<SampleAnswer>;
  /** Tells the launcher how many workers there are to be, and whom to replace. */
  scaleFleet(request: ScaleRequest): Promise<void>;
}

/** Runs in the control process as local activities: short calls of the Temporal server. */
export interface LocalActivities {
  /** Hands some windows their partials; starts those that are not there yet. */
  deliver(request: DeliverRequest): Promise<DeliveryOutcome[]>;
  /** Reports to the clock. */
  report(request: ReportRequest): Promise<ReportAnswer>;
}

/** How telling one window of the watermark ended. */
export type CloseOutcome =
  /** It knows. */
  | { readonly kind: "told" }
  /** It did not complete as it should. */
  | { readonly kind: "lost"; readonly status: string };

/** What {@linkcode ControlActivities.closeWindows} is asked to do. */
export interface CloseRequest {
  /** The windows' workflow ids. */
  readonly ids: readonly string[];
  /** The watermark. */
  readonly watermark: number;
}

/** What {@linkcode LocalActivities.deliver} is asked to do. */
export interface DeliverRequest {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** Whether the server knows Tidegate's search attributes. */
  readonly searchAttributes: boolean;
  /** The partition of the slice. */
  readonly partition: number;
  /** First offset of the slice. */
  readonly from: number;
  /** Offset after the slice. */
  readonly to: number;
  /** The partials. */
  readonly windows: readonly WindowPartial[];
  /**
   * What the drain knows of watermarks, for people who look at the windows.
   * @default {undefined}
   */
  readonly heard?: HeardWatermarks;
  /** With the first call of a slice: what it tells about its worker. */
  readonly note: SliceNote | null;
}

/** What {@linkcode ControlActivities.sampleFleet} is asked to do. */
export interface SampleRequest {
  /** The policy's state, to tell what matters. */
  readonly state: PolicyState;
  /** Bounds and settings of the policy. */
  readonly settings: PolicySettings;
  /** The last decision; null before the first. */
  readonly last: FleetDecision | null;
  /** How long to look at most, in ms. */
  readonly withinMs: number;
}

/** What {@linkcode ControlActivities.sampleFleet} saw. */
export interface SampleAnswer {
  /** The load. */
  readonly sample: FleetSample;
  /** The workers as their launcher sees them. */
  readonly slots: FleetSlots;
}

/** What {@linkcode ControlActivities.scaleFleet} is asked to do. */
export interface ScaleRequest {
  /** How many workers there are to be. */
  readonly desired: number;
  /** Partitions that make no progress: their workers are to be replaced. */
  readonly replace: readonly number[];
}

/** What {@linkcode LocalActivities.report} is asked to do. */
export interface ReportRequest {
  /** The clock's workflow id. */
  readonly clockId: string;
  /** The report. */
  readonly report: Report;
}

/** What {@linkcode ControlActivities.emitRows} is asked to do. */
export interface EmitRequest {
  /** The results topic. */
  readonly topic: string;
  /** The rows of one page. */
  readonly rows: readonly ResultRow[];
  /** With the last page of the last emission: whom to tell what the window came to. */
  readonly closed: { readonly clockId: string; readonly window: ClosedWindow } | null;
}
