/**
 * `deno task test` itself: counts, exit codes, and what happens when it is told to stop.
 */

import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const granted = (["read", "write", "run", "env"] as const)
  .every((name) => Deno.permissions.querySync({ name }).state === "granted");

/** Starts the script as the task does. */
function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      "--allow-write",
      "--allow-env",
      "--allow-run",
      "scripts/test_all.ts",
      ...args,
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function run(args: readonly string[]) {
  const { code, stdout } = await start(args).output();
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  return { code, last: lines.at(-1) ?? "" };
}

/** Runs `body` with a test file of its own. */
async function withTestFile(source: string, body: (path: string) => Promise<void>) {
  const folder = Deno.makeTempDirSync({ prefix: "tidegate-test-" });
  try {
    const path = `${folder}/made_test.ts`;
    Deno.writeTextFileSync(path, source);
    await body(path);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test({
  name: "deno task test counts passed, failed and skipped tests in its last line",
  ignore: !granted,
  async fn() {
    const source = `
      Deno.test("one", () => {});
      Deno.test("two", () => { throw new Error("ok | 9 passed | 0 failed (1ms)"); });
      Deno.test({ name: "three", ignore: true, fn() {} });
    `;
    await withTestFile(source, async (path) => {
      assert.deepEqual(await run([path]), { code: 1, last: "1 passed, 1 failed, 1 skipped" });
      assert.deepEqual(await run([path, "--filter", "one"]), {
        code: 0,
        last: "1 passed, 0 failed",
      });
      assert.deepEqual(await run([path, "--filter", "none such"]), {
        code: 1,
        last: "0 passed, 0 failed",
      });
    });
  },
});

Deno.test({
  name: "deno task test counts a run that could not start as failed",
  ignore: !granted,
  async fn() {
    assert.deepEqual(await run(["tests/absent_test.ts"]), { code: 1, last: "0 passed, 1 failed" });
    await withTestFile("throw new Error();", async (path) => {
      assert.deepEqual(await run([path]), { code: 1, last: "0 passed, 1 failed" });
    });
  },
});

Deno.test({
  name: "deno task test exits with 2 on wrong use",
  ignore: !granted,
  async fn() {
    assert.equal((await run(["--only", "chaos"])).code, 2);
    assert.equal((await run(["--help"])).code, 0);
  },
});

Deno.test({
  name: "deno task test stops its tests when told to, and says that they failed",
  ignore: !granted,
  async fn() {
    const source = `
      Deno.test({
        name: "endless",
        async fn() {
          console.log("pid=" + Deno.pid);
          await new Promise((resolve) => setTimeout(resolve, 600_000));
        },
      });
    `;
    await withTestFile(source, async (path) => {
      const child = start([path]);
      const errors = child.stderr.cancel();
      let output = "";
      let pid = 0;
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        output += text;
        const told = /pid=(\d+)\n/.exec(output)?.[1];
        if (told !== undefined && pid === 0) {
          pid = Number(told);
          child.kill("SIGTERM");
        }
      }
      await errors;
      assert.equal((await child.status).code, 1);
      assert.equal(output.trimEnd().split("\n").at(-1), "0 passed, 1 failed");
      assert.throws(() => Deno.kill(pid, "SIGCONT"), "the tests' process must be gone");
    });
  },
});

Deno.test({
  name: "deno task test runs tests once more in whose middle the runtime crashed, and says so",
  ignore: !granted,
  async fn() {
    const folder = new URL("tests/integration/_support/", ROOT);
    const name = `made_${crypto.randomUUID().slice(0, 8)}`;
    const file = new URL(`${name}_test.ts`, folder);
    const marks = new URL(`${name}.txt`, folder);
    const crashing = (times: number) => `
      Deno.test("it", () => {
        const marks = new URL("${marks}");
        let before = "";
        try { before = Deno.readTextFileSync(marks); } catch { /* the first time */ }
        Deno.writeTextFileSync(marks, before + "x");
        if (before.length < ${times}) Deno.kill(Deno.pid, "SIGABRT");
      });
    `;
    // The servers are not asked.
    const env = { TIDEGATE_TEST_BROKER: "none", TIDEGATE_TEST_TEMPORAL: "none" };
    try {
      for (const [times, last] of [[1, "1 passed, 0 failed"], [2, "0 passed, 1 failed"]] as const) {
        Deno.writeTextFileSync(file, crashing(times));
        const { stdout, stderr } = await start([file.pathname.slice(ROOT.pathname.length)], env)
          .output();
        const text = new TextDecoder();
        assert.equal(text.decode(stdout).trimEnd().split("\n").at(-1), last);
        assert.match(text.decode(stderr), /THE RUNTIME CRASHED \(SIGABRT\) in tests\/integration/);
        Deno.removeSync(marks);
      }
    } finally {
      Deno.removeSync(file);
    }
  },
});
