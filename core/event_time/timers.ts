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

/**
 * How far the watermark runs on: to the last of the timers that is within reach, and no farther.
 *
 * @returns The largest time not after `reach` if it is after `watermark`, else `watermark`.
 */
export function ranOnTo(times: Iterable<number>, watermark: number, reach: number): number {
  let to = watermark;
  for (const time of times) if (time <= reach && time > to) to = time;
  return to;
}

/** The first of the timers after a watermark; null if there is none. */
export function nextTimer(times: Iterable<number>, watermark: number): number | null {
  let next: number | null = null;
  for (const time of times) {
    if (time > watermark && (next === null || time < next)) next = time;
  }
  return next;
}
