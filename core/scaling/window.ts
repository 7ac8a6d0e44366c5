/**
 * The window that must pass before the fleet gets smaller: the largest load seen in it, and its
 * length, which doubles when a step down turns out to have been a mistake.
 *
 * @module
 */

/** The window's first length, in ms. */
export const FIRST_WINDOW_MS = 30_000;
/** Its largest length, in ms; loads are remembered this long. */
export const LONGEST_WINDOW_MS = 600_000;
/** Loads that lie closer together than this are kept as one, in ms. */
const GRAIN_MS = 2_000;

/** How long the window is, and why. */
export interface DownWindow {
  /** Its length, in ms. */
  readonly lengthMs: number;
  /** When the fleet last got smaller, epoch ms. */
  readonly downAtMs: number | null;
  /** When a step down was last undone within the window, epoch ms. */
  readonly flapAtMs: number | null;
}

/** The window at the start. */
export const FIRST_WINDOW: DownWindow = {
  lengthMs: FIRST_WINDOW_MS,
  downAtMs: null,
  flapAtMs: null,
};

/** A load that no later one has exceeded: `[epoch ms, workers]`. */
export type Peak = readonly [atMs: number, load: number];

/**
 * Adds a load. Only those that no later one exceeds are kept, so that the first one within a window
 * is its largest.
 *
 * @param peaks The peaks, oldest and largest first.
 * @param atMs When.
 * @param load The load, in workers.
 * @returns The new peaks.
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

/**
 * The largest load since a moment.
 *
 * @param peaks The peaks.
 * @param sinceMs The moment.
 * @returns The load, in workers; 0 if there was none.
 */
export function peakSince(peaks: readonly Peak[], sinceMs: number): number {
  return peaks.find(([at]) => at >= sinceMs)?.[1] ?? 0;
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
