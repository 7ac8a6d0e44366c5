import assert from "node:assert/strict";
import { settingFlags } from "../../cli/config.ts";
import denoJson from "../../deno.json" with { type: "json" };
import { kindOf, list, read, section, tableRows, UNREADABLE } from "./_docs.ts";

const TEXT = UNREADABLE ? "" : read("docs/commands.md");

/** The commands: the files of `commands/` that are not another's part. */
function commands(): string[] {
  return list("commands").filter((name) => !name.startsWith("_"))
    .map((name) => name.replace(/\.ts$/, ""));
}

/** The default of a flag by its name; null where it has none. */
type Defaults = ReadonlyMap<string, string | null>;

/**
 * The flags of a command that are not settings, read from its source: the commands themselves can't
 * be imported here, since Temporal's native library needs a permission.
 */
function flagsOf(source: string): Defaults {
  const start = /^( *)(?:flags: |export const \w*FLAGS = )\{(?:.*\},?$|[^]*?^\1\})/m;
  const body = start.exec(source)?.[0] ?? "";
  const indent = /^\n( +)/m.exec(body.slice(body.indexOf("{") + 1))?.[1] ?? "";
  const flag = new RegExp(`^${indent}"?([a-z-]+)"?: \\{([^]*?)\\},?$`, "gm");
  const own = [...body.matchAll(flag)].map(([, name, spec = ""]) =>
    [
      String(name),
      /\bdefault: "?([^",\s]+)/.exec(spec)?.[1]?.replace(/(?<=\d)_(?=\d)/g, "") ?? null,
    ] as const
  );
  const shared = /\.\.\.CONTROL_FLAGS(?!\.)/.test(body) ? flagsOf(read("cli/control.ts")) : [];
  return new Map([...own, ...shared]);
}

Deno.test({
  name: "docs: every command and every task is described",
  ignore: UNREADABLE,
  fn() {
    for (const command of commands()) assert.ok(section(TEXT, command).trim(), command);
    const development = section(TEXT, "For development");
    for (const task of Object.keys(denoJson.tasks)) {
      if (commands().includes(task)) continue;
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
    for (const command of commands()) {
      const text = section(TEXT, command);
      const flags = flagsOf(read(`commands/${command}.ts`));
      count += flags.size;
      const shared = /flags of `start`/.test(text) ? flagsOf(read("cli/control.ts")) : null;
      const named = [...new Set([...text.matchAll(/--([a-z][a-z-]*)/g)].map(([, f]) => String(f)))];
      const missing = [...flags.keys()].filter((f) => !named.includes(f) && !shared?.has(f));
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
    const names = new Set(
      read("cli/settings.ts").match(/\b(?:KAFKA|TEMPORAL|TIDEGATE)_[A-Z_]+\b/g),
    );
    for (const file of ["README.md", ...list("docs").map((name) => `docs/${name}`)]) {
      const text = read(file);
      for (const [, task] of text.matchAll(/\b(?:deno|deno@[\d.]+) task ([a-z]+)/g)) {
        const known = Object.hasOwn(denoJson.tasks, String(task)) ||
          kindOf(`scripts/${task}.ts`) === "file";
        assert.ok(known, `${file}: deno task ${task}`);
      }
      for (const [name] of text.matchAll(/\b(?:KAFKA|TEMPORAL|TIDEGATE)_[A-Z]\w*/g)) {
        const known = names.has(name) || names.has(name.replace(/_(?:FILE)?$/, "")) ||
          /^TIDEGATE_TEST_|^KAFKA_HOME$/.test(name) ||
          [...names].some((one) => name.endsWith("_") && one.startsWith(name));
        assert.ok(known, `${file}: ${name}`);
      }
    }
  },
});
