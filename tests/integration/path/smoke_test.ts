/**
 * The shortest test of the whole path: broker, slices, drains, windows, results.
 */

import assert from "node:assert/strict";
import { generateRecords } from "../../../producer/generate.ts";
import { checkAgainstOracle } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";

pathTest("a bounded run of 2,000 events comes to what the oracle says", async (world) => {
  const pipeline = await world.pipeline();
  const { topic } = pipeline.plan;
  await world.phase("produce", async () => {
    await world.createTopic(topic, 2);
    const records = generateRecords(pipeline, {
      seed: 11,
      rate: 20,
      count: 2_000,
      fromMs: Date.parse("2020-02-29T23:59:00Z"),
      partitions: 2,
      disorderMs: 80_000,
      lateShare: 0.01,
      invalidShare: 0.02,
      skewedShare: 0.01,
      duplicateShare: 0.05,
    });
    assert.equal(await world.send(topic, records), 2_000);
  });
  const run = await world.phase("start", () => world.start(pipeline));
  const account = await world.phase("drain", () => run.untilDrained());
  const expected = await world.phase(
    "check",
    () => checkAgainstOracle(pipeline, { ...world, generation: run.generation, account }),
  );
  // The test would be empty without these.
  assert.equal(expected.counts.read, 2_000);
  for (const kind of ["late", "invalid", "skewed"] as const) assert.ok(expected.counts[kind] > 5);
  assert.ok(expected.rows.length > 80);
  assert.equal(account.events.lateByFloor, 0);
  await world.phase("stop", () => run.control.stop());
});
