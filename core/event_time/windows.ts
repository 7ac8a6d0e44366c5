/**
 * Windows over event time: which ones a time belongs to, and when they end. All times are epoch
 * milliseconds; negative ones are treated as any other.
 *
 * @module
 */

import { TidegateError } from "../errors.ts";
import { parseDuration } from "./instants.ts";

/**
 * How event time is cut into windows `[start, start + size)`; every start is a whole number of
 * slides away from the offset. Tumbling windows slide by their size.
 */
export interface Windowing {
  /** How long a window is, in ms. */
  readonly sizeMs: number;
  /** How far the starts of two neighbouring windows lie apart, in ms. */
  readonly slideMs: number;
  /** How far the starts are shifted from the epoch, in ms, `0 <= offset < slide`. */
  readonly offsetMs: number;
}

/** Options of {@linkcode tumbling} and {@linkcode hopping}. */
export interface WindowingOptions {
  /**
   * How far the starts are shifted from the epoch: a duration or ms, also negative, as in `"-1h"`.
   * @default {0}
   */
  readonly offset?: string | number;
}

/** The largest number of windows that a time may belong to. */
export const MAX_OVERLAP = 16;

/** The largest window; beyond it, the arithmetic at the ends of the ISO range would not be exact. */
const MAX_SIZE_MS = 1_000_000 * 86_400_000;

/**
 * Windows that follow each other without gap or overlap.
 *
 * @param size How long a window is: a duration such as "10s", or ms.
 * @throws {TidegateError} `TG_DEFINITION` if a value is out of range.
 */
export function tumbling(size: string | number, options: WindowingOptions = {}): Windowing {
  const sizeMs = durationOf("size", size);
  return windowing(sizeMs, sizeMs, options);
}

/**
 * Windows that overlap: one starts every `slide`.
 *
 * @param size How long a window is: a duration such as "1m", or ms.
 * @param slide How far the starts lie apart, a duration or ms; `slide <= size <= 16 * slide`.
 * @throws {TidegateError} `TG_DEFINITION` if a value is out of range.
 */
export function hopping(
  size: string | number,
  slide: string | number,
  options: WindowingOptions = {},
): Windowing {
  return windowing(durationOf("size", size), durationOf("slide", slide), options);
}

/**
 * The start of the last window that a time belongs to.
 *
 * @returns The largest start that is not after the time.
 */
export function lastWindowStart(w: Windowing, timeMs: number): number {
  return alignDown(w.slideMs, w.offsetMs, timeMs);
}

/**
 * The start of the first window that a time belongs to.
 *
 * @returns The smallest start of a window that ends after the time; where the slide doesn't divide
 * the size, some times belong to one window less than others.
 */
export function firstWindowStart(w: Windowing, timeMs: number): number {
  return alignDown(w.slideMs, w.offsetMs, timeMs - w.sizeMs) + w.slideMs;
}

/** The starts of all windows that a time belongs to, ascending. */
export function windowStarts(w: Windowing, timeMs: number): number[] {
  const starts: number[] = [];
  const last = lastWindowStart(w, timeMs);
  for (let start = firstWindowStart(w, timeMs); start <= last; start += w.slideMs) {
    starts.push(start);
  }
  return starts;
}

/** When a window ends: the first time after it. */
export function windowEnd(w: Windowing, startMs: number): number {
  return startMs + w.sizeMs;
}

/**
 * The last time, up to a given one, at which some window ends or completes: a watermark that moves
 * without passing such a time changes nothing.
 *
 * @param timeMs The time to look back from, itself included.
 * @returns The largest `end` or `end + lateness` that is not after the time.
 */
export function boundaryAtOrBefore(w: Windowing, latenessMs: number, timeMs: number): number {
  const ends = w.offsetMs + w.sizeMs;
  return Math.max(
    alignDown(w.slideMs, ends, timeMs),
    alignDown(w.slideMs, ends + latenessMs, timeMs),
  );
}

/**
 * The next time after a given one at which some window ends or completes.
 *
 * @param timeMs The time to look forward from, itself excluded.
 * @returns The smallest `end` or `end + lateness` after the time.
 */
export function boundaryAfter(w: Windowing, latenessMs: number, timeMs: number): number {
  const ends = w.offsetMs + w.sizeMs;
  return w.slideMs + Math.min(
    alignDown(w.slideMs, ends, timeMs),
    alignDown(w.slideMs, ends + latenessMs, timeMs),
  );
}

/**
 * The largest time not after `timeMs` that is a whole number of slides away from `phaseMs`. The
 * floored quotient is exact, since all numbers here are whole and below 2^53, and it is faster than
 * `%`, which is a library call for numbers beyond 32 bits.
 */
function alignDown(slideMs: number, phaseMs: number, timeMs: number): number {
  return Math.floor((timeMs - phaseMs) / slideMs) * slideMs + phaseMs;
}

function windowing(sizeMs: number, slideMs: number, options: WindowingOptions): Windowing {
  if (slideMs > sizeMs) {
    throw refusal("slide", `at most the size (${sizeMs} ms)`, `${slideMs} ms`, NEXT_GAPS);
  }
  if (sizeMs > MAX_OVERLAP * slideMs) {
    const least = Math.ceil(sizeMs / MAX_OVERLAP);
    throw refusal("slide", `at least a 16th of the size (${least} ms)`, `${slideMs} ms`, NEXT_MANY);
  }
  const given = options.offset ?? 0;
  const offset = typeof given === "string" ? parseShift(given) : given;
  if (offset === undefined || !Number.isSafeInteger(offset)) {
    const wanted = 'a duration such as "2s" or "-1h", or a whole number of ms';
    throw refusal("offset", wanted, show(given), NEXT);
  }
  const rest = offset % slideMs;
  // + 0 turns the -0 of a negative multiple into 0.
  return { sizeMs, slideMs, offsetMs: rest < 0 ? rest + slideMs : rest + 0 };
}

const NEXT = 'Give it as a text such as "10s" or as a number of milliseconds.';
const NEXT_GAPS = "With a slide beyond the size, events between two windows would be lost.";
const NEXT_MANY = "Every event would count in more than 16 windows; take a larger slide.";

/** A duration in ms that may be negative; undefined if the text is anything else. */
function parseShift(text: string): number | undefined {
  if (!text.startsWith("-")) return parseDuration(text);
  const ms = parseDuration(text.slice(1));
  return ms && -ms;
}

function durationOf(name: string, given: string | number): number {
  const ms = typeof given === "number" ? given : parseDuration(given);
  if (ms === undefined || !Number.isSafeInteger(ms) || ms <= 0 || ms > MAX_SIZE_MS) {
    const wanted = 'a positive duration such as "10s" or whole number of ms, at most 1000000d';
    throw refusal(name, wanted, show(given), NEXT);
  }
  return ms;
}

function show(given: string | number): string {
  return typeof given === "string" ? JSON.stringify(given) : String(given);
}

function refusal(name: string, wanted: string, got: string, next: string): TidegateError {
  const message = `Cannot define the windows: ${name} must be ${wanted}, got ${got}`;
  return new TidegateError("TG_DEFINITION", message, { next });
}
