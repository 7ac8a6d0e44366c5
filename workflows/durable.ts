/**
 * How a workflow goes on for ever: when a run has become long enough to continue as new, and how
 * something is done that must be done.
 *
 * @module
 */

import { workflowInfo } from "@temporalio/workflow";
import { isCancellation, log, rootCause, sleep } from "@temporalio/workflow";

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

/** How long to wait before the second try, in ms. */
const FIRST_PAUSE_MS = 1_000;
/** No pause is longer than this, in ms: a month of them fits into a workflow's history. */
const LONGEST_PAUSE_MS = 300_000;

/**
 * Tries until it is done. What is beyond the retries of activities and signals is for a person to
 * mend: a topic that is gone, a permission that is missing, a workflow that was terminated. Until
 * then the workflow waits with all that it holds.
 *
 * @param what What is done, for the log: "emit rows".
 * @param work Does it; a failure must leave nothing behind that a repetition could not stand.
 */
export async function keepTrying(what: string, work: () => Promise<void>): Promise<void> {
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (isCancellation(error)) throw error;
      log.warn(`cannot ${what}: ${rootCause(error) ?? String(error)}`, { nextTryInMs: pauseMs });
      await sleep(pauseMs);
    }
  }
}
