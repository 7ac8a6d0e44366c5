import { z } from "zod";

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
  /** The fields whose values can be numbers. */
  readonly numericFields: readonly string[];
  /**
   * Finds out what a field's values can be.
   *
   * @param field The field.
   * @returns Its JSON types, `undefined` among them for an optional field; null where the schema
   * doesn't tell; undefined where there is no such field.
   */
  typesOf(field: string): ReadonlySet<string> | null | undefined;
}

/**
 * Reads the fields of an event's schema. The compiler knows them better, but definitions are run
 * without it.
 *
 * @param event The schema.
 * @returns The fields.
 */
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
    numericFields: names.filter((name) => {
      const types = typesIn(member(properties, name));
      return types === null || types.has("number") || types.has("integer");
    }),
    typesOf(field) {
      const schema = member(properties, field);
      if (schema === undefined) return closed ? undefined : null;
      const types = typesIn(schema);
      const optional = !(Array.isArray(required) && required.includes(field));
      return types !== null && optional ? types.add("undefined") : types;
    },
  };
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
