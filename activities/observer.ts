/**
 * What the control process's activities tell observers of the pipeline: the model of the load, the
 * shown cursors, the live page. Observing changes nothing and decides nothing.
 *
 * @module
 */

import type { AwaitAnswer, DeliveryOutcome } from "../core/flow/slice.ts";
import type { FleetDecision } from "../core/scaling/state.ts";
import type { Report, ReportAnswer } from "../core/flow/pipeline_clock.ts";
import type {
  CloseOutcome,
  CloseRequest,
  DeliverRequest,
  EmitRequest,
  SampleAnswer,
} from "../workflows/activities.ts";

/** Receives the events that interest it. */
export interface PipelineObserver {
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
  /** The policy has decided how many workers there are to be; the same number included. */
  readonly decided?: (decision: FleetDecision) => void;
  /** The look at the load has ended. */
  readonly sampled?: (answer: SampleAnswer) => void;
  /** Why the broker can't be reached, or null when it answers. */
  readonly broker?: (problem: string | null) => void;
}

/**
 * Makes one observer of several.
 *
 * @param observers One that throws is passed over, it must not hurt the pipeline.
 * @returns One that tells all of them, in their order.
 */
export function observeAll(observers: readonly PipelineObserver[]): Required<PipelineObserver> {
  const all = <A extends unknown[]>(
    pick: (observer: PipelineObserver) => ((...args: A) => void) | undefined,
  ) =>
  (...args: A): void => {
    for (const observer of observers) {
      try {
        pick(observer)?.apply(observer, args);
      } catch (error) {
        console.error(`an observer of the pipeline has failed: ${error}`);
      }
    }
  };
  return {
    awaiting: all((observer) => observer.awaiting),
    awaited: all((observer) => observer.awaited),
    delivered: all((observer) => observer.delivered),
    reported: all((observer) => observer.reported),
    told: all((observer) => observer.told),
    emitted: all((observer) => observer.emitted),
    decided: all((observer) => observer.decided),
    sampled: all((observer) => observer.sampled),
    broker: all((observer) => observer.broker),
  };
}
