import assert from "node:assert/strict";
import { Case, cells, moved, silent } from "../drain_case.ts";

const failure = { code: "TG_X", message: "m", offset: 1, passing: false };

Deno.test("a partition that stopped stays so at its fixed end", () => {
  const it = new Case([{ partition: 0, cursor: 0, until: 5 }]);
  it.answer({ 0: { ...moved(5, 12_000), failure } });
  assert.deepEqual(it.modes, ["stopped"]);
});

Deno.test("a partition without an event is idle at its fixed end, and is not swept", () => {
  const it = new Case([{ partition: 0, cursor: 0, until: 5 }, {
    partition: 1,
    cursor: 0,
    until: 5,
  }]);
  it.answer({ 0: { to: 5 }, 1: moved(1, 12_000) });
  assert.deepEqual([it.modes, it.drain.watermark], [["idle", "active"], 12_000]);
  assert.deepEqual(it.sweeps[0]?.partitions.map((p) => p.partition), [1]);
});

Deno.test("the run-on begins anew where a partition has joined, and by new silence only", () => {
  const it = new Case(1);
  it.answer({ 0: moved(1, 12_000) }, { windows: [cells(10_000)] });
  it.answer({ 0: silent(8_000) }, { ranMs: 8_000 });
  it.answer({ 0: silent(7_000) }, { ranMs: 7_000 });
  assert.deepEqual([it.drain.partitions[0]?.ranOnMs, it.drain.watermark], [7_000, 12_000]);
  it.answer({ 0: moved(2, 12_000) });
  it.answer({ 0: silent(8_000) }, { ranMs: 8_000 });
  assert.deepEqual([it.modes, it.drain.partitions[0]?.ranOnMs], [["idle"], 0]);
  it.answer({ 0: silent(7_000) }, { ranMs: 7_000 });
  assert.equal(it.drain.watermark, 12_000);
  it.answer({ 0: silent(1_000) });
  assert.equal(it.drain.watermark, 20_000);
});

Deno.test("the run-on waits for every idle partition to have been seen", () => {
  const it = new Case(2);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 12_000) }, { windows: [cells(10_000)] });
  it.answer({ 0: silent(8_000), 1: silent(8_000) }, { ranMs: 8_000 });
  it.answer({ 0: silent(8_000), 1: silent(8_000) }, { ranMs: 8_000 }, 5_000);
  assert.equal(it.drain.watermark, 12_000, "that was long ago");
  it.answer({ 0: silent(10), 1: silent(0) });
  assert.equal(it.drain.watermark, 12_000, "1 was not looked at since");
  it.answer({ 0: silent(10), 1: silent(10) });
  assert.equal(it.drain.watermark, 20_000);
});

Deno.test("silence of a sweep that began before the run-on does not count for it", () => {
  const it = new Case(2, 2);
  for (const to of [1, 2]) {
    const behind = { ...moved(to, 12_000), end: 1_000 };
    it.answer({ 0: behind, 1: behind }, { why: "limit", windows: [cells(10_000)] });
  }
  assert.deepEqual(it.drain.sweeps.map(({ partitions }) => partitions), [[0], [1]]);
  const end = { end: 2, highWatermark: 2 };
  it.answer({ 0: { ...silent(8_000), ...end } }, { ranMs: 8_000 });
  assert.deepEqual(it.drain.sweeps.map(({ partitions }) => partitions), [[1]]);
  it.answer({ 1: { ...silent(8_000), ...end } }, { ranMs: 16_000 }, -8_000);
  assert.deepEqual([it.modes, it.drain.snapshot().runOnFrom], [["idle", "idle"], 12_000]);
  it.answer({ 0: silent(7_000), 1: silent(7_000) }, { ranMs: 7_000 });
  assert.deepEqual(it.drain.partitions.map((p) => p.ranOnMs), [7_000, 7_000]);
  assert.equal(it.drain.watermark, 12_000);
});

Deno.test("the run-on moves when a result is taken in, not when somebody gives a partition up", () => {
  const it = new Case(2);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 12_000) }, { windows: [cells(10_000)] });
  it.answer({ 0: silent(8_000), 1: silent(8_000) }, { ranMs: 8_000 });
  it.answer({ 0: silent(8_000), 1: silent(1_000) }, { ranMs: 8_000 });
  assert.equal(it.drain.watermark, 12_000);
  it.drain.exclude(1);
  it.decide();
  assert.equal(it.drain.watermark, 12_000);
  it.answer({ 0: silent(10) });
  assert.equal(it.drain.watermark, 20_000);
});

Deno.test("without open windows nobody waits for a timer", () => {
  const it = new Case(1);
  it.answer({ 0: moved(1, 12_000) });
  it.answer({ 0: silent(8_000) }, { ranMs: 8_000 });
  assert.equal(it.sweeps[0]?.silentMs, null);
});

Deno.test("a flush waits for active and stopped partitions, not for parked ones", () => {
  const it = new Case([0, 1].map((partition) => ({ partition, cursor: 0, until: 5 })));
  it.answer({ 0: moved(5, 12_000), 1: moved(1, 11_000) }, { windows: [cells(10_000)] });
  it.drain.flush();
  it.decide();
  assert.deepEqual([it.modes, it.drain.watermark], [["parked", "active"], 11_000]);
  it.answer({ 1: { ...moved(2, 11_000), failure } });
  assert.deepEqual([it.modes, it.drain.watermark], [["parked", "stopped"], 11_000]);
  it.drain.exclude(1);
  it.decide();
  assert.deepEqual([it.drain.watermark, it.drain.snapshot().flushing], [20_000, false]);
});

Deno.test("the boundary of a sweep follows the smallest watermark of what it folds", () => {
  const it = new Case(2);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 35_000) });
  assert.equal(it.sweeps[0]?.boundary, 20_000);
  it.answer({ 0: silent(8_000), 1: moved(2, 36_000) }, { ranMs: 8_000 });
  assert.deepEqual([it.modes, it.sweeps[0]?.boundary], [["idle", "active"], 40_000]);
  it.answer({ 0: silent(8_000), 1: silent(8_000) }, { ranMs: 8_000 });
  assert.deepEqual([it.modes, it.sweeps[0]?.boundary], [["idle", "idle"], 40_000]);
});

Deno.test("what stays open at the end of a bounded run is delivered at once", () => {
  const it = new Case([0, 1].map((partition) => ({ partition, cursor: 0, until: 5 })));
  it.answer({ 0: moved(5, 12_000), 1: moved(1, 13_000) }, { windows: [cells(20_000)] });
  assert.deepEqual(it.kinds, ["sweep"], "there is more to be read");
  it.answer({ 1: moved(5, 14_000) }, { windows: [cells(20_000)] });
  assert.deepEqual(it.kinds, ["settle"]);
});

Deno.test("silence that had broken off when the sweep answered makes nobody idle, and moves nothing", () => {
  const it = new Case(1);
  it.answer({ 0: moved(1, 12_000) }, { windows: [cells(10_000)] });
  const broken = { looked: { confirmedMs: 9_000, moved: false, brokeOff: true as const } };
  it.answer({ 0: broken }, { ranMs: 9_000 });
  assert.deepEqual([it.modes, it.drain.partitions[0]?.silentMs], [["active"], 9_000]);
  it.answer({ 0: silent(10) });
  assert.deepEqual(it.modes, ["idle"]);
  it.answer({ 0: broken }, { ranMs: 9_000 });
  assert.equal(it.drain.watermark, 12_000);
  it.answer({ 0: silent(10) });
  assert.equal(it.drain.watermark, 20_000);
});
