/**
 * Many partitions at once, which several workers share: the whole path, against the oracle.
 */

import assert from "node:assert/strict";
import { generateRecords } from "../../../producer/generate.ts";
import { checkAgainstOracle } from "../_support/oracle.ts";
import { pathTest } from "../_support/path_tests.ts";

const PARTITIONS = 64;
const EVENTS = 20_000;

pathTest("64 partitions and two workers come to what the oracle says", async (world) => {
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
