import assert from "node:assert/strict";
import { Drain, newDrain } from "../../../core/flow/drain.ts";
import { Case, cells, moved, NOTHING, resultOf, RULES, silent } from "./drain_case.ts";

Deno.test("one sweep over all partitions is out; it answers when a window can close", () => {
  const it = new Case(3);
  assert.deepEqual(it.sweeps.map((s) => [s.partitions.map((p) => p.role), s.boundary]), [[
    ["fold", "fold", "fold"],
    null,
  ]]);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 9_000), 2: moved(1, 15_000) }, {
    windows: [cells(0), cells(10_000)],
  });
  assert.deepEqual([it.drain.watermark, it.sweeps[0]?.boundary], [9_000, 10_000]);
  assert.deepEqual(it.kinds, ["sweep"]);
  it.answer({ 1: moved(2, 10_500) });
  assert.deepEqual([it.drain.watermark, it.kinds], [10_500, ["settle", "sweep"]]);
});

Deno.test("messages of one activation come to the same in any order", () => {
  const states = [[0, 1], [1, 0]].map((order) => {
    const it = new Case(2);
    const [request] = it.drain.sweepsOut;
    assert.ok(request !== undefined);
    const says = [
      () => it.drain.exclude(1),
      () => it.drain.swept(resultOf(request, { 0: moved(5, 20_000) }, { windows: [cells(0)] })),
    ];
    for (const i of order) says[i]?.();
    it.decide(1_000);
    return [it.drain.snapshot(), it.decision];
  });
  assert.deepEqual(states[0], states[1]);
  const [snapshot] = states[0] ?? [];
  assert.ok(snapshot !== undefined && "refused" in snapshot);
  assert.equal(snapshot.refused.struck, 1, "the person's move strikes the sweep");
});

Deno.test("a partition is idle after confirmed silence only, by a fresh result that looked at it", () => {
  const it = new Case(2);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 5_000) });
  it.answer({ 0: moved(2, 13_000), 1: silent(7_999) }, { ranMs: 5_000 });
  assert.deepEqual(it.modes, ["active", "active"]);
  it.answer({ 0: moved(3, 14_000), 1: silent(4_000) }, { ranMs: 5_000 }, 2_000);
  assert.deepEqual(it.modes, ["active", "active"], "a late result only adds its time");
  const failure = { code: "TG_X", message: "", offset: null, passing: true };
  it.answer({ 0: moved(4, 15_000), 1: { failure } });
  assert.deepEqual(it.modes, ["active", "active"], "nobody has looked at it since");
  it.answer({ 0: moved(5, 16_000), 1: silent(10) });
  assert.deepEqual([it.modes, it.drain.watermark], [["active", "idle"], 16_000]);
  assert.deepEqual(it.sweeps[0]?.partitions.map((p) => [p.role, p.floor]), [
    ["fold", null],
    ["join", 16_000],
  ]);
});

for (
  const [what, unread] of [
    ["an open transaction", { highWatermark: 2 }],
    ["a record that lies unread", { end: 2, highWatermark: 2 }],
  ] as const
) {
  Deno.test(`${what} keeps a partition from being idle, and makes an idle one join`, () => {
    const it = new Case(1);
    it.answer({ 0: { ...moved(1, 12_000) } });
    it.answer({ 0: { ...silent(9_000), ...unread } }, { ranMs: 5_000 });
    assert.deepEqual(it.modes, ["active"]);
    it.answer({ 0: silent(10) });
    assert.deepEqual(it.modes, ["idle"]);
    it.answer({ 0: unread });
    assert.deepEqual(it.modes, ["active"]);
  });
}

Deno.test("the run-on goes as far as all idle partitions are confirmed, to the next timer", () => {
  const it = new Case(2);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 11_000) }, { windows: [cells(10_000)] });
  it.answer({ 0: silent(8_000), 1: silent(8_000) }, { ranMs: 8_000 });
  assert.deepEqual([it.modes, it.drain.watermark], [["idle", "idle"], 12_000]);
  assert.equal(it.sweeps[0]?.silentMs, 8_000);
  it.answer({ 0: silent(8_000), 1: silent(7_000) }, { ranMs: 8_000 });
  assert.deepEqual([it.drain.watermark, it.sweeps[0]?.silentMs], [12_000, 1_000]);
  it.answer({ 0: silent(1_000), 1: silent(1_000) }, { ranMs: 1_000 }, 2_000);
  assert.equal(it.drain.watermark, 12_000, "what is late only adds its time");
  it.answer({ 0: silent(50), 1: silent(50) });
  assert.equal(it.drain.watermark, 20_000);
});

Deno.test("where nobody looks, the watermark stands until somebody flushes", () => {
  const it = new Case(1);
  it.answer({ 0: moved(1, 12_000) }, { windows: [cells(10_000)] });
  it.drain.exclude(0);
  it.decide();
  assert.deepEqual([it.drain.watermark, it.drain.sweepsOut], [12_000, []]);
  it.drain.flush();
  it.decide();
  assert.deepEqual([it.drain.watermark, it.kinds], [20_000, ["settle"]]);
});

Deno.test("cells of a window that has completed stop their partitions; nothing of them is taken", () => {
  const it = new Case(2);
  it.answer({ 0: moved(1, 22_000), 1: moved(1, 22_000) });
  it.answer({ 0: moved(2, 23_000), 1: moved(2, 24_000) }, { windows: [cells(10_000)] });
  assert.deepEqual(it.modes, ["stopped", "stopped"]);
  assert.deepEqual(it.drain.partitions.map((p) => [p.cursor, p.stop?.code]), [
    [1, "TG_WINDOW_CLOSED"],
    [1, "TG_WINDOW_CLOSED"],
  ]);
  assert.deepEqual([it.drain.windows.size, it.drain.refused.complete], [0, 1]);
});

Deno.test("what does not answer what was asked, or folds by other code, is not taken", () => {
  const it = new Case(1);
  it.answer({ 0: { ...moved(3, 12_000), from: 1 } });
  it.answer({ 0: moved(-1, 12_000) });
  it.answer({ 0: moved(3, 12_000) }, { codeHash: "other" });
  assert.deepEqual(it.drain.refused, { struck: 0, code: 1, shape: 2, complete: 0, room: 0 });
  it.drain.accept("other");
  it.decide();
  it.answer({ 0: moved(3, 12_000) });
  assert.equal(it.drain.partitions[0]?.cursor, 3);
  assert.equal(it.sweeps[0]?.codeHash, "other");
});

Deno.test("work is spread after two returns by a limit; then an idle partition is only looked at", () => {
  const it = new Case(3, 2);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 12_000), 2: moved(1, 12_000) });
  it.answer({ 0: moved(2, 13_000), 1: moved(2, 13_000), 2: silent(8_000) }, { ranMs: 5_000 });
  assert.deepEqual(it.modes, ["active", "active", "idle"]);
  for (const to of [3, 4]) {
    const behind = { ...moved(to, 13_000 + to), end: 1_000 };
    it.answer({ 0: behind, 1: behind }, { why: "limit" });
  }
  const roles = it.sweeps.map((s) => s.partitions.map((p) => `${p.partition} ${p.role}`));
  assert.deepEqual(roles, [["0 fold", "2 look"], ["1 fold"]]);
  const [first] = it.sweeps;
  assert.ok(first !== undefined);
  it.drain.swept(resultOf(first, { 2: { found: true, end: 3 } }, { why: "record" }));
  it.decide(100);
  const joined = it.drain.partitions[2];
  assert.deepEqual([joined?.mode, joined?.floor], ["active", it.drain.watermark]);
});

Deno.test("a fleet that grows is given work at once, and it is gathered again if it is little", () => {
  const it = new Case(4, 1);
  it.drain.ready(4);
  it.decide();
  const [only] = it.drain.sweepsOut;
  assert.equal(only?.partitions.length, 4, "what is out is not struck");
  it.answer({ 0: moved(1, 1_000) });
  assert.equal(it.sweeps.length, 4);
  it.drain.ready(3);
  it.decide();
  for (const request of it.drain.sweepsOut) {
    it.drain.swept(resultOf(request, {}, { why: "pace", busyMs: 100, ranMs: 1_000 }));
  }
  it.decide(1_000);
  assert.equal(it.sweeps.length, 3, "not before it is known how much it is");
  for (const request of it.drain.sweepsOut) {
    it.drain.swept(resultOf(request, {}, { why: "pace", busyMs: 100, ranMs: 4_000 }));
  }
  it.decide(4_000);
  assert.equal(it.sweeps.length, 1);
});

Deno.test("spread work is gathered only when one worker can do it", () => {
  const it = new Case(2, 2);
  for (const to of [1, 2]) {
    const behind = { ...moved(to, 1_000 + to), end: 1_000 };
    it.answer({ 0: behind, 1: behind }, { why: "limit" });
  }
  assert.equal(it.sweeps.length, 2);
  /** Both sweeps answer after five seconds in which they were busy for so long each. */
  const both = (to: number, busyMs: number) => {
    for (const request of it.drain.sweepsOut) {
      const [{ partition } = { partition: 0 }] = request.partitions;
      const swept = { [partition]: moved(to, 2_000 + to) };
      it.drain.swept(resultOf(request, swept, { why: "pace", busyMs, ranMs: 5_000 }));
    }
    it.decide(5_000);
  };
  both(3, 4_000);
  assert.equal(it.sweeps.length, 2, "two workers are busy for 80 % of the time each");
  both(4, 4_000);
  assert.equal(it.sweeps.length, 2);
  both(5, 1_000);
  assert.equal(it.sweeps.length, 1, "one is busy for 40 % of it with all of the work");
});

Deno.test("spread work is dealt anew: who has little to do takes from those that have much", () => {
  const it = new Case(4, 2);
  for (const to of [1, 2]) {
    const behind = { ...moved(to, 1_000 + to), end: 100 };
    it.answer({ 0: behind, 1: behind, 2: behind, 3: behind }, { why: "limit" });
  }
  const out = () => it.drain.sweepsOut.map((s) => s.partitions.map((p) => p.partition));
  assert.deepEqual(out(), [[0, 2], [1, 3]]);
  assert.deepEqual(it.sweeps.map((s) => [s.paceMs, s.quietMs]), [[2_000, 4_000], [2_000, 4_000]]);
  // The first has caught up: with half of the work it is done, and the other one keeps its own.
  it.answer({ 0: { ...moved(100, 3_000), end: 100 }, 2: { ...moved(100, 3_000), end: 100 } });
  assert.deepEqual(out(), [[1, 3], [0, 2]]);
  it.answer({ 1: { ...moved(20, 2_000), end: 120 }, 3: { ...moved(20, 2_000), end: 120 } });
  assert.deepEqual(out(), [[0, 2], [1]], "the next that is free takes partition 3");
  it.answer({});
  assert.deepEqual(out(), [[1], [0, 2, 3]]);
});

Deno.test("as soon as all are idle, no look from before holds the run-on", () => {
  const it = new Case(2, 2);
  for (const to of [1, 2]) {
    const behind = { ...moved(to, 12_000 + to), end: 3 };
    it.answer({ 0: behind, 1: behind }, { why: "limit", windows: [cells(10_000)] });
  }
  it.answer({ 0: moved(3, 12_010) });
  it.answer({ 1: moved(3, 12_010) });
  it.answer({ 0: silent(9_000) });
  assert.deepEqual(it.modes, ["idle", "active"]);
  assert.equal(it.sweeps[0]?.silentMs, null, "it looks for as long as it may");
  it.answer({ 1: silent(9_000) }, { ranMs: 8_000, busyMs: 8_000 });
  assert.deepEqual(it.modes, ["idle", "idle"]);
  assert.ok(it.kinds.includes("cancel"));
  const [out] = it.drain.sweepsOut;
  assert.deepEqual(out?.silentMs, 20_000 - 12_010);
  assert.deepEqual(
    it.drain.sweepsOut.flatMap((s) => s.partitions.map((p) => p.partition)),
    [0, 1],
  );
});

Deno.test("partitions without a leader keep no other from starting; they are asked for again", () => {
  const state = newDrain([{ partition: 1, cursor: 0 }], "code", 3);
  const it = new Case(state, 1);
  assert.deepEqual(it.findings, [[0, 2]]);
  it.answer({ 1: moved(1, 12_000) });
  assert.equal(it.drain.watermark, null, "what lies in the others is not known");
  it.drain.added([{ partition: 2, cursor: 7 }]);
  it.decide();
  assert.deepEqual(it.findings, [[0]]);
  it.drain.added([]);
  it.decide();
  assert.deepEqual(it.findings, [[0]]);
  it.drain.added([{ partition: 0, cursor: 0 }]);
  it.decide();
  assert.deepEqual(it.drain.partitions.map(({ cursor }) => cursor), [0, 1, 7]);
});

Deno.test("without workers the control process looks; its first record wakes the fleet", () => {
  const it = new Case(2);
  const [request] = it.drain.sweepsOut;
  it.drain.ready(0);
  assert.equal(it.drain.isFleetFree, false);
  it.decide();
  assert.equal(it.drain.isFleetFree, true);
  assert.deepEqual(it.decision.commands.map((c) => c.kind === "sweep" ? c.at : c), [
    { kind: "cancel", n: request?.n },
    "control",
  ]);
  it.answer({ 1: { found: true, end: 4 } }, { why: "record" });
  assert.deepEqual(it.kinds, ["sweep", "wake"]);
  assert.deepEqual(it.sweeps[0]?.partitions.map((p) => p.partition), [0], "1 is known to wait");
  it.decide(29_999);
  assert.deepEqual(it.kinds, []);
  it.decide(1);
  assert.deepEqual(it.kinds, ["wake"]);
  it.drain.ready(1);
  it.decide();
  assert.deepEqual(it.kinds, ["cancel", "sweep"]);
});

Deno.test("a sweep that no worker begins sends the drain to the control process", () => {
  const it = new Case(1);
  it.drain.sweepNotStarted(1);
  it.decide(5_000);
  assert.deepEqual(it.decision.commands.map((c) => c.kind === "sweep" && c.at), ["control"]);
});

Deno.test("drift holds who runs ahead, never the slowest; parked ones don't count", () => {
  const starts = [0, 1, 2].map((partition) => ({ partition, cursor: 0, until: 5 }));
  const it = new Case(starts);
  it.answer({ 0: moved(5, 1_000), 1: moved(1, 900_000), 2: moved(1, 790_000) });
  assert.deepEqual(it.modes, ["parked", "active", "active"]);
  assert.deepEqual([...it.drain.held], [[1, "drift"]]);
  assert.deepEqual(it.sweeps[0]?.partitions.map((p) => p.partition), [2]);
});

Deno.test("a bounded run in which only the budget holds names the parked partitions", () => {
  const starts = [0, 1].map((partition) => ({ partition, cursor: 0, until: 5 }));
  const it = new Case(starts, 1, { maxOpenWindows: 2, deliverEveryMs: null });
  it.answer({ 0: moved(5, 1_000), 1: moved(1, 30_000) }, { windows: [cells(0), cells(30_000, 1)] });
  assert.deepEqual([it.drain.stuckBehind, [...it.drain.held]], [[0], [[1, "budget"]]]);
});

Deno.test("new partitions hold the watermark until they are there, and begin with it as floor", () => {
  const it = new Case(1);
  it.answer({ 0: moved(1, 12_000) }, { topicPartitions: 2 });
  assert.deepEqual([it.drain.watermark, it.kinds], [null, ["findPartitions", "sweep"]]);
  it.answer({ 0: moved(2, 15_000) });
  assert.deepEqual([it.drain.watermark, it.kinds], [null, ["sweep"]], "it is asked once");
  it.drain.added([{ partition: 1, cursor: 0 }]);
  it.decide();
  it.answer({ 0: moved(3, 16_000) });
  assert.equal(it.drain.watermark, null, "the new one has had no event");
});

Deno.test("failed sweeps are halved, then narrowed to one record, which is set aside", () => {
  const it = new Case(2);
  const fail = () => {
    for (const { n } of it.drain.sweepsOut) it.drain.sweepFailed(n, "TG_SWEEP_FAILED", "died");
    it.decide(6_000);
    return it.sweeps.map((s) => [s.partitions.length, s.limits.records, s.setAside]);
  };
  const seen = [fail()];
  it.answer({ 0: moved(1, 1_000) });
  for (let i = 0; i < 7; i++) {
    const [sweep] = it.drain.sweepsOut;
    if (sweep?.partitions[0]?.partition === 0) it.answer({});
    seen.push(fail());
  }
  const records = seen.flat().map(([, most]) => most);
  assert.deepEqual([...new Set(records)], [null, 4_096, 512, 64, 8, 1]);
  assert.equal(seen.flat().some(([, , aside]) => aside === true), true);
});

Deno.test("a run ends when its history is full, with its last sweeps; at once when it is twice that", () => {
  const it = new Case(1);
  it.answer({ 0: moved(1, 12_000) });
  it.decide(0, { ...NOTHING, events: 7_199 });
  assert.deepEqual(it.kinds, []);
  it.decide(0, { ...NOTHING, events: 7_200 });
  assert.deepEqual(it.kinds, [], "a sweep is out");
  const [sweep] = it.drain.sweepsOut;
  assert.ok(sweep !== undefined);
  it.drain.swept(resultOf(sweep, { 0: moved(2, 13_000) }));
  it.decide(1_000, { ...NOTHING, bytes: 8 * 1024 * 1024 });
  assert.deepEqual(it.kinds, ["continueAsNew"]);
  const other = new Case(1);
  other.decide(0, { ...NOTHING, events: 16_000 });
  assert.deepEqual(other.kinds, ["continueAsNew"]);
  const state = JSON.parse(JSON.stringify(other.drain.snapshot()));
  const next = new Drain(RULES, state);
  const { commands } = next.decide(other.nowMs, NOTHING);
  assert.deepEqual(commands.map(({ kind }) => kind), ["sweep"]);
});

Deno.test("another pace counts for the sweeps and delivers that begin after it", () => {
  const it = new Case(1);
  assert.deepEqual([it.sweeps[0]?.paceMs, it.sweeps[0]?.sliceMs], [5_000, 2_000]);
  it.drain.tune({ paceMs: 700, sliceMs: 300, deliverEveryMs: null });
  it.decide();
  assert.deepEqual(it.kinds, [], "what is out goes on as it was asked");
  it.answer({ 0: moved(1, 1_000) }, { windows: [cells(0)] });
  assert.deepEqual([it.sweeps[0]?.paceMs, it.sweeps[0]?.sliceMs], [700, 300]);
  it.decide(60_000);
  assert.deepEqual(it.kinds, [], "nothing is delivered any more");
});
