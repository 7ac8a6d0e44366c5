/**
 * Instants and durations as text. Instants are RFC 3339 date-times with an offset, durations are
 * written as in definitions: "10s", "1m30s". Nothing here depends on a locale or a time zone, which
 * is why `Date.parse` is not used.
 *
 * @module
 */

/** The largest and, negated, the smallest instant that has an ISO date: ±100,000,000 days. */
export const MAX_INSTANT_MS = 8.64e15;

const DAY_MS = 86_400_000;

const ZERO = 48;
const MINUS = 45;
const PLUS = 43;
const DOT = 46;
const COLON = 58;
const UPPER_T = 84;
const UPPER_Z = 90;

/**
 * Reads an RFC 3339 date-time with an offset.
 *
 * Beside the plain form (`2026-01-01T00:00:00Z`, `…00.123Z`) it takes a fraction of any number of
 * digits, offsets `±HH:MM` and `±HHMM`, a lower-case `t` or `z`, a space instead of the `T`, and the
 * expanded years that `toISOString` prints (`+012026-…`). Digits after the millisecond are dropped;
 * a fraction always counts upwards, so that is the floor of the instant, before 1970 too.
 *
 * @returns Epoch ms; undefined if the text is anything else (no offset, no time, a date that the
 * calendar doesn't have, hour 24, second 60) or lies beyond the range of ISO dates.
 */
export function parseInstant(text: string): number | undefined {
  const length = text.length;
  if (
    (length === 24 || length === 20) && text.charCodeAt(length - 1) === UPPER_Z &&
    text.charCodeAt(10) === UPPER_T && text.charCodeAt(0) >= ZERO
  ) {
    const whole = dateAndTime(text, 0, 4);
    if (whole === undefined || length === 20) return whole;
    if (text.charCodeAt(19) !== DOT) return undefined;
    const fraction = digits(text, 20, 3);
    return fraction < 0 ? undefined : whole + fraction;
  }
  return parseGeneral(text);
}

/**
 * Prints an instant as ISO 8601 in UTC with milliseconds.
 *
 * @returns For example `2026-01-01T00:00:00.000Z`.
 * @throws {RangeError} If the instant lies beyond the range of ISO dates.
 */
export function formatInstant(ms: number): string {
  return new Date(ms).toISOString();
}

/** The units of durations, largest first. */
const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ["d", DAY_MS],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
];

const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/**
 * Reads a duration: whole numbers with the units d, h, m, s, ms, largest first, each at most once;
 * or a plain 0.
 *
 * @param text For example "10s", "1m30s", "500ms", "0".
 * @returns The duration in ms; undefined if the text is anything else or the number is not exact.
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  const match = text === "" ? null : DURATION.exec(text);
  if (match === null) return undefined;
  let total = 0;
  for (const [i, [, unitMs]] of UNITS.entries()) total += Number(match[i + 1] ?? 0) * unitMs;
  return Number.isSafeInteger(total) ? total : undefined;
}

/**
 * Prints a duration so that {@linkcode parseDuration} reads it back.
 *
 * @param ms The duration in ms, rounded to a whole number. A negative one gets a minus sign, for
 * people; it is not read back.
 * @returns For example "10s", "1m30s", "500ms", "0".
 */
export function formatDuration(ms: number): string {
  let rest = Math.round(Math.abs(ms));
  let text = "";
  for (const [unit, unitMs] of UNITS) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += count + unit;
    rest -= count * unitMs;
  }
  if (text === "") return "0";
  return ms < 0 ? `-${text}` : text;
}

/** The forms that are rarer than `YYYY-MM-DDTHH:mm:ss[.sss]Z`. */
function parseGeneral(text: string): number | undefined {
  const sign = text.charCodeAt(0);
  const expanded = sign === PLUS || sign === MINUS;
  // ISO 8601 and ECMAScript have no year -000000.
  if (expanded && text.startsWith("-000000")) return undefined;
  const yearEnd = expanded ? 7 : 4;
  if (!isDateTimeSeparator(text.charAt(yearEnd + 6))) return undefined;
  const whole = dateAndTime(text, expanded ? 1 : 0, yearEnd, sign === MINUS);
  if (whole === undefined) return undefined;
  let at = yearEnd + 15;
  let fraction = 0;
  if (text.charCodeAt(at) === DOT) {
    const first = ++at;
    while (digits(text, at, 1) >= 0) at++;
    if (at === first) return undefined;
    fraction = Number(text.slice(first, Math.min(at, first + 3)).padEnd(3, "0"));
  }
  const offset = offsetMs(text, at);
  if (offset === undefined) return undefined;
  const instant = whole + fraction - offset;
  return Math.abs(instant) <= MAX_INSTANT_MS ? instant : undefined;
}

function isDateTimeSeparator(char: string): boolean {
  return char === "T" || char === "t" || char === " ";
}

/** The offset at the end of a date-time in ms: `Z`, `±HH:MM` or `±HHMM`. */
function offsetMs(text: string, at: number): number | undefined {
  const char = text.charAt(at);
  if (char === "Z" || char === "z") return text.length === at + 1 ? 0 : undefined;
  if (char !== "+" && char !== "-") return undefined;
  const minuteAt = text.charCodeAt(at + 3) === COLON ? at + 4 : at + 3;
  if (text.length !== minuteAt + 2) return undefined;
  const hour = twoDigits(text, at + 1);
  const minute = twoDigits(text, minuteAt);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return undefined;
  const ms = (hour * 60 + minute) * 60_000;
  return char === "-" ? -ms : ms;
}

/** `YYYY-MM-DD?HH:mm:ss` in epoch ms; the separator at `?` is the caller's to check. */
function dateAndTime(
  text: string,
  yearAt: number,
  yearEnd: number,
  beforeChrist = false,
): number | undefined {
  const year = digits(text, yearAt, yearEnd - yearAt);
  const month = twoDigits(text, yearEnd + 1);
  const day = twoDigits(text, yearEnd + 4);
  const hour = twoDigits(text, yearEnd + 7);
  const minute = twoDigits(text, yearEnd + 10);
  const second = twoDigits(text, yearEnd + 13);
  if (
    text.charCodeAt(yearEnd) !== MINUS || text.charCodeAt(yearEnd + 3) !== MINUS ||
    text.charCodeAt(yearEnd + 9) !== COLON || text.charCodeAt(yearEnd + 12) !== COLON ||
    year < 0 || month < 1 || month > 12 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
    second < 0 || second > 59
  ) return undefined;
  const signedYear = beforeChrist ? -year : year;
  if (day < 1 || (day > 28 && day > daysInMonth(signedYear, month))) return undefined;
  return daysFromCivil(signedYear, month, day) * DAY_MS +
    (hour * 3600 + minute * 60 + second) * 1000;
}

/** A run of ASCII digits as a number; -1 if one of them is none. */
function digits(text: string, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    // Maps "0" to "9" to 0 to 9, and all else, the NaN past the end included, above 9.
    const digit = text.charCodeAt(i) ^ ZERO;
    if (digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Two ASCII digits as a number; -1 if one of them is none. Most of the time goes here. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) ^ ZERO;
  const ones = text.charCodeAt(at + 1) ^ ZERO;
  return tens > 9 || ones > 9 ? -1 : tens * 10 + ones;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01 of a date of the Gregorian calendar, counted in eras of 400 years. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) +
    dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
