/**
 * The drain's calls of windows: one update-with-start a call, which starts the window where it is
 * its first, and is answered the same however often it is made.
 *
 * @module
 */

import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
} from "@temporalio/client";
import type { SearchAttributePair } from "@temporalio/common";
import { formatInstant } from "../../core/event_time/instants.ts";
import { windowEnd } from "../../core/event_time/windows.ts";
import { type CallAnswer, callId, type WindowCall } from "../../core/flow/delivery.ts";
import { controlQueue, windowId } from "../../core/ids.ts";
import type { RunPlan } from "../../core/plan.ts";
import { callUpdate } from "../../workflows/messages.ts";
import type { window } from "../../workflows/window.ts";
import { withCodes } from "./errors.ts";

/** One try of a call lasts at most so long, in ms: the activity that makes it tries again. */
const CALL_MS = 10_000;

/** What the calls of a generation share. */
export interface CallContext {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of the pipeline's state. */
  readonly generation: number;
}

/** Calls windows. */
export interface WindowCalls {
  /** Makes a call; it fails with the codes of `errors.ts`, and may then be made again. */
  call(context: CallContext, call: WindowCall): Promise<CallAnswer>;
}

/**
 * Makes the calls through a connected client.
 *
 * @param searchAttributes Whether the server knows Tidegate's search attributes.
 */
export function createWindowCalls(client: Client, searchAttributes: boolean): WindowCalls {
  return withCodes<WindowCalls>({
    async call({ plan, generation }, { start, shard, call }) {
      const end = windowEnd(plan.windowing, start);
      const starting = new WithStartWorkflowOperation<typeof window>("window", {
        workflowId: windowId(plan.pipeline, generation, start, shard, plan.shards),
        taskQueue: controlQueue(plan.pipeline),
        args: [{ plan, generation, start, shard }],
        workflowIdConflictPolicy: "USE_EXISTING",
        workflowIdReusePolicy: "REJECT_DUPLICATE",
        staticSummary: `${plan.pipeline} [${formatInstant(start)}, ${formatInstant(end)})`,
        ...(searchAttributes
          ? { typedSearchAttributes: windowAttributes(plan.pipeline, start, end) }
          : {}),
      });
      try {
        return await client.withDeadline(
          Date.now() + CALL_MS,
          () =>
            client.workflow.executeUpdateWithStart(callUpdate, {
              args: [call],
              updateId: callId(call),
              startWorkflowOperation: starting,
            }),
        );
      } catch (error) {
        // It has ended, and this call is none that it took: what it held is gone.
        if (error instanceof WorkflowExecutionAlreadyStartedError) {
          return { kind: "lost", pairs: 0, bytes: 0 };
        }
        throw error;
      }
    },
  });
}

function windowAttributes(pipeline: string, start: number, end: number): SearchAttributePair[] {
  return [
    { key: { name: "TidegatePipeline", type: "KEYWORD" }, value: pipeline },
    { key: { name: "TidegateWindowStart", type: "DATETIME" }, value: new Date(start) },
    { key: { name: "TidegateWindowEnd", type: "DATETIME" }, value: new Date(end) },
  ];
}
