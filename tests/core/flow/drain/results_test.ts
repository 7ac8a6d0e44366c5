import assert from "node:assert/strict";
import { NO_SWEEP_COUNTS } from "../../../../core/flow/counts.ts";
import type { SettleOutcome, WindowCall } from "../../../../core/flow/delivery.ts";
import type { SweptPartition, SweptWindow } from "../../../../core/flow/sweep.ts";
import { Case, cells, moved, resultOf, silent } from "../drain_case.ts";

/** Two partitions that have events up to a time, of which the second is idle since. */
function withIdle(rules: ConstructorParameters<typeof Case>[2] = {}): Case {
  const it = new Case(2, 1, rules);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 5_000) });
  it.answer({ 0: moved(2, 13_000), 1: silent(8_000) }, { ranMs: 8_000 });
  assert.deepEqual([it.modes, it.drain.watermark], [["active", "idle"], 13_000]);
  return it;
}

/** A window's cells of so many KiB. */
function large(start: number, kib: number, name = "x"): SweptWindow {
  const cell = [JSON.stringify([name.repeat(kib * 1024 - 20)]), 1, null] as const;
  return { ...cells(start), cells: [cell], bytes: kib * 1024 };
}

function outcome(call: WindowCall, changed: Partial<SettleOutcome> = {}): SettleOutcome {
  return {
    start: call.start,
    shard: call.shard,
    n: call.call.n,
    end: "written",
    pairs: 1,
    bytes: 15,
    revision: 0,
    final: true,
    rows: 1,
    problem: null,
    ...changed,
  };
}

function callsOf(it: Case): WindowCall[] {
  return it.decision.commands.flatMap((c) => c.kind === "settle" ? c.calls : []);
}

Deno.test("what a settle says nothing of is tried again; what nobody has asked changes nothing", () => {
  for (
    const wrong of [{ n: 2 }, { start: 500 }, { shard: 1 }] satisfies Partial<SettleOutcome>[]
  ) {
    const it = new Case(1);
    it.answer({ 0: moved(1, 25_000) }, { windows: [cells(0), cells(10_000)] });
    const [first, second] = callsOf(it);
    assert.ok(first !== undefined && second !== undefined);
    it.drain.settled(99, [outcome(first)]);
    it.drain.settled(1, [outcome(first), outcome(second, wrong)]);
    it.decide();
    assert.equal(it.drain.windows.size, 1);
    it.decide(500);
    assert.deepEqual(callsOf(it), [second]);
  }
});

Deno.test("an answer for a sweep that is not out changes nothing", () => {
  const it = new Case(1);
  const before = it.drain.snapshot();
  it.drain.sweepFailed(99, "TG_X", "");
  it.drain.sweepNotStarted(99);
  it.decide();
  assert.deepEqual(it.drain.snapshot(), before);
});

Deno.test("a look that fails says nothing against its partitions", () => {
  const it = new Case(2, 0);
  const [look] = it.drain.sweepsOut;
  assert.ok(look !== undefined);
  it.drain.sweepFailed(look.n, "TG_X", "");
  it.decide();
  assert.deepEqual(it.drain.partitions.map((p) => p.narrow.group), [0, 0]);
  assert.equal(it.sweeps[0]?.partitions.length, 2, "it is begun again");
});

Deno.test("a result for which there is no room is refused; what is held leaves first", () => {
  const it = new Case(1, 1, { deliverEveryMs: null });
  it.answer({ 0: moved(1, 1_000) }, { windows: [large(0, 400, "a")] });
  it.answer({ 0: moved(2, 1_000) }, { windows: [large(0, 400, "b")] });
  const calls = callsOf(it);
  assert.equal(calls.length, 1, "more than half of what may be carried is held");
  it.answer({ 0: moved(3, 1_000) }, { windows: [large(0, 400, "c")] });
  assert.deepEqual([it.drain.refused.room, it.drain.partitions[0]?.cursor], [1, 2]);
  assert.deepEqual([it.sweeps, it.modes], [[], ["active"]], "nothing is swept until it has left");
  for (const [id, call] of calls.entries()) {
    it.drain.settled(id + 1, [outcome(call, { final: false, bytes: 400 * 1024 })]);
  }
  it.decide();
  const [second] = callsOf(it);
  assert.ok(second !== undefined);
  it.drain.settled(2, [outcome(second, { final: false, bytes: 800 * 1024 })]);
  it.decide();
  it.answer({ 0: moved(3, 1_000) }, { windows: [large(0, 400, "c")] });
  assert.equal(it.drain.refused.room, 2);
  const [p] = it.drain.partitions;
  assert.deepEqual([p?.cursor, p?.narrow.halvings, it.sweeps[0]?.limits.bytes], [
    2,
    1,
    256 * 1024,
  ]);
  for (let i = 0; i < 5; i++) {
    it.answer({ 0: moved(3, 1_000) }, { windows: [large(0, 400, "c")] });
  }
  assert.deepEqual([it.modes, it.drain.partitions[0]?.stop?.code], [["stopped"], "TG_WINDOW_FULL"]);
});

Deno.test("an answer has each partition once, from its cursor on, and no offsets of a look", () => {
  const shapes: ((p: readonly SweptPartition[]) => SweptPartition[])[] = [
    (p) => p.slice(1),
    (p) => [...p, ...p.slice(0, 1)],
    (p) => [...p.slice(0, 1), ...p.slice(0, 1)],
    (p) => p.map((one) => ({ ...one, partition: one.partition + 1 })),
    (p) => p.map((one) => ({ ...one, from: one.from + 1 })),
    (p) => p.map((one) => ({ ...one, to: one.from - 1 })),
  ];
  for (const shape of shapes) {
    const it = new Case(2);
    const [request] = it.drain.sweepsOut;
    assert.ok(request !== undefined);
    const result = resultOf(request, { 0: moved(1, 1_000), 1: moved(1, 1_000) });
    it.drain.swept({ ...result, partitions: shape(result.partitions) });
    it.decide();
    assert.deepEqual([it.drain.refused.shape, it.drain.partitions.map((p) => p.cursor)], [1, [
      0,
      0,
    ]]);
  }
  const look = new Case(1, 0);
  look.answer({ 0: moved(1, 1_000) });
  assert.deepEqual([look.drain.refused.shape, look.drain.partitions[0]?.cursor], [1, 0]);
});

Deno.test("what an idle partition folds is judged by the watermark it was handed, and keeps it", () => {
  const it = withIdle();
  const useless = { to: 2, end: 2, looked: { confirmedMs: 10, moved: false } };
  it.answer({ 0: moved(3, 14_000), 1: silent(10) });
  assert.deepEqual(it.drain.partitions.map((p) => p.floor), [null, null], "nothing was folded");
  it.answer({ 0: moved(4, 15_000), 1: useless });
  const [, p] = it.drain.partitions;
  assert.deepEqual([p?.mode, p?.floor, p?.floorBy], ["idle", 14_000, "joined"]);
  it.answer({ 0: moved(5, 16_000), 1: moved(3, 12_000) });
  const [, q] = it.drain.partitions;
  assert.deepEqual([q?.mode, q?.floor], ["active", 15_000]);
  assert.equal(it.drain.watermark, 15_000);
});

Deno.test("late by a floor is counted by what the floor came from", () => {
  const late = { counts: { ...NO_SWEEP_COUNTS, lateByFloor: 2 } };
  const it = withIdle();
  it.answer({ 0: moved(3, 14_000), 1: { ...moved(2, 3_000), ...late } });
  assert.deepEqual(it.drain.lateByFloor, { joined: 2, "run-on": 0, added: 0 });
  const on = new Case(1);
  on.answer({ 0: moved(1, 12_000) });
  on.answer({ 0: silent(8_000) }, { ranMs: 8_000 });
  on.answer({ 0: { ...moved(2, 13_000), ...late } });
  assert.deepEqual(on.drain.lateByFloor, { joined: 0, "run-on": 2, added: 0 });
  on.drain.added([{ partition: 1, cursor: 0 }]);
  on.decide();
  on.answer({ 0: moved(3, 14_000) });
  on.answer({ 1: { ...moved(1, 3_000), ...late } });
  assert.deepEqual(on.drain.lateByFloor, { joined: 0, "run-on": 2, added: 2 });
});

Deno.test("a tail without batches counts as caught up, until something is folded", () => {
  const it = new Case(1);
  it.answer({ 0: { ...moved(1, 12_000), end: 3, highWatermark: 3 } });
  it.answer({ 0: { ...silent(8_000), end: 3, highWatermark: 3, hollow: true } }, { ranMs: 8_000 });
  assert.deepEqual([it.modes, it.drain.partitions[0]?.hollowTo], [["idle"], 3]);
  it.answer({ 0: { ...silent(8_000), end: 3, highWatermark: 3 } }, { ranMs: 8_000 });
  assert.deepEqual([it.modes, it.drain.partitions[0]?.hollowTo], [["idle"], 3], "it stays so");
  it.answer({ 0: { ...silent(10), end: 4, highWatermark: 4 } });
  assert.deepEqual(it.modes, ["active"], "its end has moved");
  it.answer({ 0: { ...moved(4, 13_000), end: 4, highWatermark: 4 } });
  assert.equal(it.drain.partitions[0]?.hollowTo, null);
});

Deno.test("a record that a look finds below a hollow end is one; the fleet is woken, nobody looks again", () => {
  const it = new Case(2);
  it.answer({ 0: { ...moved(1, 12_000), end: 3, highWatermark: 3 }, 1: moved(1, 12_000) });
  it.answer({
    0: { ...silent(8_000), end: 3, highWatermark: 3, hollow: true },
    1: silent(8_000),
  }, { ranMs: 8_000 });
  it.drain.ready(0);
  it.decide();
  assert.deepEqual([it.modes, it.sweeps[0]?.quietMs], [["idle", "idle"], 60_000]);
  it.answer({ 0: { end: 3, highWatermark: 3, found: true } }, { why: "record" });
  assert.deepEqual([it.modes, it.kinds], [["active", "idle"], ["sweep", "wake"]]);
  assert.deepEqual(it.sweeps.map((s) => [s.partitions.map((p) => p.partition), s.quietMs]), [
    [[1], 60_000],
  ]);
  it.answer({ 1: { end: 2, highWatermark: 2, found: true } }, { why: "record" });
  assert.deepEqual([it.modes, it.kinds], [["active", "active"], []], "all are known to wait");
});

Deno.test("a partition whose end is fixed does not become idle", () => {
  const it = new Case([{ partition: 0, cursor: 0, until: 9 }]);
  it.answer({ 0: moved(1, 12_000) });
  it.answer({ 0: silent(20_000) }, { ranMs: 20_000 });
  assert.deepEqual(it.modes, ["active"]);
});

Deno.test("data that needs a decision stops its partition, what passes does not", () => {
  const failure = { code: "TG_X", message: "m", offset: 7, passing: true };
  const it = withIdle();
  it.answer({ 0: { ...moved(3, 14_000), failure } });
  assert.deepEqual([it.modes, it.drain.partitions[0]?.trouble?.code], [["active", "idle"], "TG_X"]);
  const since = it.nowMs;
  it.answer({ 0: { failure }, 1: { failure: { ...failure, passing: false } } });
  assert.equal(it.drain.partitions[0]?.trouble?.sinceMs, since, "since it began");
  const [p, q] = it.drain.partitions;
  assert.deepEqual([p?.mode, q?.mode, q?.stop?.offset], ["active", "stopped", 7]);
  assert.deepEqual(
    [q?.floor, q?.floorBy],
    [14_000, "joined"],
    "it holds the watermark where it is",
  );
  it.answer({ 0: moved(4, 15_000) });
  assert.deepEqual([it.drain.partitions[0]?.trouble, it.drain.watermark], [null, 14_000]);
});

Deno.test("an open transaction is told since when it holds its partition", () => {
  const it = new Case(1);
  it.answer({ 0: { openTransaction: { forMs: 300, offset: 4 } } });
  const sinceMs = it.nowMs - 300;
  assert.deepEqual(it.drain.partitions[0]?.openTransaction, { sinceMs, offset: 4 });
  it.answer({ 0: { openTransaction: { forMs: 900, offset: 5 } } });
  assert.deepEqual(it.drain.partitions[0]?.openTransaction, { sinceMs, offset: 5 });
});

Deno.test("work is spread by limits or dear events in a row while records wait, and gathered after 5 s", () => {
  const behind = (to: number) => ({ ...moved(to, 1_000), end: 1_000 });
  const spread = (...whys: Parameters<Case["answer"]>[1][]) => {
    const it = new Case(2, 2);
    for (const [i, why] of whys.entries()) it.answer({ 0: behind(i + 1) }, why);
    return it.drain.snapshot().spread;
  };
  const dear = { busyMs: 901, ranMs: 1_000 };
  assert.equal(spread({ why: "limit" }), 1);
  assert.equal(spread({ why: "limit" }, { why: "limit" }), 2);
  assert.equal(spread(dear, { why: "limit" }), 2);
  assert.equal(spread(dear, { ...dear, busyMs: 900 }), 1);
  assert.equal(spread({ why: "limit" }, {}, { why: "limit" }), 1, "not in a row");
  const it = new Case(2, 2);
  for (const to of [1, 2]) {
    it.answer({ 0: moved(to, 1_000), 1: moved(to, 1_000) }, { why: "limit" });
  }
  assert.equal(it.drain.snapshot().spread, 1, "nothing waits");
  const hollow = new Case(2, 2);
  for (const to of [1, 2]) hollow.answer({ 0: { ...behind(to), hollow: true } }, { why: "limit" });
  assert.equal(hollow.drain.snapshot().spread, 1, "nothing waits");
  const calm = (ms: number) => {
    const it = new Case(2, 2);
    for (const to of [1, 2]) it.answer({ 0: behind(to) }, { why: "limit" });
    it.answer({}, { ranMs: ms });
    return [it.drain.snapshot().spread, it.drain.snapshot().limits];
  };
  assert.deepEqual([calm(4_999), calm(5_000)], [[2, 2], [1, 0]]);
});

Deno.test("windows get cells by need only for 5 s after a return by a limit", () => {
  const delivers = (ms: number) => {
    const it = new Case(2, 2, { deliverEveryMs: 1_000 });
    const behind = { ...moved(1, 1_000), end: 1_000 };
    it.answer({ 0: behind }, { why: "limit", windows: [cells(0)] });
    it.decide(ms);
    return callsOf(it).length;
  };
  assert.deepEqual([delivers(1_000), delivers(4_999), delivers(5_000)], [0, 0, 1]);
});
