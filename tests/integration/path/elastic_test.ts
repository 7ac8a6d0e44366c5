/**
 * The fleet follows the load: from nothing to what is needed with the first record, and back; a
 * worker that does not get on is replaced.
 */

import assert from "node:assert/strict";
import { tumbling } from "../../../core/event_time/windows.ts";
import { student } from "../_support/events.ts";
import { checkAgainstOracle, resultsOf } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";
import type { Run } from "../_support/run.ts";
import { until } from "../_support/until.ts";

const BASE_MS = Date.parse("2021-03-01T00:00:00Z");

async function untilNoWorker(run: Run): Promise<void> {
  await until("no worker", async () => {
    const slots = await run.control.slots();
    return slots.every(({ state }) => state === "absent") || undefined;
  }, { withinMs: 90_000, seen: () => run.control.said });
}

pathTest(
  "from zero with the first record, and back; windows close without workers",
  async (world) => {
    const pipeline = await world.pipeline({
      windowing: tumbling("2s"),
      delayMs: 500,
      idleAfterMs: 1_000,
    });
    const { topic } = pipeline.plan;
    await world.createTopic(topic, 2);
    const fleet = { min: 0, max: 4, workers: null, idleToZeroMs: 1_000 };
    const run = await world.start(pipeline, { mode: "live", fleet, paceMs: 100 });
    const send = (partition: number, ms: number) =>
      world.send(topic, [{ key: null, value: student(BASE_MS + ms), partition }]);
    assert.deepEqual(await run.control.slots(), []);

    await world.phase("the first record is folded", async () => {
      await send(0, 100);
      await run.untilRead(1);
      const { fleet } = await run.workflows.supervisor();
      assert.deepEqual(fleet.decisions.map(({ code, desired }) => [code, desired]), [["wake", 1]]);
    });
    await world.phase("the last worker leaves", () => untilNoWorker(run));
    await world.phase("the window closes all the same", async () => {
      await run.untilClosed();
      assert.deepEqual((await resultsOf(pipeline)).map(({ events }) => events), [1]);
      assert.ok((await run.control.slots()).every(({ state }) => state === "absent"));
    });
    await world.phase("another record, another worker", async () => {
      await send(1, 9_000);
      await run.untilRead(2);
      await run.untilClosed();
      await untilNoWorker(run);
    });
    const { fleet: seen } = await run.workflows.supervisor();
    assert.deepEqual(
      seen.decisions.filter(({ desired, previous }) => desired !== previous)
        .map(({ code, desired }) => [code, desired]),
      [["wake", 1], ["to-zero", 0], ["wake", 1], ["to-zero", 0]],
    );
    const account = await run.account();
    await checkAgainstOracle(pipeline, { ...world, generation: run.generation, account });
  },
);

pathTest("a worker that does nothing is replaced", async (world) => {
  const pipeline = await world.pipeline({ windowing: tumbling("2s"), delayMs: 500 });
  const { topic } = pipeline.plan;
  await world.createTopic(topic, 1);
  const run = await world.start(pipeline, { mode: "live", paceMs: 100 });
  const send = (ms: number) => world.send(topic, [{ key: null, value: student(BASE_MS + ms) }]);
  await send(100);
  await run.untilRead(1);
  const [first] = await run.control.slots();
  assert.ok(first?.pid);
  Deno.kill(first.pid, "SIGSTOP");
  try {
    await send(200);
    await world.phase("the record is folded by another one", () => run.untilRead(2));
    const slots = await run.control.slots();
    assert.ok(slots.some(({ state, pid }) => state === "ready" && pid !== first.pid));
    assert.ok(run.control.said.some((line) => line.includes("is replaced")));
  } finally {
    try {
      Deno.kill(first.pid, "SIGCONT");
    } catch {
      // It was killed, as it should be.
    }
  }
});
