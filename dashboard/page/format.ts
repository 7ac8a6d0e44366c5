/**
 * Figures and times for people. Times are in UTC, as in rows, ids and logs.
 *
 * @module
 */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SMALL = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const VALUE = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** What stands for a figure that is not known. */
export const UNKNOWN = "–";

/**
 * A count or a rate.
 *
 * @returns Its text; a dash where it is not known.
 */
export function figure(value: number | null): string {
  if (value === null) return UNKNOWN;
  return value < 10 && !Number.isInteger(value) ? SMALL.format(value) : WHOLE.format(value);
}

/**
 * A count or a rate where there is little room.
 *
 * @returns Such as `1.2K`.
 */
export function short(value: number | null): string {
  if (value === null) return UNKNOWN;
  return Math.abs(value) < 10_000 ? figure(value) : SHORT.format(value);
}

/** The value of an aggregate. */
export function aggregate(value: number | null): string {
  return value === null ? UNKNOWN : VALUE.format(value);
}

/**
 * A time of day.
 *
 * @returns Such as `14:03:20`; a dash where it is not known.
 */
export function clock(ms: number | null): string {
  return ms === null || !isDate(ms) ? UNKNOWN : new Date(ms).toISOString().slice(11, 19);
}

/**
 * A date and time.
 *
 * @returns Such as `2026-11-22 14:03:20.500`; a dash where it is not known.
 */
export function dateTime(ms: number | null): string {
  if (ms === null || !isDate(ms)) return UNKNOWN;
  return new Date(ms).toISOString().replace("T", " ").slice(0, -1);
}

/**
 * A span of time.
 *
 * @returns Such as `850 ms`, `12 s`, `3 min 20 s` or `2 h 5 min`.
 */
export function span(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(minutes, "min", seconds % 60, "s");
  return joined(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

function joined(large: number, unit: string, small: number, smaller: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smaller}`;
}

function isDate(ms: number): boolean {
  return Math.abs(ms) <= 8.64e15;
}
