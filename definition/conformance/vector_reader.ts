/**
 * Reads the cases of conformance files: what a line may hold, and what is wrong with one that holds
 * something else.
 *
 * @module
 */

import type { AggregateKind } from "../../core/fold/aggregates.ts";
import { TidegateError } from "../../core/errors.ts";
import type {
  Assignment,
  AssignVector,
  ClockOp,
  ClockVector,
  SkippedVector,
  Vector,
} from "./vector.ts";
import {
  countAt,
  listAt,
  type Members,
  numberAt,
  objectAt,
  timeAt,
  wrong,
} from "./vector_fields.ts";
import { readStep, STEP_MEMBERS, type VectorAggregate } from "./vector_step.ts";
import { hopping, type Windowing } from "../../core/event_time/windows.ts";

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const KINDS: ReadonlySet<string> = new Set<AggregateKind>(["count", "sum", "avg", "min", "max"]);
/** What the members of a case and of a step may be; others are beyond this runner. */
const CASE_MEMBERS = new Set([
  "unit",
  "window",
  "delay",
  "watermark",
  "lateness",
  "aggregates",
  "steps",
  "clock",
  "assign",
]);
/** Members that are for people. */
const REMARKS = new Set([
  "id",
  "source",
  "title",
  "name",
  "note",
  "notes",
  "comment",
  "why",
  "url",
]);

/**
 * Reads a case.
 *
 * @param value A parsed line.
 * @returns The case.
 * @throws {TidegateError} `TG_INPUT` if it is malformed.
 */
export function readVector(value: unknown): Vector {
  const given = objectAt("the case", value);
  const { id: rawId } = given;
  const id = typeof rawId === "number" ? String(rawId) : rawId;
  if (typeof id !== "string" || id === "") throw wrong("id", "a text", rawId);
  const shapes = ["steps", "clock", "assign"].filter((name) => given[name] !== undefined);
  if (shapes.length !== 1) throw wrong("the case", "one of steps, clock and assign", shapes);
  if (given["steps"] !== undefined) return readWindow(id, given);
  const unknown = unknownMember(given, CASE_MEMBERS);
  if (unknown !== undefined) return skip(id, `${unknown} is not known here`);
  return given["clock"] === undefined
    ? readAssign(id, given["assign"])
    : readClock(id, given["clock"]);
}

function readWindow(id: string, given: Members): Vector {
  const window = objectAt("window", given["window"]);
  const { kind } = window;
  if (typeof kind !== "string") throw wrong("window.kind", "a text", kind);
  if (kind !== "tumbling" && kind !== "hopping") return skip(id, `${kind} windows`);
  const unknown = unknownMember(given, CASE_MEMBERS);
  if (unknown !== undefined) return skip(id, `${unknown} is not known here`);
  const unit = given["unit"];
  const unitMs = typeof unit === "string" && Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (unitMs === undefined) throw wrong("unit", Object.keys(UNITS).join(", "), unit);
  const time = (path: string, value: unknown) => timeAt(path, value, unitMs);
  const sizeMs = time("window.size", window["size"]);
  const slideMs = kind === "hopping" ? time("window.slide", window["slide"]) : sizeMs;
  const offsetMs = window["offset"] === undefined ? 0 : time("window.offset", window["offset"]);
  const aggregates = listAt("aggregates", given["aggregates"]).map(readAggregate);
  const foreign = aggregates.find((aggregate) => typeof aggregate === "string");
  const explicit = given["watermark"] === "explicit";
  if (!explicit && given["watermark"] !== undefined) {
    throw wrong("watermark", '"explicit"', given["watermark"]);
  }
  const delayMs = explicit ? null : time("delay", given["delay"]);
  const latenessMs = given["lateness"] === undefined ? 0 : time("lateness", given["lateness"]);
  for (const [name, ms] of Object.entries({ size: sizeMs, slide: slideMs })) {
    if (ms <= 0) throw wrong(`window.${name}`, "positive", ms);
  }
  for (const [name, ms] of Object.entries({ delay: delayMs ?? 0, lateness: latenessMs })) {
    if (ms < 0) throw wrong(name, "at least 0", ms);
  }
  const steps = listAt("steps", given["steps"]);
  if (foreign !== undefined) return skip(id, `the aggregate ${foreign}`);
  const specs = aggregates.filter((aggregate) => typeof aggregate !== "string");
  const members = steps.map((step, i) =>
    unknownMember(objectAt(`step ${i + 1}`, step), STEP_MEMBERS)
  )
    .find((member) => member !== undefined);
  if (members !== undefined) return skip(id, `a step's ${members} is not known here`);
  let windowing: Windowing;
  try {
    windowing = hopping(sizeMs, slideMs, { offset: offsetMs });
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    return skip(id, error.message);
  }
  return {
    shape: "window",
    id,
    unitMs,
    windowing,
    delayMs,
    latenessMs,
    aggregates: specs.map((spec, i) => ({ ...spec, name: `a${i}` })),
    steps: steps.map((step, i) => readStep(i + 1, step, { unitMs, explicit, specs })),
  };
}

/** An aggregate, or the name of one that is not known here. */
function readAggregate(value: unknown, index: number): VectorAggregate | string {
  const path = `aggregates.${index}`;
  const [kind, column, ...more] = typeof value === "string" ? [value] : listAt(path, value);
  if (typeof kind !== "string" || more.length > 0) throw wrong(path, '"count" or [kind, i]', value);
  if (!isAggregateKind(kind)) return kind;
  if (kind === "count") return { kind, field: null };
  if (typeof column !== "number" || !Number.isInteger(column) || column < 0) {
    throw wrong(`${path}.1`, "the number of a value column", column);
  }
  return { kind, field: `v${column}` };
}

function isAggregateKind(kind: string): kind is AggregateKind {
  return KINDS.has(kind);
}

function readClock(id: string, value: unknown): ClockVector {
  const clocks = (Array.isArray(value) ? value : [value]).map((item: unknown, c) => {
    const path = `clock.${c}`;
    const { inputs, ops } = objectAt(path, item);
    const count = countAt(`${path}.inputs`, inputs);
    return {
      inputs: count,
      ops: listAt(`${path}.ops`, ops).map((op, i) => readOp(`${path}.ops.${i}`, op, count)),
    };
  });
  return { shape: "clock", id, clocks };
}

function readOp(path: string, value: unknown, inputs: number): ClockOp {
  const [input, says, emitted, ...more] = listAt(path, value);
  if (more.length > 0 || emitted === undefined) {
    throw wrong(path, '[partition, watermark | "idle" | "active", emitted or null]', value);
  }
  const partition = countAt(`${path}.0`, input);
  if (partition >= inputs) throw wrong(`${path}.0`, `below ${inputs}`, input);
  return [
    partition,
    says === "idle" || says === "active" ? says : numberAt(`${path}.1`, says),
    emitted === null ? null : numberAt(`${path}.2`, emitted),
  ];
}

function readAssign(id: string, value: unknown): AssignVector {
  const list = listAt("assign", value);
  // One assignment may stand alone.
  const all = list.length > 0 && !Array.isArray(list[0]) ? [list] : list;
  const assignments = all.map((item, i): Assignment => {
    const path = `assign.${i}`;
    const [size, slide, offset, time, starts, ...more] = listAt(path, item);
    if (more.length > 0) throw wrong(path, "[size, slide, offset, time, [starts]]", item);
    const positive = (name: string, given: unknown) => {
      const number = numberAt(`${path}.${name}`, given);
      if (number <= 0) throw wrong(`${path}.${name}`, "positive", given);
      return number;
    };
    return [
      positive("0", size),
      positive("1", slide),
      numberAt(`${path}.2`, offset),
      numberAt(`${path}.3`, time),
      listAt(`${path}.4`, starts).map((start, k) => numberAt(`${path}.4.${k}`, start)),
    ];
  });
  return { shape: "assign", id, assignments };
}

function unknownMember(given: Members, known: ReadonlySet<string>): string | undefined {
  return Object.keys(given).find((name) => !known.has(name) && !REMARKS.has(name));
}

function skip(id: string, reason: string): SkippedVector {
  return { shape: "skip", id, reason };
}
