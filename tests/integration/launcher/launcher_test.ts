/**
 * The launcher with real child processes: the ordinary course.
 */

import assert from "node:assert/strict";
import { child, launcherTest, MAY_RUN, untilGone } from "./_trial.ts";

launcherTest(
  "workers are told their settings, get ready, and leave in order",
  () => child("well"),
  async (trial) => {
    const { launcher } = trial;
    launcher.want(2);
    assert.deepEqual(launcher.slots.map(({ state }) => state), ["starting", "starting"]);
    assert.equal(launcher.desired, 2);
    await trial.untilReady(2);
    await trial.until("their words", () => trial.said.length === 2);
    assert.deepEqual(trial.said.toSorted(), [
      "worker 0: told settings as test-worker-0.1",
      "worker 1: told settings as test-worker-1.1",
    ]);
    const { slot, state, identity, restarts, problem } = launcher.slots[1] ?? {};
    assert.deepEqual({ slot, state, identity, restarts, problem }, {
      slot: 1,
      state: "ready",
      identity: "test-worker-1.1",
      restarts: 0,
      problem: null,
    });
    assert.ok((launcher.times.startupMs ?? 0) > 0);
    assert.equal(launcher.times.drainMs, null);

    launcher.want(0);
    assert.deepEqual(launcher.slots.map(({ state }) => state), ["draining", "draining"]);
    await trial.untilReady(0);
    assert.deepEqual(trial.exits.toSorted((a, b) => a.identity < b.identity ? -1 : 1), [
      { identity: "test-worker-0.1", expected: true },
      { identity: "test-worker-1.1", expected: true },
    ]);
    assert.deepEqual(launcher.slots.map(({ pid, identity }) => pid ?? identity), [null, null]);
    assert.ok((launcher.times.drainMs ?? 0) > 0);
    assert.equal(trial.said.length, 2, "an orderly end is not worth a word");
  },
);

launcherTest(
  "up, down and up again at once: the number is reached, with one process more at most",
  () => child("well"),
  async (trial) => {
    const { launcher } = trial;
    for (const desired of [3, 0, 2, 3, 1, 3]) launcher.want(desired);
    await trial.untilReady(3);
    for (const desired of [1, 3, 0, 1, 3, 2]) launcher.want(desired);
    await trial.untilReady(2);
    assert.ok(trial.most <= 4, `${trial.most} at once`);
    assert.equal(launcher.slots.reduce((sum, { restarts }) => sum + restarts, 0), 0);
  },
);

launcherTest(
  "fewer workers: the highest numbers go",
  () => child("well"),
  async (trial) => {
    trial.launcher.want(3);
    await trial.untilReady(3);
    trial.launcher.want(1);
    await trial.untilReady(1);
    assert.deepEqual(trial.launcher.slots.map(({ state }) => state), ["ready", "absent", "absent"]);
  },
);

launcherTest(
  "a worker that is replaced has another one started beside it at once",
  () => ({ ...child("deaf"), limits: { replaceGraceMs: 100, graceMs: 100 } }),
  async (trial) => {
    const { launcher } = trial;
    assert.equal(launcher.replace(0), false, "there is none");
    launcher.want(1);
    await trial.untilReady(1);
    assert.equal(launcher.replace(0), true);
    assert.deepEqual(launcher.slots.map(({ state }) => state), ["draining", "starting"]);
    assert.equal(launcher.replace(0), false, "it is being replaced");
    await trial.untilReady(1);
    assert.deepEqual(launcher.slots.map(({ state }) => state), ["absent", "ready"]);
    assert.deepEqual(trial.exits, [{ identity: "test-worker-0.1", expected: false }]);
  },
);

launcherTest("stopped while workers start, none is left", () => child("well"), async (trial) => {
  trial.launcher.want(3);
  const stopped = trial.launcher.stop();
  assert.equal(trial.launcher.stop(), stopped, "twice is once");
  await stopped;
  trial.launcher.want(2);
  assert.deepEqual(trial.launcher.slots.map(({ state }) => state), ["absent", "absent", "absent"]);
  assert.equal(trial.pids.size, 3);
});

const handedOver = Promise.withResolvers<void>();

launcherTest(
  "stop waits for what the end of a worker has set off",
  () => ({ ...child("well"), onExit: () => handedOver.promise }),
  async (trial) => {
    trial.launcher.want(1);
    let isStopped = false;
    const stopped = trial.launcher.stop().then(() => isStopped = true);
    await trial.untilReady(0);
    await untilGone(trial.pids);
    assert.equal(isStopped, false);
    handedOver.resolve();
    await stopped;
  },
);

let wantMore: () => void = () => undefined;

launcherTest(
  "stopped from within, no more workers are started",
  () => ({ ...child("well"), onChange: () => wantMore() }),
  async (trial) => {
    const { launcher } = trial;
    launcher.want(1);
    wantMore = () => launcher.want(3);
    await launcher.stop();
    assert.deepEqual(launcher.slots.map(({ state }) => state), ["absent"]);
  },
);

launcherTest(
  "stop does not wait for ever for what the end of a worker has set off",
  () => ({ ...child("well"), onExit: () => new Promise(() => undefined) }),
  async (trial) => {
    trial.launcher.want(1);
    await trial.launcher.stop();
    assert.equal(trial.exits.length, 1);
  },
);

launcherTest(
  "what fails when a worker's end is dealt with is told",
  () => ({ ...child("well"), onExit: () => Promise.reject(new Error("no connection")) }),
  async (trial) => {
    trial.launcher.want(1);
    await trial.launcher.stop();
    assert.ok(
      trial.said.includes("the end of test-worker-0.1 was not dealt with: no connection"),
      `${trial.said}`,
    );
  },
);

launcherTest("no number of workers: refused", () => child("well"), ({ launcher }) => {
  for (const count of [-1, 0.5, NaN, Infinity]) {
    assert.throws(() => launcher.want(count), {
      name: "RangeError",
      message: `Cannot want workers: their number must be a whole number from 0 on, got ${count}`,
    });
  }
  return Promise.resolve();
});

for (const manner of ["well", "deaf"]) {
  Deno.test({
    name: `launcher: its process killed with SIGKILL, the workers end (${manner})`,
    ignore: !MAY_RUN,
    async fn() {
      const parent = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--quiet",
          "-A",
          "--no-check",
          new URL("_parent_main.ts", import.meta.url).href,
          manner,
        ],
        stdout: "piped",
      }).spawn();
      const lines = parent.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const { value } = await lines.read();
      const pids: unknown = JSON.parse(value ?? "");
      assert.ok(Array.isArray(pids) && pids.length === 3, `${value}`);
      parent.kill("SIGKILL");
      await parent.status;
      await untilGone(pids);
      await lines.cancel();
    },
  });
}
