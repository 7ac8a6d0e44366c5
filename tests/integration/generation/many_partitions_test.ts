/**
 * Many partitions at once, which several workers share: the whole path, against the oracle; also
 * where workers and the control process die on the way.
 */

import assert from "node:assert/strict";
import { generateRecords } from "../../../producer/generate.ts";
import { checkAgainstOracle } from "../_support/oracle.ts";
import { pathTest, type PathWorld } from "../_support/path_tests.ts";
import type { TestPipeline } from "../_support/test_pipeline.ts";
import { killHolder } from "../_support/workers.ts";

const PARTITIONS = 64;
const EVENTS = 20_000;

/** A pipeline whose topic has records in all of its partitions. */
async function filled(world: PathWorld): Promise<TestPipeline> {
  const pipeline = await world.pipeline();
  const { topic } = pipeline.plan;
  await world.createTopic(topic, PARTITIONS);
  await world.send(
    topic,
    generateRecords(pipeline, {
      seed: 11,
      rate: 200,
      count: EVENTS,
      fromMs: Date.parse("2020-02-29T23:59:00Z"),
      partitions: PARTITIONS,
      disorderMs: 80_000,
      lateShare: 0.01,
      invalidShare: 0.02,
      skewedShare: 0.01,
      duplicateShare: 0.05,
    }),
  );
  return pipeline;
}

pathTest("64 partitions and two workers come to what the oracle says", async (world) => {
  const pipeline = await filled(world);
  const run = await world.phase("start", () => world.start(pipeline, { workers: 2 }));
  const account = await world.phase("drain", () => run.untilDrained());
  const expected = await world.phase(
    "check",
    () => checkAgainstOracle(pipeline, { ...world, generation: run.generation, account }),
  );
  assert.equal(expected.counts.read, EVENTS);
  assert.ok(expected.rows.length > 80 && expected.counts.late > 5);
  assert.equal(account.events.lateByFloor, 0);
  const read = (await run.view()).partitions.filter(({ cursor }) => cursor > 0);
  assert.ok(read.length >= PARTITIONS / 2, `${read.length} partitions had records`);
});

pathTest("64 partitions come to the same when everybody dies on the way", async (world) => {
  const pipeline = await filled(world);
  // Sweeps so short that there are many.
  const options = { workers: 2, sliceMs: 5 };
  const first = await world.start(pipeline, options);
  await world.phase("a worker dies", () => killHolder(world.client, first));
  await first.untilRead(EVENTS / 3);
  await world.phase("the control process dies", () => first.control.kill());
  const second = await world.phase("another one", () => world.start(pipeline, options));
  assert.equal(second.generation, first.generation);
  const account = await world.phase("drain", () => second.untilDrained());
  const { generation } = second;
  const { counts } = await checkAgainstOracle(pipeline, { ...world, generation, account });
  assert.equal(counts.read, EVENTS);
});
