/**
 * The few calls of the Temporal server that activities make, as an interface. Implemented in
 * `temporal_port.ts`.
 *
 * @module
 */

import type { ClosedWindow } from "../../core/event_time/close_timers.ts";
import type { Report, ReportAnswer } from "../../core/flow/pipeline_clock.ts";
import type { RunPlan } from "../../core/plan.ts";
import type { Partial } from "../../core/flow/window_state.ts";

/** Which window to reach, and what to start it with if it is not there. */
export interface WindowTarget {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** Start of the window, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
  /** Whether the server knows Tidegate's search attributes. */
  readonly searchAttributes: boolean;
}

/** What is known of a window that takes no signal any more. */
export type WindowEnd =
  /** It completed, having taken these partitions up to these offsets. */
  | {
    readonly kind: "completed";
    readonly lastTo: readonly (readonly [partition: number, to: number])[];
  }
  /** It was terminated, failed or timed out. */
  | { readonly kind: "lost"; readonly status: string }
  /** It runs after all. */
  | { readonly kind: "running" };

/** Calls of the Temporal server. */
export interface WorkflowPort {
  /**
   * Signals a window, and starts it first where there has been none of its id.
   *
   * @returns Whether it took the signal; false if a window of that id has ended.
   */
  foldIntoWindow(target: WindowTarget, partial: Partial): Promise<boolean>;
  /** How a window ended. */
  windowEnd(target: WindowTarget): Promise<WindowEnd>;
  /**
   * Reports to a clock.
   *
   * Errors: `TG_GENERATION_LOST` where there is no such clock any more; others are retryable.
   */
  report(clockId: string, report: Report): Promise<ReportAnswer>;
  /** Tells a clock that a window has closed. */
  closed(clockId: string, window: ClosedWindow): Promise<void>;
  /**
   * Tells a window of the watermark.
   *
   * @returns Null if it knows, or has completed as it should; else what became of it.
   */
  close(windowId: string, watermark: number): Promise<string | null>;
}
