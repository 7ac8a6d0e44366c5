/**
 * The launcher with real child processes that fail.
 */

import assert from "node:assert/strict";
import { child, isAlive, launcherTest } from "./_trial.ts";

let flag = "";

launcherTest(
  "a crash loop: at once, then later and later, then left alone, and well again",
  () => {
    flag = Deno.makeTempFileSync({ prefix: "tidegate-launcher-" });
    return {
      ...child("crashes while", flag),
      limits: { firstPauseMs: 40, longestPauseMs: 40, openAfter: 4, openMs: 300, wellAfterMs: 0 },
    };
  },
  async (trial) => {
    const { launcher } = trial;
    try {
      launcher.want(1);
      await trial.untilState(0, "open");
      assert.deepEqual(
        trial.states,
        ["starting", "backing off", "starting", "backing off", "starting", "open"],
      );
      assert.deepEqual(
        trial.exits.map(({ identity }) => identity),
        [1, 2, 3, 4].map((life) => `test-worker-0.${life}`),
      );
      assert.ok(trial.exits.every(({ expected }) => !expected));
      const { restarts, problem, pid } = launcher.slots[0] ?? {};
      assert.deepEqual({ restarts, problem, pid }, {
        restarts: 3,
        problem: "ended (exit 3)",
        pid: null,
      });
      const lines = trial.said.map((line) => line.replace(/\d\.\d s/, "N s"));
      assert.deepEqual(lines, [
        "worker 0: it went wrong",
        "worker 0 ended (exit 3), is started again",
        "worker 0: it went wrong",
        "worker 0 ended (exit 3), is started again in N s",
        "worker 0: it went wrong",
        "worker 0 ended (exit 3), is started again in N s",
        "worker 0: it went wrong",
        "worker 0 ended (exit 3), is left alone for N s after 4 failures in a row",
      ]);
    } finally {
      await Deno.remove(flag);
    }
    await trial.untilReady(1);
    assert.equal(launcher.slots[0]?.problem, null);

    // It is well: the next failure is a first one.
    Deno.kill(launcher.slots[0]?.pid ?? 0, "SIGKILL");
    await trial.until("its end", () => trial.exits.length === 5);
    await trial.untilReady(1);
    assert.ok(trial.said.includes("worker 0 ended (SIGKILL), is started again"), `${trial.said}`);
  },
);

launcherTest(
  "a worker that does not heed SIGTERM is killed after the grace",
  () => ({ ...child("deaf"), limits: { graceMs: 200 } }),
  async (trial) => {
    const { launcher } = trial;
    launcher.want(1);
    await trial.untilReady(1);
    launcher.want(0);
    await trial.untilReady(0);
    assert.deepEqual(trial.exits, [{ identity: "test-worker-0.1", expected: false }]);
    assert.deepEqual(trial.said.slice(-2), [
      "worker 0 is killed: told to end and has not",
      "worker 0 ended (SIGKILL)",
    ]);
    assert.ok((launcher.times.drainMs ?? 0) >= 200);
    assert.deepEqual(trial.states, ["starting", "ready", "draining", "absent"]);
  },
);

launcherTest(
  "a worker that does not get ready is killed and counts as failed",
  () => ({ ...child("silent"), limits: { readyWithinMs: 300, openAfter: 2, openMs: 60_000 } }),
  async (trial) => {
    trial.launcher.want(1);
    await trial.untilState(0, "open");
    assert.equal(trial.pids.size, 2);
    assert.ok(trial.exits.every(({ expected }) => !expected));
    assert.equal(trial.launcher.slots[0]?.problem, "not ready within 0.3 s");
    assert.ok(trial.said.includes("worker 0 is killed: not ready within 0.3 s"), `${trial.said}`);
    assert.equal(trial.launcher.times.startupMs, null);
  },
);

launcherTest(
  "a worker that prints all kinds of bytes gets ready, and what people see is text",
  () => child("garbage"),
  async (trial) => {
    trial.launcher.want(1);
    await trial.untilReady(1);
    // The colour of both outputs; and they are printed in order.
    const lines = () => trial.said.filter((line) => line === "worker 0: not ready").length;
    await trial.until("all that it printed", () => lines() === 2);
    assert.equal(trial.said.filter((line) => line === "worker 0: red").length, 2);
    assert.ok(trial.said.every((line) => line.length < 9_000 && !/\p{Cc}/u.test(line)));
    const xs = trial.said.join("").match(/x/g) ?? [];
    assert.equal(xs.length, 200_000, "cut, but not lost");
  },
);

launcherTest(
  "a worker that does not read its settings can be ended",
  () => ({ ...child("unreading"), input: "x".repeat(1_000_000) }),
  async (trial) => {
    trial.launcher.want(1);
    await trial.untilReady(1);
    trial.launcher.want(0);
    await trial.untilReady(0);
    assert.equal(trial.exits[0]?.expected, true);
  },
);

launcherTest(
  "the end of a worker is noticed although a process of its own holds its outputs open",
  () => ({
    command: "sh",
    args: ["-c", "sleep 60 & echo $! >&2; exit 1"],
    limits: { openAfter: 1, openMs: 60_000 },
  }),
  async (trial) => {
    trial.launcher.want(1);
    await trial.untilState(0, "open");
    const left = Number(/^worker 0: (\d+)$/.exec(trial.said[0] ?? "")?.[1]);
    assert.equal(await isAlive(left), true);
    Deno.kill(left, "SIGKILL");
  },
);

for (
  const [what, command, problem] of [
    ["is missing", "/nowhere/at/all", /^can't be started: .*'\/nowhere\/at\/all'.*No such file/],
    ["is no program", "/etc/passwd", /^can't be started: .*'\/etc\/passwd'.*[Pp]ermission denied/],
  ] as const
) {
  launcherTest(
    `a program that ${what}: said clearly, no crash loop`,
    () => ({ command, limits: { openMs: 300 } }),
    async (trial) => {
      const { launcher } = trial;
      const startedMs = performance.now();
      launcher.want(1);
      assert.equal(launcher.slots[0]?.state, "open", "at once");
      assert.match(launcher.slots[0]?.problem ?? "", problem);
      await trial.until("the next attempt", () => trial.said.length === 2);
      assert.ok(performance.now() - startedMs >= 300);
      assert.match(
        trial.said[0] ?? "",
        /^worker 0 can't be started: .*, is left alone for 0\.3 s$/,
      );
      assert.deepEqual([trial.pids.size, trial.exits.length], [0, 0]);
    },
  );
}
