/**
 * How workflows are called: with a deadline, again where an answer did not come, and with refusals
 * told by a code.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from "@temporalio/client";
import type { QueryDefinition } from "@temporalio/common";
import { type TgCode, TidegateError } from "../../core/errors.ts";
import { retried, statusOf } from "./errors.ts";

/**
 * How long a query may take, in two tries: an answer needs a control process that runs the
 * workflows, and waits for what the workflow is at, such as the delivery of many windows.
 */
export const QUERY_MS = 30_000;

/** Makes calls that take no longer than some time, in ms. */
export function within<T>(client: Client, ms: number, call: () => Promise<T>): Promise<T> {
  return client.connection.withDeadline(Date.now() + ms, call);
}

/** Asks a workflow; one unanswered question is asked again. */
export function query<T>(
  client: Client,
  workflowId: string,
  asked: QueryDefinition<T, []>,
  withinMs: number,
): Promise<T> {
  const handle = client.workflow.getHandle(workflowId);
  return retried(withinMs / 2, () => within(client, withinMs / 2, () => handle.query(asked)));
}

/** Whether a workflow is on the server, in a state if one is named. */
export async function isThere(
  client: Client,
  workflowId: string,
  state?: string,
): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return state === undefined || status.name === state;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Ends a workflow for good; one that is not there has ended. */
export async function terminate(client: Client, workflowId: string, why: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId).terminate(why);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

/** How often an update is made that the end of a run cuts off, and the pause between, in ms. */
const CUT_OFF = { tries: 5, pauseMs: 200 };

/**
 * Makes an update that may be refused. One that came in the moment in which its workflow continued
 * as new was not done, and is made again.
 */
export async function refusable<T>(
  call: () => Promise<T>,
  code: TgCode = "TG_USAGE",
): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await call();
    } catch (error) {
      if (statusOf(error) !== "FAILED_PRECONDITION" || tries >= CUT_OFF.tries) {
        throw refusalOf(error, code);
      }
    }
    await sleep(CUT_OFF.pauseMs);
  }
}

function refusalOf(error: unknown, code: TgCode): unknown {
  if (error instanceof WorkflowNotFoundError) {
    return new TidegateError("TG_USAGE", "There is no such generation any more", {
      cause: error,
      next: "See how it stands with: deno task status.",
    });
  }
  if (!(error instanceof WorkflowUpdateFailedError)) return error;
  return new TidegateError(code, error.cause?.message ?? error.message, { cause: error });
}
