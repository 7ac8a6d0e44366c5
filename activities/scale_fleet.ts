/**
 * Has a decision about the fleet done, in the control process.
 *
 * @module
 */

import type { Launcher } from "../adapters/launchers/launcher.ts";
import type { ScaleRequest } from "../workflows/activities.ts";

/** What scaling needs. */
export interface ScaleDeps {
  /** The workers. */
  readonly launcher: Launcher;
  /** The slice of a partition that is at hand or waits; null if there is none. */
  readonly slice: (partition: number) => Promise<Slice | null>;
}

/** A slice, as far as it tells whose fault it is that it is not done. */
export interface Slice {
  /** Who folds it, by identity; null while it waits. */
  readonly holder: string | null;
  /** Why the attempt before failed; null if it did not fail by itself. */
  readonly failure: string | null;
}

/**
 * Tells the launcher how many workers there are to be, and has those replaced that make no progress:
 * who holds a slice of the partition, or, where nobody took it, all that could have. A slice that
 * fails by itself, such as one whose lookups fail, is no worker's fault.
 *
 * @param deps What it needs.
 * @param request The number, and the partitions that make no progress.
 */
export async function scaleFleet(
  { launcher, slice }: ScaleDeps,
  { desired, replace }: ScaleRequest,
): Promise<void> {
  launcher.want(desired);
  if (replace.length === 0) return;
  const slices = await Promise.all(replace.map(slice));
  const holders = new Set(
    slices.flatMap((one) => one === null || one.failure !== null ? [] : [one.holder]),
  );
  for (const { slot, identity, state } of launcher.slots) {
    if (state !== "ready") continue;
    if (holders.has(identity) || holders.has(null)) launcher.replace(slot);
  }
}
