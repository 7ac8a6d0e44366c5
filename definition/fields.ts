/**
 * What a definition's schemas say: the fields of an event, as far as they can be told without the
 * compiler, and whether a value is one.
 *
 * @module
 */

import { z } from "zod";
import type { CheckResult, FoldEvent } from "../core/fold/fold.ts";
import type { EventSchema } from "./definition.ts";
import { cutText } from "../core/text.ts";

/** What is known at run time about the fields of an event. */
export interface EventFields {
  /** A stable text of the schema: the same for two schemas that take the same input. */
  readonly schema: string;
  /** The fields that the schema names. */
  readonly names: readonly string[];
  /** Whether there are no other fields than those, for certain. */
  readonly isClosed: boolean;
  /** Whether events are objects, as far as the schema tells. */
  readonly isObject: boolean;
  /** The fields of an event whose values are numbers, just as they were given. */
  readonly numericFields: readonly string[];
  /**
   * The fields of what the schema takes in which other numbers may stand, at any depth; null where
   * it doesn't name its fields.
   */
  readonly changedFields: readonly string[] | null;
  /**
   * Finds out what a field's values can be.
   *
   * @returns Its JSON types, `undefined` among them for an optional field; null where the schema
   * doesn't tell; undefined where there is no such field.
   */
  typesOf(field: string): ReadonlySet<string> | null | undefined;
}

/** Whether something is a schema of zod's. */
export function isSchema(value: unknown): value is EventSchema {
  return typeof value === "object" && value !== null && "_zod" in value && "safeParse" in value;
}

/** Reads the fields of a schema. */
export function eventFields(event: z.ZodType): EventFields {
  const input = z.toJSONSchema(event, { io: "input", unrepresentable: "any" });
  const output: unknown = z.toJSONSchema(event, { io: "output", unrepresentable: "any" });
  const properties = member(output, "properties");
  const required = member(output, "required");
  const closed = member(output, "type") === "object" &&
    member(output, "additionalProperties") === false;
  const names = typeof properties === "object" && properties !== null
    ? Object.keys(properties)
    : [];
  return {
    schema: JSON.stringify(sorted(input)),
    names,
    isClosed: closed,
    isObject: [...typesIn(output) ?? []].every((type) => type === "object"),
    ...numbersOf(event),
    typesOf(field) {
      const schema = member(properties, field);
      if (schema === undefined) return closed ? undefined : null;
      const types = typesIn(schema);
      const optional = !(Array.isArray(required) && required.includes(field));
      return types !== null && optional ? types.add("undefined") : types;
    },
  };
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

/** Where numbers may stand in what a schema takes: those that it passes on as they are, and others. */
function numbersOf(schema: z.core.$ZodType): Pick<EventFields, "numericFields" | "changedFields"> {
  const taken = takenBy(schema);
  if (taken === null) return { numericFields: [], changedFields: null };
  const isPlain = schema instanceof z.core.$ZodObject && onlyChecks(schema);
  const { kept = [], changed = [] } = Object.groupBy(
    taken.filter(([, of]) => mayHoldNumbers(of)),
    ([, of]) => isPlain && isKept(of) ? "kept" : "changed",
  );
  const names = (some: readonly NamedSchema[]) => [...new Set(some.map(([name]) => name))];
  return { numericFields: names(kept), changedFields: names(changed) };
}

/** Whether a schema gives a number as it took it. */
function isKept(schema: z.core.$ZodType): boolean {
  if (schema instanceof z.core.$ZodNumber) {
    return schema._zod.def.coerce !== true && onlyChecks(schema);
  }
  const inner = innerOf(schema);
  return inner !== null && isKept(inner);
}

/** Whether no check of a schema is one that could change the value. */
function onlyChecks({ _zod: { def: { checks = [] } } }: z.core.$ZodType): boolean {
  return checks.every(({ _zod: { def: { check } } }) => check !== "overwrite");
}

type NamedSchema = readonly [name: string, schema: z.core.$ZodType];

/** The named fields of what a schema takes, before it makes something else of it. */
function takenBy(schema: z.core.$ZodType): NamedSchema[] | null {
  if (schema instanceof z.core.$ZodObject) return Object.entries(schema._zod.def.shape);
  if (schema instanceof z.core.$ZodPipe) return takenBy(schema._zod.def.in);
  if (schema instanceof z.core.$ZodUnion) return takenByAll(schema._zod.def.options);
  if (schema instanceof z.core.$ZodIntersection) {
    return takenByAll([schema._zod.def.left, schema._zod.def.right]);
  }
  const inner = innerOf(schema);
  return inner === null ? null : takenBy(inner);
}

function takenByAll(schemas: readonly z.core.$ZodType[]): NamedSchema[] | null {
  const all = schemas.map(takenBy);
  return all.every((some) => some !== null) ? all.flat() : null;
}

/** Whether a schema may take numbers, at any depth; a schema within itself is not looked at twice. */
function mayHoldNumbers(schema: z.core.$ZodType, within: readonly z.core.$ZodType[] = []): boolean {
  const inside = (inner: z.core.$ZodType) =>
    within.includes(inner) || mayHoldNumbers(inner, [...within, schema]);
  if (schema instanceof z.core.$ZodString) return schema._zod.def.coerce === true;
  if (schema instanceof z.core.$ZodBoolean || schema instanceof z.core.$ZodNull) return false;
  if (schema instanceof z.core.$ZodEnum || schema instanceof z.core.$ZodLiteral) {
    return [...schema._zod.values].some((value) => typeof value === "number");
  }
  if (schema instanceof z.core.$ZodArray) return inside(schema._zod.def.element);
  if (schema instanceof z.core.$ZodObject && schema._zod.def.catchall === undefined) {
    return Object.values(schema._zod.def.shape).some(inside);
  }
  if (schema instanceof z.core.$ZodPipe) return inside(schema._zod.def.in);
  const inner = innerOf(schema);
  return inner === null || inside(inner);
}

/** What a schema is wrapped around that lets values through or stands in for missing ones. */
function innerOf(schema: z.core.$ZodType): z.core.$ZodType | null {
  const isWrapper = schema instanceof z.core.$ZodOptional ||
    schema instanceof z.core.$ZodNullable || schema instanceof z.core.$ZodReadonly ||
    schema instanceof z.core.$ZodDefault || schema instanceof z.core.$ZodPrefault;
  return isWrapper ? schema._zod.def.innerType : null;
}

/** The JSON types that a schema allows; null where it doesn't tell. */
function typesIn(schema: unknown): Set<string> | null {
  const type = member(schema, "type");
  if (typeof type === "string") return new Set([type]);
  if (Array.isArray(type)) return new Set(type.map(String));
  const values = member(schema, "enum");
  if (Array.isArray(values)) return new Set(values.map(jsonType));
  const fixed = member(schema, "const");
  if (fixed !== undefined) return new Set([jsonType(fixed)]);
  const choices = member(schema, "anyOf") ?? member(schema, "oneOf");
  if (!Array.isArray(choices)) return null;
  const types = choices.map(typesIn);
  return types.reduce(
    (all, some) => all === null || some === null ? null : all.union(some),
    new Set<string>(),
  );
}

function jsonType(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function member(object: unknown, name: string): unknown {
  if (typeof object !== "object" || object === null || !Object.hasOwn(object, name)) return;
  return Reflect.get(object, name);
}

/** The same JSON with all that has no order sorted: members by name, and lists of names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(([name]) => name !== "$schema" && name !== "~standard")
    .sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(entries.map(([name, member]) => {
    const isNames = name === "required" && Array.isArray(member);
    return [name, isNames ? member.toSorted() : sorted(member)];
  }));
}

/** No message of a library may fill the invalid topic. */
const MAX_TEXT = 200;

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
    path: cutText(pathText(issue?.path ?? []), MAX_TEXT),
    message: cutText(issue?.message ?? "Invalid input", MAX_TEXT),
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
