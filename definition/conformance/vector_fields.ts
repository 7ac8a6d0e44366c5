/**
 * The parts of a conformance case as they are written: what is right for each, and the message where
 * it is something else.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";
import { MAX_INSTANT_MS } from "../../core/event_time/instants.ts";

/** The members of an object. */
export type Members = Readonly<Record<string, unknown>>;

/** An object. */
export function objectAt(path: string, value: unknown): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(path, "an object", value);
  }
  return { ...value };
}

/** A list. */
export function listAt(path: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(path, "a list", value);
  return value;
}

/** A finite number. */
export function numberAt(path: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(path, "a number", value);
  return value;
}

/** A whole number of at least 0. */
export function countAt(path: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw wrong(path, "a whole number of at least 0", value);
  }
  return value;
}

/** A time or duration in ms. Other suites mark "the end of time" by numbers beyond all dates. */
export function timeAt(path: string, value: unknown, unitMs: number): number {
  const ms = wholeMs(path, value, unitMs);
  return Math.min(Math.max(ms, -MAX_INSTANT_MS), MAX_INSTANT_MS);
}

/** A time in ms. One such as 1.1 s is whole in ms, but for the error of the multiplication. */
export function wholeMs(path: string, value: unknown, unitMs: number): number {
  const ms = numberAt(path, value) * unitMs;
  const whole = Math.round(ms);
  return (Math.abs(ms - whole) < 1e-6 ? whole : ms) + 0;
}

/** The error of a malformed case. */
export function wrong(path: string, must: string, got: unknown): TidegateError {
  const text = got === undefined ? "nothing" : JSON.stringify(got);
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new TidegateError(
    "TG_INPUT",
    `Cannot read the case: ${path} must be ${must}, got ${shown}`,
  );
}
