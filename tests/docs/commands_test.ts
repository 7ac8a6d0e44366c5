import assert from "node:assert/strict";
import { type CommandSpec, defaultOf } from "../../cli/args.ts";
import { settingFlags, settingNames } from "../../cli/config.ts";
import { SPECS } from "../../commands/specs.ts";
import denoJson from "../../deno.json" with { type: "json" };
import { DOCUMENTS, kindOf, list, read, section, tableRows, UNREADABLE } from "./_docs.ts";

const TEXT = UNREADABLE ? "" : read("docs/commands.md");

const COMMANDS = Object.keys(SPECS);

/** The flags of a command that are not settings, with what stands for them; null where nothing does. */
function flagsOf(spec: Omit<CommandSpec, "name">): ReadonlyMap<string, string | null> {
  const settings = settingFlags();
  return new Map(
    Object.entries(spec.flags).filter(([name]) => !Object.hasOwn(settings, name))
      .map(([name, schema]) => [name, defaultOf(schema)]),
  );
}

Deno.test({
  name: "docs: every command and every task is described",
  ignore: UNREADABLE,
  fn() {
    for (const command of COMMANDS) assert.ok(section(TEXT, command).trim(), command);
    const development = section(TEXT, "For development");
    for (const task of Object.keys(denoJson.tasks)) {
      if (COMMANDS.includes(task)) continue;
      assert.ok(development.includes(`\`${task}\``), task);
    }
  },
});

Deno.test({
  name: "docs: every flag of a command is described with it, and no other",
  ignore: UNREADABLE,
  fn() {
    const settings = Object.keys(settingFlags());
    let count = 0;
    const shared = flagsOf(SPECS.start);
    for (const [command, spec] of Object.entries(SPECS)) {
      const text = section(TEXT, command);
      const flags = flagsOf(spec);
      count += flags.size;
      const elsewhere = /flags of `start`/.test(text) ? shared : null;
      const named = [...new Set([...text.matchAll(/--([a-z][a-z-]*)/g)].map(([, f]) => String(f)))];
      const missing = [...flags.keys()].filter((f) => !named.includes(f) && !elsewhere?.has(f));
      assert.deepEqual(missing, [], command);
      const known = [...flags.keys(), ...settings, "help"];
      assert.deepEqual(named.filter((flag) => !known.includes(flag)), [], command);
      for (const [cell = "", value] of tableRows(text)) {
        const name = /^`--([a-z-]+)/.exec(cell)?.[1];
        const standard = name === undefined ? null : flags.get(name) ?? null;
        if (standard !== null) assert.equal(value, standard, `${command} --${name}`);
      }
    }
    assert.ok(count > 30, `only ${count} flags found`);
  },
});

Deno.test({
  name: "docs: no document names a task or a setting that does not exist",
  ignore: UNREADABLE,
  fn() {
    // Compose reads some too: `${NAME:-default}`.
    const composed = [...read("docker-compose.yml").matchAll(/\$\{(\w+):-/g)];
    const names = new Set([...settingNames, ...composed.map(([, name = ""]) => name)]);
    const documents = list("docs").filter((name) => name.endsWith(".md"));
    for (const file of [...DOCUMENTS, ...documents.map((name) => `docs/${name}`)]) {
      const text = read(file);
      for (const [, task] of text.matchAll(/\b(?:deno|deno@[\d.]+) task ([a-z]+)/g)) {
        const known = Object.hasOwn(denoJson.tasks, String(task)) ||
          kindOf(`scripts/${task}.ts`) === "file";
        assert.ok(known, `${file}: deno task ${task}`);
      }
      for (const [name] of text.matchAll(/\b(?:KAFKA|TEMPORAL|TIDEGATE)_[A-Z]\w*/g)) {
        const known = names.has(name) || names.has(name.replace(/_(?:FILE)?$/, "")) ||
          /^TIDEGATE_TEST_|^KAFKA_(?:HOME|STORAGE_ERROR)$/.test(name) ||
          [...names].some((one) => name.endsWith("_") && one.startsWith(name));
        assert.ok(known, `${file}: ${name}`);
      }
    }
  },
});
