import assert from "node:assert/strict";
import { expectedWorkers, phasesOf } from "../../../lab/load_test/plan.ts";

const bounds = { min: 0, max: 4 };

Deno.test("phases: one producer, three more, one again", () => {
  const phases = phasesOf({ baseline: 45, spike: 60, cooldown: 75 });
  assert.deepEqual(phases.map(({ name, producers }) => [name, producers]), [
    ["baseline", 1],
    ["spike", 4],
    ["cooldown", 1],
  ]);
});

Deno.test("phases: 10 events/s a producer and 12.5 a worker need the paper's 1 and 4", () => {
  assert.deepEqual(expectedWorkers({ rate: 10, workerRate: 12.5, ...bounds }), { low: 1, peak: 4 });
});

Deno.test("phases: no more workers are expected than allowed, and at least one", () => {
  assert.deepEqual(expectedWorkers({ rate: 50, workerRate: 12.5, ...bounds }), { low: 4, peak: 4 });
  assert.deepEqual(expectedWorkers({ rate: 10, workerRate: 200_000, ...bounds }), {
    low: 1,
    peak: 1,
  });
  assert.deepEqual(expectedWorkers({ rate: 10, workerRate: Infinity, ...bounds }), {
    low: 1,
    peak: 1,
  });
  assert.deepEqual(expectedWorkers({ rate: 10, workerRate: 12.5, min: 2, max: 3 }), {
    low: 2,
    peak: 3,
  });
});
