/**
 * What Tidegate needs of a Temporal server, found by asking it, and what is told where it has less
 * than is good for people.
 *
 * @module
 */

import type { Client } from "@temporalio/client";
import { TidegateError } from "../../core/errors.ts";
import { fromTemporal, statusOf } from "./errors.ts";

/** Ended workflows that are kept for less can't be looked at for long, in ms: three days. */
const GOOD_RETENTION_MS = 3 * 24 * 3_600_000;
const HOUR_MS = 3_600_000;
/** How a server answers that knows the call and lets us make it, but not with nothing in it. */
const KNOWN = "INVALID_ARGUMENT";
/** How one answers that does not. */
const UNKNOWN: readonly string[] = ["UNIMPLEMENTED", "PERMISSION_DENIED"];

/**
 * Asks whether the server speaks what windows are called by: a workflow is started and updated in one
 * call.
 *
 * @throws {TidegateError} `TG_TEMPORAL_TOO_OLD`
 */
export async function requireUpdateWithStart(client: Client): Promise<void> {
  const { namespace } = client.options;
  try {
    await client.workflowService.executeMultiOperation({ namespace, operations: [] });
  } catch (error) {
    const status = statusOf(error);
    if (status === KNOWN) return;
    if (status === null || !UNKNOWN.includes(status)) {
      throw fromTemporal(error, "ask what the server speaks");
    }
    throw new TidegateError(
      "TG_TEMPORAL_TOO_OLD",
      `Cannot work with this Temporal server: it must start and update a workflow in one call, got ` +
        status,
      {
        cause: error,
        next: "Use Temporal 1.28 or later; before 1.28, set frontend.enableExecuteMultiOperation.",
      },
    );
  }
}

/** What people must know of how long the namespace keeps ended workflows; null where it is enough. */
export async function retentionAdvice(client: Client): Promise<string | null> {
  const { namespace } = client.options;
  const { config } = await client.workflowService.describeNamespace({ namespace });
  const seconds = Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0);
  const keptMs = seconds * 1_000;
  // A server that does not say keeps them for as long as it likes.
  if (seconds === 0 || keptMs >= GOOD_RETENTION_MS) return null;
  return `namespace ${namespace} keeps ended workflows for ${
    Math.round(keptMs / HOUR_MS)
  } h only: ` +
    "closed windows can't be looked at for longer; three days are better: " +
    `temporal operator namespace update --retention 72h ${namespace}`;
}
