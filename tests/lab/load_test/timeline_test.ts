import assert from "node:assert/strict";
import {
  firstTime,
  integral,
  shareOfTime,
  stepsOf,
  within,
} from "../../../lab/load_test/timeline.ts";
import { POINTS, pointsOf, span } from "./_run.ts";

const points = pointsOf([0, { ready: 1 }], [10, { ready: 4 }], [12, {}], [20, { ready: 2 }]);

Deno.test("timeline: a point stands until the next one", () => {
  assert.equal(integral(points, span("spike", 0, 30), ({ ready }) => ready), 10 + 40 + 20);
  assert.equal(integral(points, span("spike", 5, 15), ({ ready }) => ready), 5 + 20);
});

Deno.test("timeline: a stretch begins with how things stood", () => {
  assert.deepEqual(within(points, span("spike", 11, 20)).map(({ atMs, ready }) => [atMs, ready]), [
    [11_000, 4],
    [12_000, 4],
  ]);
});

Deno.test("timeline: before the first point there is nothing", () => {
  assert.equal(integral(points, { fromMs: -5_000, toMs: 5_000 }, ({ ready }) => ready), 5);
  assert.deepEqual(within([], span("spike", 0, 1)), []);
});

Deno.test("timeline: shares of time", () => {
  assert.equal(shareOfTime(points, span("spike", 0, 20), ({ ready }) => ready === 4), 0.5);
  assert.equal(shareOfTime(points, span("spike", 5, 5), () => true), 0);
});

Deno.test("timeline: the first moment", () => {
  assert.equal(firstTime(points, span("spike", 0, 30), ({ ready }) => ready === 4), 10_000);
  assert.equal(firstTime(points, span("spike", 11, 30), ({ ready }) => ready === 4), 11_000);
  assert.equal(firstTime(points, span("spike", 0, 30), ({ ready }) => ready === 3), null);
});

Deno.test("timeline: steps leave repeats out", () => {
  assert.deepEqual(stepsOf(POINTS, ({ desired }) => desired), [1, 4, 1]);
});
