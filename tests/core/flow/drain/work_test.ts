import assert from "node:assert/strict";
import type { newDrain } from "../../../../core/flow/drain.ts";
import { lagOf } from "../../../../core/flow/dealing.ts";
import { carryBytes } from "../../../../core/flow/drain/work.ts";
import { Case, cells, moved, NOTHING, resultOf, RULES, silent } from "../drain_case.ts";

const MIB = 1024 * 1024;

Deno.test("a sweep is quiet after 5 s, and after a minute where all is idle and nobody waits", () => {
  const it = new Case(2);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 12_000) });
  it.answer({ 0: silent(8_000), 1: silent(4_000) }, { ranMs: 8_000 });
  assert.deepEqual([it.modes, it.sweeps[0]?.quietMs], [["idle", "active"], 5_000]);
  assert.equal(it.sweeps[0]?.silentMs, 4_000, "the active one may become idle");
  it.answer({ 0: silent(4_000), 1: silent(4_000) }, { ranMs: 4_000 });
  assert.deepEqual([it.modes, it.sweeps[0]?.quietMs], [["idle", "idle"], 60_000]);
  assert.equal(new Case(1, 0).sweeps[0]?.quietMs, 5_000, "a look at an active one");
});

Deno.test("a sweep of idle partitions doesn't keep the only slot from one that is swept apart", () => {
  const it = new Case(2);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 12_000) });
  it.answer({ 0: silent(8_000), 1: moved(2, 13_000) }, { ranMs: 8_000 });
  assert.deepEqual(it.modes, ["idle", "active"]);
  for (const { n } of it.drain.sweepsOut) it.drain.sweepFailed(n, "TG_SWEEP_FAILED", "died");
  it.decide(6_000);
  assert.deepEqual(it.sweeps.map((s) => [s.partitions.map((p) => p.partition), s.quietMs]), [
    [[0], 5_000],
  ]);
  it.answer({ 0: silent(1_000) });
  assert.deepEqual(it.sweeps.map((s) => s.partitions.map((p) => p.partition)), [[1]]);
});

Deno.test("a sweep waits for the silence that makes a partition idle, at least 50 ms", () => {
  const it = new Case(2);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 12_000) });
  assert.equal(it.sweeps[0]?.silentMs, 8_000);
  it.answer({ 0: moved(2, 13_000), 1: silent(3_000) });
  assert.equal(it.sweeps[0]?.silentMs, 5_000, "the next one to become idle");
  it.answer({ 0: moved(3, 14_000), 1: silent(4_980) });
  assert.equal(it.sweeps[0]?.silentMs, 50);
  const bounded = new Case([{ partition: 0, cursor: 0, until: 5 }]);
  assert.equal(bounded.sweeps[0]?.silentMs, null, "its end is fixed");
  const short = new Case(1, 1, { idleAfterMs: 100 });
  short.answer({ 0: moved(1, 12_000) });
  short.answer({ 0: silent(99) }, { ranMs: 4_000 }, 5_000);
  assert.equal(short.sweeps[0]?.silentMs, 25, "a quarter of what makes idle, if that is less");
});

Deno.test("eight settle activities are out at most", () => {
  const it = new Case(1);
  const starts = Array.from({ length: 200 }, (_, i) => i * 10_000);
  it.answer({ 0: moved(1, 5_000_000) }, { windows: starts.map((start) => cells(start)) });
  const settles = () => it.decision.commands.filter(({ kind }) => kind === "settle");
  assert.equal(settles().length, 8);
  it.decide(1);
  assert.equal(settles().length, 0);
  it.drain.settleFailed(1);
  it.decide(1);
  assert.equal(settles().length, 1);
  // Those of the failed one wait for their next try, while others are still to be sent.
  assert.deepEqual(it.decision.wakeAtMs, null, "all activities are out");
});

Deno.test("what a drain may carry shrinks with its tables, to a quarter at least", () => {
  assert.equal(carryBytes(0, 1), MIB);
  assert.equal(carryBytes(8_000, 1), MIB);
  assert.equal(carryBytes(10_000, 1), 1.5 * MIB - 64 * 10_000 - 800);
  assert.equal(carryBytes(10_000, 100), 1.5 * MIB - 64 * 10_000 - 80_000);
  assert.equal(carryBytes(25_000, 1), MIB / 4);
});

Deno.test("what is carried and what is asked for fits together; a sweep has 32 KiB at least", () => {
  const it = new Case(2, 1, { deliverEveryMs: null });
  const large = (start: number, kib: number) => ({
    ...cells(start),
    cells: [[JSON.stringify(["x".repeat(kib * 1024 - 20)]), 1, null] as const],
    bytes: kib * 1024,
  });
  assert.equal(it.sweeps[0]?.limits.bytes, 512 * 1024);
  it.answer({ 0: moved(1, 1_000) }, { windows: [large(0, 400)] });
  it.answer({ 0: moved(2, 1_000) }, { windows: [large(10_000, 400)] });
  assert.equal(it.sweeps[0]?.limits.bytes, 224 * 1024);
  it.answer({ 0: moved(3, 1_000) }, { windows: [large(20_000, 192)] });
  assert.equal(it.sweeps[0]?.limits.bytes, 32 * 1024);
  it.answer({ 0: moved(4, 1_000) }, { windows: [large(30_000, 1)] });
  assert.deepEqual(it.sweeps, [], "no sweep for less");
});

Deno.test("the bytes are dealt out to the sweeps that are out", () => {
  const it = new Case(4, 4);
  for (const to of [1, 2]) {
    const behind = { ...moved(to, 1_000), end: 1_000 };
    it.answer({ 0: behind, 1: behind, 2: behind, 3: behind }, { why: "limit" });
  }
  assert.deepEqual(it.sweeps.map((s) => s.limits.bytes), Array(4).fill(256 * 1024));
});

Deno.test("a run ends by events, bytes or when the server says so", () => {
  const ends = (history: Partial<typeof NOTHING>) => {
    const it = new Case(1);
    it.answer({ 0: moved(1, 12_000) });
    it.decide(0, { ...NOTHING, ...history });
    if (it.kinds.includes("continueAsNew")) return "at once";
    it.answer({ 0: moved(2, 13_000) });
    // The next sweep would have been begun by the history of before.
    const [request] = it.sweeps;
    return request === undefined ? "soon" : request.paceMs < RULES.paceMs ? "last sweeps" : "later";
  };
  assert.equal(ends({ events: 7_199, bytes: 7.19 * MIB }), "later");
  assert.equal(ends({ events: 7_200 }), "last sweeps");
  assert.equal(ends({ bytes: 7.2 * MIB }), "last sweeps");
  assert.equal(ends({ suggested: true }), "last sweeps");
  assert.equal(ends({ events: 15_999, bytes: 15.9 * MIB }), "last sweeps");
  assert.equal(ends({ events: 16_000 }), "at once");
  assert.equal(ends({ bytes: 16 * MIB }), "at once");
});

Deno.test("the last sweeps are given the time that is left, none is begun for less than 500 ms", () => {
  const it = new Case(1);
  it.answer({ 0: moved(1, 12_000) });
  const full = { ...NOTHING, events: 7_500 };
  it.decide(0, full);
  assert.equal(it.decision.wakeAtMs, it.nowMs + RULES.sliceMs);
  it.answer({ 0: moved(2, 13_000) }, { ranMs: 1_500 });
  const [last] = it.sweeps;
  assert.deepEqual([last?.paceMs, last?.quietMs, last?.sliceMs], [500, 500, 500]);
  const other = new Case(1, 1, { sliceMs: 100 });
  other.answer({ 0: moved(1, 12_000) });
  other.decide(0, full);
  assert.equal(other.decision.wakeAtMs, other.nowMs + 500, "half a second at least");
  other.answer({ 0: moved(2, 13_000) }, { ranMs: 1 });
  assert.deepEqual(other.sweeps, []);
});

Deno.test("in a backlog a run lasts 30 s", () => {
  const full = { ...NOTHING, events: 7_500 };
  const at = (ms: number) => {
    const it = new Case(1);
    const behind = (to: number) => ({ 0: { ...moved(to, 12_000), end: 1_000 } });
    it.answer(behind(1), { why: "limit", ranMs: ms - 1_000 });
    const [request] = it.drain.sweepsOut;
    assert.ok(request !== undefined);
    it.drain.swept(resultOf(request, behind(2), { why: "limit" }));
    return it.decide(1_000, full).commands.map(({ kind }) => kind).join();
  };
  assert.equal(at(29_999), "sweep");
  assert.equal(at(30_000), "continueAsNew");
});

Deno.test("looks and joins are struck when a run ends: they cost nothing to begin again", () => {
  const it = new Case(1);
  it.answer({ 0: moved(1, 12_000) });
  it.answer({ 0: silent(8_000) }, { ranMs: 8_000 });
  assert.deepEqual(it.modes, ["idle"]);
  it.decide(0, { ...NOTHING, events: 7_500 });
  assert.deepEqual(it.kinds, ["cancel", "continueAsNew"]);
});

Deno.test("the supervisor is woken for what is behind too, and not for what is held or at its end", () => {
  const woken = (
    changed: Parameters<Case["answer"]>[0],
    partitions: Parameters<typeof newDrain>[0],
  ) => {
    const it = new Case(partitions);
    it.answer(changed);
    it.drain.ready(0);
    it.decide();
    const looksAt = it.sweeps.flatMap((s) => s.partitions.map((p) => p.partition));
    const behind = it.drain.partitions.filter((p) => lagOf(p) > 0).map((p) => p.partition);
    assert.deepEqual(behind.filter((partition) => looksAt.includes(partition)), []);
    return it.kinds.includes("wake");
  };
  const one = [{ partition: 0, cursor: 0 }];
  assert.equal(woken({ 0: { ...moved(1, 1_000), end: 1 } }, one), false);
  assert.equal(woken({ 0: { ...moved(1, 1_000), end: 2 } }, one), true);
  assert.equal(
    woken({ 0: { ...moved(5, 1_000), end: 9 } }, [{
      ...one[0],
      partition: 0,
      cursor: 0,
      until: 5,
    }]),
    false,
  );
  const two = [...one, { partition: 1, cursor: 0 }];
  const ahead = { 0: { ...moved(1, 1_000), end: 1 }, 1: { ...moved(1, 200_000), end: 5 } };
  assert.equal(woken(ahead, two), false, "it is held by drift");
  const failure = { code: "TG_X", message: "m", offset: 1, passing: false };
  assert.equal(woken({ 0: { ...moved(1, 1_000), end: 5, failure } }, one), false, "it stopped");
});

Deno.test("new partitions are asked for once for each number of them", () => {
  const it = new Case(1);
  const asked = () => it.findings;
  it.drain.topicHas(2);
  it.decide();
  assert.deepEqual(asked(), [[1]]);
  it.drain.topicHas(2);
  it.decide();
  assert.deepEqual(asked(), []);
  it.drain.topicHas(3);
  it.decide();
  assert.deepEqual(asked(), [[1, 2]]);
  it.drain.added([{ partition: 1, cursor: 0 }, { partition: 2, cursor: 4 }]);
  it.drain.topicHas(1);
  it.decide();
  assert.deepEqual(asked(), []);
  assert.deepEqual(it.drain.partitions.map((p) => [p.partition, p.cursor]), [[0, 0], [1, 0], [
    2,
    4,
  ]]);
});
