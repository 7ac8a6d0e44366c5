/**
 * A backlog in which one partition is hours behind the others.
 */

import assert from "node:assert/strict";
import type { OutRecord } from "../../../adapters/kafka/log.ts";
import { tumbling } from "../../../core/event_time/windows.ts";
import { randomNumbers, student } from "../_support/events.ts";
import { checkAgainstOracle } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";
import { until } from "../_support/until.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = Date.parse("2020-06-01T12:00:00Z");
const EVENTS = 16_000;
/** How far back each partition's events begin; all end at the same time. */
const HOURS = [4, 2, 2];
/** A partition may be ahead by what one sweep brings more. */
const SLICE_MS = 75 * 60_000;

function* events(): Generator<OutRecord> {
  const random = randomNumbers(5);
  for (const [partition, hours] of HOURS.entries()) {
    for (let i = 0; i < EVENTS; i++) {
      const backMs = hours * HOUR_MS * (1 - i / EVENTS) + random() ** 8 * 4 * 60_000;
      const course = `CS-${Math.floor(random() * 4)}`;
      const value = student(Math.floor(NOW_MS - backMs), {
        course,
        lines: Math.floor(random() * 9),
      });
      yield { key: null, value, partition };
    }
  }
}

pathTest(
  "of a skewed backlog nothing is dropped, and maxDrift holds those ahead",
  async (world) => {
    const pipeline = await world.pipeline({
      windowing: tumbling("1m"),
      maxDriftMs: HOUR_MS / 2,
    });
    const { topic, maxDriftMs, delayMs } = pipeline.plan;
    await world.createTopic(topic, HOURS.length);
    await world.send(topic, events());
    // Sweeps so short that the slow partition needs many of them.
    const run = await world.start(pipeline, { workers: 2, sliceMs: 1 });

    await world.phase("a partition is held", async () => {
      let held = false;
      await until("a held partition, and the end", async () => {
        const { partitions, watermark, held: back } = await run.view();
        const [behind, ...ahead] = partitions;
        for (const { partition, maxEventTime, lastSweep } of ahead) {
          // Before each has had an event, nobody is ahead of anybody.
          if (maxEventTime === null || watermark === null) continue;
          const aheadMs = maxEventTime - delayMs - watermark;
          // Its first sweep is folded before anything is known of the others.
          const allowed = lastSweep <= HOURS.length || aheadMs <= maxDriftMs + SLICE_MS;
          assert.ok(allowed, `partition ${partition} is ${aheadMs / HOUR_MS} h ahead`);
        }
        held ||= back.some(([, by]) => by === "drift");
        return behind?.mode === "parked" ? true : undefined;
      }, { withinMs: 120_000, everyMs: 10 });
      assert.ok(held, "no partition was held");
    });

    const account = await world.phase("drain", () => run.untilDrained());
    const { counts } = await world.phase(
      "check",
      () => checkAgainstOracle(pipeline, { ...world, generation: run.generation, account }),
    );
    assert.equal(counts.read, EVENTS * HOURS.length);
    assert.ok(counts.late > 0);
    assert.equal(account.events.lateByFloor, 0);
  },
);
