import assert from "node:assert/strict";
import { Closings } from "../../../lab/bench/load.ts";

const LOAD = { partitions: 2, windowMs: 1_000, delayMs: 500 };

Deno.test("a window can close when the last partition has passed its end by the delay", () => {
  // 5,000        6,000        7,000
  //   |— window 5 —|— window 6 —|
  // p0        a          b            c
  // p1          d           e
  const closings = new Closings(LOAD, 5_200);
  closings.acknowledged(0, 5_200, 1);
  closings.acknowledged(1, 6_499, 2);
  closings.acknowledged(0, 6_500, 3);
  assert.deepEqual([...closings.all], []);
  closings.acknowledged(1, 6_600, 4);
  closings.acknowledged(1, 6_700, 5);
  assert.deepEqual([...closings.all], [[5_000, 4]]);
});

Deno.test("one record lets all windows close that it passes", () => {
  const closings = new Closings(LOAD, 5_999);
  closings.acknowledged(0, 8_600, 1);
  closings.acknowledged(1, 7_600, 2);
  assert.deepEqual([...closings.all], [[5_000, 2], [6_000, 2]]);
  closings.acknowledged(1, 9_000, 3);
  assert.deepEqual([...closings.all], [[5_000, 2], [6_000, 2], [7_000, 3]]);
});
