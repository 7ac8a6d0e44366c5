/**
 * The gate's own negative cases with the real tools: a bad tree must fail, a good one must pass.
 */

import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const RULES = ["_project_path", "determinism_rules", "import_rules", "mod", "rooms"];

const granted = (["read", "write", "run"] as const)
  .every((name) => Deno.permissions.querySync({ name }).state === "granted");

/** Writes a project that loads our lint rules, lints it, and removes it. */
async function lintTree(files: Readonly<Record<string, string>>) {
  const folder = Deno.makeTempDirSync({ prefix: "tidegate-lint-" });
  try {
    const all: Record<string, string> = {
      "deno.json": JSON.stringify({ lint: { plugins: ["./scripts/lint/mod.ts"] } }),
      ...files,
    };
    for (const rule of RULES) {
      const path = `scripts/lint/${rule}.ts`;
      all[path] = Deno.readTextFileSync(new URL(path, ROOT));
    }
    for (const [path, text] of Object.entries(all)) {
      Deno.mkdirSync(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(`${folder}/${path}`, text);
    }
    const ran = await new Deno.Command(Deno.execPath(), {
      args: ["lint"],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    return { code: ran.code, output: new TextDecoder().decode(ran.stderr) };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test({
  name: "deno lint fails on an import across the rooms and on a clock in core/",
  ignore: !granted,
  async fn() {
    const imports = await lintTree({
      "core/bad.ts": 'export * from "../adapters/kafka/log.ts";\n',
    });
    assert.equal(imports.code, 1, imports.output);
    assert.match(imports.output, /tidegate\/imports.*\n.*core\/bad\.ts/s);

    const clock = await lintTree({ "core/bad.ts": "export const now = () => Date.now();\n" });
    assert.equal(clock.code, 1, clock.output);
    assert.match(clock.output, /tidegate\/determinism/);
  },
});

Deno.test({
  name: "deno lint passes a good tree, and workflows/time.ts with its comment",
  ignore: !granted,
  async fn() {
    const { code, output } = await lintTree({
      "core/good.ts": 'export * from "./other.ts";\n',
      "core/other.ts": "export const at = (ms: number) => new Date(ms);\n",
      "workflows/time.ts": "// deno-lint-ignore tidegate/determinism -- replayed by Temporal\n" +
        "export const now = () => Date.now();\n",
    });
    assert.equal(code, 0, output);
  },
});

Deno.test({
  name: "doc lint fails on missing docs and private types of ours, not on a client's types",
  ignore: !granted,
  async fn() {
    const { docLint } = await import("../../scripts/doc_lint.ts");
    const folder = Deno.makeTempDirSync({ prefix: "tidegate-docs-" });
    try {
      const paths = Object.entries({
        "good.ts": 'import type { Kafka } from "kafkajs";\n' +
          "/** Takes a client's type. */\nexport function client(kafka: Kafka): Kafka {\n" +
          "  return kafka;\n}\n",
        "undocumented.ts": "export function undocumented(): void {}\n",
        "local.ts": "interface Local {\n  a: number;\n}\n" +
          "/** Takes a type that nobody can import. */\nexport function local(a: Local): void {\n" +
          "  a;\n}\n",
        "hidden.ts": 'import type { Hidden } from "./_hidden.ts";\n' +
          "/** Takes a type of a private file. */\nexport function hidden(a: Hidden): void {\n" +
          "  a;\n}\n",
        "_hidden.ts": "/** Hidden. */\nexport interface Hidden {\n  /** One. */\n  a: number;\n}\n",
      }).map(([name, text]) => {
        Deno.writeTextFileSync(`${folder}/${name}`, text);
        return `${folder}/${name}`;
      });
      const lint = (name: string) => docLint([`${folder}/${name}`], paths);

      assert.deepEqual(await lint("good.ts"), { ok: true, output: "" });
      assert.match((await lint("undocumented.ts")).output, /^error\[missing-jsdoc\]/);
      assert.match((await lint("local.ts")).output, /^error\[private-type-ref\].*'Local'/);
      assert.match((await lint("hidden.ts")).output, /^error\[private-type-ref\].*'Hidden'/);
      const broken = await lint("absent.ts");
      assert.equal(broken.ok, false);
      assert.notEqual(broken.output, "");
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },
});
