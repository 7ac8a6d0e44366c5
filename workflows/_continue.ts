/**
 * When a run has become long enough for its workflow to continue as new.
 *
 * @module
 */

import { workflowInfo } from "@temporalio/workflow";

/** What the inputs of all workflows share. */
export interface Continuing {
  /**
   * Continue as new once the history of a run has this many events. Must leave a run room for some
   * work (50 or more), because each begins with a handful of them.
   *
   * @default {When the Temporal server suggests it, by events and by bytes}
   */
  readonly continueAfter?: number;
}

/**
 * Whether the workflow should continue as new as soon as nothing is in flight.
 *
 * @param input The workflow's input.
 * @returns Whether the history is long.
 */
export function isLong({ continueAfter = Infinity }: Continuing): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength >= continueAfter;
}
