/**
 * Changes the rules of the flow one place at a time, and sees whether that is noticed: first by the
 * unit tests, then by the schedules of the flow model that have noticed others, then by one schedule
 * after the other: `deno run -A tests/flow_model/mutants.ts [--file NAME] [--schedules N]`. Every
 * guard is negated and removed, every part of a condition left out, every number multiplied and
 * divided. All changes of all files lie in one copy, each behind a number, so that a process tries
 * many. Prints the survivors, and ends with 1 if too many have no reason in `equivalent.ts`.
 *
 * @module
 */

import { rm } from "node:fs/promises";
import { helpText, integer, parseCommand, text, toggle } from "../../cli/args.ts";
import { EQUIVALENT } from "./equivalent.ts";
import {
  addressIn,
  ALL_RULES,
  copyOf,
  isLogical,
  isNode,
  read,
  Source,
  type Span,
  UNIT_TESTS,
  visit,
} from "./sources.ts";

const COMMAND = {
  name: "mutants",
  summary: "Changes the rules of the flow one place at a time, and sees whether that is noticed.",
  flags: {
    file: text().optional().describe("Only files whose path has this in it."),
    schedules: integer({ min: 0 }).prefault("5000").describe("How many schedules at most."),
    seed: integer({ min: 0 }).prefault("1").describe("The seed."),
    first: integer({ min: 0 }).prefault("0").describe("The first mutant to try."),
    all: toggle().describe("Try also those that are listed as changing nothing."),
  },
};

/** A process in which nothing is heard of a mutant for so long hangs: that is noticed. */
const HANGS_MS = 30_000;
/** This part of all mutants must be noticed or be equivalent. */
const GOAL = 0.95;
/** How many of the schedules that have noticed a mutant are tried first. */
const KILLERS = 60;

/** One change. */
interface Mutant extends Span {
  readonly file: string;
  readonly line: number;
  readonly what: string;
  readonly text: string;
}

/** The name of a mutant, which doesn't change with lines above it. */
function nameOf({ file, what }: Mutant): string {
  return `${file.replace("core/", "")} ${what}`;
}

/** All changes of a file. */
function mutantsOf(file: string, source: Source): Mutant[] {
  const found = new Map<string, Mutant>();
  const add = (node: unknown, what: string, of: (code: string) => string) => {
    const span = source.spanOf(node);
    if (span === undefined) return;
    const code = source.text(span);
    const changed = of(code);
    const short = code.replaceAll(/\s+/g, " ").slice(0, 90);
    const mutant: Mutant = {
      ...span,
      file,
      line: source.line(span.from),
      what: `${what}: ${short}`,
      text: changed,
    };
    const key = `${span.from} ${span.to} ${changed}`;
    if (changed !== code && !found.has(key)) found.set(key, mutant);
  };
  const part = (node: unknown) => {
    const span = source.spanOf(node);
    return span === undefined ? "" : source.text(span);
  };
  visit(source.body, (node) => {
    if (node.type === "IfStatement") {
      add(node.test, "negated", (code) => `!(${code})`);
      add(node.test, "removed", () => "false");
    }
    if (node.type === "ConditionalExpression") add(node.test, "negated", (code) => `!(${code})`);
    if (isLogical(node)) {
      add(node, "left only", () => part(node.left));
      add(node, "right only", () => part(node.right));
    }
    if (isNumber(node) && node.value !== 0 && node.value !== 1) {
      add(node, "× 50", (code) => `((${code}) * 50)`);
      add(node, "÷ 50", (code) => `((${code}) / 50)`);
      return false;
    }
    // Types and the names of members are no rules.
    return !node.type.startsWith("Ts") || node.type === "TsConstAssertion" ||
      node.type === "TsAsExpression" || node.type === "TsSatisfiesExpression";
  });
  return [...found.values()];
}

/** Whether a node is a number, or worked out of numbers alone. */
function isNumber(node: unknown): boolean {
  if (!isNode(node)) return false;
  return node.type === "NumericLiteral" ||
    (node.type === "BinaryExpression" && isNumber(node.left) && isNumber(node.right));
}

/** Where the number of the mutant lies that is on. */
const ON = "__mutant";

/** A file with all of its mutants, of which the one with the number in `ON` is on. */
function withMutants(source: Source, mutants: readonly (Mutant & { id: number })[]): string {
  const groups = Map.groupBy(mutants, ({ from, to }) => `${from} ${to}`);
  const pieces = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { from, to } = first;
    return [{
      from,
      to,
      of: (code: string) =>
        `(${group.map(({ id, text }) => `__m.on === ${id} ? (${text}) : `).join("")}(${code}))`,
    }];
  });
  // A constant is worked out again for each mutant.
  visit(source.body, (node, inFunction) => {
    if (inFunction || node.type !== "VariableDeclaration" || node.kind !== "const") return true;
    const [declared] = Array.isArray(node.declarations) ? node.declarations : [];
    const whole = source.spanOf(node);
    const named = source.spanOf(declared?.id);
    const init = source.spanOf(declared?.init);
    if (whole === undefined || named === undefined || init === undefined) return true;
    const name = source.text(named).split(":")[0];
    pieces.push({
      ...whole,
      of: (code: string) => {
        const value = code.slice(code.indexOf("=") + 1).replace(/;\s*$/, "");
        const again = `__m.hooks.push(() => { ${name} = ${value.replace(/ as const\s*$/, "")}; });`;
        return `${code.replace(/^const /, "let ").replace(/ as const(;?)\s*$/, "$1")}${again}`;
      },
    });
    return false;
  });
  // A constant's own mutants lie within it.
  const head = `const __m = (globalThis as any).${ON};`;
  return `${head}${source.replace(pieces)}`;
}

/** What the process that tries mutants says of one. */
interface Tried {
  readonly id: number;
  /** By what it was noticed; null if by nothing. */
  readonly by: string | null;
}

/** The process that tries mutants, one after the other; it says a line before and after each. */
function tryingScript(dir: string, ids: readonly number[], killers: readonly number[]): string {
  const tests = UNIT_TESTS.map((path) => addressIn(dir, path));
  return `
    const m = globalThis.${ON} = { on: 0, hooks: [] };
    const tests = [];
    globalThis.__test = (name, run) => tests.push([name, run]);
    for (const url of ${JSON.stringify(tests)}) await import(url);
    const { play } = await import(${JSON.stringify(addressIn(dir, "tests/flow_model/play.ts"))});
    const killers = ${JSON.stringify(killers)};
    const say = (line) => Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(line) + "\\n"));
    const set = (id) => { m.on = id; for (const hook of m.hooks) hook(); };
    const noticedBy = async (id, most, seed) => {
      for (const [i, test] of tests.entries()) {
        const [name, run] = test;
        say({ playing: id });
        try {
          await run();
        } catch {
          // What has noticed one mutant notices the next beside it.
          tests.splice(i, 1);
          tests.unshift(test);
          return "test: " + name;
        }
      }
      const tried = new Set();
      const breaks = (index) => {
        if (tried.has(index)) return false;
        tried.add(index);
        return play(seed, index).violation !== null;
      };
      for (const index of [...killers]) {
        if (index < most && breaks(index)) return "schedule " + index;
      }
      for (let index = 0; index < most; index++) {
        if (index % 5 === 0) say({ playing: id });
        if (!breaks(index)) continue;
        killers.unshift(index);
        killers.length = Math.min(killers.length, ${KILLERS});
        return "schedule " + index;
      }
      return null;
    };
    const [most, seed] = Deno.args.map(Number);
    for (const id of ${JSON.stringify(ids)}) {
      set(id);
      say({ trying: id });
      say({ id, by: await noticedBy(id, most, seed) });
    }
  `;
}

/** Tries mutants in one process; those that it has not come to are left where it hangs or dies. */
async function tryInOneProcess(
  script: string,
  most: number,
  seed: number,
  tell: (tried: Tried) => void,
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(path, script);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", "--no-lock", "--no-check", path, `${most}`, `${seed}`],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let trying: number | null = null;
  let hangs = setTimeout(() => child.kill("SIGKILL"), HANGS_MS);
  const lines = child.stdout.pipeThrough(new TextDecoderStream());
  const errors = new Response(child.stderr).text();
  let rest = "";
  for await (const chunk of lines) {
    clearTimeout(hangs);
    hangs = setTimeout(() => child.kill("SIGKILL"), HANGS_MS);
    const all = (rest + chunk).split("\n");
    rest = all.pop() ?? "";
    for (const line of all) {
      const said = JSON.parse(line);
      if ("trying" in said) trying = said.trying;
      if (!("id" in said)) continue;
      trying = null;
      tell(said);
    }
  }
  clearTimeout(hangs);
  const { success, signal } = await child.status;
  await Deno.remove(path);
  if (trying !== null) tell({ id: trying, by: signal === "SIGKILL" ? "a hang" : "a crash" });
  else if (!success) throw new Error(await errors);
}

async function main(): Promise<number> {
  const { help, flags } = parseCommand(COMMAND, Deno.args);
  if (help) {
    console.log(helpText(COMMAND));
    return 0;
  }
  const { file, schedules, seed, first, all } = flags;
  const mutants: (Mutant & { id: number })[] = [];
  const changed = new Map<string, string>();
  for (const path of ALL_RULES) {
    const source = new Source(await read(path));
    const some = mutantsOf(path, source).map((mutant, i) => (
      { ...mutant, id: mutants.length + i + 1 }
    ));
    mutants.push(...some);
    changed.set(path, withMutants(source, some));
  }
  for (const path of UNIT_TESTS) {
    changed.set(path, (await read(path)).replaceAll("Deno.test(", "(globalThis as any).__test("));
  }
  const dir = await copyOf(changed);
  const reasonOf = (mutant: Mutant) =>
    EQUIVALENT.find(({ what }) => nameOf(mutant).startsWith(what))?.why;
  const chosen = mutants.filter((mutant) =>
    mutant.id >= first && (file === undefined || mutant.file.includes(file))
  );
  const queue = chosen.filter((mutant) => all || reasonOf(mutant) === undefined);
  const survivors: Mutant[] = [];
  const killers: number[] = [];
  let [bySchedules, byTests] = [0, 0];
  console.log(`${chosen.length} mutants of ${mutants.length}, ${queue.length} to be tried`);
  // Number 0 changes nothing: what notices it would notice everything.
  let left = [0, ...queue.map(({ id }) => id)];
  while (left.length > 0) {
    await tryInOneProcess(tryingScript(dir, left, killers), schedules, seed, ({ id, by }) => {
      left = left.filter((other) => other !== id);
      const mutant = mutants[id - 1];
      if (mutant === undefined) {
        if (by !== null) throw new Error(`unchanged rules are noticed by ${by}`);
        return;
      }
      const index = /^schedule (\d+)$/.exec(by ?? "")?.[1];
      if (index !== undefined) {
        bySchedules += 1;
        killers.unshift(Number(index));
        killers.length = Math.min(killers.length, KILLERS);
      } else if (by !== null) byTests += 1;
      else survivors.push(mutant);
      const sign = by === null ? "SURVIVES" : "noticed ";
      console.log(`${sign} ${id} ${nameOf(mutant)} (line ${mutant.line})  ${by ?? ""}`);
    });
  }
  await rm(dir, { recursive: true });
  for (const mutant of survivors) {
    console.log(`SURVIVOR ${nameOf(mutant)} (line ${mutant.line}) ${reasonOf(mutant) ?? ""}`);
  }
  for (const { what } of EQUIVALENT) {
    if (!mutants.some((mutant) => nameOf(mutant).startsWith(what))) {
      console.log(`equivalent.ts names what is not there: ${what}`);
    }
  }
  const unexplained = survivors.filter((mutant) => reasonOf(mutant) === undefined).length;
  const equivalent = chosen.filter((mutant) => reasonOf(mutant) !== undefined).length;
  console.log(
    `${chosen.length} mutants: ${byTests} noticed by unit tests, ${bySchedules} by at most ` +
      `${schedules} schedules, ${equivalent} change nothing, ${unexplained} survive`,
  );
  return unexplained / chosen.length <= 1 - GOAL ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
