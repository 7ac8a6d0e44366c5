import assert from "node:assert/strict";
import { delaysOf, summarize } from "../../../lab/load_test/delays.ts";

const arrivals = [
  { partition: 0, offset: 0, atMs: 100 },
  { partition: 0, offset: 1, atMs: 150 },
  { partition: 1, offset: 0, atMs: 100 },
  { partition: 0, offset: 2, atMs: 900 },
];

Deno.test("delays: until the first mark beyond the record", () => {
  const delays = delaysOf(arrivals, [
    { partition: 0, before: 1, atMs: 300 },
    { partition: 1, before: 1, atMs: 700 },
    { partition: 0, before: 2, atMs: 800 },
    // Said again later: it was known before.
    { partition: 0, before: 2, atMs: 5_000 },
  ]);
  assert.deepEqual(delays.map(({ delayMs }) => delayMs), [200, 650, 600]);
});

Deno.test("delays: clocks that differ make no negative delay", () => {
  const delays = delaysOf(arrivals.slice(0, 1), [{ partition: 0, before: 1, atMs: 90 }]);
  assert.deepEqual(delays, [{ atMs: 100, delayMs: 0 }]);
});

Deno.test("delays: figures of a stretch of time, by arrival", () => {
  const delays = Array.from({ length: 100 }, (_, i) => ({ atMs: i, delayMs: i + 1 }));
  assert.deepEqual(summarize(delays), { events: 100, p50Ms: 50, p99Ms: 99, maxMs: 100 });
  assert.deepEqual(summarize(delays, { fromMs: 0, toMs: 10 })?.maxMs, 10);
  assert.equal(summarize(delays, { fromMs: 200, toMs: 300 }), null);
});
