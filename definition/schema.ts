/**
 * The zod schema of a definition. It is made for each definition anew, because what `eventTime`,
 * `groupBy` and `aggregates` may name depends on the schema of its event. It trusts no type, since
 * definitions are run without the compiler.
 *
 * @module
 */

import { z } from "zod";
import { TidegateError } from "../core/errors.ts";
import { parseDuration, parseInstant } from "../core/event_time/instants.ts";
import type { Windowing } from "../core/event_time/windows.ts";
import type { AggregateSpec } from "../core/fold/aggregates.ts";
import type { EventReader } from "../core/fold/fold.ts";
import type { StartPosition } from "../core/plan.ts";
import type { EventGenerator } from "./define.ts";
import type { EventSchema } from "./definition.ts";
import {
  type AddsSchema,
  type EnrichFailure,
  type EventEnrichment,
  MAX_TRIES_MS,
  pausesOf,
} from "./enrichment.ts";
import { allFields, type EventFields, eventFields, isSchema } from "./fields.ts";

/** The largest duration of a definition: some three hundred years, which any date can be off by. */
const MAX_DURATION_MS = 100_000 * 86_400_000;

/** What a definition says, checked, with defaults for what it leaves out; durations in ms. */
export interface DefinitionSettings {
  /** The pipeline's name. */
  readonly name: string;
  /** Where the events come from. */
  readonly source: {
    /** The topic. */
    readonly topic: string;
    /** How many partitions it gets when Tidegate makes it. */
    readonly partitions: number;
    /** Where the first generation begins. */
    readonly from: StartPosition;
    /** The field of produced keys, if there is one. */
    readonly recordKey?: string | undefined;
  };
  /** The schema of an event. */
  readonly event: EventSchema;
  /** What is known of the event's own fields. */
  readonly own: EventFields;
  /** The field of the event time. */
  readonly eventTime: string;
  /** The watermark's durations. */
  readonly watermark: Readonly<Record<"delay" | "idleAfter" | "maxAhead" | "maxDrift", number>>;
  /** The windows. */
  readonly window: Windowing;
  /** How long a window stays open after its end. */
  readonly lateness: number;
  /** The lookup, if there is one. */
  readonly enrich?: EventEnrichment["enrich"] | undefined;
  /** How lookups are made, if there are any. */
  readonly enrichment?: EnrichmentSettings | undefined;
  /** What is known of the fields that the enrichment adds; null without one. */
  readonly added: EventFields | null;
  /** The filter, if there is one. */
  readonly where?: EventReader["where"] | undefined;
  /** The fields of the key. */
  readonly groupBy: readonly string[];
  /** What is computed. */
  readonly aggregates: readonly AggregateSpec[];
  /** Where rows go, if it is said. */
  readonly results?: {
    /** The topic. */
    readonly topic: string;
  } | undefined;
  /** How many workflows share the keys of one window. */
  readonly shards: number;
  /** Makes events, if there is one. */
  readonly generator?: EventGenerator | undefined;
}

/** How lookups are made. */
export interface EnrichmentSettings {
  /** The schema of the fields that are added. */
  readonly adds: AddsSchema;
  /** How many lookups of one sweep are under way at once. */
  readonly concurrency: number;
  /** How long one try may take, in ms. */
  readonly timeout: number;
  /** How many more tries there are. */
  readonly retries: number;
  /** What becomes of an event whose lookup has failed in all its tries. */
  readonly onFailure: EnrichFailure;
}

/**
 * Reads a definition.
 *
 * @throws {TidegateError} `TG_DEFINITION`, with every problem on a line of its own.
 */
export function readDefinition(definition: unknown): DefinitionSettings {
  const event = memberOf(definition, "event");
  const adds = memberOf(memberOf(definition, "enrichment"), "adds");
  const own = isSchema(event) ? eventFields(event) : null;
  const added = isSchema(adds) ? eventFields(adds) : null;
  const isEnriched = ["enrich", "enrichment"].some((name) =>
    memberOf(definition, name) !== undefined
  );
  const schema = definitionSchema({ own, added: added?.isClosed ? added : null, isEnriched });
  const read = schema.safeParse(definition);
  if (read.success && own !== null) return { ...read.data, own, added };
  const name = memberOf(definition, "name");
  const label = typeof name === "string" ? ` "${name}"` : "";
  const problems = new Set(read.error?.issues.flatMap(linesOf));
  throw new TidegateError(
    "TG_DEFINITION",
    [`Cannot define the pipeline${label}:`, ...problems].join("\n  "),
    { next: "Correct the settings named above in the definition." },
  );
}

/** What the schema of a definition depends on; null where fields are not known. */
interface KnownFields {
  readonly own: EventFields | null;
  readonly added: EventFields | null;
  readonly isEnriched: boolean;
}

function definitionSchema({ own, added, isEnriched }: KnownFields) {
  const all = allFields(own, added);
  const enrich = functionOf<EventEnrichment["enrich"]>(
    "a function such as async (event) => ({ … })",
  );
  const enrichment = enrichmentSchema(own, added);
  return settings("", "an object with a name, a source and an event", {
    name: text(/^[a-z][a-z0-9_-]{0,62}$/, "1 to 63 of a-z, 0-9, _ and -, beginning with a letter"),
    source: settings("source", 'an object such as { topic: "clicks" }', {
      topic: topic(),
      partitions: integer(1, 10_000).default(4),
      from: setting('"earliest", "latest" or an ISO 8601 time with its zone', startOf)
        .default("earliest"),
      recordKey: fieldOf(own, null, "").optional(),
    }),
    event: z.custom<EventSchema>(isSchema, must("a zod schema such as z.object({ … })"))
      .refine(() => own?.isObject ?? true, must("a schema of objects such as z.object({ … })")),
    eventTime: fieldOf(own, ["string", "number", "integer"], "ISO 8601 text or epoch ms"),
    watermark: settings("watermark", 'an object such as { delay: "10s" }', {
      delay: duration(0),
      idleAfter: duration(1).default(10_000),
      maxAhead: duration(0).default(300_000),
      maxDrift: duration(1).default(3_600_000),
    }),
    window: windowing(),
    lateness: duration(0).default(0),
    enrich: isEnriched ? enrich : enrich.optional(),
    enrichment: isEnriched ? enrichment : enrichment.optional(),
    where: functionOf<NonNullable<EventReader["where"]>>("a function").optional(),
    groupBy: z.array(
      fieldOf(all, SCALARS, "text, number, boolean or null"),
      must("a list of fields of the event, [] for one row per window"),
    ).superRefine(newFields, ALWAYS),
    aggregates: aggregates(all),
    results: settings("results", "an object with a topic", { topic: topic() }).optional(),
    shards: integer(1, 64).default(1),
    generator: functionOf<EventGenerator>("a function").optional(),
  }).superRefine(otherTopics, ALWAYS);
}

function enrichmentSchema(own: EventFields | null, added: EventFields | null) {
  const adds = z.custom<AddsSchema>(
    () => added !== null,
    must("a zod schema of named fields such as z.object({ … }), z.object({}) for none"),
  ).superRefine((_, { issues }) => {
    for (const name of added?.names ?? []) {
      // Where the event's schema doesn't tell, it may have any field.
      if ((own?.typesOf(name) ?? undefined) === undefined) continue;
      issues.push(problem("must be another field than those of the event", name, [name]));
    }
  });
  return settings("enrichment", "an object such as { adds: z.object({ … }) }", {
    adds,
    concurrency: integer(1, 1_000).default(8),
    timeout: duration(1).default(2_000),
    retries: integer(0, 10).default(2),
    onFailure: z.enum(["retry", "invalid"], must('"retry" or "invalid"')).default("retry"),
  }).superRefine(endInTime, ALWAYS);
}

const SCALARS = ["string", "number", "integer", "boolean", "null"];
const NUMBERS = ["number", "integer"];

/**
 * What concerns several settings is checked even where another setting is wrong, of what there is.
 * That holds as long as no check aborts, as those of `z.int()` do.
 */
const ALWAYS = { when: () => true };

/** A check looks at what was given and adds to the issues. */
interface Found {
  readonly issues: z.core.$ZodRawIssue[];
}

function endInTime(enrichment: unknown, { issues }: Found): void {
  const timeoutMs = memberOf(enrichment, "timeout");
  const retries = memberOf(enrichment, "retries");
  if (typeof timeoutMs !== "number" || typeof retries !== "number" || !(retries <= 10)) return;
  const pausesMs = pausesOf(retries).reduce((sum, ms) => sum + ms, 0);
  const allMs = timeoutMs * (retries + 1) + pausesMs;
  if (!(allMs > MAX_TRIES_MS)) return;
  const text = `must let all tries for an event end within ${MAX_TRIES_MS} ms; ` +
    `${retries + 1} of ${timeoutMs} ms and the pauses between them take ${allMs} ms`;
  issues.push(problem(text, timeoutMs, ["timeout"]));
}

function startOf(value: unknown): StartPosition | undefined {
  if (value === "earliest" || value === "latest") return value;
  return typeof value === "string" ? parseInstant(value) : undefined;
}

/** Works out the windows, so that a wrong size is one problem among all. */
function windowing() {
  return z.unknown().transform((value, { issues }): Windowing => {
    const resolve = memberOf(value, "resolve");
    if (typeof resolve !== "function") {
      const made = 'made by tumbling("10s") or hopping("1m", "10s")';
      issues.push(problem(`must be ${made}, got ${show(value)}`, value));
      return z.NEVER;
    }
    try {
      return resolve();
    } catch (error) {
      if (!(error instanceof TidegateError)) throw error;
      const [name = "", ...rest] = error.message.replace("Cannot define the windows: ", "")
        .split(" ");
      issues.push(problem(rest.join(" "), value, [name]));
      return z.NEVER;
    }
  });
}

/** What is computed, in the order of the definition. */
function aggregates(fields: EventFields | null) {
  const field = fieldOf(fields, NUMBERS, "number");
  const count = z.object({ kind: z.literal("count") });
  const overField = z.object({ kind: z.enum(["sum", "avg", "min", "max"]) });
  const made = 'made by count(), sum("field"), avg("field"), min("field") or max("field")';
  const specOf = (name: string, value: unknown, issues: Found["issues"]): AggregateSpec[] => {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(name) || RESERVED.has(name)) {
      const text = "must have a name of 1 to 63 of a-z, A-Z, 0-9 and _, no digit first";
      issues.push(problem(text, value, [name]));
      return [];
    }
    if (count.safeParse(value).success) return [{ name, kind: "count", field: null }];
    const over = overField.safeParse(value);
    if (!over.success) {
      issues.push(problem(`must be ${made}, got ${show(value)}`, value, [name]));
      return [];
    }
    const named = field.safeParse(memberOf(value, "field"));
    if (named.success) return [{ name, kind: over.data.kind, field: named.data }];
    for (const { message } of named.error.issues) {
      issues.push(problem(message, value, [name, "field"]));
    }
    return [];
  };
  return z.custom<object>(isObject, must("an object such as { events: count() }"))
    .transform((given, { issues }) => {
      const entries = Object.entries(given);
      if (entries.length === 0) issues.push(problem("must have at least one aggregate", given));
      return entries.flatMap(([name, value]) => specOf(name, value, issues));
    });
}

/** Names that mean something else to JavaScript objects. */
const RESERVED = new Set(["__proto__", "constructor", "prototype"]);

/** The name of a field, whose values must be of certain types, unless any will do. */
function fieldOf(fields: EventFields | null, types: readonly string[] | null, always: string) {
  return z.string(must("the name of a field of the event"))
    .min(1, must("the name of a field of the event"))
    .superRefine((field, { issues }) => {
      const found = fields?.typesOf(field);
      if (fields !== null && found === undefined) {
        const meant = didYouMean(field, fields.names);
        issues.push(problem(`must be a field of the event, got ${show(field)}${meant}`, field));
      }
      const wrong = types === null ? [] : [...found ?? []].filter((type) => !types.includes(type));
      if (wrong.length === 0) return;
      const text = `must name a field that is always ${always}; "${field}" can be ` +
        wrong.join(" or ");
      issues.push(problem(text, field));
    });
}

function newFields(names: unknown, { issues }: Found): void {
  if (!Array.isArray(names)) return;
  names.forEach((field, i) => {
    if (typeof field !== "string" || names.indexOf(field) === i) return;
    issues.push(problem(`must be a new field, got ${show(field)}`, field, [i]));
  });
}

function otherTopics(definition: unknown, { issues }: Found): void {
  const name = memberOf(definition, "name");
  const source = memberOf(memberOf(definition, "source"), "topic");
  const results = memberOf(memberOf(definition, "results"), "topic") ?? `${name}.results`;
  const own = [`${name}.late`, `${name}.invalid`];
  if ([...own, results].some((topic) => topic === source)) {
    const text = `must be another topic than those the pipeline writes to, got ${show(source)}`;
    issues.push(problem(text, source, ["source", "topic"]));
  }
  if (own.some((topic) => topic === results)) {
    const text = "must be another topic than those for late and invalid records, got " +
      show(results);
    issues.push(problem(text, results, ["results", "topic"]));
  }
}

/** An object with these settings and no others. */
function settings<const S extends z.core.$ZodLooseShape>(path: string, what: string, shape: S) {
  const known = Object.keys(shape);
  const unknown = (name: string) => {
    const at = path === "" ? name : `${path}.${name}`;
    return `${at} is no setting${didYouMean(name, known)}; there are ${known.join(", ")}`;
  };
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map(unknown).join("\n")
        : must(what).error(issue),
  });
}

/** A setting that is read by a function, which gives undefined for what it can't read. */
function setting<T>(what: string, read: (value: unknown) => T | undefined) {
  return z.unknown().transform((value, { issues }): T => {
    const found = read(value);
    if (found !== undefined) return found;
    issues.push(problem(must(what).error({ input: value }), value));
    return z.NEVER;
  });
}

function text(form: RegExp, what: string) {
  return z.string(must(what)).regex(form, must(what));
}

function topic() {
  const what = "a topic name: 1 to 249 of a-z, A-Z, 0-9, ., _ and -";
  return text(/^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/, what);
}

function integer(from: number, to: number) {
  return setting(`a whole number from ${from} to ${to}`, (value) => {
    const fits = typeof value === "number" && Number.isInteger(value) && value >= from &&
      value <= to;
    return fits ? value : undefined;
  });
}

/** A duration in ms. */
function duration(leastMs: number) {
  const sign = leastMs > 0 ? "a positive duration" : "a duration";
  const what = `${sign} such as "10s" or whole number of ms, at most 100000d`;
  return setting(what, (value) => {
    const ms = typeof value === "string" ? parseDuration(value) : value;
    const fits = typeof ms === "number" && Number.isSafeInteger(ms) && ms >= leastMs &&
      ms <= MAX_DURATION_MS;
    return fits ? ms : undefined;
  });
}

function functionOf<T>(what: string) {
  return z.custom<T>((value) => typeof value === "function", must(what));
}

/** A problem of a value, or of a member of it. */
function problem(
  message: string,
  input: unknown,
  path: readonly PropertyKey[] = [],
): z.core.$ZodRawIssue {
  return { code: "custom", message, input, path: [...path], continue: true };
}

function must(what: string) {
  return {
    error: ({ input }: { readonly input?: unknown }) => `must be ${what}, got ${show(input)}`,
  };
}

/** An issue as `PATH must be X, got Y`. */
function linesOf({ code, path, message }: z.core.$ZodIssue): string[] {
  if (code === "unrecognized_keys") return message.split("\n");
  return [path.length === 0 ? `The definition ${message}` : `${path.join(".")} ${message}`];
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? "a list" : "an object";
  }
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** The known name that is at most two typing errors away; empty if there is none. */
function didYouMean(name: string, known: readonly string[]): string {
  const away = (other: string) => typingErrors(name.toLowerCase(), other.toLowerCase());
  const [nearest] = known.map((other) => [away(other), other] as const)
    .filter(([errors, other]) => errors <= Math.min(2, other.length / 3))
    .sort(([a], [b]) => a - b);
  return nearest === undefined ? "" : ` (did you mean ${nearest[1]}?)`;
}

/** How many characters must be put in, left out or replaced (Levenshtein). */
function typingErrors(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (const [i, char] of [...from].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...to].entries()) {
      const replaced = (row[j] ?? 0) + (char === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? to.length;
}

function memberOf(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
