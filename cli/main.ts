/**
 * The command line: `deno task <command>`.
 *
 * @module
 */

import { type Args, type CommandName, SPECS } from "../commands/specs.ts";
import { helpText, parseCommand } from "./args.ts";
import { exitWith } from "./exit.ts";
import { print, say } from "./output.ts";

/** What the commands do; each is loaded when it runs, so that none pays for another's imports. */
const ACTIONS: {
  readonly [N in CommandName]: () => Promise<{ action(args: Args<N>): Promise<number> }>;
} = {
  audit: () => import("../commands/audit.ts"),
  bench: () => import("../commands/bench.ts"),
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

async function main([name = "--help", ...rest]: readonly string[]): Promise<number> {
  if (isCommand(name)) return await run(name, rest);
  const help = name === "--help" || name === "-h" || name === "help";
  const tell = help ? print : say;
  if (!help) tell(`TG_USAGE: there is no command ${name}`);
  tell("Commands (each with --help):");
  for (const [command, { summary }] of Object.entries(SPECS)) {
    tell(`  ${command.padEnd(12)} ${summary}`);
  }
  return help ? 0 : 2;
}

async function run<N extends CommandName>(name: N, args: readonly string[]): Promise<number> {
  const spec = { name, ...SPECS[name] };
  const parsed = parseCommand<(typeof SPECS)[N]["flags"]>(spec, args);
  if (!parsed.help) return await (await ACTIONS[name]()).action(parsed);
  print(helpText(spec));
  return 0;
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(SPECS, name);
}

if (import.meta.main) await exitWith(() => main(Deno.args));
