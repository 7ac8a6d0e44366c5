/**
 * When the fleet can get smaller, and how far: by the largest load of a window that must pass before,
 * and whose length doubles when a step down turns out to have been a mistake.
 *
 * @module
 */

import { loadOf, workersFor } from "./load.ts";
import { type DownWindow, FIRST_WINDOW_MS, type Peak, type PolicyState } from "./state.ts";

/**
 * The smaller fleet must use less than this share of its time by the 30 s rate. Between it and the
 * pressure of the way up lies the band in which nothing changes.
 */
const DOWN_UTILIZATION = 0.9;
/** The window's largest length, in ms; loads are remembered this long. */
const LONGEST_WINDOW_MS = 600_000;
/** Loads that lie closer together than this are kept as one, in ms. */
const GRAIN_MS = 2_000;

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
 * How far the fleet can get smaller, by the arrivals of each partition over 30 s; null where less than
 * 30 s are known, or not all of the topic.
 */
export function shrinkOf(state: PolicyState, rates30: readonly number[]): Shrink | null {
  const { atMs, knownSinceMs, workerRate, peaks, window } = state;
  if (workerRate === null || atMs === null || knownSinceMs === null || rates30.length === 0) {
    return null;
  }
  const load = loadOf({ rates: rates30, workerRate }, { utilization: DOWN_UTILIZATION });
  const windowBegan = atMs - window.lengthMs;
  const peak = peaks.find(([peakAtMs]) => peakAtMs >= windowBegan)?.[1] ?? 0;
  return {
    byRate: Math.max(1, workersFor(load)),
    byWindow: Math.max(1, workersFor(peak)),
    seen: knownSinceMs <= windowBegan,
  };
}

/**
 * Adds a load to the peaks, oldest and largest first. Only those that no later one exceeds are kept,
 * so that the first one within a window is its largest.
 */
export function addPeak(peaks: readonly Peak[], atMs: number, load: number): Peak[] {
  let first = 0;
  while ((peaks[first]?.[0] ?? Infinity) <= atMs - LONGEST_WINDOW_MS) first++;
  let end = peaks.length;
  while (end > first && (peaks[end - 1]?.[1] ?? Infinity) <= load) end--;
  const kept = peaks.slice(first, end);
  const last = kept.at(-1);
  // A smaller load just after a larger one is covered by it, a little longer than need be: the
  // larger one takes the later time, as long as it is still of the same grain.
  if (last !== undefined && Math.floor(last[0] / GRAIN_MS) === Math.floor(atMs / GRAIN_MS)) {
    kept.pop();
    kept.push([atMs, last[1]]);
  } else {
    kept.push([atMs, load]);
  }
  return kept;
}

/** Notes that the fleet gets smaller. */
export function steppedDown(window: DownWindow, atMs: number): DownWindow {
  return { ...window, downAtMs: atMs };
}

/** Notes that the fleet grows again: soon after a step down that is a flap, and the window doubles. */
export function steppedUp(window: DownWindow, atMs: number): DownWindow {
  if (window.downAtMs === null || atMs - window.downAtMs > window.lengthMs) return window;
  return {
    lengthMs: Math.min(2 * window.lengthMs, LONGEST_WINDOW_MS),
    downAtMs: null,
    flapAtMs: atMs,
  };
}

/** Forgets flaps that are long past: after 10 min without one, or twice the window if that is more. */
export function relaxed(window: DownWindow, atMs: number): DownWindow {
  const memory = Math.max(LONGEST_WINDOW_MS, 2 * window.lengthMs);
  if (window.flapAtMs === null || atMs - window.flapAtMs <= memory) return window;
  return { ...window, lengthMs: FIRST_WINDOW_MS, flapAtMs: null };
}
