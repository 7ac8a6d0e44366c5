/**
 * How often each line and branch of the flow's rules is played by the model:
 * `deno run -A tests/flow_model/coverage.ts [--schedules N] [--least N]`. Exit 1 if one is played
 * less often than asked.
 *
 * @module
 */

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { helpText, integer, parseCommand } from "../../cli/args.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILES =
  /core\/(flow\/(window|open_windows|drain|dealing|silence|held)|event_time\/(watermark|timers))\.ts$/;

const COMMAND = {
  name: "coverage",
  summary: "How often each line of the flow's rules is played by the model.",
  flags: {
    schedules: integer({ min: 1 }).prefault("10000").describe("How many schedules."),
    seed: integer({ min: 0 }).prefault("1").describe("The seed."),
    least: integer({ min: 1 }).prefault("200").describe("How often each line must be played."),
  },
};

async function main(): Promise<number> {
  const { help, flags } = parseCommand(COMMAND, Deno.args);
  if (help) {
    console.log(helpText(COMMAND));
    return 0;
  }
  const dir = await mkdtemp(join(tmpdir(), "coverage-"));
  const run = promisify(execFile);
  const played = await run(Deno.execPath(), [
    "run",
    "--no-check",
    `--coverage=${dir}`,
    "tests/flow_model/run.ts",
    "--schedules",
    String(flags.schedules),
    "--seed",
    String(flags.seed),
  ], { cwd: ROOT, maxBuffer: 1e8 });
  console.log(played.stdout.trim().split("\n").at(-1));
  const { stdout } = await run(Deno.execPath(), ["coverage", "--lcov", dir], {
    cwd: ROOT,
    maxBuffer: 1e9,
  });
  await rm(dir, { recursive: true });
  let lines = 0;
  let seldom = 0;
  for (const record of stdout.split("end_of_record")) {
    const path = /^SF:(.*)$/m.exec(record)?.[1] ?? "";
    if (!FILES.test(path)) continue;
    const source = (await readFile(path, "utf8")).split("\n");
    for (const [, line, count] of record.matchAll(/^DA:(\d+),(\d+)/gm)) {
      lines += 1;
      // What is run once is run when the module is loaded.
      if (Number(count) >= flags.least || Number(count) === 1) continue;
      seldom += 1;
      console.log(
        `${path.split("/").at(-1)}:${line}  ${count} ×  ${source[Number(line) - 1]?.trim()}`,
      );
    }
  }
  console.log(`${lines} lines, ${seldom} played less than ${flags.least} times`);
  return seldom === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
