/**
 * Tidegate's own policy in the simulator: the function of `core/`, fed as the supervisor feeds it.
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
import type { Scaler, ScalerKind, SimView } from "./scaler.ts";

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

/**
 * Our policy.
 *
 * @param options How it runs.
 * @returns The kind.
 */
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
