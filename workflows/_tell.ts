/**
 * Telling another workflow something that must arrive.
 *
 * @module
 */

import { sleep } from "@temporalio/workflow";

/** How long to wait before telling again, in ms. */
const AGAIN_MS = 10_000;

/**
 * Sends a signal until it has arrived. A workflow that is gone for good keeps its teller waiting,
 * with its state readable, until somebody begins a new generation.
 *
 * @param send Sends the signal.
 */
export async function tell(send: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await send();
    } catch {
      await sleep(AGAIN_MS);
    }
  }
}
