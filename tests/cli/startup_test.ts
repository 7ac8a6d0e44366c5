import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const UNREADABLE = Deno.permissions.querySync({ name: "read", path: ROOT }).state !== "granted";

/** The modules that a file loads when it starts, itself too: paths from the root, and packages. */
function loadedBy(path: string): Set<string> {
  const found = new Set<string>();
  const waiting = [path];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (found.has(one)) continue;
    found.add(one);
    if (!one.endsWith(".ts")) continue;
    const file = new URL(one, ROOT);
    for (const name of staticImports(Deno.readTextFileSync(file))) {
      waiting.push(name.startsWith(".") ? new URL(name, file).href.slice(ROOT.href.length) : name);
    }
  }
  return found;
}

/** What a module imports or re-exports when it is loaded; types load nothing. */
function staticImports(source: string): string[] {
  const statements = source.matchAll(
    /^(?:import|export)\s+(?!type\b)(?:[\w{*][^;"=()]*?\sfrom\s+)?"([^"]+)";$/gm,
  );
  return [...statements].map(([, name]) => String(name));
}

Deno.test({
  name: "help loads nothing but rules, specs and zod",
  ignore: UNREADABLE,
  fn() {
    const loaded = loadedBy("cli/main.ts");
    assert.ok(loaded.has("commands/specs.ts") && loaded.has("zod"));
    const rest = [...loaded].filter((name) =>
      !/^(?:cli|core|lab\/simulator)\/|^node:|^zod$/.test(name)
    );
    assert.deepEqual(rest, ["commands/specs.ts"]);
  },
});

Deno.test({
  name: "a command that only asks loads neither a worker nor a producer, until it needs one",
  ignore: UNREADABLE,
  fn() {
    const loaded = loadedBy("commands/status.ts");
    assert.ok(loaded.has("@temporalio/client"));
    for (const name of ["@temporalio/worker", "kafkajs", "activities/create_activities.ts"]) {
      assert.ok(!loaded.has(name), name);
    }
  },
});
