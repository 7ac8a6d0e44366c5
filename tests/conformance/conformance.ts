/**
 * Runs conformance cases: from the suites of other stream processors, each a line of JSON, through
 * the rules of `core/`.
 *
 * @module
 */

import { errorText, TidegateError } from "../../core/errors.ts";
import {
  later,
  type PartitionTimes,
  partitionWatermark,
  pipelineWatermark,
} from "../../core/event_time/watermark.ts";
import type { AssignVector, ClockVector, Vector } from "./cases.ts";
import { readVector } from "./read_case.ts";
import { runWindowVector } from "./window_case.ts";
import { windowStarts } from "../../core/event_time/windows.ts";

/** How a case ended. */
export interface VectorResult {
  /** The case's id. */
  readonly id: string;
  /** Whether it came out as expected, did not, or was not run. */
  readonly outcome: "ok" | "fail" | "skip";
  /** For a failed one `step N: got …, expected …`, for a skipped one the reason; else empty. */
  readonly detail: string;
}

/** How many cases ended how. */
export interface VectorCounts {
  /** Cases that came out as expected. */
  readonly passed: number;
  /** Cases that did not. */
  readonly failed: number;
  /** Cases that were not run. */
  readonly skipped: number;
}

/** How the cases of a text ended. */
export interface VectorReport extends VectorCounts {
  /** One line a case: `ID ok`, `ID FAIL step N: got …, expected …` or `ID skip: REASON`. */
  readonly lines: readonly string[];
}

/**
 * Runs one case.
 *
 * @throws {TidegateError} `TG_INPUT` if it is malformed.
 *
 * @example Five seconds, from an offset of two
 * ```ts
 * import { runVector } from "./conformance.ts";
 * const { outcome } = runVector({ id: "A", assign: [[5, 5, 2, 11, [7]]] });
 * if (outcome !== "ok") throw outcome;
 * ```
 */
export function runVector(value: unknown): VectorResult {
  return run(readVector(value));
}

/**
 * Runs all cases of a text, one a line; blank lines are left out. The text is read as a whole first:
 * if a line is malformed, nothing is run.
 *
 * @returns How the cases ended, without the closing line, for which see {@linkcode vectorSummary}.
 * @throws {TidegateError} `TG_INPUT`, naming the line that is malformed.
 */
export function runVectors(text: string): VectorReport {
  const vectors: Vector[] = [];
  for (const [i, line] of text.replace(/^\uFEFF/, "").split(/\r?\n/).entries()) {
    if (line.trim() !== "") vectors.push(readLine(i + 1, line));
  }
  const results = vectors.map(run);
  const count = (outcome: VectorResult["outcome"]) =>
    results.filter((result) => result.outcome === outcome).length;
  return {
    lines: results.map(lineOf),
    passed: count("ok"),
    failed: count("fail"),
    skipped: count("skip"),
  };
}

/**
 * The closing line of a run over one or more files.
 *
 * @returns `N passed, N failed, N skipped`.
 */
export function vectorSummary(counts: readonly VectorCounts[]): string {
  const sum = (name: keyof VectorCounts) => counts.reduce((total, count) => total + count[name], 0);
  return `${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`;
}

function readLine(number: number, line: string): Vector {
  const refuse = (message: string, cause: unknown): TidegateError =>
    new TidegateError("TG_INPUT", `line ${number}: ${message}`, {
      cause,
      next: "docs/commands.md describes the format (conformance); mend or remove the line.",
    });
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw refuse(`Cannot read the case: it must be JSON (${errorText(error)})`, error);
  }
  try {
    return readVector(value);
  } catch (error) {
    if (error instanceof TidegateError) throw refuse(error.message, error);
    throw error;
  }
}

function run(vector: Vector): VectorResult {
  const { id } = vector;
  if (vector.shape === "skip") return { id, outcome: "skip", detail: vector.reason };
  const difference = vector.shape === "window"
    ? runWindowVector(vector)
    : vector.shape === "clock"
    ? runClock(vector)
    : runAssign(vector);
  if (difference === undefined) return { id, outcome: "ok", detail: "" };
  if ("invalid" in difference) {
    return { id, outcome: "skip", detail: `a record is invalid: ${difference.invalid}` };
  }
  const { step, got, expected } = difference;
  const detail = `step ${step}: got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`;
  return { id, outcome: "fail", detail };
}

/** The steps of all clocks are counted on. */
function runClock({ clocks }: ClockVector) {
  let step = 0;
  for (const { inputs, ops } of clocks) {
    const partitions = Array.from({ length: inputs }, (): PartitionTimes => (
      { mode: "active", maxEventTime: null, floor: null }
    ));
    let watermark: number | null = null;
    for (const [partition, says, expected] of ops) {
      step += 1;
      const before: number | null = watermark;
      const was = partitions[partition] ?? { mode: "active", maxEventTime: null, floor: null };
      partitions[partition] = typeof says === "number"
        ? { ...joined(was, before), maxEventTime: later(was.maxEventTime, says) }
        : says === "idle"
        ? { ...was, mode: "idle" }
        : joined(was, before);
      watermark = pipelineWatermark(before, partitions, 0).watermark;
      const got = watermark === before ? null : watermark;
      if (got !== expected) return { step, got, expected };
    }
  }
  return undefined;
}

/** A partition that was idle takes part again, from the watermark of that moment on. */
function joined(p: PartitionTimes, watermark: number | null): PartitionTimes {
  if (p.mode === "active") return p;
  return { ...p, mode: "active", floor: later(partitionWatermark(p, 0), watermark) };
}

function runAssign({ assignments }: AssignVector) {
  for (const [i, [sizeMs, slideMs, offsetMs, time, starts]] of assignments.entries()) {
    const got = windowStarts({ sizeMs, slideMs, offsetMs }, time);
    const expected = [...starts].sort((a, b) => a - b);
    if (JSON.stringify(got) !== JSON.stringify(expected)) return { step: i + 1, got, expected };
  }
  return undefined;
}

function lineOf({ id, outcome, detail }: VectorResult): string {
  if (outcome === "ok") return `${id} ok`;
  return outcome === "fail" ? `${id} FAIL ${detail}` : `${id} skip: ${detail}`;
}
