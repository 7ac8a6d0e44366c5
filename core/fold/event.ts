/**
 * The checks that make a decoded record an event, in the order of judging: decoding, schema, numbers,
 * event time, skew; then what an enrichment added, and the filter.
 *
 * @module
 */

import { errorText } from "../errors.ts";
import { type Decoded, hasUnsafeInteger, type InvalidReason } from "./decode.ts";
import { formatInstant, MAX_INSTANT_MS, parseInstant } from "../event_time/instants.ts";
import { type TimeUnit, unitOf } from "./judge.ts";
import { lastWindowStart, type Windowing } from "../event_time/windows.ts";

/** An event: the fields that the schema lets through. */
export type FoldEvent = Readonly<Record<string, unknown>>;

/** The answer of a schema. */
export type CheckResult =
  | {
    /** The value keeps to the schema. */
    readonly ok: true;
    /** The event. */
    readonly event: FoldEvent;
  }
  | {
    /** The value breaks the schema. */
    readonly ok: false;
    /** The first failing path. */
    readonly path: string;
    /** What is wrong there, for people. */
    readonly message: string;
  };

/** The fields that an enrichment adds to events. */
export interface AddedFields {
  /** Their names; none of them is a field of the event itself. */
  readonly names: readonly string[];
  /** Checks what an enrichment gave, and picks the fields. If it throws, that breaks the schema too. */
  readonly check: (value: unknown) => CheckResult;
}

/** How the events of a pipeline are read: the part of a definition that is code. */
export interface EventReader {
  /** Checks a decoded value against the schema. If it throws, the record is invalid. */
  readonly check: (value: unknown) => CheckResult;
  /** The field of the event time: an RFC 3339 text with an offset, or epoch ms. */
  readonly eventTimeField: string;
  /** The filter; null for none. If it throws, the record is invalid. */
  readonly where: ((event: FoldEvent) => boolean) | null;
  /** The event's number fields. One that an aggregate needs must be there, others may be absent. */
  readonly numericFields: readonly string[];
  /**
   * The fields of the decoded value that the schema looks into or makes something else of: numbers in
   * them, at any depth, must be exact too. Null for all that it has.
   * @default {[]}
   */
  readonly changedFields?: readonly string[] | null;
  /**
   * What an enrichment adds, where there is one.
   * @default {undefined}
   */
  readonly adds?: AddedFields;
}

/** What the checks need to know of a plan; times in ms. */
export interface CheckerRules {
  /** Size, slide and offset of the windows. */
  readonly windowing: Windowing;
  /** How far the watermark stays behind the largest event time seen. */
  readonly delayMs: number;
  /** How long a window stays open after its end. */
  readonly latenessMs: number;
  /** How far an event time may lie ahead of the record's timestamp. */
  readonly maxAheadMs: number;
  /** The event's fields that make the key. */
  readonly groupBy: readonly string[];
  /** What is computed; only the fields matter here. */
  readonly aggregates: readonly { readonly field: string | null }[];
}

/** Why a record is no event. */
export interface EventProblem {
  /** The stable reason. */
  readonly reason: InvalidReason;
  /** The failing path; empty where no field is at fault. */
  readonly path: string;
  /** What is wrong, for people. */
  readonly message: string;
  /**
   * The unit that the event time seems to be in instead of milliseconds.
   * @default {undefined}
   */
  readonly unit?: TimeUnit;
}

/** Numbers of this magnitude and above are invalid, so that no order of adding overflows. */
const NUMBER_LIMIT = 2 ** 960;

/**
 * The checks of one pipeline. The last good event is kept in fields instead of being returned: that
 * saves an object per record.
 */
export class EventChecker {
  /** The last good event. */
  event: FoldEvent = {};
  /** The event time of the last good event, epoch ms. */
  time = NaN;
  readonly #reader: EventReader;
  /** Number fields of the event itself that the aggregates need. */
  readonly #needed: readonly string[];
  /** Number fields that may be absent or hold something else: those of the schema and the key. */
  readonly #optional: readonly string[];
  /** Fields of the decoded value in which numbers must be exact; null for all. */
  readonly #changed: readonly string[] | null;
  readonly #looksInside: boolean;
  /** The fields that an enrichment adds, and whether the aggregates need them. */
  readonly #added: readonly (readonly [field: string, needed: boolean])[];
  readonly #minTime: number;
  readonly #maxTime: number;
  readonly #maxAheadMs: number;

  /** Prepares the checks of a plan, for events that are read in this way. */
  constructor(rules: CheckerRules, reader: EventReader) {
    const { windowing: w, delayMs, latenessMs } = rules;
    this.#maxAheadMs = rules.maxAheadMs;
    const needed = new Set(rules.aggregates.flatMap(({ field }) => field ?? []));
    this.#reader = reader;
    const added = new Set(reader.adds?.names);
    this.#added = [...added].map((field) => [field, needed.has(field)]);
    this.#needed = [...needed].filter((field) => !added.has(field));
    this.#optional = [...new Set([...reader.numericFields, ...rules.groupBy])]
      .filter((field) => !needed.has(field) && !added.has(field));
    this.#changed = reader.changedFields === undefined ? [] : reader.changedFields;
    this.#looksInside = this.#changed === null || this.#changed.length > 0;
    // The smallest and the largest time whose windows, watermark and completion have ISO dates.
    const firstStart = lastWindowStart(w, -MAX_INSTANT_MS - 1) + w.slideMs;
    const lastStart = lastWindowStart(w, MAX_INSTANT_MS - w.sizeMs - latenessMs);
    this.#minTime = Math.max(firstStart + w.sizeMs - w.slideMs, delayMs - MAX_INSTANT_MS);
    this.#maxTime = lastStart + w.slideMs - 1;
  }

  /**
   * Checks all of a record that depends neither on its enrichment nor on other records.
   *
   * @param timestampMs The record's timestamp; negative if it has none, and then it is never skewed.
   * @param index Its index, for `sourceText`.
   * @param sourceText Gives the JSON text of the record at an index.
   * @returns Null if it is an event, which is then in `event` and `time`; else what is wrong.
   */
  check(
    decoded: Decoded,
    timestampMs: number,
    index: number,
    sourceText: (index: number) => string,
  ): EventProblem | null {
    if (!decoded.ok) return decoded;
    const checked = this.#checkSchema(decoded.value);
    if (!checked.ok) return { reason: "schema", path: checked.path, message: checked.message };
    const event = checked.event;
    const number = this.#numberProblem(event, decoded.value, index, sourceText);
    const field = this.#reader.eventTimeField;
    const time = timeOf(event[field]);
    if (number !== null) {
      return number.path === field ? inUnit(number, event[field], timestampMs) : number;
    }
    if (!(time >= this.#minTime && time <= this.#maxTime)) {
      return inUnit(timeProblem(field, event[field]), event[field], timestampMs);
    }
    const aheadMs = timestampMs >= 0 ? time - timestampMs : 0;
    if (aheadMs > this.#maxAheadMs) {
      return inUnit(skewProblem(field, time, aheadMs), event[field], timestampMs);
    }
    this.event = event;
    this.time = time;
    return null;
  }

  /**
   * Looks at the numbers that an enrichment added. How they were written is not known, so that a
   * large one can't be told from one that was changed in silence.
   *
   * @returns The first that can't be added, or be part of a key, exactly; null if there is none.
   */
  addedProblem(event: FoldEvent): EventProblem | null {
    for (const [field, needed] of this.#added) {
      const value = event[field];
      if (typeof value === "number" ? isSmall(value) : !needed) continue;
      const got = typeof value === "number" ? value : typeof value;
      return numberProblem(field, `was added and must be a number within ±(2^53 − 1), got ${got}`);
    }
    return null;
  }

  /**
   * Asks the filter about an event.
   *
   * @returns Whether it counts; or what the filter threw.
   */
  wants(event: FoldEvent): boolean | EventProblem {
    const where = this.#reader.where;
    if (where === null) return true;
    try {
      return Boolean(where(event));
    } catch (error) {
      return { reason: "schema", path: "", message: `the filter threw: ${errorText(error)}` };
    }
  }

  #checkSchema(value: unknown): CheckResult {
    try {
      return this.#reader.check(value);
    } catch (error) {
      return { ok: false, path: "", message: `the schema's check threw: ${errorText(error)}` };
    }
  }

  /** The first number that can't be added, or be part of a key, exactly. */
  #numberProblem(
    event: FoldEvent,
    given: unknown,
    index: number,
    sourceText: (index: number) => string,
  ): EventProblem | null {
    let large: string | null = null;
    for (const field of this.#needed) {
      const value = event[field];
      if (typeof value !== "number") {
        return numberProblem(field, `must be a number, got ${typeof value}`);
      }
      if (isSmall(value)) continue;
      const problem = largeProblem(field, value, given);
      if (problem !== null) return problem;
      large ??= field;
    }
    for (const field of this.#optional) {
      const value = event[field];
      if (typeof value !== "number" || isSmall(value)) continue;
      const problem = largeProblem(field, value, given);
      if (problem !== null) return problem;
      large ??= field;
    }
    if (this.#changed === null || this.#changed.length > 0) {
      const largest = largestOf(given, this.#changed);
      if (!isSmall(largest.value)) {
        if (!(Math.abs(largest.value) < NUMBER_LIMIT)) {
          return tooLarge(largest.field, largest.value);
        }
        large ??= largest.field;
      }
    }
    if (large === null || !hasUnsafeInteger(sourceText(index))) return null;
    return numberProblem(large, "must be below 2^53 as an integer: JSON doesn't keep it exactly");
  }
}

/**
 * Checks what an enrichment gave.
 *
 * @returns The fields that it adds; or what is wrong with them.
 */
export function checkAdded(adds: AddedFields, given: unknown): CheckResult {
  try {
    return adds.check(given);
  } catch (error) {
    return { ok: false, path: "", message: `the schema's check threw: ${errorText(error)}` };
  }
}

/** What is wrong with a number of an event that a double may not hold exactly; null if nothing is. */
function largeProblem(field: string, value: number, given: unknown): EventProblem | null {
  if (!(Math.abs(value) < NUMBER_LIMIT)) return tooLarge(field, value);
  if (isMembers(given) && typeof given[field] === "number") return null;
  // The schema made it of a text, or of another field: it may have been rounded on the way.
  const made = "is made of something else and must be a number within ±(2^53 − 1)";
  return numberProblem(field, `${made}, got ${value}`);
}

function isMembers(value: unknown): value is FoldEvent {
  return typeof value === "object" && value !== null;
}

/** The largest number, by magnitude, of some fields of a decoded value, or of all it has. */
function largestOf(given: unknown, fields: readonly string[] | null) {
  const from = isMembers(given) ? given : { "": given };
  let largest = { field: "", value: 0 };
  for (const field of fields ?? Object.keys(from)) {
    const value = largestWithin(from[field]);
    if (Math.abs(value) > Math.abs(largest.value)) largest = { field, value };
  }
  return largest;
}

/** The largest number of a JSON value, at any depth: it may be nested beyond any stack. */
function largestWithin(value: unknown): number {
  if (typeof value === "number") return value;
  let largest = 0;
  const rest: object[] = [];
  const look = (inner: unknown) => {
    if (typeof inner === "object" && inner !== null) rest.push(inner);
    else if (typeof inner === "number" && Math.abs(inner) > Math.abs(largest)) largest = inner;
  };
  look(value);
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    for (const inner of Object.values(next)) look(inner);
  }
  return largest;
}

/** Whether a number can't come from an integer literal that was rounded; false for NaN. */
function isSmall(value: number): boolean {
  return value <= Number.MAX_SAFE_INTEGER && value >= -Number.MAX_SAFE_INTEGER;
}

/**
 * An event time in epoch ms; NaN if it can't be read. Of a number the fraction is dropped downwards,
 * as the digits of a text after the millisecond are.
 */
function timeOf(value: unknown): number {
  if (typeof value === "string") return parseInstant(value) ?? NaN;
  // + 0 turns -0 into 0.
  return typeof value === "number" ? Math.floor(value) + 0 : NaN;
}

function timeProblem(field: string, value: unknown): EventProblem {
  const got = typeof value === "string"
    ? JSON.stringify(value.slice(0, 64))
    : typeof value === "number"
    ? String(value)
    : typeof value;
  const message =
    `${field} must be an RFC 3339 time with an offset, or epoch ms, in the range of ISO dates, ` +
    `got ${got}`;
  return { reason: "time", path: field, message };
}

/** The same problem, with the unit that the event time seems to be in, if it is another. */
function inUnit(problem: EventProblem, time: unknown, timestampMs: number): EventProblem {
  const unit = typeof time === "number" ? unitOf(time, timestampMs) : null;
  if (unit === null) return problem;
  return { ...problem, unit, message: `${problem.message}; it looks like ${unit}` };
}

function skewProblem(field: string, time: number, aheadMs: number): EventProblem {
  const message = `${formatInstant(time)} is ${aheadMs} ms ahead of the record's timestamp`;
  return { reason: "skewed", path: field, message };
}

function numberProblem(field: string, message: string): EventProblem {
  return { reason: "number", path: field, message: `${field} ${message}` };
}

function tooLarge(field: string, value: number): EventProblem {
  return numberProblem(field, `must be finite and below 2^960, got ${value}`);
}
