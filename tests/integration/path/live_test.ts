/**
 * Live: idle partitions leave the minimum, the last windows close by themselves, and what comes too
 * late for the floor is counted.
 */

import assert from "node:assert/strict";
import { tumbling } from "../../../core/event_time/windows.ts";
import { student } from "../_support/events.ts";
import { resultsOf } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";
import { sideRecords } from "../_support/side_records.ts";
import { until } from "../_support/until.ts";

const BASE_MS = Date.parse("2021-03-01T00:00:00Z");
const IDLE_MS = 2_000;
const DELAY_MS = 1_500;

pathTest("idle partitions, the run-on of the last windows, late by the floor", async (world) => {
  const pipeline = await world.pipeline({
    windowing: tumbling("2s"),
    delayMs: DELAY_MS,
    idleAfterMs: IDLE_MS,
  });
  const { topic, lateTopic } = pipeline.plan;
  await world.createTopic(topic, 2);
  const run = await world.start(pipeline, { mode: "live", paceMs: 100 });
  const send = (partition: number, ...times: readonly number[]) =>
    world.send(topic, times.map((ms) => ({ key: null, value: student(BASE_MS + ms), partition })));

  await world.phase("the windows of a pipeline that falls silent close", async () => {
    // The largest is 3.1 s: the watermark stays at 1.6 s, and [2 s, 4 s) is 2.4 s ahead of it.
    const sentMs = Date.now();
    await send(0, 100, 1_900, 3_100);
    await run.untilRead(3);
    await run.untilClosed();
    const rows = await resultsOf(pipeline);
    assert.deepEqual(rows.map((row) => row.events).sort(), [1, 2]);
    const last = rows.find((row) => row.events === 1);
    const aheadMs = 4_000 - (3_100 - DELAY_MS);
    const tookMs = Date.parse(last?.emittedAt ?? "") - sentMs;
    // Never faster than the wall clock, from the moment on at which the partition was idle.
    assert.ok(tookMs >= IDLE_MS + aheadMs, `closed after ${tookMs} ms`);
    assert.equal(last?.watermark, new Date(BASE_MS + 4_000).toISOString());
    const { partitions, watermark } = await run.view();
    assert.deepEqual(partitions.map(({ mode }) => mode), ["idle", "idle"]);
    assert.equal(watermark, BASE_MS + 4_000);
  });

  await world.phase("a partition that comes back has the watermark as its floor", async () => {
    // 3.9 s belongs to a closed window, 4.1 s doesn't. By its own events alone, neither is late.
    await send(1, 3_900, 4_100);
    await run.untilRead(5);
    const view = await run.partition(1);
    assert.deepEqual(
      [view.totals.aggregated, view.totals.late, view.totals.lateByFloor],
      [1, 1, 1],
    );
    const late = await sideRecords(world.reader, lateTopic);
    assert.deepEqual([...late.keys()], [`${topic}/1/0`]);
    const record = late.get(`${topic}/1/0`);
    assert.equal(record?.reason, "late");
    assert.equal(record?.watermark, new Date(BASE_MS + 4_000).toISOString());
    assert.deepEqual(record?.windows, [{
      start: new Date(BASE_MS + 2_000).toISOString(),
      end: new Date(BASE_MS + 4_000).toISOString(),
    }]);
  });

  await world.phase("one active partition goes on without the idle ones", async () => {
    // By its own events, partition 0 lets [4 s, 6 s) close; partition 1 is at 4 s until it is idle.
    let ms = 7_500;
    const clock = await until("the watermark of partition 0", async () => {
      await send(0, ms += 10);
      const seen = await run.view();
      return (seen.watermark ?? 0) >= BASE_MS + 6_000 ? seen : undefined;
    }, { everyMs: 200 });
    assert.deepEqual(clock.partitions.map(({ mode }) => mode), ["active", "idle"]);
    await run.untilClosed();
  });

  const account = await run.account();
  assert.equal(account.ok, true, account.problems.join("\n"));
  assert.equal(account.events.lateByFloor, 1);
  assert.equal(account.events.aggregated + 1, account.events.read);
  const rows = await resultsOf(pipeline);
  assert.equal(rows.reduce((sum, row) => sum + row.events, 0), account.events.aggregated);
});
