import type { AggregateSpec } from "../core/fold/aggregates.ts";
import { TidegateError } from "../core/errors.ts";
import type { StartPosition } from "../core/plan.ts";
import { parseInstant } from "../core/event_time/instants.ts";
import type { Windowing } from "../core/event_time/windows.ts";
import type { Checker } from "./checker.ts";
import { type EventFields, eventFields } from "./fields.ts";
import type { EventSchema } from "./definition.ts";

/** Reads the schema; null where there is none. */
export function fieldsOf(check: Checker, event: EventSchema): EventFields | null {
  const given = check.get("event");
  if (typeof given !== "object" || given === null || !("safeParse" in given)) {
    check.mustBe("event", "a zod schema such as z.object({ … })");
    return null;
  }
  const fields = eventFields(event);
  if (!fields.isObject) check.mustBe("event", "a schema of objects such as z.object({ … })");
  return fields;
}

/** Where records come from and go to. */
export interface TopicNames {
  /** The source topic. */
  readonly topic: string;
  /** The topic of rows. */
  readonly resultsTopic: string;
  /** The topic of late records. */
  readonly lateTopic: string;
  /** The topic of invalid records. */
  readonly invalidTopic: string;
}

/** Reads where records come from and go to. */
export function topicsOf(check: Checker, name: string): TopicNames {
  check.onlyMembers("source", ["topic", "partitions", "from", "recordKey"]);
  if (check.get("results") !== undefined) check.object("results", "an object with a topic");
  check.onlyMembers("results", ["topic"]);
  const must = "a topic name: 1 to 249 of a-z, A-Z, 0-9, ., _ and -";
  const topic = check.text("source.topic", must, isTopic);
  const resultsTopic = check.text("results.topic", must, isTopic, `${name}.results`);
  const topics = {
    topic,
    resultsTopic,
    lateTopic: `${name}.late`,
    invalidTopic: `${name}.invalid`,
  };
  const own = [topics.lateTopic, topics.invalidTopic];
  if (topic !== "" && [...own, resultsTopic].includes(topic)) {
    check.mustBe("source.topic", "another topic than those the pipeline writes to");
  }
  if (own.includes(resultsTopic)) {
    check.mustBe("results.topic", "another topic than those for late and invalid records");
  }
  return topics;
}

function isTopic(text: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(text) && text !== "." && text !== "..";
}

/** Reads where the first generation begins. */
export function startOf(check: Checker): StartPosition {
  const from = check.get("source.from") ?? "earliest";
  if (from === "earliest" || from === "latest") return from;
  const timeMs = typeof from === "string" ? parseInstant(from) : undefined;
  if (timeMs === undefined) {
    check.mustBe("source.from", '"earliest", "latest" or an ISO 8601 time with its zone');
  }
  return timeMs ?? "earliest";
}

/** Reads the field of produced keys; null for no key. */
export function recordKeyOf(check: Checker, fields: EventFields | null): string | null {
  if (check.get("source.recordKey") === undefined) return null;
  return fieldOf(check, fields, "source.recordKey", null, "");
}

/** Works out the windows. */
export function windowingOf(check: Checker): Windowing {
  const instead = { sizeMs: 1, slideMs: 1, offsetMs: 0 };
  const resolve = check.get("window.resolve");
  if (typeof resolve !== "function") {
    check.mustBe("window", 'made by tumbling("10s") or hopping("1m", "10s")');
    return instead;
  }
  try {
    return resolve();
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    check.problem("window:", error.message.replace("Cannot define the windows: ", ""));
    return instead;
  }
}

/** The settings of the watermark, in ms. */
export interface WatermarkSettings {
  /** How far the watermark stays behind. */
  readonly delayMs: number;
  /** After how much silence a partition is idle. */
  readonly idleAfterMs: number;
  /** How far ahead of the clock an event time may be. */
  readonly maxAheadMs: number;
  /** How far partitions may drift apart. */
  readonly maxDriftMs: number;
}

/** Reads the settings of the watermark. */
export function watermarkOf(check: Checker): WatermarkSettings {
  check.onlyMembers("watermark", ["delay", "idleAfter", "maxAhead", "maxDrift"]);
  return {
    delayMs: check.duration("watermark.delay", 0),
    idleAfterMs: check.duration("watermark.idleAfter", 1, "10s"),
    maxAheadMs: check.duration("watermark.maxAhead", 0, "5m"),
    maxDriftMs: check.duration("watermark.maxDrift", 1, "1h"),
  };
}

/** Reads the fields of the key. */
export function groupByOf(check: Checker, fields: EventFields | null): readonly string[] {
  const groupBy = check.get("groupBy");
  if (!Array.isArray(groupBy)) {
    check.mustBe("groupBy", "a list of fields of the event, [] for one row per window");
    return [];
  }
  const names = groupBy.map((_, i) =>
    fieldOf(check, fields, `groupBy.${i}`, SCALARS, "text, number, boolean or null")
  );
  names.forEach((field, i) => {
    if (field !== "" && names.indexOf(field) < i) check.mustBe(`groupBy.${i}`, "a new field");
  });
  return names;
}

/** Reads what is computed. */
export function aggregatesOf(check: Checker, fields: EventFields | null): readonly AggregateSpec[] {
  const aggregates = check.get("aggregates");
  if (typeof aggregates !== "object" || aggregates === null || Array.isArray(aggregates)) {
    check.mustBe("aggregates", "an object such as { events: count() }");
    return [];
  }
  const names = Object.keys(aggregates);
  if (names.length === 0) check.problem("aggregates", "must have at least one aggregate");
  return names.flatMap((name): AggregateSpec[] => {
    const path = `aggregates.${name}`;
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name) || RESERVED.has(name)) {
      check.problem(path, "must have a name of 1 to 63 of a-z, A-Z, 0-9 and _, no digit first");
      return [];
    }
    const kind = check.get(`${path}.kind`);
    if (kind === "count") return [{ name, kind, field: null }];
    if (kind === "sum" || kind === "avg" || kind === "min" || kind === "max") {
      return [{ name, kind, field: fieldOf(check, fields, `${path}.field`, NUMBERS, "number") }];
    }
    check.mustBe(path, 'made by count(), sum("field"), avg("field"), min("field") or max("field")');
    return [];
  });
}

/** Reads the field of the event time. */
export function eventTimeOf(check: Checker, fields: EventFields | null): string {
  return fieldOf(check, fields, "eventTime", TIMES, "ISO 8601 text or epoch ms");
}

const SCALARS = new Set(["string", "number", "integer", "boolean", "null"]);
const NUMBERS = new Set(["number", "integer"]);
const TIMES = new Set(["string", "number", "integer"]);
/** Names that mean something else to JavaScript objects. */
const RESERVED = new Set(["__proto__", "constructor", "prototype"]);

/** Reads the name of a field; its values must be of certain types, unless any will do. */
function fieldOf(
  check: Checker,
  fields: EventFields | null,
  path: string,
  allowed: ReadonlySet<string> | null,
  must: string,
): string {
  const field = check.get(path);
  if (typeof field !== "string" || field === "") {
    check.mustBe(path, "the name of a field of the event");
    return "";
  }
  const types = fields?.typesOf(field);
  if (fields !== null && types === undefined) check.mustBe(path, "a field of the event");
  const wrong = [...types ?? []].filter((type) => allowed !== null && !allowed.has(type));
  if (wrong.length > 0) {
    check.problem(
      path,
      `must name a field that is always ${must}; "${field}" can be ${wrong.join(" or ")}`,
    );
  }
  return field;
}

/** A function's text, in which its layout doesn't matter; empty for anything else. */
export function sourceText(value: unknown): string {
  return typeof value === "function" ? value.toString().replace(/\s+/g, " ") : "";
}
