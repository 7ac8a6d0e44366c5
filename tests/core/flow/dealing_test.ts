import assert from "node:assert/strict";
import {
  afterFailure,
  afterFull,
  afterSuccess,
  dealSweeps,
  type DrainPartition,
  heldBack,
  isAtEnd,
  isHollow,
  isPoison,
  lagOf,
  limitsOf,
  type Narrow,
  type Narrowed,
  WIDE,
} from "../../../core/flow/dealing.ts";
import { newDrain } from "../../../core/flow/drain.ts";
import { newPartition } from "../../../core/flow/drain/state.ts";

function p(partition: number, changed: Partial<DrainPartition> = {}): DrainPartition {
  return { ...newPartition({ partition, cursor: 0 }), ...changed };
}

/** What is suspected of a partition after something. */
function of(narrowed: Narrowed, partition = 0): Narrow | "stop" {
  if (narrowed.kind === "stop") return "stop";
  const narrow = narrowed.of.get(partition);
  assert.ok(narrow !== undefined);
  return narrow;
}

Deno.test("lag ends at a fixed end, and where nothing is found up to the end", () => {
  assert.equal(lagOf(p(0, { cursor: 3, end: 10 })), 7);
  assert.equal(lagOf(p(0, { cursor: 3, end: 10, until: 5 })), 2);
  assert.equal(lagOf(p(0, { cursor: 8, end: 10, until: 5 })), 0);
  assert.equal(lagOf(p(0, { cursor: 3, end: 10, hollowTo: 10 })), 0);
  assert.equal(lagOf(p(0, { cursor: 3, end: 11, hollowTo: 10 })), 8);
  assert.deepEqual([9, 10, 11].map((end) => isHollow({ hollowTo: 10, end })), [true, true, false]);
  assert.equal(isHollow({ hollowTo: null, end: 0 }), false);
});

Deno.test("a partition is at its end by its cursor, or where the rest is hollow and seen", () => {
  assert.equal(isAtEnd(p(0, { cursor: 5, end: 5 })), false);
  assert.equal(isAtEnd(p(0, { cursor: 4, end: 9, until: 5 })), false);
  assert.equal(isAtEnd(p(0, { cursor: 5, end: 9, until: 5 })), true);
  assert.equal(isAtEnd(p(0, { cursor: 2, end: 5, until: 5, hollowTo: 5 })), true);
  assert.equal(isAtEnd(p(0, { cursor: 2, end: 4, until: 5, hollowTo: 4 })), false);
});

Deno.test("who runs ahead is held by drift; with the budget spent all but the slowest are", () => {
  const holding = { delayMs: 10, maxDriftMs: 100, isBudgetSpent: false };
  const at = (partition: number, maxEventTime: number | null, changed = {}) =>
    p(partition, { maxEventTime, firstEventTime: maxEventTime, ...changed });
  const of = (partitions: DrainPartition[], spent = false) =>
    Object.fromEntries(heldBack(partitions, { ...holding, isBudgetSpent: spent }));
  assert.deepEqual(of([at(0, 500), at(1, 600), at(2, 601)]), { 2: "drift" });
  assert.deepEqual(of([at(0, 500), at(1, 600)], true), { 1: "budget" });
  assert.deepEqual(of([at(0, 500), at(1, 500)], true), {}, "both are the slowest");
  assert.deepEqual(of([at(0, 500, { mode: "stopped" }), at(1, 601)]), { 1: "drift" });
  assert.deepEqual(of([at(0, 500, { mode: "parked" }), at(1, 601)]), {}, "parked ones never come");
  assert.deepEqual(of([at(0, 500, { mode: "parked" }), at(1, 600)], true), { 1: "budget" });
  assert.deepEqual(of([at(0, 500, { mode: "idle" }), at(1, 601)]), {});
  assert.deepEqual(of([at(0, 500), at(1, 900, { mode: "idle" })]), {}, "nobody waits for it");
  assert.deepEqual(of([at(0, null), at(1, -600)], true), { 1: "budget" }, "long ago");
  // Where one has had no event yet, the first event of all counts.
  assert.deepEqual(of([at(0, null), at(1, 611, { firstEventTime: 500 })]), { 1: "drift" });
  assert.deepEqual(of([at(0, null), at(1, 610, { firstEventTime: 500 })]), {});
  assert.deepEqual(of([at(0, null), at(1, 610, { firstEventTime: 500 })], true), { 1: "budget" });
});

Deno.test("partitions are dealt in shares of equal lag, those that have waited longest first", () => {
  const dealt = (shares: number, ...partitions: DrainPartition[]) =>
    dealSweeps(partitions, shares).map((group) => group.partitions.map((one) => one.partition));
  const lag = (partition: number, end: number, changed = {}) => p(partition, { end, ...changed });
  assert.deepEqual(dealt(1, lag(1, 5), lag(0, 9)), [[0, 1]]);
  assert.deepEqual(dealt(2, lag(0, 10), lag(1, 6), lag(2, 5)), [[0], [1, 2]]);
  assert.deepEqual(dealt(2, lag(0, 5), lag(1, 6), lag(2, 10)), [[2], [0, 1]]);
  assert.deepEqual(dealt(2, lag(0, 0), lag(1, 0), lag(2, 0), lag(3, 0)), [[0, 2], [1, 3]]);
  assert.deepEqual(dealt(9, lag(0, 1), lag(1, 1)).length, 2, "no more than there are partitions");
  assert.deepEqual(dealt(0, lag(0, 1)), []);
  const suspected = { narrow: { ...WIDE, group: 7, records: 8 } };
  const old = lag(2, 1, { lastSweep: 3 });
  const groups = dealSweeps([lag(0, 1, { lastSweep: 5 }), old, lag(1, 1, suspected)], 1);
  assert.deepEqual(groups.map((g) => [g.partitions.map((one) => one.partition), g.narrow]), [
    [[1], suspected.narrow],
    [[0, 2], WIDE],
  ]);
  const later = dealSweeps([lag(1, 1, { ...suspected, lastSweep: 9 }), old], 1);
  assert.deepEqual(later.map((g) => g.partitions.map((one) => one.partition)), [[2], [1]]);
});

Deno.test("a sweep brings home at most 50,000 cells, 1,000 windows and 512 KiB", () => {
  const wide = { cells: 50_000, windows: 1_000, bytes: 512 * 1024, records: null };
  assert.deepEqual(limitsOf(WIDE, 1e9), wide);
  assert.deepEqual(limitsOf(WIDE, 40_000), { ...wide, bytes: 40_000 });
  assert.deepEqual(limitsOf(WIDE, -5), { ...wide, bytes: 1 });
  const narrow = { ...WIDE, records: 64, halvings: 3 };
  assert.deepEqual(limitsOf(narrow, 1e9), { ...wide, bytes: 64 * 1024, records: 64 });
  assert.equal(limitsOf({ ...WIDE, records: 1, tries: 2 }, 1e9).records, 1);
});

Deno.test("a failed sweep is halved, down to one partition, then to one record, tried twice", () => {
  const halves = afterFailure([p(0), p(1), p(2)], 10);
  assert.deepEqual([0, 1, 2].map((i) => of(halves, i)), [
    { ...WIDE, group: 11 },
    { ...WIDE, group: 11 },
    { ...WIDE, group: 12 },
  ]);
  assert.equal(halves.kind === "narrower" && halves.group, 12);
  const seen: (number | null)[] = [];
  let narrow = WIDE;
  for (let group = 0; group < 20 && !isPoison(narrow); group++) {
    const next = of(afterFailure([p(0, { narrow })], group));
    assert.ok(next !== "stop" && next.group === group + 1);
    narrow = next;
    seen.push(narrow.records);
  }
  assert.deepEqual(seen, [4_096, 512, 64, 8, 1, 1, 1]);
  assert.equal(narrow.tries, 2);
  assert.equal(of(afterFailure([p(0, { narrow })], 0)), "stop", "setting it aside has failed");
  const asides = (n: number) => ({ narrow: { ...WIDE, records: 1, asides: n } });
  assert.notEqual(of(afterFailure([p(0, asides(2))], 0)), "stop");
  assert.equal(of(afterFailure([p(0, asides(3))], 0)), "stop", "it is not about records");
  assert.notEqual(
    of(afterFailure([p(0, { narrow: { ...WIDE, records: 8, asides: 9 } })], 0)),
    "stop",
  );
});

Deno.test("what a window has no room for is halved: first the partitions, then the bytes", () => {
  assert.deepEqual(of(afterFull([p(0), p(1)], 4), 1), { ...WIDE, group: 6 });
  let narrow = WIDE;
  for (let halvings = 1; halvings <= 5; halvings++) {
    const next = of(afterFull([p(0, { narrow })], 0));
    assert.ok(next !== "stop");
    assert.deepEqual(next, { ...WIDE, group: 1, halvings });
    narrow = next;
  }
  assert.equal(of(afterFull([p(0, { narrow })], 0)), "stop");
});

Deno.test("suspicion ends by success: more records each time, and all once the rest is read", () => {
  const after = (narrow: Partial<Narrow>, folded: number, setAside = false) =>
    afterSuccess(p(0, { narrow: { ...WIDE, group: 3, ...narrow } }), folded, setAside);
  assert.equal(afterSuccess(p(0), 5, false), WIDE);
  assert.deepEqual(after({ records: 8, tries: 1, asides: 2 }, 8), {
    ...WIDE,
    group: 3,
    records: 16,
  });
  assert.deepEqual(after({ records: 8 }, 7), WIDE, "the rest is read");
  assert.deepEqual(after({ records: 8, asides: 2 }, 0), { ...WIDE, asides: 2 });
  assert.deepEqual(after({ records: 2_048 }, 2_048), { ...WIDE, group: 3, records: 4_096 });
  assert.deepEqual(after({ records: 4_096 }, 4_096), WIDE);
  assert.deepEqual(after({ halvings: 2 }, 5), { ...WIDE, group: 3, halvings: 1 });
  assert.deepEqual(after({ halvings: 1 }, 5), WIDE);
  assert.deepEqual(after({ records: 1, tries: 2, asides: 1 }, 1, true), {
    ...WIDE,
    group: 3,
    records: 8,
    asides: 2,
  });
});

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
  assert.deepEqual(dealt(free, 1, 10), [[2]]);
  assert.deepEqual(dealt(partitions({ 0: [99, 7], 1: [0, 7] }), 1, 16), [[0, 1]], "it has no lag");
  const alone = partitions({ 0: [5, 1], 1: [6, 2], 2: [10, 9] });
  assert.deepEqual(dealt(alone, 2), [[0, 1], [2]], "beside no other sweep the lag alone counts");
});
