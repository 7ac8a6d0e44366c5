import assert from "node:assert/strict";
import coreJson from "../core/deno.json" with { type: "json" };
import denoJson from "../deno.json" with { type: "json" };
import pageJson from "../dashboard/page/deno.json" with { type: "json" };
import workflowsJson from "../workflows/deno.json" with { type: "json" };

/** The members of an object, or none. */
function members(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

/** One member of an object. */
function member(value: unknown, name: string): unknown {
  return members(value).find(([key]) => key === name)?.[1];
}

Deno.test("deno.json: every task says what it does", () => {
  const tasks = members(denoJson.tasks);
  assert.ok(tasks.length > 0);
  for (const [name, task] of tasks) {
    const description = member(task, "description");
    assert.ok(typeof description === "string" && description.length > 10, name);
  }
});

Deno.test("deno.json: tasks name their permissions one by one", () => {
  for (const [name, task] of members(denoJson.tasks)) {
    const command = member(task, "command");
    assert.ok(typeof command === "string", name);
    assert.doesNotMatch(command, /(?:^|\s)(?:-[a-zA-Z]*A[a-zA-Z]*|--allow-all)(?=\s|$)/, name);
  }
});

Deno.test("deno.json: plain `deno test` asks for no permissions", () => {
  assert.equal(member(denoJson, "permissions"), undefined);
  assert.equal(member(member(denoJson, "test"), "permissions"), undefined);
});

Deno.test("deno.json: versions are exact and the lock is frozen", () => {
  for (const [name, target] of members(denoJson.imports)) {
    assert.match(String(target), /^npm:(?:@[\w.-]+\/)?[\w.-]+@\d+\.\d+\.\d+(?:-[\w.]+)?$/, name);
  }
  assert.equal(member(denoJson.lock, "frozen"), true);
});

Deno.test("deno.json: types are strict", () => {
  for (const option of ["strict", "noUncheckedIndexedAccess", "exactOptionalPropertyTypes"]) {
    assert.equal(member(denoJson.compilerOptions, option), true, option);
  }
});

Deno.test("deno.json: our lint rules are loaded, and none is switched off", () => {
  assert.deepEqual(member(denoJson.lint, "plugins"), ["./scripts/lint/mod.ts"]);
  assert.equal(member(member(denoJson.lint, "rules"), "exclude"), undefined);
  assert.equal(member(denoJson.lint, "exclude"), undefined);
});

Deno.test("deno.json: core and workflows see the language and nothing of the runtime", () => {
  assert.deepEqual(denoJson.workspace, ["./core", "./workflows", "./dashboard/page"]);
  for (const json of [coreJson, workflowsJson]) {
    const libraries = json.compilerOptions.lib;
    assert.ok(libraries.length > 0);
    for (const library of libraries) assert.match(library, /^es\d{4}$/, json.name);
  }
});

Deno.test("deno.json: the page's code sees what browsers have, and nothing of the runtime", () => {
  assert.deepEqual(pageJson.compilerOptions.lib, ["dom", "dom.iterable", "es2024"]);
});
