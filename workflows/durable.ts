/**
 * How a workflow goes on for ever: when a run has become long enough to continue as new.
 *
 * @module
 */

import { workflowInfo } from "@temporalio/workflow";

/** Temporal takes 10,000 signals in a run, each an event; well before, whatever the server says. */
const LONGEST = 8_000;

/** What the inputs of all workflows share. */
export interface Continuing {
  /**
   * Continue as new once the history of a run has this many events; before that if the server
   * suggests it. Must leave a run room for some work, because each begins with a handful of events.
   *
   * @default {8000}
   */
  readonly continueAfter?: number;
}

/**
 * Whether the workflow should continue as new as soon as nothing is in flight.
 *
 * @param input The workflow's input.
 * @returns Whether the history is long.
 */
export function isLong({ continueAfter = LONGEST }: Continuing): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength >= continueAfter;
}
