/**
 * The gate: `deno task check`. Runs every step that needs no server, as many at a time as there are
 * cores, and prints a line for each with its time, and the output of those that failed.
 *
 * @module
 */

import { type Ran, runDeno } from "./deno.ts";
import { modulesWithExamples } from "./sources.ts";
import { docLint } from "./doc_lint.ts";
import { formatCounts, testCounts } from "./test_summary.ts";

const HELP = `deno task check [STEP…]

Runs the gate, or only the named steps:
  types     deno check, the examples in docs included
  units     unit tests, with read access to the project and nothing else
  lint      deno lint, with the import rules of scripts/lint
  docs      every exported symbol is documented; no private types in public signatures
  examples  the examples in docs run
  fmt       deno fmt --check

Exit 0: all passed; 1: a step failed; 2: wrong use.`;

/** How a step ended. */
interface Outcome {
  readonly ok: boolean;
  readonly output: string;
  /** What the step's line says beside its time. */
  readonly note?: string;
}

/** The steps, longest first, so that the last ones are short. */
const STEPS: Readonly<Record<string, () => Promise<Outcome>>> = {
  types: () => deno(["check", "--quiet", "--doc", "."]),
  units: () => tests(["--allow-read=.", "--ignore=tests/integration", "tests"]),
  lint: () => deno(["lint"]),
  docs: docLint,
  examples: () => {
    const modules = modulesWithExamples();
    return modules.length === 0
      ? Promise.resolve({ ok: true, output: "", note: "none" })
      : tests(["--doc", ...modules]);
  },
  fmt: () => deno(["fmt", "--check"]),
};

async function deno(args: readonly string[]): Promise<Outcome> {
  const ran = await runDeno(args);
  return { ok: ran.code === 0, output: outputOf(ran) };
}

/** Types are checked by another step, which knows that rooms with a narrow `lib` lack `Deno`. */
async function tests(args: readonly string[]): Promise<Outcome> {
  const ran = await runDeno(["test", "--no-check", ...args]);
  const counts = testCounts(ran.stdout, ran.code);
  const errors = ran.stdout.indexOf("\n ERRORS \n");
  const output = outputOf(errors < 0 ? ran : { ...ran, stdout: ran.stdout.slice(errors) });
  return { ok: counts.failed === 0, output, note: formatCounts(counts) };
}

function outputOf(ran: Ran): string {
  return `${ran.stdout}${ran.stderr}`.trim();
}

/** Runs the named steps and prints a line for each as it ends; answers whether all passed. */
async function check(names: readonly string[]): Promise<boolean> {
  const queue = [...names];
  const failed: string[] = [];
  const lane = async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      const began = performance.now();
      const outcome = await STEPS[name]?.() ?? { ok: false, output: `no step ${name}` };
      const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5);
      const word = outcome.ok ? "ok    " : "FAILED";
      console.log(`${word} ${name.padEnd(8)} ${seconds} s  ${outcome.note ?? ""}`.trimEnd());
      if (!outcome.ok) failed.push(`---- ${name} ----\n${outcome.output}`);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, navigator.hardwareConcurrency) }, lane));
  for (const text of failed) console.log(`\n${text}`);
  return failed.length === 0;
}

if (import.meta.main) {
  const args = Deno.args[0] === "--" ? Deno.args.slice(1) : Deno.args;
  const unknown = args.find((arg) => !Object.hasOwn(STEPS, arg));
  if (args.includes("--help")) {
    console.log(HELP);
  } else if (unknown !== undefined) {
    console.error(`Cannot run step ${unknown}: it must be one of ${Object.keys(STEPS).join(", ")}`);
    Deno.exit(2);
  } else if (!(await check(args.length === 0 ? Object.keys(STEPS) : args))) {
    Deno.exit(1);
  }
}
