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
  readonly launcher: Pick<Launcher, "slots" | "replace">;
  /** Sets how many workers there are to be; resolves once that can be. */
  readonly want: (desired: number) => Promise<void>;
  /** The sweep that holds a partition; null if none with the fleet does. */
  readonly sweepOf: (partition: number) => Promise<HeldSweep | null>;
}

/** A sweep, as far as it tells whose fault it is that it makes no progress. */
export interface HeldSweep {
  /** Who runs it, by identity; null while it waits. */
  readonly holder: string | null;
  /** Why the attempt before failed, with its code; null if it did not fail by itself. */
  readonly failure: string | null;
}

/**
 * Tells the launcher how many workers there are to be, and has those replaced that make no progress:
 * who holds a sweep of the partition, or, where nobody took it, all that could have. A sweep that
 * fails by itself, such as one whose lookups fail, is no worker's fault.
 *
 * @param deps What it needs.
 * @param request The number, and the partitions that make no progress.
 */
export async function scaleFleet(
  { launcher, want, sweepOf }: ScaleDeps,
  { desired, replace }: ScaleRequest,
): Promise<void> {
  await want(desired);
  if (replace.length === 0) return;
  const sweeps = await Promise.all(replace.map(sweepOf));
  const holders = new Set(
    sweeps.flatMap((one) => one === null || one.failure !== null ? [] : [one.holder]),
  );
  for (const { slot, identity, state } of launcher.slots) {
    if (state !== "ready") continue;
    if (holders.has(identity) || holders.has(null)) launcher.replace(slot);
  }
}
