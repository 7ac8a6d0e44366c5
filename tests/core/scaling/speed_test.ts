import assert from "node:assert/strict";
import fc from "fast-check";
import { loadsOf, type SweepNote, workerRateOf } from "../../../core/scaling/speed.ts";

function note(worker: string, records: number, busyMs: number, ranMs = busyMs): SweepNote {
  return { n: 1, worker, records, busyMs, ranMs };
}

Deno.test("the worker rate is what a worker folds in a busy second, however long it waited", () => {
  assert.equal(workerRateOf([note("a", 6, 500, 10_000), note("a", 6, 500, 500)]), 12);
});

Deno.test("several workers count as so many", () => {
  const notes = [note("b", 30, 1_000), note("a", 10, 500), note("a", 5, 500)];
  assert.equal(workerRateOf(notes), 22.5);
  assert.deepEqual(loadsOf(notes), [
    { worker: "a", records: 15, busyMs: 1_000 },
    { worker: "b", records: 30, busyMs: 1_000 },
  ]);
});

Deno.test("what is told of a sweep in parts comes to the same as the whole", () => {
  const parts = [note("a", 4, 100, 0), note("a", 6, 300, 0), note("a", 0, 100, 700)];
  assert.equal(workerRateOf(parts), workerRateOf([note("a", 10, 500, 700)]));
  assert.deepEqual(loadsOf(parts), loadsOf([note("a", 10, 500, 700)]));
});

Deno.test("nothing folded says nothing of a worker", () => {
  assert.equal(workerRateOf([]), null);
  assert.deepEqual(loadsOf([]), []);
  assert.equal(workerRateOf([note("a", 0, 100)]), null);
  assert.equal(workerRateOf([note("a", 3, 0)]), null);
});

Deno.test("the order of notes does not matter, and no worker's rate is beyond the best note", () => {
  const notes = fc.array(
    fc.record({
      worker: fc.constantFrom("a", "b"),
      records: fc.nat(100),
      busyMs: fc.integer({ min: 1, max: 2_000 }),
    }),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(fc.property(notes, (drawn) => {
    const all = drawn.map((one) => note(one.worker, one.records, one.busyMs));
    assert.deepEqual(loadsOf(all), loadsOf(all.toReversed()));
    const rates = all.map(({ records, busyMs }) => records * 1000 / busyMs);
    const rate = workerRateOf(all) ?? 0;
    assert.ok(rate <= Math.max(...rates) + 1e-6 && rate >= Math.min(...rates) - 1e-6);
  }));
});
