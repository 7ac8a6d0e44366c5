/**
 * The supervisor workflow of a pipeline: the lease of its control process, its generation and the
 * fingerprint of its definition.
 *
 * @module
 */

import {
  allHandlersFinished,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import { decideLease, NO_LEASE, releaseLease } from "../core/lease.ts";
import { workflowNow } from "./_time.ts";
import { instant } from "./_visible.ts";
import { leaseUpdate, releaseUpdate, statusQuery, type SupervisorInput } from "./messages.ts";

/**
 * The supervisor of one pipeline; runs until it is ended from outside.
 *
 * @param input The pipeline and the state to go on from.
 */
export async function supervisor(input: SupervisorInput): Promise<void> {
  let state = input.state ?? NO_LEASE;
  const show = () => {
    const { lease, generation } = state;
    setCurrentDetails(
      `**Generation ${generation}**; control process: ` +
        (lease === null
          ? "none"
          : `${lease.owner.host}, pid ${lease.owner.pid}, since ${instant(lease.sinceMs)}`),
    );
  };
  setHandler(leaseUpdate, (request) => {
    const decision = decideLease(state, request, workflowNow());
    state = decision.state;
    show();
    return decision.answer;
  });
  setHandler(releaseUpdate, ({ ownerId }) => {
    state = releaseLease(state, ownerId);
    show();
  });
  setHandler(statusQuery, () => state);
  show();
  await condition(() => workflowInfo().continueAsNewSuggested && allHandlersFinished());
  await continueAsNew<typeof supervisor>({ ...input, state });
}
