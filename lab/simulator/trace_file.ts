/**
 * Traces from files: CSV lines `seconds,rate`, or JSON lines `{"seconds": 0, "rate": 10}`.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";
import type { Trace, TraceStep } from "./trace.ts";

const NEXT = 'Write lines such as 120,40 or {"seconds":120,"rate":40}: from second 120 on, ' +
  "40 events/s. The last line ends the trace.";

/**
 * Reads a trace. Each line says from which second on which rate holds; the last one says when the
 * trace ends. Empty lines, lines that begin with `#`, and a CSV heading are passed over.
 *
 * @param name The trace's name, such as the file's.
 * @param text The file's text.
 * @returns The trace.
 * @throws {TidegateError} `TG_INPUT`, with the line.
 */
export function parseTrace(name: string, text: string): Trace {
  const steps: TraceStep[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    if (steps.length === 0 && /^"?seconds"?\s*,/i.test(trimmed)) continue;
    const problem = (what: string) =>
      new TidegateError(
        "TG_INPUT",
        `Cannot read ${name} line ${i + 1}: ${what}, got "${trimmed}"`,
        {
          next: NEXT,
        },
      );
    const step = stepOf(trimmed);
    if (step === null) throw problem("it must hold seconds and rate, both numbers of 0 or more");
    if (step.atSeconds <= (steps.at(-1)?.atSeconds ?? -1)) {
      throw problem("seconds must be more than those of the line before");
    }
    steps.push(step);
  }
  const last = steps.pop();
  if (last === undefined || steps.length === 0) {
    const message = `Cannot read ${name}: it must hold at least two lines`;
    throw new TidegateError("TG_INPUT", message, { next: NEXT });
  }
  return { name, steps, seconds: last.atSeconds, hotShare: null };
}

function stepOf(line: string): TraceStep | null {
  const [seconds, rate] = line.startsWith("{") ? fieldsOf(line) : columnsOf(line);
  return isAmount(seconds) && isAmount(rate) ? { atSeconds: seconds, rate } : null;
}

function columnsOf(line: string): unknown[] {
  const columns = line.split(",").map((column) => column.trim());
  return columns.length === 2 ? columns.map((text) => text === "" ? null : Number(text)) : [];
}

function fieldsOf(line: string): unknown[] {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return [];
    return ["seconds", "rate"].map((name) => Object.getOwnPropertyDescriptor(value, name)?.value);
  } catch {
    return [];
  }
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
