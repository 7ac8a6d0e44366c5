/**
 * Whether a worker of its own may fold for the pipeline's present state. A child of the control
 * process has its definition; a worker that somebody else has started may be of another version,
 * and would fold by other rules.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import {
  type Fingerprint,
  fingerprintDifferences,
  fingerprintOf,
  type Plan,
} from "../core/plan.ts";

/** What is asked of the pipeline's workflows. */
export interface StateAsked {
  /** Whether the pipeline has ever been started. */
  exists(): Promise<boolean>;
  /** Whether somebody answers for it now. */
  answers(): Promise<boolean>;
  /** The definition that the state is made by; null if none is known. */
  supervisor(): Promise<{ readonly fingerprint: Fingerprint | null }>;
}

/** Compares this worker's definition with the one that the state is made by. */
export class Admission {
  readonly #workflows: StateAsked;
  readonly #plan: Plan;
  readonly #generations = new Map<number, Promise<TidegateError | null>>();
  /** Resolves when the definitions differ, with what is to be told. */
  readonly refused: Promise<TidegateError>;
  #refuse: (why: TidegateError) => void = () => undefined;

  /**
   * @param workflows The pipeline's workflows.
   * @param plan This worker's plan.
   */
  constructor(workflows: StateAsked, plan: Plan) {
    this.#workflows = workflows;
    this.#plan = plan;
    this.refused = new Promise((resolve) => this.#refuse = resolve);
  }

  /**
   * Compares, if there is a state and somebody who answers for it.
   *
   * @throws {TidegateError} `TG_DEFINITION_CHANGED`
   */
  async atStart(): Promise<void> {
    if (!await this.#workflows.exists() || !await this.#workflows.answers()) return;
    const refusal = await this.#compare();
    if (refusal !== null) throw refusal;
  }

  /**
   * Compares once a generation.
   *
   * @param generation The generation of a slice.
   * @throws {TidegateError} `TG_DEFINITION_CHANGED`, retryable: another worker may fold the slice.
   */
  async admit(generation: number): Promise<void> {
    const known = this.#generations.get(generation) ?? this.#compare();
    this.#generations.set(generation, known);
    const refusal = await known.catch((error) => {
      this.#generations.delete(generation);
      throw error;
    });
    if (refusal === null) return;
    this.#refuse(refusal);
    throw new TidegateError(refusal.code, refusal.message, {
      retryable: true,
      next: refusal.next,
    });
  }

  /** What is to be told if the definitions differ, else null. */
  async #compare(): Promise<TidegateError | null> {
    const { fingerprint } = await this.#workflows.supervisor();
    if (fingerprint === null) return null;
    // The topic's id is for the control process to compare.
    const { topicId: _, ...kept } = fingerprint;
    const differences = fingerprintDifferences(kept, fingerprintOf(this.#plan));
    if (differences.length === 0) return null;
    return new TidegateError(
      "TG_DEFINITION_CHANGED",
      `This worker's definition of ${this.#plan.pipeline} is not the one of the control process:` +
        `\n  ${differences.join("\n  ")}`,
      { next: "Give workers and control process the same version of it." },
    );
  }
}
