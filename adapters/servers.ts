/**
 * Waits for servers that are about to come up, and tells when one goes away.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { TidegateError } from "../core/errors.ts";

/** How long a start waits for its servers, in ms. */
export const START_WAIT_MS = 60_000;
const PAUSE_MS = 1_000;

/**
 * Tries until it works, as long as the failure is one that may pass.
 *
 * @param what What is waited for, for the reader.
 * @param attempt One try.
 * @param say Told of the reason at the first failure and every ten seconds.
 * @param waitMs How long to go on.
 * @returns What the try gave.
 * @throws The last failure.
 */
export async function waitFor<T>(
  what: string,
  attempt: () => Promise<T>,
  say: (line: string) => void,
  waitMs = START_WAIT_MS,
): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (let tries = 0;; tries++) {
    try {
      return await attempt();
    } catch (error) {
      const passing = error instanceof TidegateError && error.retryable;
      if (!passing || performance.now() > deadline) throw error;
      if (tries % 10 === 0) say(`waiting for ${what}: ${error.message}`);
      await sleep(PAUSE_MS);
    }
  }
}

/**
 * Tells people when a server can't be reached any more, and when it can be again.
 *
 * @returns Is to be called with the problem, or null where it answers.
 */
export function reachability(
  what: string,
  say: (line: string) => void,
): (problem: string | null) => void {
  let away = false;
  return (problem) => {
    if (problem === null && away) say(`${what} reachable again`);
    if (problem !== null && !away) {
      say(`${what} unreachable since ${new Date().toISOString()}: ${problem}`);
    }
    away = problem !== null;
  };
}
