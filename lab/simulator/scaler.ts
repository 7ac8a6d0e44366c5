/**
 * What decides how many workers a simulated run has; and Tidegate's own policy as one of them: the
 * function of `core/`, fed as the supervisor feeds it.
 *
 * @module
 */

import { decide, isMaterial } from "../../core/scaling/policy.ts";
import {
  DEFAULT_POLICY,
  type FleetDecision,
  type FleetSample,
  newPolicyState,
  type PolicySettings,
  type PolicyState,
} from "../../core/scaling/state.ts";

/** What a scaler can see. */
export interface SimView {
  /** Now, in ms. */
  readonly nowMs: number;
  /** For each partition how many events have arrived. */
  readonly ends: readonly number[];
  /** For each partition how many events are durably folded. */
  readonly cursors: readonly number[];
  /** Their difference, summed. */
  readonly lag: number;
  /** Pieces of work that wait for a worker. */
  readonly pending: number;
  /** Pieces of work that are being done. */
  readonly running: number;
  /** Events per busy second by the work of the last seconds; null if there was none. */
  readonly workerRate: number | null;
  /** Workers that are ready. */
  readonly ready: number;
  /** Workers that are starting. */
  readonly starting: number;
  /** Workers that are draining. */
  readonly draining: number;
  /** For each ready worker without work since when it has had none, in ms. */
  readonly idleSince: readonly number[];
}

/** A scaler at work in one run. */
export interface Scaler {
  /** The workers to begin with, ready at once. */
  readonly initial: number;
  /**
   * Called at every tick; keeps its own time.
   *
   * @returns The number of workers there should be; null to leave it.
   */
  step(view: SimView): number | null;
}

/** A kind of scaler. */
export interface ScalerKind {
  /** Its name in tables. */
  readonly name: string;
  /** How records become work under it. */
  readonly dispatch: "slices" | "micro-batches";
  /** Makes one for a run. */
  readonly make: (seed: number) => Scaler;
}

/** A fleet that never changes. */
export function fixedFleet(size: number): ScalerKind {
  return {
    name: `static ${size}`,
    dispatch: "slices",
    make: () => ({ initial: size, step: () => null }),
  };
}

/** How often the sampler looks whether there is anything to decide, in ms. */
const LOOK_MS = 250;
/** From a sample to its effect on processes: two hops through Temporal, in ms. */
const HOP_MS = 100;

/** How the policy runs in the simulator. */
export interface TidegateOptions {
  /**
   * The policy's settings.
   * @default {DEFAULT_POLICY}
   */
  readonly settings?: PolicySettings;
  /**
   * The start-up time that is known, in ms.
   * @default {null}
   */
  readonly startupMs?: number | null;
  /** Is told of every decision. */
  readonly onDecision?: (decision: FleetDecision) => void;
}

/** Our policy. */
export function tidegate(options: TidegateOptions = {}): ScalerKind {
  return {
    name: "Tidegate",
    dispatch: "slices",
    make: () => new TidegateScaler(options),
  };
}

class TidegateScaler implements Scaler {
  readonly initial: number;
  readonly #settings: PolicySettings;
  readonly #options: TidegateOptions;
  #state: PolicyState;
  #lookAtMs = 0;
  #sampleByMs = 0;
  #effect: { readonly atMs: number; readonly desired: number } | null = null;

  constructor(options: TidegateOptions) {
    this.#options = options;
    this.#settings = options.settings ?? DEFAULT_POLICY;
    this.initial = this.#settings.min;
    this.#state = newPolicyState(this.initial);
  }

  step(view: SimView): number | null {
    const { nowMs } = view;
    if (nowMs >= this.#lookAtMs) {
      this.#lookAtMs = nowMs + LOOK_MS;
      this.#look(this.#sampleOf(view));
    }
    if (this.#effect === null || nowMs < this.#effect.atMs) return null;
    const { desired } = this.#effect;
    this.#effect = null;
    return desired;
  }

  #look(sample: FleetSample): void {
    const due = sample.atMs >= this.#sampleByMs;
    if (!due && !isMaterial(this.#state, sample, this.#settings)) return;
    const { state, decision } = decide(this.#state, sample, this.#settings);
    this.#state = state;
    this.#sampleByMs = sample.atMs + decision.sampleWithinMs;
    if (decision.desired !== decision.previous) {
      this.#effect = { atMs: sample.atMs + HOP_MS, desired: decision.desired };
    }
    this.#options.onDecision?.(decision);
  }

  #sampleOf(view: SimView): FleetSample {
    return {
      atMs: view.nowMs + 1,
      partitions: view.ends.map((end, partition) => ({
        partition,
        end,
        cursor: view.cursors[partition] ?? 0,
      })),
      inFlight: view.running,
      workerRate: view.workerRate,
      ready: view.ready,
      starting: view.starting,
      draining: view.draining,
      startupMs: this.#options.startupMs ?? null,
    };
  }
}
