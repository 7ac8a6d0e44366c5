/**
 * `deno task conformance`: cases of other systems' suites, run through `core/`.
 *
 * @module
 */

import {
  runVectors,
  type VectorReport,
  vectorSummary,
} from "../definition/conformance/conformance.ts";
import { TidegateError } from "../core/errors.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ positionals }: Args<"conformance">): Promise<number> {
  const reports: VectorReport[] = [];
  for (const file of positionals) {
    const report = runFile(file, await readText(file));
    report.lines.forEach((line) => console.log(line));
    reports.push(report);
  }
  console.log(vectorSummary(reports));
  return reports.some((report) => report.failed > 0) ? 1 : 0;
}

function runFile(file: string, text: string): VectorReport {
  try {
    return runVectors(text);
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    throw new TidegateError(error.code, `${file}: ${error.message}`, { next: error.next });
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    throw new TidegateError("TG_INPUT", `Cannot read the vectors: no file ${file}`, { cause });
  }
}
