/**
 * The command line: `deno task <command>`.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { exitWith } from "./exit.ts";

/** The commands; each is loaded when it is called, so that no command pays for another's imports. */
const COMMANDS: Readonly<Record<string, () => Promise<{ readonly default: Command }>>> = {
  audit: () => import("../commands/audit.ts"),
  bench: () => import("../commands/bench.ts"),
  conformance: () => import("../commands/conformance.ts"),
  demo: () => import("../commands/demo.ts"),
  exclude: () => import("../commands/exclude.ts"),
  produce: () => import("../commands/produce.ts"),
  replay: () => import("../commands/replay.ts"),
  resume: () => import("../commands/resume.ts"),
  run: () => import("../commands/run.ts"),
  scale: () => import("../commands/scale.ts"),
  setup: () => import("../commands/setup.ts"),
  simulate: () => import("../commands/simulate.ts"),
  spike: () => import("../commands/spike.ts"),
  stack: () => import("../commands/stack.ts"),
  start: () => import("../commands/start.ts"),
  status: () => import("../commands/status.ts"),
  windows: () => import("../commands/windows.ts"),
  worker: () => import("../commands/worker.ts"),
};

async function main(args: readonly string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load !== undefined) return await (await load()).default.run(rest);
  const help = name === "--help" || name === "-h" || name === "help";
  const print = help ? console.log : console.error;
  if (!help) print(`TG_USAGE: there is no command ${name}`);
  print("Commands (each with --help):");
  for (const [command, loadOne] of Object.entries(COMMANDS)) {
    print(`  ${command.padEnd(12)} ${(await loadOne()).default.spec.summary}`);
  }
  return help ? 0 : 2;
}

if (import.meta.main) await exitWith(() => main(Deno.args));
