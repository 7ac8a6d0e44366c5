/**
 * The event-time timers of a pipeline: the times at which its open windows close and complete. They
 * are plain numbers, fired by the watermark; no clock takes part.
 *
 * @module
 */

import { windowEnd, type Windowing } from "./windows.ts";

/** How far a window has come. */
export type WindowPhase =
  /** Its first rows are not out. */
  | "open"
  /** Its first rows are out; it takes changes until its lateness is over. */
  | "emitted";

/** The two times of a window. */
export interface WindowTimes {
  /** When its rows are first due. */
  readonly end: number;
  /** When it completes: end + lateness. */
  readonly final: number;
}

/** The times of the window that begins at `start`. */
export function windowTimes(w: Windowing, latenessMs: number, start: number): WindowTimes {
  const end = windowEnd(w, start);
  return { end, final: end + latenessMs };
}

/** Whether a watermark has completed the window that begins at `start`. */
export function isComplete(
  w: Windowing,
  latenessMs: number,
  start: number,
  watermark: number | null,
): boolean {
  return watermark !== null && windowTimes(w, latenessMs, start).final <= watermark;
}

/** The next time at which a window has something to do. */
export function nextTimeOf(times: WindowTimes, phase: WindowPhase): number {
  return phase === "open" ? times.end : times.final;
}

/** The timers of some windows, by the times at which those begin, ascending. */
export interface Timers {
  /** Size, slide and offset of the windows. */
  readonly windowing: Windowing;
  /** The allowed lateness. */
  readonly latenessMs: number;
  /** The starts of the windows. */
  readonly starts: readonly number[];
}

/**
 * How far the watermark runs on: to the last of the timers that is within reach, and no farther.
 *
 * @returns The largest time not after `reach` if it is after `watermark`, else `watermark`.
 */
export function ranOnTo(timers: Timers, watermark: number, reach: number): number {
  let to = watermark;
  for (const afterMs of distances(timers)) {
    const start = timers.starts[countUpTo(timers.starts, reach - afterMs) - 1];
    if (start !== undefined) to = Math.max(to, start + afterMs);
  }
  return to;
}

/** The first of the timers after a watermark; null if there is none. */
export function nextTimer(timers: Timers, watermark: number): number | null {
  let next: number | null = null;
  for (const afterMs of distances(timers)) {
    const start = timers.starts[countUpTo(timers.starts, watermark - afterMs)];
    if (start !== undefined) next = Math.min(next ?? Infinity, start + afterMs);
  }
  return next;
}

/** When all of the windows are complete; null if there is none. */
export function lastTimer({ windowing, latenessMs, starts }: Timers): number | null {
  const last = starts.at(-1);
  return last === undefined ? null : windowTimes(windowing, latenessMs, last).final;
}

/** How many of some ascending numbers are not larger than one. */
export function countUpTo(numbers: readonly number[], most: number): number {
  let [from, to] = [0, numbers.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((numbers[middle] ?? Infinity) <= most) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** How long after its start a window closes and completes. */
function distances({ windowing, latenessMs }: Timers): number[] {
  const { end, final } = windowTimes(windowing, latenessMs, 0);
  return [end, final];
}
