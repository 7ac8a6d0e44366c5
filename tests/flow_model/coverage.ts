/**
 * How often each branch of the flow's rules and each kind of fault is played by the model:
 * `deno run -A tests/flow_model/coverage.ts [--schedules N] [--least N]`. Every function, every part
 * of every condition with both of its outcomes, every case is counted in a copy of the rules. Exit 1
 * if one is played less often than asked and is not listed in `unreached.ts`, with why.
 *
 * @module
 */

import { rm } from "node:fs/promises";
import { helpText, integer, parseCommand } from "../../cli/args.ts";
import type * as Play from "./play.ts";
import {
  addressIn,
  copyOf,
  isLogical,
  isNode,
  type Node,
  read,
  RULES,
  Source,
  type Span,
  visit,
} from "./sources.ts";
import { FAULTS, UNREACHED } from "./unreached.ts";

const COMMAND = {
  name: "coverage",
  summary: "How often each branch of the flow's rules and each kind of fault is played.",
  flags: {
    schedules: integer({ min: 1 }).prefault("5000").describe("How many schedules."),
    seed: integer({ min: 0 }).prefault("1").describe("The seed."),
    least: integer({ min: 1 }).prefault("200").describe("How often each must be played."),
    several: integer({ min: 0, max: 100 }).prefault("30")
      .describe("In how many schedules of a hundred there must be three kinds of faults or more."),
  },
};

/** Something that happens or doesn't: one way through a place in the rules. */
interface Branch {
  readonly file: string;
  readonly line: number;
  /** The condition, case or function, and how it came out. */
  readonly what: string;
}

/** The counters that the changed copy of the rules adds to. */
const COUNTS = "__branchCounts";

/** A file in which every branch counts itself, and the branches. */
function counted(file: string, source: Source, branches: Branch[]): string {
  const pieces: (Span & { of: (text: string) => string })[] = [];
  const name = file.replace("core/", "");
  const note = (span: Span, outcomes: readonly string[]): number => {
    const first = branches.length;
    const text = source.text(span).replaceAll(/\s+/g, " ");
    for (const outcome of outcomes) {
      branches.push({ file: name, line: source.line(span.from), what: `${outcome}: ${text}` });
    }
    return first;
  };
  const seen = new Set<string>();
  const wrap = (node: unknown, call: string, outcomes: readonly string[]) => {
    const span = source.spanOf(node);
    if (span === undefined || seen.has(`${span.from} ${span.to}`)) return;
    seen.add(`${span.from} ${span.to}`);
    const id = note(span, outcomes);
    pieces.push({ ...span, of: (text) => `${call}(${id}, ${text})` });
  };
  const condition = (node: unknown): void => {
    if (isLogical(node)) {
      condition(node.left);
      condition(node.right);
    } else if (isNode(node) && node.type === "ParenthesisExpression") condition(node.expression);
    else if (isNode(node)) wrap(node, "__if", ["true", "false"]);
  };
  const body = (node: Node, of: string) => {
    const span = source.spanOf(node);
    if (span === undefined) return;
    const at = { from: span.from + 1, to: span.from + 1 };
    branches.push({ file: name, line: source.line(span.from), what: `called: ${of}` });
    const id = branches.length - 1;
    pieces.push({ ...at, of: () => `__here(${id});` });
  };
  visit(source.body, (node) => {
    if (isComparison(node, source)) return false;
    if ("test" in node && node.type !== "SwitchCase") condition(node.test);
    if (isLogical(node)) condition(node);
    if (node.type === "BinaryExpression" && node.operator === "??") {
      wrap(node.left, "__or", ["there", "null"]);
    }
    if (node.type === "SwitchCase" && Array.isArray(node.consequent)) {
      const [first] = node.consequent;
      const [span, test] = [source.spanOf(first), source.spanOf(node.test)];
      if (span !== undefined && test !== undefined) {
        const id = note(test, ["case"]);
        pieces.push({ from: span.from, to: span.from, of: () => `__here(${id});` });
      }
    }
    const of = nameOf(node, source);
    if (of !== undefined && isNode(node.body) && node.body.type === "BlockStatement") {
      body(node.body, of);
    }
    if (of !== undefined && isNode(node.function) && isNode(node.function.body)) {
      body(node.function.body, of);
    }
    return true;
  });
  // One line, so that all lines keep their numbers.
  const head = `const __n = (globalThis as any).${COUNTS} as Uint32Array;` +
    "function __here(id: number) { __n[id]!++; }" +
    "function __if<T>(id: number, v: T): T { __n[v ? id : id + 1]!++; return v; }" +
    "function __or<T>(id: number, v: T): T { __n[v == null ? id + 1 : id]!++; return v; }";
  return head + source.replace(pieces);
}

/** Whether a function compares two things for an order: its ways are no branches. */
function isComparison(node: Node, source: Source): boolean {
  const params = node.type === "FunctionDeclaration" || node.type === "ArrowFunctionExpression"
    ? node.params
    : undefined;
  if (!Array.isArray(params) || params.length !== 2) return false;
  const names = params.map((param) => {
    const span = source.spanOf(isNode(param) && "pat" in param ? param.pat : param);
    return span === undefined ? "" : source.text(span).split(":")[0];
  });
  return names[0] === "a" && names[1] === "b";
}

/** What a function is called. */
function nameOf(node: Node, source: Source): string | undefined {
  if (node.type === "Constructor") return "constructor";
  const key = node.type === "FunctionDeclaration" ? node.identifier : node.key;
  const span = source.spanOf(key);
  return span === undefined ? undefined : source.text(span);
}

async function main(): Promise<number> {
  const { help, flags } = parseCommand(COMMAND, Deno.args);
  if (help) {
    console.log(helpText(COMMAND));
    return 0;
  }
  const { schedules, seed, least } = flags;
  const branches: Branch[] = [];
  const changed = new Map<string, string>();
  for (const path of RULES) {
    changed.set(path, counted(path, new Source(await read(path)), branches));
  }
  const counts = new Uint32Array(branches.length);
  Object.assign(globalThis, { [COUNTS]: counts });
  const dir = await copyOf(changed);
  const { play }: typeof Play = await import(addressIn(dir, "tests/flow_model/play.ts"));
  const faults = new Map<string, number>();
  let [several, broken] = [0, 0];
  for (let index = 0; index < schedules; index++) {
    const played = play(seed, index);
    if (played.violation !== null) broken += 1;
    if (played.faults.length >= 3) several += 1;
    for (const [what, n] of played.tally) faults.set(what, (faults.get(what) ?? 0) + n);
  }
  await rm(dir, { recursive: true });

  const problems: string[] = [];
  if (broken > 0) problems.push(`${broken} schedules break a promise`);
  const files = Map.groupBy(branches.map((branch, id) => ({ branch, id })), (b) => b.branch.file);
  console.log("branches of the rules, and those played seldom:");
  for (const [file, all] of files) {
    const seldom = all.filter(({ id }) => (counts[id] ?? 0) < least);
    console.log(
      `  ${file.padEnd(28)} ${String(all.length).padStart(4)} ${String(seldom.length).padStart(4)}`,
    );
    for (const { branch, id } of seldom) {
      const found = UNREACHED.find((one) => one.file === file && one.what === branch.what);
      const text = `${file}:${branch.line} ${branch.what}`;
      console.log(
        `    ${String(counts[id]).padStart(4)} × ${branch.line} ${branch.what}` +
          (found === undefined ? "" : ` (${found.why})`),
      );
      if (found === undefined) problems.push(`${counts[id]} × ${text}`);
    }
  }
  for (const { file, what } of UNREACHED) {
    const found = branches.flatMap((branch, id) =>
      branch.file === file && branch.what === what ? [counts[id] ?? 0] : []
    );
    if (found.length === 0) problems.push(`unreached.ts names what is not there: ${file} ${what}`);
    else if (Math.min(...found) > 0) problems.push(`unreached.ts is wrong: ${file} ${what}`);
  }
  console.log("kinds of faults:");
  for (const [kind, whats] of Object.entries(FAULTS)) {
    const times = whats.reduce((sum, what) => sum + (faults.get(what) ?? 0), 0);
    console.log(`  ${String(times).padStart(9)} × ${kind}`);
    if (times < least) problems.push(`${times} × ${kind}`);
  }
  const part = several / schedules * 100;
  console.log(
    `${schedules} schedules (seed ${seed}): ${branches.length} branches, ${part.toFixed(0)} % of ` +
      "the schedules with three kinds of faults or more",
  );
  if (part < flags.several) problems.push(`only ${part} % with three kinds of faults or more`);
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
