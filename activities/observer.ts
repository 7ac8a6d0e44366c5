/**
 * What the control process tells observers of the pipeline: the model of the load, the shown
 * cursors, the live page. It comes from workflows by their sinks and from the control process's own
 * activities, at no call of Temporal. Observing changes nothing and decides nothing.
 *
 * @module
 */

import type { ResultRow } from "../core/flow/row.ts";
import type { SweepNote } from "../core/scaling/speed.ts";
import type { FleetDecision } from "../core/scaling/state.ts";
import type { SampleAnswer } from "../workflows/activities.ts";
import type { GenerationView, SupervisorView } from "../workflows/messages.ts";

/** An emission of a window (and shard) whose rows are written. */
export interface Emission {
  /** Start of the window, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
  /** Its rows, all of the same revision. */
  readonly rows: readonly ResultRow[];
  /** Whether no later revision follows. */
  readonly final: boolean;
}

/** Receives the events that interest it. */
export interface PipelineObserver {
  /** The drain has decided: what the generation is like now. */
  readonly drained?: (view: GenerationView) => void;
  /** A sweep, or a part of one, has been heard of. */
  readonly swept?: (note: SweepNote) => void;
  /** Rows were written. */
  readonly emitted?: (emission: Emission) => void;
  /** The supervisor has changed. */
  readonly supervised?: (view: SupervisorView) => void;
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
    drained: all((observer) => observer.drained),
    swept: all((observer) => observer.swept),
    emitted: all((observer) => observer.emitted),
    supervised: all((observer) => observer.supervised),
    decided: all((observer) => observer.decided),
    sampled: all((observer) => observer.sampled),
    broker: all((observer) => observer.broker),
  };
}
