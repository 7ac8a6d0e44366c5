/**
 * When the fleet can get smaller, and how far.
 *
 * @module
 */

import { loadOf, workersFor } from "./load.ts";
import type { View } from "./view.ts";
import { peakSince } from "./window.ts";

/**
 * The smaller fleet must stay less busy than this by the 30 s rate. Between it and the pressure of
 * the way up lies the band in which nothing changes.
 */
const DOWN_BUSY = 0.9;

/** How far the fleet can get smaller. */
export interface Shrink {
  /** The workers that the 30 s rate needs. */
  readonly byRate: number;
  /** The workers that the largest moment of the window needed. */
  readonly byWindow: number;
  /** Whether the whole window has been seen. */
  readonly seen: boolean;
}

/**
 * Reckons how far the fleet can get smaller.
 *
 * @param view What is seen.
 * @param mu Offsets per busy second and worker.
 * @returns The reckoning; null where less than 30 s are known, or not all of the topic.
 */
export function shrinkOf(view: View, mu: number): Shrink | null {
  const { state, rates30, backlogs } = view;
  const { atMs, knownSinceMs } = state;
  if (atMs === null || knownSinceMs === null || rates30.length === 0) return null;
  const load = loadOf({ rates: rates30, backlogs: backlogs.map(() => 0), mu }, { busy: DOWN_BUSY });
  const windowBegan = atMs - state.window.lengthMs;
  return {
    byRate: Math.max(1, workersFor(load)),
    byWindow: Math.max(1, workersFor(peakSince(state.peaks, windowBegan))),
    seen: knownSinceMs <= windowBegan,
  };
}
