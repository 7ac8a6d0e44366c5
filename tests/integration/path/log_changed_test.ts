/**
 * The log changes under a pipeline that does not run: records are deleted, or the topic is made
 * anew. The partition stops, and nothing is skipped or read in silence.
 */

import assert from "node:assert/strict";
import type { OutRecord } from "../../../adapters/log.ts";
import { student } from "../_support/events.ts";
import { checkAgainstOracle, countsOf, expectedOf } from "../_support/oracle.ts";
import { pathTest, type PathWorld } from "../_support/path_tests.ts";
import type { TestPipeline } from "../_support/test_pipeline.ts";
import { until } from "../_support/until.ts";

const BASE_MS = Date.parse("2021-03-01T00:00:00Z");

/** Events a second apart, of one course. */
function* events(from: number, to: number, course = "CS-101"): Generator<OutRecord> {
  for (let i = from; i < to; i++) {
    yield { key: null, value: student(BASE_MS + i * 1_000, { course }), partition: 0 };
  }
}

async function drainOnce(world: PathWorld, pipeline: TestPipeline): Promise<void> {
  const run = await world.start(pipeline);
  await run.untilResting();
  await run.control.stop();
}

pathTest("records deleted before the cursor was there: TG_OFFSET_GONE", async (world) => {
  const pipeline = await world.pipeline();
  const { topic } = pipeline.plan;
  await world.createTopic(topic, 1);
  await world.send(topic, events(0, 100));
  await drainOnce(world, pipeline);
  await world.send(topic, events(100, 200));
  await world.admin.deleteRecords(topic, 0, 130);

  const run = await world.start(pipeline, { mode: "live" });
  const view = await run.untilStopped(0);
  assert.equal(view.stop?.code, "TG_OFFSET_GONE");
  assert.equal(view.cursor, 100);
  assert.deepEqual((await run.account()).problems, ["partition 0 stopped: TG_OFFSET_GONE"]);

  const { start } = await world.reader.offsets(topic, 0);
  assert.equal(start, 130);
  await run.workflows.resume(run.generation, 0, start);
  await run.untilRead(170);
  assert.equal((await run.drain(0)).skippedOffsets, 30);
  const account = await run.account();
  assert.equal(account.skippedOffsets, 30);
  assert.deepEqual(account.problems, ["partition 0: 30 offsets skipped"]);
  assert.equal(account.events.aggregated, 170);
  assert.equal(account.pairs.closed + account.pairs.open, 170);
});

for (
  const { title, before, after } of [
    { title: "with fewer records", before: 100, after: 20 },
    { title: "with as many records", before: 100, after: 100 },
    { title: "with more records", before: 100, after: 300 },
  ]
) {
  pathTest(`a topic made anew ${title} stops the partition`, async (world) => {
    const pipeline = await world.pipeline();
    const { topic } = pipeline.plan;
    await world.createTopic(topic, 1);
    await world.send(topic, events(0, before));
    await drainOnce(world, pipeline);
    await makeAnew(world, topic);
    await world.send(topic, events(0, after, "CS-999"));

    const run = await world.start(pipeline, { mode: "live" });
    const view = await run.untilStopped(0);
    assert.match(view.stop?.code ?? "", /^TG_(?:TOPIC_RECREATED|OFFSET_GONE)$/);
    assert.equal(view.cursor, before);
    assert.equal(view.totals.read, before);
    await run.control.stop();

    // A new generation begins anew, with the new topic.
    const anew = await world.start(pipeline, { newGeneration: true });
    assert.equal(anew.generation, 2);
    const account = await anew.untilDrained();
    await checkAgainstOracle(pipeline, { ...world, generation: 2, account });
  });
}

pathTest("a topic made anew in the middle of a backlog stops the partition", async (world) => {
  const pipeline = await world.pipeline();
  const { topic } = pipeline.plan;
  await world.createTopic(topic, 1);
  await world.send(topic, events(0, 10_000));
  // A slice ends at 64 windows of 10 s, so that there are many, and the worker can be stopped.
  const first = await world.start(pipeline);
  await first.untilRead(1);
  await first.control.workers(0);
  await until("no worker", async () =>
    (await first.control.slots()).every((slot) => slot.state === "absent") ? true : undefined);
  await first.control.stop();
  await makeAnew(world, topic);
  await world.send(topic, events(0, 20_000, "CS-999"));

  const run = await world.start(pipeline, { mode: "live" });
  const view = await run.untilStopped(0);
  assert.match(view.stop?.code ?? "", /^TG_(?:TOPIC_RECREATED|OFFSET_GONE)$/);
  assert.ok(view.totals.read < 10_000, "the backlog was drained before the topic was made anew");
  const expected = await expectedOf(pipeline);
  assert.notDeepEqual(countsOf(await run.account()), expected.counts);
});

async function makeAnew(world: PathWorld, topic: string): Promise<void> {
  const old = await world.reader.describe(topic);
  await world.admin.deleteTopics([topic]);
  await until("the end of the topic", async () =>
    await world.reader.describe(topic) === null ? true : undefined);
  await world.createTopic(topic, 1);
  const now = await world.reader.describe(topic);
  assert.notEqual(now?.topicId, old?.topicId);
}
