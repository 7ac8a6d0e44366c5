/**
 * Reads the steps of a window case.
 *
 * @module
 */

import type { AggregateSpec } from "../../core/fold/aggregates.ts";
import type { VectorRecord, VectorRow, VectorStep } from "./vector.ts";
import { countAt, listAt, numberAt, objectAt, timeAt, wholeMs, wrong } from "./vector_fields.ts";

/** An aggregate over a value column `v0`, `v1`, …. */
export type VectorAggregate = Omit<AggregateSpec, "name">;

/** What the members of a step may be. */
export const STEP_MEMBERS = new Set([
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
export interface StepRules {
  /** Milliseconds of the case's unit. */
  readonly unitMs: number;
  /** Whether the watermark is explicit. */
  readonly explicit: boolean;
  /** The aggregates. */
  readonly specs: readonly VectorAggregate[];
}

/** Reads a step, counted from 1. */
export function readStep(number: number, value: unknown, rules: StepRules): VectorStep {
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
