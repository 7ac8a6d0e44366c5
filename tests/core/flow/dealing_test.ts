import assert from "node:assert/strict";
import { dealSweeps, type DrainPartition } from "../../../core/flow/dealing.ts";
import { newDrain } from "../../../core/flow/drain.ts";

/** Partitions by number, each `[lag, the last sweep that held it]`. */
function partitions(lags: Readonly<Record<number, readonly [number, number]>>): DrainPartition[] {
  const starts = Object.keys(lags).map((partition) => ({
    partition: Number(partition),
    cursor: 0,
  }));
  return newDrain(starts, "h").partitions.map((p) => {
    const [end = 0, lastSweep = 0] = lags[p.partition] ?? [];
    return { ...p, end, lastSweep };
  });
}

function dealt(free: DrainPartition[], shares: number, fair?: number): number[][] {
  return dealSweeps(free, shares, fair).map((group) => group.partitions.map((p) => p.partition));
}

Deno.test("dealing: shares of about equal lag, whatever the number of partitions", () => {
  const free = partitions({ 0: [30, 1], 1: [10, 1], 2: [10, 1], 3: [10, 1], 4: [0, 1] });
  assert.deepEqual(dealt(free, 2), [[0, 4], [1, 2, 3]]);
  assert.deepEqual(dealt(free, 1), [[0, 1, 2, 3, 4]]);
  assert.deepEqual(dealt(free, 9).length, 5);
  assert.deepEqual(dealt(free, 0), []);
});

Deno.test("dealing: beside others a share takes no more than its part, and what has no lag", () => {
  const free = partitions({ 0: [10, 7], 1: [10, 7], 2: [5, 7], 3: [0, 7] });
  assert.deepEqual(dealt(free, 1, 16), [[0, 2, 3]]);
  assert.deepEqual(dealt(partitions({ 0: [99, 7], 1: [1, 7] }), 1, 16), [[0]], "one, however much");
  assert.deepEqual(dealt(partitions({ 0: [0, 7], 1: [0, 7] }), 1, 0), [[0, 1]]);
});

Deno.test("dealing: what was left waiting comes first, however little it is", () => {
  const free = partitions({ 0: [10, 9], 1: [10, 9], 2: [3, 4] });
  assert.deepEqual(dealt(free, 1, 13), [[0, 2]]);
});
