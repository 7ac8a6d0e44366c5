import assert from "node:assert/strict";
import { simulate } from "../../../lab/simulator/run.ts";
import {
  ExecutorTarget,
  SPARK_SETTINGS,
  sparkAllocation,
} from "../../../lab/simulator/spark_allocation.ts";
import { constantTrace } from "../../../lab/simulator/trace.ts";

// The examples are those of apache/spark,
// core/src/test/scala/org/apache/spark/ExecutorAllocationManagerSuite.scala.

/** Requests until they bring nothing more: `[added, target, next to add]`. */
function requests(target: ExecutorTarget, needed: number): number[][] {
  const all: number[][] = [];
  for (let added = -1; added !== 0;) {
    added = target.add(needed, 0);
    all.push([added, target.target, target.toAdd]);
  }
  return all;
}

Deno.test("Spark: 'add executors': 1, 2, 4 and up to the limit of 10", () => {
  const target = new ExecutorTarget({
    ...SPARK_SETTINGS,
    minExecutors: 1,
    maxExecutors: 10,
    initialExecutors: 1,
  });
  assert.deepEqual(requests(target, target.needed(1000)), [
    [1, 2, 2],
    [2, 4, 4],
    [4, 8, 8],
    [2, 10, 1],
    [0, 10, 1],
  ]);
});

Deno.test("Spark: 'add executors capped by num pending tasks'", () => {
  const target = new ExecutorTarget({ ...SPARK_SETTINGS, maxExecutors: 10 });
  // Five tasks wait.
  assert.deepEqual(requests(target, target.needed(5)), [
    [1, 1, 2],
    [2, 3, 4],
    [2, 5, 1],
    [0, 5, 1],
  ]);
  // Three more are submitted, one of the five runs.
  assert.deepEqual(requests(target, target.needed(8)), [
    [1, 6, 2],
    [2, 8, 4],
    [0, 8, 1],
  ]);
});

Deno.test("Spark: 'executionAllocationRatio is correctly handled'", () => {
  const cases: [cores: number, ratio: number, expected: number][] = [
    [1, 0.5, 10],
    [1, 1 / 3, 7],
    [2, 1 / 3, 4],
    [1, 0.385, 8],
    [1, 1, 15],
    [4, 1 / 3, 3],
  ];
  for (const [tasksPerExecutor, executorAllocationRatio, expected] of cases) {
    const target = new ExecutorTarget({
      ...SPARK_SETTINGS,
      minExecutors: 3,
      maxExecutors: 15,
      initialExecutors: 3,
      tasksPerExecutor,
      executorAllocationRatio,
    });
    requests(target, target.needed(20));
    assert.equal(
      target.target,
      expected,
      `${tasksPerExecutor} cores, ratio ${executorAllocationRatio}`,
    );
  }
});

Deno.test("Spark: the first request after the backlog timeout, the next ones after the sustained one", () => {
  const target = new ExecutorTarget({
    ...SPARK_SETTINGS,
    maxExecutors: 10,
    schedulerBacklogTimeout: 1,
    sustainedSchedulerBacklogTimeout: 2,
  });
  const grown: [number, number][] = [];
  for (let tick = 0; tick <= 60; tick++) {
    const before = target.target;
    target.schedule(tick / 10, { pending: 20, running: 0 }, 0);
    if (target.target !== before) grown.push([tick / 10, target.target]);
  }
  assert.deepEqual(grown, [[1, 1], [3, 3], [5, 7]]);
  // No task waits: the timer is off, and the target falls to what runs.
  target.schedule(6.1, { pending: 0, running: 2 }, 7);
  assert.deepEqual([target.target, target.addTime, target.toAdd], [2, null, 1]);
});

Deno.test("Spark: executors go when they have been idle for the timeout, down to the minimum", () => {
  const trace = {
    ...constantTrace(10, 200),
    steps: [{ atSeconds: 0, rate: 10 }, { atSeconds: 60, rate: 0 }],
  };
  const run = simulate(trace, sparkAllocation(), { seed: 1 });
  const last = run.changes.at(-1);
  assert.equal(last?.size, 0);
  assert.ok((last?.atSeconds ?? 0) >= 120 && (last?.atSeconds ?? 0) <= 125, `${last?.atSeconds}`);
  const one = { ...SPARK_SETTINGS, minExecutors: 1 };
  assert.equal(simulate(trace, sparkAllocation(one), { seed: 1 }).changes.at(-1)?.size, 1);
});
