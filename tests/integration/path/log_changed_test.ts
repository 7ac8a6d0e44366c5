/**
 * The log changes under a pipeline: records are deleted, or the topic is made anew. The partition
 * stops, and nothing is skipped or read in silence.
 */

import assert from "node:assert/strict";
import type { OutRecord } from "../../../adapters/kafka/log.ts";
import type { DrainPartition } from "../../../core/flow/dealing.ts";
import { student } from "../_support/events.ts";
import { checkAgainstOracle } from "../_support/oracle.ts";
import { pathTest, type PathWorld } from "../_support/path_tests.ts";
import { ControlFailure } from "../_support/test_control.ts";
import type { TestPipeline } from "../_support/test_pipeline.ts";
import { until } from "../_support/until.ts";

const BASE_MS = Date.parse("2021-03-01T00:00:00Z");

/** Ten events a second, of one course. */
function* events(from: number, to: number, course = "CS-101"): Generator<OutRecord> {
  for (let i = from; i < to; i++) {
    yield { key: null, value: student(BASE_MS + i * 100, { course }), partition: 0 };
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
  await run.drain.resume(0, start);
  await run.untilRead(170);
  assert.equal((await run.partition(0)).skippedOffsets, 30);
  const account = await run.account();
  assert.deepEqual(account.problems, ["partition 0: 30 offsets skipped"]);
  assert.equal(account.events.aggregated, 170);
  const { closed, open, waiting } = account.pairs;
  assert.equal(closed + open + waiting, 170);
});

pathTest(
  "a topic made anew while nothing runs: no start without a new generation",
  async (world) => {
    const pipeline = await world.pipeline();
    const { topic } = pipeline.plan;
    await world.createTopic(topic, 1);
    await world.send(topic, events(0, 100));
    await drainOnce(world, pipeline);
    await makeAnew(world, topic);
    // More records than before: by its offset alone, the partition could go on.
    await world.send(topic, events(0, 300, "CS-999"));
    await assert.rejects(
      world.start(pipeline),
      (error) => error instanceof ControlFailure && error.code === "TG_TOPIC_RECREATED",
    );
    const run = await world.start(pipeline, { newGeneration: true });
    assert.equal(run.generation, 2);
    const account = await run.untilDrained();
    await checkAgainstOracle(pipeline, { ...world, generation: 2, account });
  },
);

pathTest("a topic made anew under a partition that has caught up stops it", async (world) => {
  const pipeline = await world.pipeline();
  const { topic } = pipeline.plan;
  await world.createTopic(topic, 1);
  await world.send(topic, events(0, 100));
  const run = await world.start(pipeline, { mode: "live" });
  await run.untilRead(100);
  await makeAnew(world, topic);
  await world.send(topic, events(0, 300, "CS-999"));
  assertStopped(await run.untilStopped(0), 100);
});

pathTest("a topic made anew under a backlog stops the partition", async (world) => {
  const pipeline = await world.pipeline();
  const { topic } = pipeline.plan;
  await world.createTopic(topic, 1);
  await world.send(topic, events(0, 10_000));
  // Slices as small as can be, so that there are many, and the worker can be taken away.
  const run = await world.start(pipeline, { mode: "live", sliceMs: 0 });
  await run.untilRead(1);
  await run.control.workers(0);
  await until(
    "no worker",
    async () =>
      (await run.control.slots()).every((slot) => slot.state === "absent") ? true : undefined,
  );
  const { totals: { read } } = await run.partition(0);
  assert.ok(read < 10_000, "the backlog was drained before the topic was made anew");
  await makeAnew(world, topic);
  await world.send(topic, events(0, 20_000, "CS-999"));
  await run.control.workers(1);
  assertStopped(await run.untilStopped(0), read);
});

function assertStopped({ stop, cursor, totals }: DrainPartition, read: number): void {
  assert.match(stop?.code ?? "", /^TG_(?:TOPIC_RECREATED|TOPIC_MISSING|OFFSET_GONE)$/);
  assert.deepEqual([cursor, totals.read], [read, read]);
}

async function makeAnew(world: PathWorld, topic: string): Promise<void> {
  const old = await world.reader.describe(topic);
  await world.admin.deleteTopics([topic]);
  await until(
    "the end of the topic",
    async () => await world.reader.describe(topic) === null ? true : undefined,
  );
  await world.createTopic(topic, 1);
  const now = await world.reader.describe(topic);
  assert.notEqual(now?.topicId, old?.topicId);
}
