/**
 * What the second engine's workflows ask of the world: the activities, by the queue they run on.
 *
 * @module
 */

import type { SettleOutcome, SettleRequest } from "../core/flow/delivery.ts";
import type { PartitionStart } from "../core/flow/drain.ts";
import type { SweepRequest, SweepResult } from "../core/flow/sweep.ts";
import type { RunPlan } from "../core/plan.ts";
import type { GenerationView } from "./generation_messages.ts";

/** Runs in a worker process, on the generation's sweep queue. */
export interface SweepActivities {
  /** Reads some partitions and folds what it finds; one answer is one commit. */
  sweep(request: SweepRequest): Promise<SweepResult>;
}

/** Runs in the control process. */
export interface GenerationActivities {
  /** Looks at partitions while no worker is there; folds nothing. */
  awaitRecords(request: SweepRequest): Promise<SweepResult>;
  /** Makes some calls of windows, and writes the rows that they answer. */
  settle(request: SettleRequest & { readonly plan: RunPlan }): Promise<SettleOutcome[]>;
  /** Where partitions begin that the topic has gained: `[from, to)`. */
  findPartitions(
    request: { readonly topic: string; readonly from: number; readonly to: number },
  ): Promise<PartitionStart[]>;
}

/** Who watches the drain from inside the control process, at no call of Temporal. */
export type DrainSinks = {
  /** The sinks of the drain. */
  readonly drain: {
    /** Told what the generation is like after every decision; not in replays. */
    state(generation: number, view: GenerationView): void;
  };
};
