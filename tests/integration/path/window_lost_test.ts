/**
 * A window that somebody terminates stops no partition; what it held is counted, named, and never
 * written as if it were whole. What a person decides about partitions is counted too.
 */

import assert from "node:assert/strict";
import { tumbling } from "../../../core/event_time/windows.ts";
import { student } from "../_support/events.ts";
import { resultsOf } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";

const BASE_MS = Date.parse("2021-03-01T00:00:00Z");

pathTest("a lost window is counted and named; exclude is counted", async (world) => {
  const pipeline = await world.pipeline({
    windowing: tumbling("10s"),
    delayMs: 0,
    // Nothing is to become idle by itself here.
    idleAfterMs: 3_600_000,
  });
  await world.createTopic(pipeline.plan.topic, 2);
  const run = await world.start(pipeline, { mode: "live", paceMs: 100, deliverEveryMs: 200 });
  const send = (partition: number, ...seconds: readonly number[]) =>
    world.send(
      pipeline.plan.topic,
      seconds.map((s) => ({ key: null, value: student(BASE_MS + s * 1_000), partition })),
    );

  await send(0, 1, 2);
  await send(1, 3);
  const { open: [lost] } = await run.untilView(
    "all delivered",
    ({ open }) => open.length === 1 && open[0]?.pairs === 3 && open[0].waiting === 0,
  );
  const id = run.drain.windowId(lost?.start ?? 0, 0);
  await world.client.workflow.getHandle(id).terminate("by hand");

  await world.phase("the pipeline goes on without it", async () => {
    await send(0, 4, 5, 15);
    await send(1, 25);
    const view = await run.untilView("a lost window", (seen) => seen.lost.windows === 1);
    assert.deepEqual(view.partitions.map(({ mode }) => mode), ["active", "active"]);
    assert.deepEqual(view.lost.named.map(({ code, start }) => [code, start]), [
      ["TG_WINDOW_LOST", BASE_MS],
    ]);
  });

  await world.phase("exclude", async () => {
    await send(0, 36);
    await run.untilRead(8);
    await assert.rejects(run.drain.resume(1, 2), /it is active/);
    await run.drain.exclude(1);
    // The watermark no longer waits for partition 1, which is at 25 s.
    const { partitions } = await run.untilView(
      "the watermark of partition 0",
      ({ watermark, openWindows }) => watermark === BASE_MS + 36_000 && openWindows === 1,
    );
    assert.deepEqual(partitions.map(({ mode }) => mode), ["active", "excluded"]);
    await assert.rejects(run.drain.resume(1, 1), /at or after its cursor 2/);
  });

  await world.phase("the account", async () => {
    const account = await run.account();
    assert.equal(account.ok, false);
    assert.equal(account.pairs.lost, 5);
    assert.deepEqual(account.pairs, {
      ...{ assigned: 8, closed: 2, open: 0, waiting: 1, missed: 0, lost: 5 },
      ...(account.pairs.waiting === 0 ? { open: 1, waiting: 0 } : {}),
    });
    assert.ok(account.problems.some((problem) => problem.startsWith("TG_WINDOW_LOST: window")));
    const rows = await resultsOf(pipeline);
    assert.deepEqual(
      rows.map((row) => [row.window.start, row.events]).sort(),
      [["2021-03-01T00:00:10.000Z", 1], ["2021-03-01T00:00:20.000Z", 1]],
    );
  });
});
