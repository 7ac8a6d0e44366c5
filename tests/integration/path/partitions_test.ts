/**
 * A topic gets more partitions while its pipeline is live.
 */

import assert from "node:assert/strict";
import { tumbling } from "../../../core/event_time/windows.ts";
import { student } from "../_support/events.ts";
import { pathTest } from "../_support/path_tests.ts";
import { until } from "../_support/until.ts";

const BASE_MS = Date.parse("2021-03-01T00:00:00Z");

pathTest(
  "partitions added while live are found and drained from their beginning",
  async (world) => {
    const pipeline = await world.pipeline({
      windowing: tumbling("10s"),
      delayMs: 0,
      idleAfterMs: 3_600_000,
    });
    const { topic } = pipeline.plan;
    await world.createTopic(topic, 2);
    const run = await world.start(pipeline, { mode: "live", paceMs: 100 });
    const send = (partition: number, ...seconds: readonly number[]) =>
      world.send(
        topic,
        seconds.map((s) => ({ key: null, value: student(BASE_MS + s * 1_000), partition })),
      );
    await send(0, 1, 12);
    await send(1, 2, 13);
    await run.untilRead(4);

    await world.admin.addPartitions(topic, 4);
    // The records are there before the partitions are found: none of them may be skipped.
    await send(2, 3, 14);
    await send(3, 11, 15);
    const { partitions: drains } = await world.phase("found", () => run.untilRead(8));
    assert.deepEqual(drains.map(({ partition, cursor }) => [partition, cursor]), [
      ...[[0, 2], [1, 2], [2, 2], [3, 2]],
    ]);
    // The watermark was 12 s when they joined, so the event of 3 s is late by the floor alone.
    assert.deepEqual(
      drains.map(({ totals }) => [totals.aggregated, totals.lateByFloor]),
      [[2, 0], [2, 0], [1, 1], [2, 0]],
    );
    assert.deepEqual(drains.map(({ partition, mode }) => [partition, mode]), [
      ...[[0, "active"], [1, "active"], [2, "active"], [3, "active"]],
    ]);

    // From now on they hold the watermark like all others.
    await Promise.all([0, 1, 2].map((partition) => send(partition, 40)));
    const { watermark } = await until("the events of the others", async () => {
      const view = await run.view();
      const told = view.partitions.filter((p) => p.maxEventTime === BASE_MS + 40_000);
      return told.length === 3 ? view : undefined;
    });
    assert.ok(watermark !== null && watermark < BASE_MS + 20_000);
    await send(3, 40);
    await run.untilRead(12);
    const account = await run.account();
    assert.equal(account.ok, true, account.problems.join("\n"));
    assert.equal(account.events.lateByFloor, 1);
    await run.control.stop();

    // A start knows them too.
    const again = await world.start(pipeline);
    const { events } = await again.untilDrained();
    assert.deepEqual([events.read, events.aggregated, events.late], [12, 11, 1]);
  },
);
