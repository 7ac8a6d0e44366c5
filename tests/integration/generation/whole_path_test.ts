/**
 * The whole path of the second engine: broker, sweeps, one drain, windows that settle in one
 * call, results; compared with the oracle.
 */

import assert from "node:assert/strict";
import { addSweepCounts, NO_SWEEP_COUNTS } from "../../../core/flow/counts.ts";
import { TidegateError } from "../../../core/errors.ts";
import { generateRecords } from "../../../producer/generate.ts";
import type { GenerationView } from "../../../workflows/messages.ts";
import { student } from "../_support/events.ts";
import { until } from "../_support/until.ts";
import { assertRows, assertSideTopics, expectedOf, resultsOf } from "../_support/oracle.ts";
import { pathTest, type PathWorld } from "../_support/path_tests.ts";
import type { PipelineOverrides, TestPipeline } from "../_support/test_pipeline.ts";
import {
  GENERATION,
  type GenerationOptions,
  startGeneration,
  type TestGeneration,
} from "./_generation.ts";

/** Compares a generation whose windows are all closed with the oracle. */
async function check(world: PathWorld, pipeline: TestPipeline, view: GenerationView) {
  const expected = await expectedOf(pipeline);
  const { failed, lateByFloor: _, ...counts } = view.partitions.map((p) => p.totals)
    .reduce(addSweepCounts, NO_SWEEP_COUNTS);
  assert.equal(failed, 0);
  const { lateByFloor: __, ...wanted } = { lateByFloor: 0, ...expected.counts };
  assert.deepEqual(counts, wanted);
  assert.equal(view.closed.pairs, counts.assigned - counts.missed);
  assert.deepEqual(view.lost, { windows: 0, pairs: 0, named: [] });
  const rows = await resultsOf(pipeline);
  assertRows(pipeline, GENERATION, rows, expected.rows);
  await assertSideTopics(world.reader, pipeline, expected);
  return expected;
}

interface BoundedOptions extends GenerationOptions {
  readonly partitions: number;
  readonly count: number;
  readonly overrides?: PipelineOverrides;
  /** Does harm while it runs. */
  readonly during?: (generation: TestGeneration) => Promise<void>;
}

function bounded(
  name: string,
  { partitions, count, during, overrides, ...options }: BoundedOptions,
) {
  pathTest(name, async (world) => {
    const pipeline = await world.pipeline(overrides);
    const { topic } = pipeline.plan;
    await world.createTopic(topic, partitions);
    const sent = await world.send(
      topic,
      generateRecords(pipeline, {
        seed: 11,
        rate: 20,
        count,
        fromMs: Date.parse("2020-02-29T23:59:00Z"),
        partitions,
        disorderMs: 80_000,
        lateShare: 0.01,
        invalidShare: 0.02,
        skewedShare: 0.01,
        duplicateShare: 0.05,
      }),
    );
    assert.equal(sent, count);
    const generation = await startGeneration(world, pipeline, options);
    try {
      await during?.(generation);
      const view = await generation.finish();
      const expected = await check(world, pipeline, view);
      assert.equal(expected.counts.read, count);
      assert.ok(expected.rows.length > 80);
    } finally {
      await generation.close();
    }
  });
}

bounded("a generation drains, settles and closes 2,000 events as the oracle says", {
  partitions: 2,
  count: 2_000,
});

bounded("runs that continue as new every few events come to the same", {
  partitions: 4,
  count: 4_000,
  workers: 2,
  input: { continueAfter: 60 },
});

bounded("64 partitions and two workers come to the same", {
  partitions: 64,
  count: 20_000,
  workers: 2,
});

bounded("hopping windows that stay open for late events end with the same last revisions", {
  partitions: 2,
  count: 2_000,
  overrides: {
    windowing: { sizeMs: 20_000, slideMs: 10_000, offsetMs: 0 },
    latenessMs: 30_000,
  },
});

let failures = 5;
bounded("rows that can't be written are tried again, and are the same then", {
  partitions: 2,
  count: 2_000,
  settling: ({ windows, rows }) => ({
    windows,
    rows: {
      async write(emission) {
        if (failures-- > 0) {
          throw new TidegateError("TG_BROKER_UNREACHABLE", "as the test wants it");
        }
        return await rows.write(emission);
      },
    },
  }),
});

bounded("a control worker that goes in the middle is followed by another, which ends the same", {
  partitions: 4,
  count: 20_000,
  workers: 2,
  async during(generation) {
    await generation.untilView(
      "something is read",
      (view) => view.partitions.some((p) => p.totals.read > 0),
    );
    await generation.stopControl();
    await generation.startControl();
  },
});

pathTest(
  "without workers the control process looks, and a worker folds what it has found",
  async (world) => {
    const pipeline = await world.pipeline({
      idleAfterMs: 1_000,
      delayMs: 500,
      windowing: { sizeMs: 2_000, slideMs: 2_000, offsetMs: 0 },
    });
    const { topic } = pipeline.plan;
    await world.createTopic(topic, 3);
    const generation = await startGeneration(world, pipeline, { workers: 0, bounded: false });
    try {
      await generation.untilView("it looks", (view) => view.sweeps.length > 0);
      const atMs = Date.parse("2026-03-01T10:00:00Z");
      await world.send(topic, [{ partition: 1, key: null, value: student(atMs) }]);
      // The sink tells the control process: nobody asks the server.
      await until(
        "the record is found",
        () => generation.told()?.partitions.some((p) => p.waits) || undefined,
      );
      await generation.addWorker();
      await generation.client.ready(1);
      await generation.untilView("it is folded", (view) => view.partitions[1]?.cursor === 1);
      // All are silent: the watermark runs on, and closes the window without another record.
      const view = await generation.untilView(
        "its window closes",
        (view) => view.closed.windows === 1,
      );
      assert.equal(view.closed.pairs, 1);
      assert.equal((await resultsOf(pipeline)).length, 1);
    } finally {
      await generation.close();
    }
  },
);
