/**
 * `deno task conformance FILE…`: cases of other systems' suites, run through `core/`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { exitWith } from "../../cli/exit.ts";
import { TidegateError } from "../../core/errors.ts";
import { runVectors, type VectorReport, vectorSummary } from "./conformance.ts";

const HELP = `deno task conformance FILE…

Runs conformance cases, one a line (JSONL), through the rules of core/; exit 1 if one fails.
docs/commands.md describes the format.

  FILE…       One case a line
  -h, --help  This text`;

async function run(args: readonly string[]): Promise<number> {
  const { help, files } = read(args[0] === "--" ? args.slice(1) : args);
  if (help) {
    console.log(HELP);
    return 0;
  }
  const reports: VectorReport[] = [];
  for (const file of files) {
    const report = runFile(file, await textOf(file));
    report.lines.forEach((line) => console.log(line));
    reports.push(report);
  }
  console.log(vectorSummary(reports));
  return reports.some((report) => report.failed > 0) ? 1 : 0;
}

function read(args: readonly string[]): { readonly help: boolean; readonly files: string[] } {
  const options = { help: { type: "boolean", short: "h" } } as const;
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    tokens: true,
  });
  const problems = tokens.flatMap((token) =>
    token.kind === "option" && token.name !== "help" ? `there is no flag ${token.rawName}` : []
  );
  if (problems.length === 0 && positionals.length === 0) problems.push("FILE must be given");
  if (values.help === true || problems.length === 0) {
    return { help: values.help === true, files: positionals };
  }
  throw new TidegateError("TG_USAGE", ["Cannot run conformance:", ...problems].join("\n  "), {
    next: "See the usage with: deno task conformance --help",
  });
}

function runFile(file: string, text: string): VectorReport {
  try {
    return runVectors(text);
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    throw new TidegateError(error.code, `${file}: ${error.message}`, { next: error.next });
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    throw new TidegateError("TG_INPUT", `Cannot read the vectors: no file ${file}`, {
      next: "Give the path of a file with one case a line.",
      cause,
    });
  }
}

if (import.meta.main) await exitWith(() => run(Deno.args));
