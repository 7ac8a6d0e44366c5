import assert from "node:assert/strict";
import fc from "fast-check";
import { loadsOf, type SliceNote, workerRateOf } from "../../../core/scaling/speed.ts";

function note(worker: string, startMs: number, busyMs: number, offsets: number): SliceNote {
  return {
    partition: 0,
    from: 100,
    to: 100 + offsets,
    worker,
    endedAtMs: startMs + busyMs,
    busyMs,
  };
}

Deno.test("the worker rate is what a worker folds in a busy second, whatever it idles", () => {
  assert.equal(workerRateOf([note("a", 0, 500, 6), note("a", 10_000, 500, 6)]), 12);
});

Deno.test("slices side by side count their common time once", () => {
  assert.equal(workerRateOf([note("a", 0, 1_000, 10), note("a", 500, 1_000, 20)]), 20);
  assert.equal(workerRateOf([note("a", 0, 1_000, 10), note("a", 200, 100, 5)]), 15);
});

Deno.test("several workers count as so many", () => {
  assert.equal(workerRateOf([note("a", 0, 1_000, 10), note("b", 0, 1_000, 30)]), 20);
  assert.deepEqual(loadsOf([note("b", 0, 1_000, 30), note("a", 0, 500, 10)]), [
    { worker: "a", offsets: 10, busyMs: 500 },
    { worker: "b", offsets: 30, busyMs: 1_000 },
  ]);
});

Deno.test("nothing folded says nothing of a worker", () => {
  assert.equal(workerRateOf([]), null);
  assert.equal(workerRateOf([note("a", 0, 100, 0)]), null);
  assert.equal(workerRateOf([note("a", 0, 0, 3)]), null);
});

Deno.test("the order of slices does not matter, and no worker is busy for longer than it lasted", () => {
  const notes = fc.array(
    fc.record({
      worker: fc.constantFrom("a", "b"),
      startMs: fc.nat(10_000),
      busyMs: fc.nat(2_000),
      offsets: fc.nat(100),
    }),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(fc.property(notes, (drawn) => {
    const all = drawn.map((one) => note(one.worker, one.startMs, one.busyMs, one.offsets));
    assert.deepEqual(loadsOf(all), loadsOf(all.toReversed()));
    const from = Math.min(...all.map(({ endedAtMs, busyMs }) => endedAtMs - busyMs));
    const until = Math.max(...all.map(({ endedAtMs }) => endedAtMs));
    for (const { worker, busyMs } of loadsOf(all)) {
      const own = all.filter((one) => one.worker === worker);
      assert.ok(busyMs <= until - from);
      assert.ok(busyMs >= Math.max(...own.map((one) => one.busyMs)));
    }
  }));
});
