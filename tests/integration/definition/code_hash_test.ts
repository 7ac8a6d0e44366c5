/**
 * The hash of the code that folds, on real files: what must change it, what must not, and a process
 * that is started after an edit.
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { TidegateError } from "../../../core/errors.ts";
import { type Code, codeOf, leasedCode } from "../../../definition/code_hash.ts";

const ROOT = new URL("../../../", import.meta.url);
const granted = (["read", "write", "run"] as const)
  .every((name) => Deno.permissions.querySync({ name }).state === "granted");

/** A definition by parts; what is left out is as here. */
const PARTS = {
  head: "",
  k: "z.string()",
  v: "z.number()",
  event: "z.object({ k: K, v: V, at: z.number() })",
  where: "(e) => isWanted(e.v)",
  tail: "",
};
const HELPER = `import { LIMIT } from "./deep/limit.ts";
export function isWanted(v: number): boolean {
  return v > LIMIT;
}
`;
const LIMIT = "export const LIMIT = 3;\n";

function definition(changes: Partial<typeof PARTS> = {}): string {
  const { head, k, v, event, where, tail } = { ...PARTS, ...changes };
  return `${head}
import { z } from "zod";
import { count, definePipeline, sum, tumbling } from "${ROOT.href}mod.ts";
import { isWanted } from "./helper.ts";

const K = ${k};
const V = ${v};
export default definePipeline({
  name: "hashed",
  source: { topic: "hashed" },
  event: ${event},
  eventTime: "at",
  watermark: { delay: "5s" },
  window: tumbling("10s"),
  groupBy: ["k"],
  where: ${where},
  aggregates: { n: count(), s: sum("v") },
});
${tail}`;
}

/** A definition in a folder of its own, and a memory that is shared by all tests. */
class Folder implements Disposable {
  static readonly memory = granted ? Deno.makeTempDirSync({ prefix: "tidegate-memory-" }) : "";
  readonly path = Deno.makeTempDirSync({ prefix: "tidegate-code-" });

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.write({
      "main.ts": definition(),
      "helper.ts": HELPER,
      "deep/limit.ts": LIMIT,
      ...files,
    });
  }

  get main(): string {
    return `${this.path}/main.ts`;
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      Deno.mkdirSync(`${this.path}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(`${this.path}/${name}`, text);
    }
  }

  code(): Promise<Code> {
    return codeOf(this.main, { cacheDir: Folder.memory });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

async function hashWith(files: Readonly<Record<string, string>>): Promise<string> {
  using folder = new Folder(files);
  return (await folder.code()).hash;
}

function pathsThatDiffer(before: Code, after: Code): string[] {
  const was = new Map(before.parts.map(({ path, hash }) => [path, hash]));
  return after.parts.filter(({ path, hash }) => was.get(path) !== hash).map(({ path }) => path);
}

function scriptsIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return isDirectory ? scriptsIn(path) : path.endsWith(".ts") ? [path] : [];
  });
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `code hash: ${name}`, ignore: !granted, fn });
}

/** What the fingerprint of a plan does not see; each a pair that differs in what it makes of events. */
const MEANINGS: readonly (readonly [string, Partial<typeof PARTS>, Partial<typeof PARTS>])[] = [
  ["transform", { v: "z.number().transform((v) => v * 2)" }, {
    v: "z.number().transform((v) => v * 3)",
  }],
  ["refine", { v: "z.number().refine((v) => v > 1)" }, { v: "z.number().refine((v) => v > 2)" }],
  ["preprocess", { v: "z.preprocess((v) => v, z.number())" }, {
    v: "z.preprocess((v) => Number(v), z.number())",
  }],
  ["coerce", { v: "z.number()" }, { v: "z.coerce.number()" }],
  ["trim", { k: "z.string()" }, { k: "z.string().trim()" }],
  ["toLowerCase", { k: "z.string()" }, { k: "z.string().toLowerCase()" }],
  ["codec", {
    v: "z.codec(z.string(), z.number(), { decode: (s) => Number(s), encode: String })",
  }, {
    v: "z.codec(z.string(), z.number(), { decode: (s) => Number(s) + 1, encode: String })",
  }],
  ["a captured value", { head: "const least = 1;", where: "(e) => e.v > least" }, {
    head: "const least = 2;",
    where: "(e) => e.v > least",
  }],
];

for (const [what, before, after] of MEANINGS) {
  test(`another ${what} is other code`, async () => {
    assert.notEqual(
      await hashWith({ "main.ts": definition(before) }),
      await hashWith({ "main.ts": definition(after) }),
    );
  });
}

test("a helper of a filter, a constant behind it, data and a lazy module are code", async () => {
  using folder = new Folder({
    "main.ts": definition({
      head: 'import table from "./table.json" with { type: "json" };',
      tail: 'export const lazy = async () => [table, await import("./lazy.ts")];',
    }),
    "table.json": '{ "a": [1, 2] }',
    "lazy.ts": "export default 1;",
  });
  let before = await folder.code();
  const edits: [string, string][] = [
    ["helper.ts", HELPER.replace("v > LIMIT", "v >= LIMIT")],
    ["deep/limit.ts", "export const LIMIT = 4;\n"],
    ["table.json", '{ "a": [1, 3] }'],
    ["lazy.ts", "export default 2;"],
  ];
  for (const [name, text] of edits) {
    folder.write({ [name]: text });
    const after = await folder.code();
    assert.notEqual(after.hash, before.hash, name);
    assert.deepEqual(pathsThatDiffer(before, after), [`./${name}`]);
    before = after;
  }
  folder.write({ "table.json": '{"a":[1,\n3]}' });
  assert.equal((await folder.code()).hash, before.hash);
});

test("comments, types and layout are none", async () => {
  using folder = new Folder();
  const before = (await folder.code()).hash;
  const same = async (what: string, files: Readonly<Record<string, string>>) => {
    folder.write(files);
    assert.equal((await folder.code()).hash, before, what);
  };
  await same("comments", {
    "main.ts": `// for people\n${definition({ where: "/* why */ (e) => isWanted(e.v /* so */)" })}`,
    "helper.ts": `/** Says more. */\n${HELPER}`,
  });
  await same("types", {
    "main.ts": definition({
      head: 'import type { Words } from "./words.ts";\nexport type { Words };',
      where: "(e): boolean => isWanted(e.v as number)",
      tail: "export interface Extra { readonly words: Words }",
    }),
    "words.ts": "export type Words = readonly string[];\nexport const unused = Math.random();",
    "helper.ts": HELPER.replace("(v: number): boolean", "<T extends number>(v: T)"),
  });
  await same("a byte order mark and other ends of lines", {
    "main.ts": "\ufeff" + definition().replaceAll("\n", "\r\n"),
  });
  folder.write({
    "main.ts": definition(),
    "helper.ts": HELPER.replace("return", "if (v === 7.0) return false;\n  return"),
  });
  const braces = (await folder.code()).hash;
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: "fmt --quiet --no-config --single-quote --no-semicolons --line-width 40 --use-tabs ."
      .split(" "),
    cwd: folder.path,
  }).output();
  assert.ok(success);
  assert.match(Deno.readTextFileSync(`${folder.path}/helper.ts`), /\t/);
  assert.equal((await folder.code()).hash, braces, "layout");
});

test("the text of describe() is code: it is there when the definition runs", async () => {
  assert.notEqual(
    await hashWith({ "main.ts": definition({ v: 'z.number().describe("volts")' }) }),
    await hashWith({ "main.ts": definition({ v: 'z.number().describe("amperes")' }) }),
  );
});

test("where the project and the definition lie does not matter", async () => {
  assert.equal(await hashWith({}), await hashWith({}));
});

test("the rules are in it with all that they load, the policy of scaling is not", async () => {
  using folder = new Folder();
  const paths = new Set((await folder.code()).parts.map(({ path }) => path));
  assert.ok(paths.has("core/flow/window.ts") && paths.has("definition/fields.ts"));
  assert.deepEqual([...paths].filter((path) => path.startsWith("core/scaling/")), []);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", fileURLToPath(new URL("activities/sweep.ts", ROOT))],
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string; dependencies?: { code?: { specifier: string } }[] }[];
  };
  const reached = new Set<string>();
  const visit = (specifier: string) => {
    if (reached.has(specifier)) return;
    reached.add(specifier);
    const module = modules.find((each) => each.specifier === specifier);
    for (const { code } of module?.dependencies ?? []) if (code) visit(code.specifier);
  };
  visit(`${ROOT.href}activities/sweep.ts`);
  assert.ok(reached.size > 10);
  const loaded = [...reached].map((specifier) => specifier.replace(ROOT.href, ""));
  assert.deepEqual(loaded.filter((path) => !paths.has(path)), []);
});

test("a package counts by its version", async () => {
  using folder = new Folder();
  const { parts } = await folder.code();
  const zod = parts.find(({ path }) => path.startsWith("npm:zod@"));
  assert.match(zod?.path ?? "", /^npm:zod@\d+\.\d+\.\d+$/);
  folder.write({ "main.ts": definition().replace('from "zod"', 'from "npm:kafkajs@2.2.4"') });
  const other = (await folder.code()).parts.map(({ path }) => path);
  assert.ok(other.includes("npm:kafkajs@2.2.4"));
});

test("an image has the code of a checkout, though it only reads what is installed", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "tidegate-image-" });
  try {
    const files = ["activities", "adapters/kafka", "core", "definition", "pipelines"]
      .flatMap(scriptsIn).concat("mod.ts");
    assert.ok(files.includes("definition/code_hash.ts"));
    const image = [["deploy/image/manifest.json", "deno.json"], [
      "deploy/image/lock.json",
      "deno.lock",
    ]] as const;
    for (const [from, to] of [...files.map((file) => [file, file] as const), ...image]) {
      Deno.mkdirSync(`${folder}/${to}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.copyFileSync(new URL(from, ROOT), `${folder}/${to}`);
    }
    Deno.symlinkSync(new URL("node_modules", ROOT), `${folder}/node_modules`);
    const file = "pipelines/load_test.ts";
    const program = `import { codeOf } from "file://${folder}/definition/code_hash.ts";
console.log(JSON.stringify(await codeOf("file://${folder}/${file}")));`;
    Deno.writeTextFileSync(`${folder}/ask.ts`, program);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: "run --quiet --allow-read --allow-run --allow-env --allow-ffi ask.ts".split(" "),
      ...{ cwd: folder, stderr: "inherit" },
    }).output();
    const there = JSON.parse(new TextDecoder().decode(stdout)) as Code;
    const here = await codeOf(fileURLToPath(new URL(file, ROOT)), { cacheDir: Folder.memory });
    assert.deepEqual(there.parts, here.parts);
    assert.equal(there.hash, here.hash);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

test("what is remembered is never out of date, and never needed", async () => {
  using folder = new Folder();
  const cacheDir = `${folder.path}/memory`;
  const code = () => codeOf(folder.main, { cacheDir });
  const before = await code();
  assert.deepEqual(await code(), before);
  // Another content of the same size, at the same time.
  const file = `${folder.path}/deep/limit.ts`;
  const { mtime, size } = Deno.statSync(file);
  Deno.writeTextFileSync(file, LIMIT.replace("3", "4"));
  Deno.utimeSync(file, mtime ?? 0, mtime ?? 0);
  assert.equal(Deno.statSync(file).size, size);
  assert.deepEqual(pathsThatDiffer(before, await code()), ["./deep/limit.ts"]);
  folder.write({ "deep/limit.ts": LIMIT });
  const [memory] = [...Deno.readDirSync(cacheDir)].map(({ name }) => `${cacheDir}/${name}`);
  for (const broken of ["", '{"a":', "[1]", "null"]) {
    Deno.writeTextFileSync(memory ?? "", broken);
    assert.deepEqual(await code(), before);
  }
  Deno.writeTextFileSync(`${folder.path}/taken`, "");
  assert.deepEqual(await codeOf(folder.main, { cacheDir: `${folder.path}/taken` }), before);
  assert.deepEqual(await codeOf(folder.main), before);
});

test("a definition that is missing or broken has none", async () => {
  using folder = new Folder({ "main.ts": "export default (" });
  for (const file of [folder.main, `${folder.path}/nowhere.ts`]) {
    const error = await codeOf(file).then(() => null, (error: unknown) => error);
    assert.ok(error instanceof TidegateError && error.code === "TG_DEFINITION", String(error));
    assert.ok(error.message.startsWith(`Cannot list the modules of "${file}": `), error.message);
  }
});

test("a helper that is missing or broken is for the import to tell", async () => {
  using folder = new Folder({ "helper.ts": "export const isWanted = (" });
  const broken = await folder.code();
  Deno.removeSync(`${folder.path}/helper.ts`);
  assert.deepEqual(pathsThatDiffer(broken, await folder.code()), ["./helper.ts"]);
});

test("the supervisor is told of 200 parts at most, and of the others together", async () => {
  using folder = new Folder();
  const code = await folder.code();
  const told = leasedCode(code);
  assert.deepEqual(told.files.map(([path]) => path), code.parts.map(({ path }) => path));
  assert.ok(JSON.stringify(told).length < 6_000);
  const part = (n: number, hash: string) => (
    { path: `${n}.ts`, hash, bytes: null, as: "script" as const }
  );
  const many = (hash: string) => ({
    ...code,
    parts: Array.from({ length: 300 }, (_, n) => part(n, n === 299 ? hash : "a")),
  });
  const [one, other] = [leasedCode(many("a")).files, leasedCode(many("b")).files];
  assert.equal(one.length, 201);
  assert.deepEqual(one.slice(0, 200), other.slice(0, 200));
  assert.notDeepEqual(one[200], other[200]);
});

/** Starts a process with a worker's permissions that is to fold by a code. */
async function child(code: Code, folder: Folder, more: readonly string[] = []): Promise<unknown> {
  const started = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt"],
      ...["--allow-net", "--allow-env", "--allow-sys", "--allow-read", "--allow-ffi", ...more],
      ...[new URL("_code_child.ts", import.meta.url).href, folder.main],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = started.output();
  await new Blob([JSON.stringify(code)]).stream().pipeTo(started.stdin);
  return JSON.parse(new TextDecoder().decode((await output).stdout));
}

function refused(code: Code, ...lines: string[]) {
  return {
    code: "TG_CODE",
    message: `Cannot fold: the code must be ${code.hash}, but it was edited:\n  ` +
      lines.join("\n  "),
    retryable: true,
  };
}

test("a process that is started after an edit refuses to fold", async () => {
  using folder = new Folder();
  const code = await folder.code();
  const folds = { pipeline: "hashed", kept: true };
  assert.deepEqual(await child(code, folder), folds);
  folder.write({ "helper.ts": `// said better\n${HELPER}` });
  assert.deepEqual(await child(code, folder), folds, "a comment is no edit");

  folder.write({ "deep/limit.ts": "export const LIMIT = 9;\n" });
  assert.deepEqual(await child(code, folder), refused(code, "./deep/limit.ts: has changed"));
  Deno.removeSync(`${folder.path}/helper.ts`);
  assert.deepEqual(
    await child(code, folder),
    refused(code, "./deep/limit.ts: has changed", "./helper.ts: is gone"),
  );
  folder.write({ "helper.ts": HELPER, "deep/limit.ts": LIMIT });
  assert.deepEqual(await child(code, folder), folds, "taken back");
});

test("so does one whose definition was edited while it was imported", async () => {
  using folder = new Folder({
    // While main.ts is imported, whatever it has imported is read already.
    "main.ts": definition({
      tail: `Deno.writeTextFileSync(new URL("./deep/limit.ts", import.meta.url), "${
        LIMIT.replace("3", "9").trim()
      }");`,
    }),
  });
  const code = await folder.code();
  assert.deepEqual(
    await child(code, folder, ["--allow-write"]),
    refused(code, "./deep/limit.ts: has changed"),
  );
});

test("a list that another project has made is refused, with its paths", async () => {
  using folder = new Folder();
  const code = await folder.code();
  const parts = code.parts.map((part) =>
    part.path === "core/plan.ts" ? { ...part, hash: "0".repeat(32), bytes: "1".repeat(32) } : part
  );
  const names = code.names.map((part) => ({ ...part, bytes: "2".repeat(32) }));
  assert.deepEqual(
    await child({ ...code, parts }, folder),
    refused(code, "core/plan.ts: has changed"),
  );
  assert.deepEqual(await child({ ...code, names }, folder), {
    pipeline: "hashed",
    kept: true,
  }, "what names mean is compared, not their layout");
  const moved = code.names.map((part) => ({ ...part, bytes: "2".repeat(32), hash: "x" }));
  assert.deepEqual(
    await child({ ...code, names: moved }, folder),
    refused(code, "deno.json: has changed", "deno.lock: has changed"),
  );
});

globalThis.addEventListener("unload", () => {
  if (Folder.memory !== "") Deno.removeSync(Folder.memory, { recursive: true });
});
