import type { z } from "zod";
import type { AddedFields, CheckResult, EventReader, FoldEvent } from "../core/fold/fold.ts";
import type { EventSchema } from "./definition.ts";

/** What is read of a definition. */
export interface ReaderSettings {
  /** The field that holds the event time. */
  readonly eventTimeField: string;
  /** Which events count; null for all. */
  readonly where: ((event: FoldEvent) => boolean) | null;
  /** The fields that aggregates take numbers from. */
  readonly numericFields: readonly string[];
  /** The fields that the enrichment adds. */
  readonly adds?: AddedFields;
}

/** No message of a library may fill the invalid topic. */
const MAX_TEXT = 200;

/**
 * Makes the reader of a pipeline's events. On the good path it allocates nothing but zod's result:
 * it runs once for every record.
 *
 * @param schema The schema of an event.
 * @param settings The rest of the definition that is read.
 * @returns The reader.
 */
export function eventReader(schema: EventSchema, settings: ReaderSettings): EventReader {
  return { check: (value) => checkSchema(schema, value), ...settings };
}

/** Checks a value against a schema of objects. */
export function checkSchema(schema: EventSchema, value: unknown): CheckResult {
  const result = schema.safeParse(value);
  if (!result.success) return refused(result.error);
  const event: object = result.data;
  if (isEvent(event)) return { ok: true, event };
  return { ok: false, path: "", message: "Invalid input: expected object, received array" };
}

function isEvent(value: object): value is FoldEvent {
  return !Array.isArray(value);
}

/** The first issue: zod's messages name what was expected, and never show the input itself. */
function refused(error: z.ZodError): CheckResult {
  const issue = error.issues[0];
  return {
    ok: false,
    path: cut(pathText(issue?.path ?? [])),
    message: cut(issue?.message ?? "Invalid input"),
  };
}

/** A path as in code: `a.b[0]`. */
function pathText(path: readonly PropertyKey[]): string {
  return path.map((part, i) => {
    if (typeof part === "number") return `[${part}]`;
    const name = String(part);
    if (!/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name)) return `[${JSON.stringify(name)}]`;
    return i === 0 ? name : `.${name}`;
  }).join("");
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
