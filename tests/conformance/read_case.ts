/**
 * Reads the cases of conformance files: what a line may hold, and what is wrong with one that holds
 * something else. `docs/commands.md` describes the format.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";
import { MAX_INSTANT_MS } from "../../core/event_time/instants.ts";
import { hopping, type Windowing } from "../../core/event_time/windows.ts";
import type { AggregateKind, AggregateSpec } from "../../core/fold/aggregates.ts";
import type {
  Assignment,
  AssignVector,
  ClockOp,
  ClockVector,
  SkippedVector,
  Vector,
  VectorRecord,
  VectorRow,
  VectorStep,
} from "./cases.ts";

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

/** An aggregate over a value column `v0`, `v1`, …. */
type VectorAggregate = Omit<AggregateSpec, "name">;

/** What the members of a step may be. */
const STEP_MEMBERS = new Set([
  "in",
  "advance",
  "restart",
  "out",
  "watermark",
  "late",
  "partlyLate",
  "open",
]);

/** What the steps of a case depend on. */
interface StepRules {
  /** Milliseconds of the case's unit. */
  readonly unitMs: number;
  /** Whether the watermark is explicit. */
  readonly explicit: boolean;
  /** The aggregates. */
  readonly specs: readonly VectorAggregate[];
}

/** Reads a step, counted from 1. */
function readStep(number: number, value: unknown, rules: StepRules): VectorStep {
  const { unitMs, explicit, specs } = rules;
  const path = (name: string) => `step ${number}: ${name}`;
  const given = objectAt(`step ${number}`, value);
  const restart = given["restart"] ?? false;
  if (typeof restart !== "boolean") throw wrong(path("restart"), "true", restart);
  const advance = given["advance"];
  if (advance !== undefined && !explicit) {
    throw wrong(path("advance"), 'left out unless the watermark is "explicit"', advance);
  }
  const { out, watermark } = given;
  const counts = Object.fromEntries(
    ["late", "partlyLate", "open"].filter((name) => given[name] !== undefined)
      .map((name) => [name, countAt(path(name), given[name])]),
  );
  return {
    restart,
    records: (given["in"] === undefined ? [] : listAt(path("in"), given["in"]))
      .map((record, i) => readRecord(path(`in.${i}`), record, unitMs, specs)),
    advance: advance === undefined ? null : timeAt(path("advance"), advance, unitMs),
    expected: {
      ...counts,
      ...(watermark === undefined ? {} : {
        watermark: watermark === null ? null : timeAt(path("watermark"), watermark, unitMs),
      }),
      ...(out === undefined ? {} : {
        out: listAt(path("out"), out).map((row, i) =>
          readRow(path(`out.${i}`), row, unitMs, specs.length)
        ),
      }),
    },
  };
}

function readRecord(
  path: string,
  value: unknown,
  unitMs: number,
  specs: readonly VectorAggregate[],
): VectorRecord {
  const [key, time, ...values] = listAt(path, value);
  for (const { field } of specs) {
    if (field === null) continue;
    const column = Number(field.slice(1));
    if (typeof values[column] !== "number") {
      throw wrong(`${path}.${column + 2}`, "a number, since it is aggregated", values[column]);
    }
  }
  return { key: keyAt(path, key), timeMs: wholeMs(`${path}.1`, time, unitMs), values };
}

function readRow(path: string, value: unknown, unitMs: number, aggregates: number): VectorRow {
  const [key, start, end, ...values] = listAt(path, value);
  if (values.length !== aggregates) {
    throw wrong(path, `a row of ${aggregates + 3} items, one per aggregate`, value);
  }
  return [
    keyAt(path, key),
    timeAt(`${path}.1`, start, unitMs),
    timeAt(`${path}.2`, end, unitMs),
    ...values.map((item, i) => numberAt(`${path}.${i + 3}`, item)),
  ];
}

/** Keys of several parts become one text: only their being equal or not matters. */
function keyAt(path: string, key: unknown): VectorRecord["key"] {
  if (key === undefined) throw wrong(`${path}.0`, "a key", key);
  if (
    key === null || typeof key === "string" || typeof key === "number" || typeof key === "boolean"
  ) return key;
  return JSON.stringify(key);
}

/** The members of an object. */
type Members = Readonly<Record<string, unknown>>;

/** An object. */
function objectAt(path: string, value: unknown): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw wrong(path, "an object", value);
  }
  return { ...value };
}

/** A list. */
function listAt(path: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(path, "a list", value);
  return value;
}

/** A finite number. */
function numberAt(path: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(path, "a number", value);
  return value;
}

/** A whole number of at least 0. */
function countAt(path: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw wrong(path, "a whole number of at least 0", value);
  }
  return value;
}

/** A time or duration in ms. Other suites mark "the end of time" by numbers beyond all dates. */
function timeAt(path: string, value: unknown, unitMs: number): number {
  const ms = wholeMs(path, value, unitMs);
  return Math.min(Math.max(ms, -MAX_INSTANT_MS), MAX_INSTANT_MS);
}

/** A time in ms. One such as 1.1 s is whole in ms, but for the error of the multiplication. */
function wholeMs(path: string, value: unknown, unitMs: number): number {
  const ms = numberAt(path, value) * unitMs;
  const whole = Math.round(ms);
  return (Math.abs(ms - whole) < 1e-6 ? whole : ms) + 0;
}

/** The error of a malformed case. */
function wrong(path: string, must: string, got: unknown): TidegateError {
  const text = got === undefined ? "nothing" : JSON.stringify(got);
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new TidegateError(
    "TG_INPUT",
    `Cannot read the case: ${path} must be ${must}, got ${shown}`,
  );
}
