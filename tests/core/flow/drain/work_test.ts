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
  assert.equal(it.sweeps[0]?.partitions[0]?.role, "join");
  it.drain.ready(2);
  it.decide();
  assert.deepEqual(it.kinds, [], "nothing may move the watermark beside it");
  it.drain.ready(1);
  it.decide();
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

Deno.test("beside others a sweep takes its part of the work, and a quarter more", () => {
  const lags = (...ends: number[]) => {
    const it = new Case(4, 2);
    const behind = (to: number) =>
      Object.fromEntries(ends.map((end, i) => [i, { ...moved(to, 1_000), end: end + to }]));
    for (const to of [1, 2]) it.answer(behind(to), { why: "limit" });
    it.answer(behind(3), { why: "limit" });
    return it.sweeps.map((s) => s.partitions.map((p) => p.partition));
  };
  assert.deepEqual(lags(100, 100, 100, 100), [[0, 2]]);
  assert.deepEqual(lags(300, 100, 100, 100), [[0]], "the other has 300");
});

Deno.test("a run ends by events, bytes or when the server says so", () => {
  const ends = (history: Partial<typeof NOTHING>) => {
    const it = new Case(1);
    it.answer({ 0: moved(1, 12_000) });
    it.decide(0, { ...NOTHING, ...history });
    if (it.kinds.includes("continueAsNew")) return "at once";
    it.answer({ 0: moved(2, 13_000) });
    return it.kinds.includes("continueAsNew") ? "soon" : "later";
  };
  assert.equal(ends({ events: 7_199, bytes: 7.19 * MIB }), "later");
  assert.equal(ends({ events: 7_200 }), "soon");
  assert.equal(ends({ bytes: 7.2 * MIB }), "soon");
  assert.equal(ends({ suggested: true }), "soon");
  assert.equal(ends({ events: 15_999, bytes: 15.9 * MIB }), "soon");
  assert.equal(ends({ events: 16_000 }), "at once");
  assert.equal(ends({ bytes: 16 * MIB }), "at once");
});

Deno.test("the last sweeps are given the time that is left, none is begun for less than 500 ms", () => {
  const full = { ...NOTHING, events: 7_500 };
  /** The sweep that follows one of two that are out, so long after the end has begun. */
  const last = (ms: number, sliceMs = RULES.sliceMs) => {
    const it = new Case(2, 2, { sliceMs });
    it.answer({ 0: moved(1, 1_000), 1: moved(1, 1_000) });
    it.drain.sweepFailed(2, "TG_SWEEP_FAILED", "died");
    it.decide();
    assert.equal(it.drain.sweepsOut.length, 2, "they are swept apart");
    it.decide(0, full);
    assert.equal(it.decision.wakeAtMs, null, "what ends it is an answer");
    it.answer({ 0: moved(2, 1_000) }, { ranMs: ms });
    const [{ paceMs, quietMs } = { paceMs: 0, quietMs: 0 }] = it.sweeps;
    return [paceMs, quietMs, it.sweeps[0]?.sliceMs];
  };
  assert.deepEqual(last(500), [1_500, 1_500, 1_500]);
  assert.deepEqual(last(1_500), [500, 500, 500]);
  assert.deepEqual(last(1_501), [0, 0, undefined]);
  assert.deepEqual(last(0, 100), [500, 500, 100], "half a second at least");
  assert.deepEqual(last(1, 100), [0, 0, undefined]);
});

Deno.test("an end that has begun is brought to its end, whatever comes up meanwhile", () => {
  const it = new Case(1);
  it.answer({ 0: moved(1, 12_000) });
  it.decide(0, { ...NOTHING, events: 7_500 });
  it.answer({ 0: { ...moved(2, 12_000), end: 1_000 } }, { why: "limit", ranMs: 1_600 });
  assert.deepEqual(it.kinds, ["continueAsNew"], "a backlog has begun");
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

Deno.test("nobody decides again for a partition that waited and was given up", () => {
  const it = new Case(2, 0);
  it.answer({ 0: { found: true, end: 4 } }, { why: "record" });
  assert.deepEqual([it.kinds, it.decision.wakeAtMs], [["sweep", "wake"], it.nowMs + 30_000]);
  it.drain.exclude(0);
  it.decide();
  it.decide(30_000);
  assert.deepEqual([it.kinds, it.decision.wakeAtMs], [[], null]);
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
