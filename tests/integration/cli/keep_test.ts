/**
 * `start --keep`: what crashes is started again, what ends by itself is not.
 */

import assert from "node:assert/strict";
import { until } from "../_support/until.ts";

const granted = (["read", "write", "run"] as const)
  .every((name) => Deno.permissions.querySync({ name }).state === "granted");

/** Runs the keeper with a program, as a process of its own; the program counts its lives in a file. */
async function kept(
  program: string,
  meanwhile: (keeper: Deno.ChildProcess, lives: () => number) => Promise<void> = async () => {},
) {
  const folder = Deno.makeTempDirSync({ prefix: "tidegate-keep-" });
  try {
    const marks = `${folder}/lives`;
    Deno.writeTextFileSync(marks, "");
    const lives = () => Deno.readTextFileSync(marks).length;
    Deno.writeTextFileSync(
      `${folder}/program.ts`,
      `const marks = ${JSON.stringify(marks)};
       Deno.writeTextFileSync(marks, "x", { append: true });
       const lives = Deno.readTextFileSync(marks).length;
       ${program}`,
    );
    const url = new URL("../../../cli/keep.ts", import.meta.url);
    Deno.writeTextFileSync(
      `${folder}/keeper.ts`,
      `import { keep } from ${JSON.stringify(url.href)};
       const program = [Deno.execPath(), "run", "-A", "--quiet", "${folder}/program.ts"];
       const say = (line) => console.error(line);
       Deno.exit(await keep({ args: ["start", "--port=1"], say, program }));`,
    );
    const keeper = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", `${folder}/keeper.ts`],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = keeper.output();
    await meanwhile(keeper, lives);
    const { code, stdout, stderr } = await output;
    const text = new TextDecoder();
    return { code, lives: lives(), out: text.decode(stdout), said: text.decode(stderr) };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test({
  name: "keep: a crash is told, and the command is started again with its arguments",
  ignore: !granted,
  async fn() {
    const { code, lives, out, said } = await kept(`
      if (lives === 1) Deno.kill(Deno.pid, "SIGABRT");
      console.log(Deno.args.join(" "));
      Deno.exit(1);
    `);
    assert.deepEqual([code, lives, out.trim()], [1, 2, "start --port=1"]);
    assert.match(said, /THE PROCESS CRASHED \(SIGABRT\): it is started again in 1 s/);
  },
});

Deno.test({
  name: "keep: what ends by itself is not started again",
  ignore: !granted,
  async fn() {
    for (const code of [0, 1, 2]) {
      const ended = await kept(`Deno.exit(${code});`);
      assert.deepEqual([ended.code, ended.lives, ended.said], [code, 1, ""]);
    }
  },
});

Deno.test({
  name: "keep: told to end, it lets the command end in order, and leaves nothing",
  ignore: !granted,
  async fn() {
    const program = `
      Deno.addSignalListener("SIGTERM", () => { console.log("in order"); Deno.exit(0); });
      console.log("up");
      // Its listener is there.
      Deno.writeTextFileSync(marks, "y", { append: true });
      setInterval(() => {}, 1_000);
    `;
    const ended = await kept(program, async (keeper, lives) => {
      await until("the program", () => lives() === 2 || undefined);
      keeper.kill("SIGTERM");
    });
    assert.deepEqual([ended.code, ended.lives, ended.out.trim()], [0, 2, "up\nin order"]);
  },
});
