/**
 * What the control process's activities tell those who watch the pipeline: the fleet's book, the
 * shown cursors, the live page. Watching changes nothing and decides nothing.
 *
 * @module
 */

import type { AwaitAnswer, DeliveryOutcome } from "../core/flow/slice.ts";
import type { Report, ReportAnswer } from "../core/flow/pipeline_clock.ts";
import type {
  CloseOutcome,
  CloseRequest,
  DeliverRequest,
  EmitRequest,
  SampleAnswer,
  SampleRequest,
} from "../workflows/activities.ts";

/** Somebody who watches; is told of what interests it. */
export interface PipelineWatch {
  /** A partition is looked at: everything before its cursor is durable. */
  readonly awaiting?: (partition: number, cursor: number) => void;
  /** The look has ended; null if it was given up. */
  readonly awaited?: (partition: number, answer: AwaitAnswer | null) => void;
  /** Partials were handed to windows. */
  readonly delivered?: (request: DeliverRequest, outcomes: readonly DeliveryOutcome[]) => void;
  /** A drain has reported to the clock. */
  readonly reported?: (report: Report, answer: ReportAnswer) => void;
  /** Windows were told of the watermark. */
  readonly told?: (request: CloseRequest, outcomes: readonly CloseOutcome[]) => void;
  /** Rows were written. */
  readonly emitted?: (request: EmitRequest) => void;
  /** The load is looked at; the request carries the last decision. */
  readonly sampling?: (request: SampleRequest) => void;
  /** The look at the load has ended. */
  readonly sampled?: (answer: SampleAnswer) => void;
  /** Why the broker can't be reached, or null when it answers. */
  readonly broker?: (problem: string | null) => void;
}

/**
 * Makes one of several.
 *
 * @param watches Those who watch; one that throws is passed over, it must not hurt the pipeline.
 * @returns One that tells all of them, in their order.
 */
export function watchAll(watches: readonly PipelineWatch[]): Required<PipelineWatch> {
  const all = <A extends unknown[]>(
    pick: (watch: PipelineWatch) => ((...args: A) => void) | undefined,
  ) =>
  (...args: A): void => {
    for (const watch of watches) {
      try {
        pick(watch)?.apply(watch, args);
      } catch (error) {
        console.error(`somebody who watches the pipeline has failed: ${error}`);
      }
    }
  };
  return {
    awaiting: all((watch) => watch.awaiting),
    awaited: all((watch) => watch.awaited),
    delivered: all((watch) => watch.delivered),
    reported: all((watch) => watch.reported),
    told: all((watch) => watch.told),
    emitted: all((watch) => watch.emitted),
    sampling: all((watch) => watch.sampling),
    sampled: all((watch) => watch.sampled),
    broker: all((watch) => watch.broker),
  };
}
