import assert from "node:assert/strict";
import plugin from "../../scripts/lint/mod.ts";
import { roomOf, ROOT_ROOM } from "../../scripts/lint/rooms.ts";

/** Lints a source text as if it stood in a file; answers the messages of `tidegate/imports`. */
function lint(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source)
    .filter((diagnostic) => diagnostic.id === "tidegate/imports")
    .map((diagnostic) => diagnostic.message);
}

const FORMS: readonly (readonly [string, (specifier: string) => string])[] = [
  ["import", (s) => `import { a } from "${s}"; a();`],
  ["import for effect", (s) => `import "${s}";`],
  ["import type", (s) => `import type { A } from "${s}"; let a: A;`],
  ["import with a type in braces", (s) => `import { type A } from "${s}"; let a: A;`],
  ["import of the namespace", (s) => `import * as a from "${s}"; a.b();`],
  ["export from", (s) => `export { a } from "${s}";`],
  ["export type from", (s) => `export type { A } from "${s}";`],
  ["export everything", (s) => `export * from "${s}";`],
  ["export everything as", (s) => `export * as a from "${s}";`],
  ["dynamic import", (s) => `await import("${s}");`],
  ["dynamic import of a template", (s) => `await import(\`${s}\`);`],
  ["dynamic import in a function", (s) => `export const f = () => import("${s}").then(String);`],
  ["import type expression", (s) => `type T = import("${s}").T;`],
  ["typeof import", (s) => `type T = typeof import("${s}");`],
  ["import equals", (s) => `import a = require("${s}");`],
  ["require", (s) => `const a = require("${s}");`],
  ["module augmentation", (s) => `declare module "${s}" { interface A {} }`],
];

for (const [form, write] of FORMS) {
  Deno.test(`imports: ${form} is refused across the rooms and allowed within`, () => {
    assert.deepEqual(lint("core/x.ts", write("../adapters/kafka/log.ts")), [
      'Cannot import "../adapters/kafka/log.ts" in core/: it may import core/ only',
    ]);
    assert.deepEqual(lint("core/x.ts", write("kafkajs")), [
      'Cannot import "kafkajs" in core/: packages must stay out of it',
    ]);
    assert.deepEqual(lint("core/x.ts", write("./windows.ts")), []);
  });
}

const REFUSED: readonly (readonly [string, string])[] = [
  ["core/x.ts", "../cli/config.ts"],
  ["core/x.ts", "node:fs"],
  ["core/x.ts", "zod"],
  ["core/deep/x.ts", "../../workflows/activities.ts"],
  ["core/x.ts", "./data.json"],
  ["workflows/x.ts", "zod"],
  ["workflows/x.ts", "npm:zod@4.6.7"],
  ["workflows/x.ts", "@temporalio/client"],
  ["workflows/x.ts", "@temporalio/workflow-extra"],
  ["workflows/x.ts", "node:crypto"],
  ["workflows/x.ts", "../core/windows"],
  ["workflows/x.ts", "../core/windows.js"],
  ["workflows/x.ts", "@tidegate/core"],
  ["workflows/x.ts", "file:///core/windows.ts"],
  ["workflows/x.ts", "/core/windows.ts"],
  ["workflows/x.ts", "../activities/mod.ts"],
  ["workflows/x.ts", "../definition/define.ts"],
  ["definition/x.ts", "../adapters/kafka/log.ts"],
  ["definition/x.ts", "../pipelines/cs_student_logs.ts"],
  ["pipelines/x.ts", "../adapters/kafka/log.ts"],
  ["pipelines/x.ts", "kafkajs"],
  ["mod.ts", "./adapters/kafka/log.ts"],
  ["mod.ts", "./cli/main.ts"],
  ["activities/x.ts", "@temporalio/client"],
  ["activities/x.ts", "kafkajs"],
  ["activities/x.ts", "../workflows/drain.ts"],
  ["activities/x.ts", "../workflows/messages.ts"],
  ["activities/x.ts", "../processes/worker.ts"],
  ["adapters/x.ts", "../workflows/messages.ts"],
  ["adapters/x.ts", "../cli/config.ts"],
  ["adapters/x.ts", "../tests/x.ts"],
  ["adapters/x.ts", "kafkajs"],
  ["adapters/kafka/x.ts", "../temporal/client.ts"],
  ["adapters/kafka/x.ts", "@temporalio/client"],
  ["adapters/temporal/x.ts", "../kafka/log.ts"],
  ["adapters/temporal/x.ts", "kafkajs"],
  ["adapters/launchers/x.ts", "../temporal/client.ts"],
  ["producer/x.ts", "@platformatic/kafka"],
  ["producer/x.ts", "../processes/worker.ts"],
  ["processes/x.ts", "../cli/config.ts"],
  ["processes/x.ts", "../dashboard/server/server.ts"],
  ["processes/x.ts", "kafkajs"],
  ["dashboard/server/x.ts", "../../workflows/messages.ts"],
  ["dashboard/server/x.ts", "@temporalio/client"],
  ["dashboard/server/x.ts", "../../cli/config.ts"],
  ["devstack/x.ts", "../processes/worker.ts"],
  ["lab/simulator/x.ts", "../bench/backlog.ts"],
  ["commands/x.ts", "../tests/x.ts"],
  ["commands/x.ts", "kafkajs"],
  ["commands/x.ts", "../deploy/checks/compose.ts"],
  ["core/x.ts", "../commands/x.ts"],
  ["cli/x.ts", "../scripts/check.ts"],
  ["cli/x.ts", "@temporalio/worker"],
  ["tests/x_test.ts", "npm:zod@4.6.7"],
  ["tests/x_test.ts", "https://example.org/x.ts"],
  ["tests/x_test.ts", "../../elsewhere/x.ts"],
  ["tests/x_test.ts", "../docs/x.ts"],
];

for (const [path, specifier] of REFUSED) {
  Deno.test(`imports: ${path} may not import ${specifier}`, () => {
    assert.equal(lint(path, `import "${specifier}";`).length, 1);
  });
}

const ALLOWED: readonly (readonly [string, string])[] = [
  ["core/deep/x.ts", "../windows.ts"],
  ["workflows/x.ts", "../core/windows.ts"],
  ["workflows/x.ts", "./activities.ts"],
  ["workflows/x.ts", "@temporalio/workflow"],
  ["definition/x.ts", "zod"],
  ["definition/x.ts", "zod/v4/core"],
  ["pipelines/x.ts", "../mod.ts"],
  ["pipelines/x.ts", "@faker-js/faker"],
  ["mod.ts", "./definition/define.ts"],
  ["activities/x.ts", "@temporalio/activity"],
  ["adapters/kafka/x.ts", "@platformatic/kafka"],
  ["adapters/kafka/x.ts", "../loop.ts"],
  ["adapters/kafka/x.ts", "node:net"],
  ["adapters/temporal/x.ts", "@temporalio/client"],
  ["adapters/temporal/x.ts", "../../workflows/messages.ts"],
  ["producer/x.ts", "../adapters/kafka/log.ts"],
  ["processes/control/x.ts", "../../activities/settle.ts"],
  ["processes/x.ts", "../workflows/messages.ts"],
  ["dashboard/server/x.ts", "../../processes/worker.ts"],
  ["devstack/x.ts", "../adapters/kafka/log.ts"],
  ["cli/x.ts", "../deno.json"],
  ["cli/x.ts", "../commands/x.ts"],
  ["lab/bench/x.ts", "../../cli/config.ts"],
  ["commands/x.ts", "../adapters/kafka/log.ts"],
  ["deploy/checks/x.ts", "../../devstack/stack.ts"],
  ["scripts/x.ts", "../devstack/stack.ts"],
  ["tests/x_test.ts", "kafkajs"],
  ["tests/deep/x_test.ts", "../../workflows/drain.ts"],
];

for (const [path, specifier] of ALLOWED) {
  Deno.test(`imports: ${path} may import ${specifier}`, () => {
    assert.deepEqual(lint(path, `import "${specifier}";`), []);
  });
}

Deno.test("imports: activities take types of adapters, never values", () => {
  assert.deepEqual(
    lint("activities/x.ts", 'import type { A } from "../adapters/kafka/log.ts";'),
    [],
  );
  assert.deepEqual(lint("activities/x.ts", 'type A = import("../adapters/kafka/log.ts").A;'), []);
  for (const source of ["import { type A }", "import { a }", "export *", "export { a }"]) {
    assert.deepEqual(lint("activities/x.ts", `${source} from "../adapters/kafka/log.ts";`), [
      'Cannot import "../adapters/kafka/log.ts" in activities/: only types may come from adapters/kafka/ ' +
      "(import type)",
    ]);
  }
});

Deno.test("imports: the types of another room, where only these may be taken", () => {
  for (
    const [path, specifier] of [
      ["activities/x.ts", "../definition/enrichment.ts"],
      ["activities/x.ts", "../workflows/activities.ts"],
      ["dashboard/server/x.ts", "../../workflows/messages.ts"],
    ] as const
  ) {
    assert.deepEqual(lint(path, `import type { A } from "${specifier}";`), []);
    assert.equal(lint(path, `import { a } from "${specifier}";`).length, 1);
  }
});

Deno.test("imports: a file belongs to the longest folder that is a room", () => {
  assert.equal(roomOf("adapters/kafka/deep/x.ts"), "adapters/kafka");
  assert.equal(roomOf("adapters/tracing.ts"), "adapters");
  assert.equal(roomOf("lab/bench/x.ts"), "lab");
  assert.equal(roomOf("mod.ts"), ROOT_ROOM);
  assert.equal(roomOf("helpers/core/x.ts"), null);
});

Deno.test("imports: a computed module name is refused where everything must be known", () => {
  for (const source of ["import(name)", "import(`./${name}.ts`)", "require(name)"]) {
    for (const room of ["core", "workflows", "activities"]) {
      assert.deepEqual(lint(`${room}/x.ts`, `${source};`), [
        `Cannot import a computed name in ${room}/: the module must be a string literal`,
      ]);
    }
    assert.deepEqual(lint("cli/x.ts", `${source};`), []);
  }
});

Deno.test("imports: a comment may not widen the types of core and workflows", () => {
  const widening = [
    '/// <reference lib="dom" />',
    '/// <reference types="npm:@types/node" />',
    '// @ts-types="./x.d.ts"\nimport "./y.ts";',
    '// @deno-types="./x.d.ts"\nimport "./y.ts";',
  ];
  for (const source of widening) {
    assert.equal(lint("core/x.ts", source).length, 1, source);
    assert.equal(lint("workflows/x.ts", source).length, 1, source);
    assert.deepEqual(lint("adapters/x.ts", source), []);
  }
  assert.deepEqual(lint("core/x.ts", "// Reference: types of windows\n"), []);
});

Deno.test("imports: every problem of a file is reported", () => {
  assert.equal(lint("core/x.ts", 'import "zod";\nexport * from "kafkajs";').length, 2);
});

Deno.test("imports: a folder without a room may hold no code", () => {
  assert.deepEqual(lint("helpers/x.ts", "export {};"), [
    "Cannot place helpers/x.ts: its folder must be a room of scripts/lint/rooms.ts",
  ]);
});

Deno.test("imports: files outside the project are nobody's business", () => {
  assert.deepEqual(lint("/elsewhere/core/x.ts", 'import "zod";'), []);
  const root = new URL("../../", import.meta.url).pathname;
  assert.equal(lint(`${root}core/x.ts`, 'import "zod";').length, 1);
});
