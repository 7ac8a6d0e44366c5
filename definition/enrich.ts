import type { FoldEvent } from "../core/fold/fold.ts";
import type { Checker } from "./checker.ts";
import { checkSchema } from "./event_reader.ts";
import { type EventFields, eventFields } from "./fields.ts";
import type { AddsSchema, EnrichFailure, EventEnrichment } from "./enrichment.ts";

/** The pause before the second try, in ms; it doubles before each further one. */
const FIRST_PAUSE_MS = 100;
/** The longest pause, in ms. */
const LAST_PAUSE_MS = 1_000;
/**
 * The longest that all tries for one event may take, in ms. A slice may take a minute
 * (`workflows/drain.ts`), of which `TIDEGATE_SLICE_MS` may take half; the rest is for the log.
 */
const MAX_TRIES_MS = 25_000;

/** An enrichment and what is known of the fields that it adds. */
export interface ReadEnrichment {
  /** The enrichment. */
  readonly enrichment: EventEnrichment;
  /** The fields that it adds. */
  readonly fields: EventFields;
}

/** What is read of a definition as it is; both are looked at before they are used. */
export interface Given {
  /** What should be the lookup. */
  readonly enrich?: unknown;
  /** What should be its settings. */
  readonly enrichment?: { readonly adds?: unknown };
}

/** Reads the enrichment; null where there is none, or none whose fields are known. */
export function enrichmentOf(
  check: Checker,
  own: EventFields | null,
  given: Given,
): ReadEnrichment | null {
  if (given.enrich === undefined && check.get("enrichment") === undefined) return null;
  const enrich = isLookup(given.enrich) ? given.enrich : null;
  if (enrich === null) check.mustBe("enrich", "a function such as async (event) => ({ … })");
  check.object("enrichment", "an object such as { adds: z.object({ … }) }");
  check.onlyMembers("enrichment", ["adds", "concurrency", "timeout", "retries", "onFailure"]);
  const schema = isSchema(given.enrichment?.adds) ? given.enrichment.adds : null;
  const fields = schema && addedFields(check, own, schema);
  if (fields === null) {
    const must = "a zod schema of named fields such as z.object({ … }), z.object({}) for none";
    check.mustBe("enrichment.adds", must);
  }
  const concurrency = check.integer("enrichment.concurrency", 1, 1_000, 8);
  const tries = triesOf(check);
  const onFailure = failureOf(check);
  if (schema === null || fields === null) return null;
  const adds = { names: fields.names, check: (value: unknown) => checkSchema(schema, value) };
  const lookup = enrich ?? (() => ({}));
  return { enrichment: { enrich: lookup, adds, concurrency, ...tries, onFailure }, fields };
}

/** Reads what becomes of an event whose lookup has failed. */
function failureOf(check: Checker): EnrichFailure {
  const onFailure = check.get("enrichment.onFailure") ?? "retry";
  if (onFailure === "retry" || onFailure === "invalid") return onFailure;
  check.mustBe("enrichment.onFailure", '"retry" or "invalid"');
  return "retry";
}

/** Reads how long a try may take, and how many there are. */
function triesOf(check: Checker) {
  const timeoutMs = check.duration("enrichment.timeout", 1, "2s");
  const retries = check.integer("enrichment.retries", 0, 10, 2);
  const pausesMs = Array.from(
    { length: retries },
    (_, i) => Math.min(FIRST_PAUSE_MS * 2 ** i, LAST_PAUSE_MS),
  );
  const allMs = timeoutMs * (retries + 1) + pausesMs.reduce((sum, ms) => sum + ms, 0);
  if (allMs > MAX_TRIES_MS) {
    check.problem(
      "enrichment.timeout",
      `must let all tries for an event end within ${MAX_TRIES_MS} ms; ${retries + 1} of ` +
        `${timeoutMs} ms and the pauses between them take ${allMs} ms`,
    );
  }
  return { timeoutMs, pausesMs };
}

/** The fields that are added; null if the schema doesn't name them all. */
function addedFields(
  check: Checker,
  own: EventFields | null,
  schema: AddsSchema,
): EventFields | null {
  const fields = eventFields(schema);
  if (!fields.isClosed) return null;
  for (const name of fields.names) {
    // Where the event's schema doesn't tell, it may have any field.
    if (own !== null && (own.typesOf(name) ?? undefined) !== undefined) {
      check.problem(`enrichment.adds.${name}`, "must be another field than those of the event");
    }
  }
  return fields;
}

/** The fields of an event with those that are added to it. */
export function allFields(own: EventFields | null, added: EventFields | null): EventFields | null {
  if (own === null || added === null) return own;
  const names = new Set(added.names);
  return {
    ...own,
    names: [...own.names, ...added.names],
    typesOf: (field) => (names.has(field) ? added : own).typesOf(field),
  };
}

function isLookup(value: unknown): value is (event: FoldEvent, context: unknown) => unknown {
  return typeof value === "function";
}

function isSchema(value: unknown): value is AddsSchema {
  return typeof value === "object" && value !== null && "safeParse" in value;
}
