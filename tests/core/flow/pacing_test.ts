import assert from "node:assert/strict";
import fc from "fast-check";
import {
  EARLY_AFTER_MS,
  paceOf,
  type PacePoint,
  predict,
  PREDICTION_SPAN_MS,
  remember,
} from "../../../core/flow/pacing.ts";

Deno.test("a moment is predicted while event time runs as the wall clock", () => {
  const from = (eventMs: number): PacePoint[] => [[10_000, 500], [14_000, eventMs]];
  assert.equal(predict(from(4_500), 5_000), 14_500);
  assert.equal(predict(from(4_500), 4_000), 13_500);
  // From 0.9 to 1.1 of the wall clock.
  assert.equal(predict(from(500 + 3_600), 5_000), 14_900);
  assert.equal(predict(from(500 + 4_400), 5_000), 14_100);
  assert.equal(predict(from(500 + 3_599), 5_000), undefined);
  assert.equal(predict(from(500 + 4_401), 5_000), undefined);
});

Deno.test("without a history of two seconds there is no prediction", () => {
  assert.equal(predict([], 5), undefined);
  assert.equal(predict([[0, 0]], 5), undefined);
  assert.equal(predict([[0, 0], [1_999, 1_999]], 5_000), undefined);
  assert.equal(predict([[0, 0], [2_000, 2_000]], 5_000), 5_000);
});

Deno.test("a wall clock that goes back begins the history anew; a standing one does not", () => {
  const points: PacePoint[] = [[1_000, 1], [2_000, 2]];
  assert.deepEqual(remember(points, [1_999, 3]), [[1_999, 3]]);
  assert.deepEqual(remember(points, [2_000, 3]), [[1_000, 1], [2_000, 2], [2_000, 3]]);
  assert.deepEqual(points, [[1_000, 1], [2_000, 2]]);
});

Deno.test("the history spans what a prediction looks at, and no more than one point beyond", () => {
  const steps = fc.array(fc.nat(4_000), { maxLength: 60 });
  fc.assert(fc.property(steps, (waits) => {
    let points: PacePoint[] = [];
    let now = 0;
    for (const wait of waits) {
      now += wait;
      points = remember(points, [now, now]);
      const oldest = now - PREDICTION_SPAN_MS;
      assert.deepEqual(points.at(-1), [now, now]);
      assert.ok(points.slice(1).every(([wall]) => wall > oldest));
    }
  }));
});

Deno.test("all partitions together stay near ten slices a second", () => {
  assert.equal(paceOf(1_000, 4), 1_000);
  assert.equal(paceOf(1_000, 64), 6_400);
  assert.equal(paceOf(0, 1), 100);
  assert.equal(EARLY_AFTER_MS.length, 5);
});
