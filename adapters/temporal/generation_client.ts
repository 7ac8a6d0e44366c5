/**
 * What processes and commands ask of a generation: its drain and its windows, by their definitions.
 *
 * @module
 */

import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from "@temporalio/client";
import { controlQueue, generationDrainId, windowId } from "../../core/ids.ts";
import type { Plan } from "../../core/plan.ts";
import type { PartitionStart } from "../../core/flow/drain.ts";
import {
  acceptUpdate,
  addedSignal,
  boundUpdate,
  excludePartitionUpdate,
  flushWindowsUpdate,
  type GenerationInput,
  generationQuery,
  type GenerationView,
  type NumberedWindowView,
  readySignal,
  resumePartitionUpdate,
  windowQuery,
} from "../../workflows/generation_messages.ts";
import type { generationDrain } from "../../workflows/generation_drain.ts";
import { withCodes } from "./errors.ts";

/** One generation of a pipeline. Its calls fail with the codes of `errors.ts`. */
export interface GenerationClient {
  /** Starts the drain; answers whether it was started now, and did not run already. */
  start(input: GenerationInput): Promise<boolean>;
  /** One consistent look at the generation. */
  view(): Promise<GenerationView>;
  /** A window; null if it has none of that time, or it is closed. */
  window(start: number, shard: number): Promise<NumberedWindowView | null>;
  /** Tells for how many sweeps the fleet has room. */
  ready(slots: number): Promise<void>;
  /** Tells of partitions that the topic has gained. */
  added(starts: readonly PartitionStart[]): Promise<void>;
  /** Fixes or lifts the ends of partitions. */
  bound(untils: readonly (readonly [number, number | null])[]): Promise<GenerationView>;
  /** Closes what is open, as soon as no partition is active. */
  flush(): Promise<GenerationView>;
  /** Lets a stopped partition go on. */
  resume(partition: number, from: number): Promise<GenerationView>;
  /** Gives a partition up. */
  exclude(partition: number): Promise<GenerationView>;
  /** Accepts code with another hash. */
  accept(hash: string): Promise<GenerationView>;
  /** Ends the drain for good. */
  terminate(reason: string): Promise<void>;
}

/** Speaks to a generation through a connected client. */
export function createGenerationClient(
  client: Client,
  plan: Pick<Plan, "pipeline" | "shards">,
  generation: number,
): GenerationClient {
  const id = generationDrainId(plan.pipeline, generation);
  const drain = client.workflow.getHandle<typeof generationDrain>(id);
  return withCodes<GenerationClient>({
    async start(input) {
      try {
        await client.workflow.start<typeof generationDrain>("generationDrain", {
          workflowId: id,
          taskQueue: controlQueue(plan.pipeline),
          args: [input],
          workflowIdReusePolicy: "REJECT_DUPLICATE",
          staticSummary: `drain of ${plan.pipeline}, generation ${generation}`,
        });
        return true;
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
        throw error;
      }
    },
    view: () => drain.query(generationQuery),
    async window(start, shard) {
      const workflowId = windowId(plan.pipeline, generation, start, shard, plan.shards);
      const window = client.workflow.getHandle(workflowId);
      try {
        const { status } = await window.describe();
        return status.name === "RUNNING" ? await window.query(windowQuery) : null;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },
    ready: (slots) => drain.signal(readySignal, { slots }),
    added: (starts) => drain.signal(addedSignal, starts),
    bound: (untils) => drain.executeUpdate(boundUpdate, { args: [untils] }),
    flush: () => drain.executeUpdate(flushWindowsUpdate),
    resume: (partition, from) =>
      drain.executeUpdate(resumePartitionUpdate, { args: [{ partition, from }] }),
    exclude: (partition) => drain.executeUpdate(excludePartitionUpdate, { args: [{ partition }] }),
    accept: (hash) => drain.executeUpdate(acceptUpdate, { args: [{ hash }] }),
    async terminate(reason) {
      await drain.terminate(reason);
    },
  });
}
