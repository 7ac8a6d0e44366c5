/**
 * Who may run a pipeline, by which definition, and how a new generation begins.
 */

import assert from "node:assert/strict";
import type { OutRecord } from "../../../adapters/kafka/log.ts";
import { student } from "../_support/events.ts";
import { checkAgainstOracle, resultsOf } from "../_support/oracle.ts";
import { until } from "../_support/until.ts";
import { controlQueue, supervisorQueue } from "../../../core/ids.ts";
import { pathTest } from "../_support/path_tests.ts";
import { ControlFailure } from "../_support/test_control.ts";

const BASE_MS = Date.parse("2021-03-01T00:00:00Z");

function* events(from: number, to: number): Generator<OutRecord> {
  for (let i = from; i < to; i++) {
    yield { key: null, value: student(BASE_MS + i * 1_000, { lines: i }), partition: i % 2 };
  }
}

function withCode(code: string) {
  return (error: unknown) => error instanceof ControlFailure && error.code === code;
}

pathTest("one control process, one definition, and new generations", async (world) => {
  const pipeline = await world.pipeline();
  const { pipeline: name, topic } = pipeline.plan;
  await assert.rejects(world.start(pipeline), withCode("TG_TOPIC_MISSING"));
  await world.createTopic(topic, 2);
  await world.send(topic, events(0, 200));

  await world.phase("a second control process is refused", async () => {
    const first = await world.start(pipeline, { mode: "live" });
    await first.untilRead(200);
    await assert.rejects(world.start(pipeline), withCode("TG_CONTROL_RUNNING"));
    await assert.rejects(
      world.start(pipeline, { newGeneration: true }),
      withCode("TG_CONTROL_RUNNING"),
    );
    assert.equal(first.control.lost, undefined);
    // Those that are refused run nothing of the pipeline, not even the supervisor that refuses them.
    for (const queue of [supervisorQueue(name), controlQueue(name)]) {
      const { pollers } = await world.client.workflowService.describeTaskQueue({
        namespace: world.client.options.namespace,
        taskQueue: { name: queue },
        taskQueueType: 1,
      });
      const seen = new Set((pollers ?? []).map(({ identity }) => identity));
      assert.equal(seen.size, 1, [...seen].join());
    }
    await first.control.stop();
  });

  const changed = await world.pipeline({ delayMs: 90_000 }, name);
  await world.phase("a changed definition is refused", async () => {
    await assert.rejects(
      world.start(changed),
      (error) =>
        withCode("TG_DEFINITION_CHANGED")(error) &&
        /watermark\.delay: was 1m, is 1m30s/.test(String(error)),
    );
    // What doesn't bear state may change.
    const other = await world.pipeline({ idleAfterMs: 30_000, maxDriftMs: 60_000 }, name);
    const run = await world.start(other);
    assert.equal(run.generation, 1);
    const account = await run.untilResting();
    assert.equal(account.events.read, 200);
    assert.ok(account.windows.open > 0);
    await run.control.stop();
  });

  await world.phase("a new generation begins anew", async () => {
    await world.send(topic, events(200, 300));
    const run = await world.start(changed, { newGeneration: true });
    assert.equal(run.generation, 2);
    const account = await run.untilDrained();
    await checkAgainstOracle(changed, { ...world, generation: 2, account });
    assert.equal(account.events.read, 300);
    // Of the generation before, the workflows have ended, and the rows have stayed.
    const query = `WorkflowId STARTS_WITH "${name}/1/" AND ExecutionStatus = "Running"`;
    assert.equal((await world.client.workflow.count(query)).count, 0);
    const rows = await resultsOf(pipeline);
    assert.ok(rows.some((row) => row.generation === 1 && row.final));
    await run.control.stop();
  });

  await world.phase("a generation from the latest record on", async () => {
    const run = await world.start(changed, { newGeneration: true, from: "latest", mode: "live" });
    assert.equal(run.generation, 3);
    await world.send(topic, events(300, 310));
    await run.untilRead(10);
    const { partitions } = await run.view();
    assert.deepEqual(partitions.map(({ cursor }) => cursor), [155, 155]);
    await run.control.stop();
  });

  await world.phase("a start goes on where the last one was", async () => {
    await world.send(topic, events(310, 320));
    const run = await world.start(changed, { mode: "live" });
    assert.equal(run.generation, 3);
    await run.untilRead(20);
    assert.equal((await run.account()).problems.join(), "");
  });
});

pathTest("a generation whose drain has ended can't go on", async (world) => {
  const pipeline = await world.pipeline();
  const { pipeline: name, topic } = pipeline.plan;
  await world.createTopic(topic, 1);
  await world.send(topic, events(0, 10).map((record) => ({ ...record, partition: 0 })));
  const first = await world.start(pipeline, { mode: "live" });
  await first.untilRead(10);
  await world.client.workflow.getHandle(`${name}/1/drain`).terminate("by hand");
  await first.control.stop();
  await assert.rejects(world.start(pipeline), withCode("TG_GENERATION_LOST"));
  const anew = await world.start(pipeline, { newGeneration: true });
  assert.equal(anew.generation, 2);
  const account = await anew.untilDrained();
  await checkAgainstOracle(pipeline, { ...world, generation: 2, account });
});

pathTest(
  "state of an engine that is none any more is told, and a new generation begins",
  async (world) => {
    const pipeline = await world.pipeline();
    const { pipeline: name, topic } = pipeline.plan;
    await world.createTopic(topic, 1);
    await world.send(topic, events(0, 10).map((record) => ({ ...record, partition: 0 })));
    // What such a pipeline has left on the server: a supervisor on the queue of before, and a clock.
    for (const [workflowId, type] of [["supervisor", "supervisor"], ["3/clock", "clock"]]) {
      await world.client.workflow.start(type ?? "", {
        workflowId: `${name}/${workflowId}`,
        taskQueue: `${name}-control`,
        args: [{ pipeline: name }],
      });
    }
    const query = `WorkflowId STARTS_WITH "${name}/" AND ExecutionStatus = "Running"`;
    await until(
      "the list of workflows",
      async () => (await world.client.workflow.count(query)).count === 2 || undefined,
    );
    const run = await world.start(pipeline);
    assert.equal(run.generation, 4);
    assert.ok(run.control.said.some((line) => line.includes("made by an earlier engine")));
    const account = await run.untilDrained();
    await checkAgainstOracle(pipeline, { ...world, generation: 4, account });
    const old = world.client.workflow.getHandle(`${name}/3/clock`);
    assert.equal((await old.describe()).status.name, "TERMINATED");
  },
);
