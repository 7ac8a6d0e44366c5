/**
 * A window that somebody terminates stops the partitions that bring it more, until a person decides.
 */

import assert from "node:assert/strict";
import { tumbling } from "../../../core/event_time/windows.ts";
import { student } from "../_support/events.ts";
import { resultsOf } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";
import { until } from "../_support/until.ts";

const BASE_MS = Date.parse("2021-03-01T00:00:00Z");

pathTest("a window lost stops the partition; resume and exclude are counted", async (world) => {
  const pipeline = await world.pipeline({
    windowing: tumbling("10s"),
    delayMs: 0,
    // Nothing is to become idle by itself here.
    idleAfterMs: 3_600_000,
  });
  await world.createTopic(pipeline.plan.topic, 2);
  const run = await world.start(pipeline, { mode: "live", paceMs: 100 });
  const send = (partition: number, ...seconds: readonly number[]) =>
    world.send(
      pipeline.plan.topic,
      seconds.map((s) => ({ key: null, value: student(BASE_MS + s * 1_000), partition })),
    );

  await send(0, 1, 2);
  await send(1, 3);
  await run.untilRead(3);
  const lost = await until("the window", async () => (await run.clock()).open[0]?.id);
  assert.equal((await run.clock()).open.length, 1);
  await world.client.workflow.getHandle(lost).terminate("by hand");

  await world.phase("the partition stops", async () => {
    await send(0, 4, 5, 15);
    const view = await run.untilStopped(0);
    assert.equal(view.stop?.code, "TG_WINDOW_LOST");
    assert.match(view.stop?.message ?? "", /2021-03-01T00:00:00\.000Z/);
    // It holds the watermark, whatever the other partition sees.
    await send(1, 25);
    await run.untilRead(7);
    assert.equal((await run.drain(1)).mode, "active");
    assert.ok(((await run.clock()).watermark ?? 0) < BASE_MS + 10_000);
    const account = await run.account();
    assert.equal(account.ok, false);
    assert.ok(account.problems.includes("partition 0 stopped: TG_WINDOW_LOST"));
  });

  await world.phase("resume", async () => {
    await assert.rejects(run.workflows.resume(run.generation, 1, 2), /it is active/);
    await assert.rejects(run.workflows.resume(run.generation, 0, 1), /at or after its cursor 5/);
    await run.workflows.resume(run.generation, 0, 5);
    await run.untilDrains("partition 0 at work", ([drain]) => drain?.mode === "active");
    const view = await run.drain(0);
    assert.deepEqual([view.stop, view.lostPairs, view.skippedOffsets], [null, 2, 0]);
  });

  await world.phase("exclude", async () => {
    await send(0, 36);
    await run.untilRead(8);
    await run.workflows.exclude(run.generation, 1);
    // The watermark no longer waits for partition 1, which is at 25 s.
    await until(
      "the watermark of partition 0",
      async () => (await run.clock()).watermark === BASE_MS + 36_000 ? true : undefined,
    );
    const { partitions } = await run.clock();
    assert.deepEqual(partitions.map(([, { mode }]) => mode), ["active", "excluded"]);
    await until(
      "the closed windows",
      async () => (await run.clock()).open.length === 1 ? true : undefined,
    );
  });

  await world.phase("the account", async () => {
    const account = await run.account();
    assert.equal(account.ok, false);
    assert.equal(account.lost, 2);
    assert.deepEqual(account.events, {
      ...{ read: 8, aggregated: 8, late: 0, lateByFloor: 0, invalid: 0, skewed: 0, filtered: 0 },
    });
    // The three pairs that the lost window had taken are missing: 15, 25 and 36 s are left.
    assert.equal(account.pairs.assigned - account.pairs.closed - account.pairs.open, 5);
    assert.ok(account.problems.some((problem) => problem.includes(`TG_WINDOW_LOST: ${lost}`)));
    const rows = await resultsOf(pipeline);
    assert.deepEqual(
      rows.map((row) => [row.window.start, row.events]).sort(),
      [["2021-03-01T00:00:10.000Z", 1], ["2021-03-01T00:00:20.000Z", 1]],
    );
  });
});
