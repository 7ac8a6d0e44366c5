/**
 * The supervisor workflow of a pipeline: the lease of its control process, its generation and the
 * fingerprint of its definition.
 *
 * @module
 */

import { allHandlersFinished, condition, continueAsNew, setHandler } from "@temporalio/workflow";
import { decideLease, NO_LEASE, releaseLease, type SupervisorState } from "../core/lease.ts";
import { isLong } from "./_continue.ts";
import { instant, text } from "./_markdown.ts";
import { workflowNow } from "./_time.ts";
import { showDetails } from "./_visible.ts";
import { leaseUpdate, releaseUpdate, statusQuery, type SupervisorInput } from "./messages.ts";

/**
 * The supervisor of one pipeline; runs until it is ended from outside.
 *
 * @param input The pipeline and the state to go on from.
 */
export async function supervisor(input: SupervisorInput): Promise<void> {
  let state = input.state ?? NO_LEASE;
  showDetails(() => details(state));
  setHandler(leaseUpdate, (request) => {
    const decision = decideLease(state, request, workflowNow());
    state = decision.state;
    return decision.answer;
  });
  setHandler(releaseUpdate, ({ ownerId }) => {
    state = releaseLease(state, ownerId);
  });
  setHandler(statusQuery, () => state);
  await condition(() => isLong(input) && allHandlersFinished());
  await continueAsNew<typeof supervisor>({ ...input, state });
}

function details({ lease, generation }: SupervisorState): string {
  const holder = lease === null
    ? "none"
    : `${text(lease.owner.host)}, pid ${lease.owner.pid}, since ${instant(lease.sinceMs)}`;
  return `**Generation ${generation}**; control process: ${holder}`;
}
