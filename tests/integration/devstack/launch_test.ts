import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type BackgroundCommand,
  type BackgroundProcess,
  identify,
  startBackground,
  stopProcess,
  tailOfLog,
} from "../../../devstack/launch.ts";
import { until } from "../../../devstack/machine.ts";
import { inScratch, MAY_RUN } from "./_scratch.ts";

const shell = (dir: string, script: string): BackgroundCommand => ({
  program: "sh",
  args: ["-c", script],
  env: {},
  cwd: dir,
  logFile: join(dir, "its log.txt"),
});

/** The process's identity; fails if it has ended already. */
function identityOf(process: { readonly identity: string | null }): string {
  assert.ok(process.identity !== null, "the process has ended");
  return process.identity;
}

/** The exit code. A process in the background doesn't keep the test alive, so something else must. */
async function exitOf(process: BackgroundProcess): Promise<number> {
  const alive = setInterval(() => {}, 60_000);
  try {
    return await process.exited;
  } finally {
    clearInterval(alive);
  }
}

Deno.test({
  name: "a background process: both outputs go to the log, the exit code is seen",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const process = await startBackground(shell(dir, "echo out; echo err >&2; exit 7"));
      assert.equal(await exitOf(process), 7);
      assert.deepEqual(await tailOfLog(join(dir, "its log.txt")), ["out", "err"]);
      assert.equal(await identify(process.pid), null);
    }),
});

Deno.test({
  name: "a program that is not there ends at once and says so in the log",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const command = { ...shell(dir, ""), program: "no-such-program" };
      const process = await startBackground(command);
      assert.equal(await exitOf(process), 127);
      assert.match((await tailOfLog(command.logFile)).join("\n"), /no-such-program/);
    }),
});

Deno.test({
  name: "stopProcess: SIGTERM is enough for a process that heeds it",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const process = await startBackground(shell(dir, "exec sleep 60"));
      assert.equal(await stopProcess(process.pid, identityOf(process)), true);
      assert.equal(await exitOf(process), 128 + 15);
      assert.equal(await stopProcess(process.pid, identityOf(process)), false, "gone already");
    }),
});

Deno.test({
  name: "stopProcess: SIGKILL after the grace time for one that does not",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const deaf = "trap '' TERM; echo ready; while :; do sleep 1; done";
      const process = await startBackground(shell(dir, deaf));
      const log = join(dir, "its log.txt");
      const ready = async () => (await tailOfLog(log)).includes("ready");
      assert.ok(await until(ready, { timeoutMs: 10_000, everyMs: 10 }));
      const stopped = await stopProcess(process.pid, identityOf(process), { graceMs: 100 });
      assert.equal(stopped, true);
      assert.equal(await exitOf(process), 128 + 9);
    }),
});

Deno.test({
  name: "stopProcess: a pid that stands for another process now is left alone",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const process = await startBackground(shell(dir, "exec sleep 60"));
      const mine = identityOf(process);
      assert.equal(await stopProcess(process.pid, `${mine}0`), false);
      assert.equal(await identify(process.pid), mine, "still there");
      await stopProcess(process.pid, mine);
    }),
});

Deno.test({
  name: "Ctrl-C for the command that started it does not reach a background process",
  ignore: !MAY_RUN,
  fn: () =>
    inScratch(async (dir) => {
      const module = new URL("../../../devstack/launch.ts", import.meta.url).href;
      const command = JSON.stringify(shell(dir, "exec sleep 60"));
      const script = `const { startBackground } = await import(${JSON.stringify(module)});
        const { pid, identity } = await startBackground(${command});
        console.log(JSON.stringify({ pid, identity }));
        await new Promise(() => setInterval(() => {}, 1000));`;
      // In a process group of its own, as a shell starts its foreground command.
      const starter = new Deno.Command(Deno.execPath(), {
        args: ["eval", "--quiet", script],
        detached: true,
        stdout: "piped",
        stderr: "inherit",
      }).spawn();
      const lines = starter.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const { pid, identity } = JSON.parse((await lines.read()).value ?? "null");
      Deno.kill(-starter.pid, "SIGINT");
      assert.equal((await starter.status).signal, "SIGINT");
      await lines.cancel();
      assert.equal(await identify(pid), identity, "survives its starter");
      assert.equal(await stopProcess(pid, identity), true);
    }),
});
