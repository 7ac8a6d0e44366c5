/**
 * The calls of the Temporal server that activities make.
 *
 * @module
 */

import {
  type Client,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from "@temporalio/client";
import type { SearchAttributePair } from "@temporalio/common";
import { controlQueue, windowId } from "../../core/ids.ts";
import { TidegateError } from "../../core/errors.ts";
import type { Report, ReportAnswer } from "../../core/flow/pipeline_clock.ts";
import { ClosedMail } from "./closed_mail.ts";
import { formatInstant } from "../../core/event_time/instants.ts";
import type { Partial } from "../../core/flow/window_state.ts";
import { windowEnd } from "../../core/event_time/windows.ts";
import type { WindowInput, WindowResult } from "../../workflows/messages.ts";
import type { WindowEnd, WindowTarget, WorkflowPort } from "./workflow_port.ts";

/**
 * Makes the calls through a client.
 *
 * @param client A connected client.
 * @returns The calls.
 */
export function createWorkflowPort(client: Client): WorkflowPort {
  const closed = new ClosedMail(client);
  return {
    foldIntoWindow: (target, partial) => foldIntoWindow(client, target, partial),
    windowEnd: (target) => endOfWindow(client, target),
    report: (clockId, report) => reportTo(client, clockId, report),
    closed: (clockId, window) => closed.tell(clockId, window),
    close: (windowId, watermark) => closeWindow(client, windowId, watermark),
  };
}

function idOf({ plan, generation, start, shard }: WindowTarget): string {
  return windowId(plan.pipeline, generation, start, shard, plan.shards);
}

async function foldIntoWindow(
  client: Client,
  target: WindowTarget,
  partial: Partial,
): Promise<boolean> {
  const { plan, start } = target;
  const end = windowEnd(plan.windowing, start);
  const input: WindowInput = target;
  try {
    await client.workflow.signalWithStart("window", {
      workflowId: idOf(target),
      taskQueue: controlQueue(plan.pipeline),
      args: [input],
      signal: "fold",
      signalArgs: [partial],
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      staticSummary: `${plan.pipeline} [${formatInstant(start)}, ${formatInstant(end)})`,
      ...(target.searchAttributes
        ? { typedSearchAttributes: windowAttributes(plan.pipeline, start, end) }
        : {}),
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

function windowAttributes(pipeline: string, start: number, end: number): SearchAttributePair[] {
  return [
    { key: { name: "TidegatePipeline", type: "KEYWORD" }, value: pipeline },
    { key: { name: "TidegateState", type: "KEYWORD" }, value: "open" },
    { key: { name: "TidegateWindowStart", type: "DATETIME" }, value: new Date(start) },
    { key: { name: "TidegateWindowEnd", type: "DATETIME" }, value: new Date(end) },
  ];
}

async function endOfWindow(client: Client, target: WindowTarget): Promise<WindowEnd> {
  const handle = client.workflow.getHandle(idOf(target));
  try {
    const { status } = await handle.describe();
    if (status.name === "RUNNING" || status.name === "CONTINUED_AS_NEW") return { kind: "running" };
    if (status.name !== "COMPLETED") return { kind: "lost", status: status.name };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: "lost", status: "NOT_FOUND" };
    throw error;
  }
  const result: WindowResult = await handle.result();
  return { kind: "completed", lastTo: result.lastTo };
}

async function closeWindow(client: Client, id: string, watermark: number): Promise<string | null> {
  const handle = client.workflow.getHandle(id);
  try {
    await handle.signal("close", { watermark });
    return null;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  try {
    const { status } = await handle.describe();
    if (status.name === "COMPLETED") return null;
    if (status.name === "RUNNING" || status.name === "CONTINUED_AS_NEW") {
      return await closeWindow(client, id, watermark);
    }
    return status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return "NOT_FOUND";
    throw error;
  }
}

async function reportTo(client: Client, clockId: string, report: Report): Promise<ReportAnswer> {
  try {
    return await client.workflow.getHandle(clockId).executeUpdate<ReportAnswer, [Report]>(
      "report",
      { args: [report] },
    );
  } catch (cause) {
    if (!(cause instanceof WorkflowNotFoundError)) throw cause;
    if (await isRunning(client, clockId)) throw cause;
    throw new TidegateError(
      "TG_GENERATION_LOST",
      `The clock ${clockId} does not run any more`,
      { cause, next: "Begin a new generation: deno task start --new-generation." },
    );
  }
}

/** Between two runs of a continued workflow an update may find none; that is no loss. */
async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return status.name === "RUNNING" || status.name === "CONTINUED_AS_NEW";
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    if (isGrpcServiceError(error)) return true;
    throw error;
  }
}
