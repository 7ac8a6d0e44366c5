/**
 * Has a decision about the fleet done, in the control process.
 *
 * @module
 */

import type { Launcher } from "../adapters/launcher.ts";
import type { ScaleRequest } from "../workflows/ports.ts";

/** What scaling needs. */
export interface ScaleDeps {
  /** The workers. */
  readonly launcher: Launcher;
  /** Who holds the slice of a partition, by identity; null if nobody does. */
  readonly holder: (partition: number) => Promise<string | null>;
}

/**
 * Tells the launcher how many workers there are to be, and has those replaced that do not get on:
 * who holds a slice of the partition, or, where nobody took it, all that could have.
 *
 * @param deps What it needs.
 * @param request The number, and the partitions that do not get on.
 */
export async function scaleFleet(
  { launcher, holder }: ScaleDeps,
  { desired, replace }: ScaleRequest,
): Promise<void> {
  launcher.want(desired);
  if (replace.length === 0) return;
  const holders = new Set(await Promise.all(replace.map(holder)));
  for (const { slot, identity, state } of launcher.slots) {
    if (state !== "ready") continue;
    if (holders.has(identity) || holders.has(null)) launcher.replace(slot);
  }
}
