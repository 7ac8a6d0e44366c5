/**
 * Doing something that must be done, however long it takes.
 *
 * @module
 */

import { isCancellation, log, rootCause, sleep } from "@temporalio/workflow";

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
