/**
 * Changes the rules one place at a time, and plays the flow model until that is noticed; what the
 * model doesn't notice, the unit tests may:
 * `deno run -A tests/flow_model/mutants.ts [--file NAME] [--schedules N] [--jobs N]`. Every guard is
 * negated and removed, every part of a condition left out, every constant multiplied and divided.
 * Prints the survivors with why they change nothing, and ends with 1 if too many have no reason.
 *
 * @module
 */

import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseSync } from "@swc/core";
import { helpText, integer, parseCommand, text } from "../../cli/args.ts";
import { EQUIVALENT } from "./equivalent.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The files with the rules. */
const FILES = [
  "core/flow/window.ts",
  "core/flow/open_windows.ts",
  "core/flow/drain.ts",
  "core/flow/dealing.ts",
  "core/flow/silence.ts",
  "core/flow/held.ts",
  "core/event_time/watermark.ts",
  "core/event_time/timers.ts",
];

const COMMAND = {
  name: "mutants",
  summary: "Changes the rules of the flow one place at a time, and plays the model until that is " +
    "noticed.",
  flags: {
    file: text().optional().describe("Only files whose path has this in it."),
    schedules: integer({ min: 1 }).prefault("5000").describe("How many schedules at most."),
    seed: integer({ min: 0 }).prefault("1").describe("The seed."),
    jobs: integer({ min: 1 }).prefault("2").describe("How many mutants are tried at once."),
  },
};

/** A hang is noticed after this time. */
const TIMEOUT_MS = 600_000;
/** This part of all mutants must be noticed or be equivalent. */
const GOAL = 0.95;

/** One change. */
interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly what: string;
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** All changes of a file. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const bytes = new TextEncoder().encode(source);
  const part = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(from, to));
  const found: Mutant[] = [];
  const add = (span: Span, what: string, of: (text: string) => string) => {
    // The parser counts bytes from 1.
    const [from, to] = [span.start - 1, span.end - 1];
    const line = part(0, from).split("\n").length;
    const code = part(from, to);
    const short = code.replaceAll(/\s+/g, " ").slice(0, 90);
    found.push({ file, line, what: `${what}: ${short}`, from, to, text: of(code) });
  };
  const visit = (node: unknown, top: boolean): void => {
    if (Array.isArray(node)) return node.forEach((item) => visit(item, top));
    if (typeof node !== "object" || node === null) return;
    const type = "type" in node ? node.type : "";
    if (type === "IfStatement" && "test" in node) {
      const span = spanOf(node.test);
      if (span !== undefined) {
        add(span, "negated", (code) => `!(${code})`);
        add(span, "removed", () => "false");
      }
    }
    if (type === "ConditionalExpression" && "test" in node) {
      const span = spanOf(node.test);
      if (span !== undefined) add(span, "negated", (code) => `!(${code})`);
    }
    const isLogical = type === "BinaryExpression" && "operator" in node &&
      (node.operator === "&&" || node.operator === "||");
    if (isLogical && "left" in node && "right" in node) {
      const [left, right, whole] = [spanOf(node.left), spanOf(node.right), spanOf(node)];
      if (left !== undefined && right !== undefined && whole !== undefined) {
        add(whole, "left only", () => part(left.start - 1, left.end - 1));
        add(whole, "right only", () => part(right.start - 1, right.end - 1));
      }
    }
    if (top && type === "VariableDeclarator" && "init" in node) {
      for (const span of numbersIn(node.init)) {
        add(span, "× 50", (code) => `((${code}) * 50)`);
        add(span, "÷ 50", (code) => `((${code}) / 50)`);
      }
    }
    const inside = type === "FunctionDeclaration" || type === "ClassDeclaration" ||
      type === "ArrowFunctionExpression";
    for (const value of Object.values(node)) visit(value, top && !inside);
  };
  visit(parseSync(source, { syntax: "typescript" }).body, true);
  const seen = new Set<string>();
  return found.filter((mutant) => {
    const key = `${mutant.from} ${mutant.to} ${mutant.text}`;
    return seen.has(key) ? false : seen.add(key);
  });
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function spanOf(node: unknown): Span | undefined {
  if (typeof node !== "object" || node === null) return undefined;
  if ("span" in node && isSpan(node.span)) return node.span;
  return undefined;
}

function isSpan(value: unknown): value is Span {
  return typeof value === "object" && value !== null && "start" in value && "end" in value;
}

/** The numbers of a constant: it, or the elements of a list. */
function numbersIn(init: unknown): Span[] {
  if (typeof init !== "object" || init === null || !("type" in init)) return [];
  if (init.type === "TsConstAssertion" && "expression" in init) return numbersIn(init.expression);
  if (init.type === "ArrayExpression" && "elements" in init && Array.isArray(init.elements)) {
    return init.elements.flatMap((element) => numbersIn(element?.expression));
  }
  const isNumber = init.type === "NumericLiteral" || init.type === "BinaryExpression";
  const span = spanOf(init);
  return isNumber && span !== undefined ? [span] : [];
}

/** The unit tests of those files. */
const TESTS = [
  "tests/core/flow/window_test.ts",
  "tests/core/flow/open_windows_test.ts",
  "tests/core/flow/drain_test.ts",
  "tests/core/flow/silence_test.ts",
  "tests/core/event_time/watermark_test.ts",
];

/** What runs a program in a directory says; a text in quotes if it fails. */
function said(dir: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      Deno.execPath(),
      args,
      { timeout: TIMEOUT_MS, cwd: dir },
      (error, stdout) => resolve(error === null ? stdout.trim() : `"${error.code ?? "ended"}"`),
    );
  });
}

/** By whom a mutant is noticed, and after how many schedules; undefined if it isn't. */
async function tryMutant(dir: string, mutant: Mutant, seed: number, most: number) {
  const source = await Deno.readFile(join(ROOT, mutant.file));
  const target = join(dir, mutant.file);
  const changed = new TextEncoder().encode(mutant.text);
  await writeFile(
    target,
    [
      source.subarray(0, mutant.from),
      changed,
      source.subarray(mutant.to),
    ].reduce((all, piece) => new Uint8Array([...all, ...piece])),
  );
  const play = pathToFileURL(join(dir, "tests/flow_model/play.ts"));
  const script = `import { firstViolation } from "${play}";
    const found = firstViolation(${seed}, ${most});
    console.log(JSON.stringify(found ?? null));`;
  const played = await said(dir, ["eval", "--no-config", "--no-lock", script]);
  const test = ["test", "--no-config", "--no-lock", "--no-check", "--quiet", ...TESTS];
  const tested = played === "null" ? await said(dir, test) : "";
  await writeFile(target, source);
  if (played !== "null") return `model ${played}`;
  return tested.startsWith('"') ? "tests" : undefined;
}

async function main(): Promise<number> {
  const { help, flags } = parseCommand(COMMAND, Deno.args);
  if (help) {
    console.log(helpText(COMMAND));
    return 0;
  }
  const { file, schedules, seed, jobs } = flags;
  const mutants: Mutant[] = [];
  for (const path of FILES) {
    if (file !== undefined && !path.includes(file)) continue;
    mutants.push(...mutantsOf(path, await Deno.readTextFile(join(ROOT, path))));
  }
  console.log(`${mutants.length} mutants`);
  const queue = [...mutants];
  let noticed = 0;
  let tests = 0;
  let equivalent = 0;
  const survivors: Mutant[] = [];
  const work = async () => {
    const dir = await mkdtemp(join(tmpdir(), "mutants-"));
    await cp(join(ROOT, "core"), join(dir, "core"), { recursive: true });
    await cp(join(ROOT, "tests/flow_model"), join(dir, "tests/flow_model"), { recursive: true });
    await cp(join(ROOT, "tests/core"), join(dir, "tests/core"), { recursive: true });
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const by = await tryMutant(dir, mutant, seed, schedules);
      const name = `${mutant.file.split("/").at(-1)}:${mutant.line} ${mutant.what}`;
      if (by !== undefined) {
        if (by === "tests") tests += 1;
        else noticed += 1;
        console.log(`noticed   ${name}  ${by.slice(0, 110)}`);
        continue;
      }
      const why = EQUIVALENT.find(({ what }) => name.replace(/:\d+ /, " ").startsWith(what))?.why;
      if (why !== undefined) equivalent += 1;
      else survivors.push(mutant);
      console.log(`SURVIVES  ${name}  ${why ?? ""}`);
    }
    await rm(dir, { recursive: true });
  };
  await Promise.all(Array.from({ length: jobs }, work));
  console.log(
    `${mutants.length} mutants: ${noticed} noticed by the model, ${tests} by unit tests, ` +
      `${equivalent} change nothing, ${survivors.length} survive`,
  );
  return (noticed + tests + equivalent) / mutants.length >= GOAL ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
