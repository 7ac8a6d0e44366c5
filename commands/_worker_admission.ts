/**
 * Whether a worker of its own may fold for the pipeline's present state. A child of the control
 * process has its definition; a worker that somebody else has started may be of another version,
 * and would fold by other rules.
 *
 * @module
 */

import type { PipelineClient } from "../adapters/temporal_pipeline.ts";
import { TidegateError } from "../core/errors.ts";
import { fingerprintDifferences, fingerprintOf, type Plan } from "../core/plan.ts";

/** Compares this worker's definition with the one that the state is made by. */
export class Admission {
  readonly #workflows: Pick<PipelineClient, "exists" | "answers" | "supervisor">;
  readonly #plan: Plan;
  readonly #generations = new Map<number, Promise<void>>();
  /** Resolves when the definitions differ, with what is to be told. */
  readonly refused: Promise<TidegateError>;
  #refuse: (why: TidegateError) => void = () => undefined;

  /**
   * @param workflows The pipeline's workflows.
   * @param plan This worker's plan.
   */
  constructor(workflows: Pick<PipelineClient, "exists" | "answers" | "supervisor">, plan: Plan) {
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
    if (await this.#workflows.exists() && await this.#workflows.answers()) await this.#compare();
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
    try {
      await known;
    } catch (error) {
      this.#generations.delete(generation);
      throw error;
    }
  }

  async #compare(): Promise<void> {
    const { fingerprint } = await this.#workflows.supervisor();
    if (fingerprint === null) return;
    // The topic's id is for the control process to compare.
    const { topicId: _, ...kept } = fingerprint;
    const differences = fingerprintDifferences(kept, fingerprintOf(this.#plan));
    if (differences.length === 0) return;
    const error = new TidegateError(
      "TG_DEFINITION_CHANGED",
      `This worker's definition of ${this.#plan.pipeline} is not the one of the control process:` +
        `\n  ${differences.join("\n  ")}`,
      { retryable: true, next: "Give workers and control process the same version of it." },
    );
    this.#refuse(error);
    throw error;
  }
}
