import assert from "node:assert/strict";
import { Case, cells, moved, silent } from "../drain_case.ts";

const failure = { code: "TG_X", message: "m", offset: 1, passing: false };

Deno.test("a partition is resumed from where somebody says, and what is skipped is counted", () => {
  const it = new Case(2);
  it.answer({ 0: { ...moved(3, 12_000), failure }, 1: moved(1, 20_000) });
  assert.deepEqual(it.modes, ["stopped", "active"]);
  it.drain.resume(0, 2);
  it.decide();
  const [p] = it.drain.partitions;
  assert.deepEqual([p?.mode, p?.stop, p?.cursor, p?.skipped], ["active", null, 3, []]);
  it.drain.resume(0, 9);
  it.decide();
  const [q] = it.drain.partitions;
  assert.deepEqual([q?.cursor, q?.end, q?.skipped, q?.skippedOffsets], [9, 9, [[3, 9]], 6]);
  assert.deepEqual([q?.floor, it.drain.watermark], [12_000, 12_000]);
});

Deno.test("bounds leave stopped and excluded partitions as they are; a parked one joins again", () => {
  const it = new Case([0, 1, 2].map((partition) => ({ partition, cursor: 0, until: 5 })));
  it.answer({ 0: { ...moved(3, 12_000), failure }, 1: moved(5, 20_000), 2: moved(1, 15_000) });
  it.drain.exclude(2);
  it.decide();
  assert.deepEqual(it.modes, ["stopped", "parked", "excluded"]);
  it.drain.bound(new Map([[0, null], [1, 9], [2, 7]]));
  it.decide();
  assert.deepEqual(it.modes, ["stopped", "active", "excluded"]);
  assert.deepEqual(it.drain.partitions.map((p) => p.until), [null, 9, 7]);
});

Deno.test("a move for a partition that is not known changes nothing", () => {
  const it = new Case(1);
  it.answer({ 0: moved(1, 12_000) });
  it.answer({ 0: silent(8_000) }, { ranMs: 8_000 });
  const before = it.drain.snapshot();
  it.drain.exclude(9);
  it.drain.resume(9, 1);
  it.drain.bound(new Map([[9, 1]]));
  it.decide();
  assert.deepEqual([it.drain.snapshot(), it.kinds], [before, []]);
});

Deno.test("a move strikes the sweep that holds its partition and those whose floors it may move", () => {
  const it = new Case(3, 3);
  it.answer({ 0: moved(1, 12_000), 1: moved(1, 12_000), 2: moved(1, 12_000) });
  it.answer({ 0: moved(2, 13_000), 1: moved(2, 13_000), 2: silent(8_000) }, { ranMs: 8_000 });
  for (const to of [3, 4]) {
    const behind = { ...moved(to, 13_000), end: 1_000 };
    it.answer({ 0: behind, 1: behind }, { why: "limit" });
  }
  const held = () => it.drain.sweeps.map(({ partitions }) => partitions);
  assert.deepEqual(held(), [[0], [1], [2]]);
  const kept = it.drain.sweeps[1]?.n;
  it.drain.exclude(0);
  it.decide();
  assert.deepEqual(it.kinds, ["cancel", "cancel", "sweep"], "that of 0, and the look at 2");
  assert.equal(it.drain.sweeps[0]?.n, kept);
});

Deno.test("partitions that are added before there is a watermark have no floor", () => {
  const it = new Case(1);
  it.drain.added([{ partition: 1, cursor: 3 }, { partition: 0, cursor: 7 }]);
  it.decide();
  assert.deepEqual(it.drain.partitions.map((p) => [p.cursor, p.floor, p.floorBy]), [
    [0, null, null],
    [3, null, null],
  ]);
});

Deno.test("hashes are accepted in addition; sweeps are asked with the last", () => {
  const it = new Case(1);
  for (const hash of ["b", "hash", "b"]) it.drain.accept(hash);
  it.decide();
  assert.deepEqual(it.drain.snapshot().hashes, ["hash", "b"]);
});

Deno.test("a fleet that comes ends the look of the control process, one that grows does not", () => {
  const it = new Case(1, 0);
  it.drain.ready(2);
  it.decide();
  assert.deepEqual(it.kinds, ["cancel", "sweep"]);
  it.drain.ready(3);
  it.decide();
  assert.deepEqual([it.kinds, it.drain.slots], [[], 3]);
});

Deno.test("a bounded run is over when all is read, and nothing is under way or asked for", () => {
  const bounded = (...untils: (number | null)[]) =>
    new Case(untils.map((until, partition) => ({ partition, cursor: 0, until })));
  const it = bounded(5, 5, 5);
  it.answer({ 0: moved(5, 12_000), 1: moved(5, 12_000), 2: moved(4, 12_000) }, {
    windows: [cells(0)],
  });
  assert.equal(it.drain.isDrained, false);
  const calls = it.decision.commands.flatMap((c) => c.kind === "settle" ? c.calls : []);
  it.answer({ 2: moved(5, 12_000) });
  assert.equal(it.drain.isDrained, false, "a call is under way");
  it.drain.settled(
    1,
    calls.map(({ start, shard, call: { n } }) => (
      {
        start,
        shard,
        n,
        end: "written",
        pairs: 1,
        bytes: 1,
        revision: 0,
        final: true,
        rows: 1,
        problem: null,
      }
    )),
  );
  it.decide();
  assert.equal(it.drain.isDrained, true);
  it.drain.topicHas(4);
  it.decide();
  assert.equal(it.drain.isDrained, false, "a partition is to be added");
  const stopped = bounded(5, 5, 5);
  stopped.answer({ 0: moved(5, 12_000), 1: { ...moved(1, 12_000), failure }, 2: moved(1, 12_000) });
  stopped.drain.exclude(2);
  stopped.decide();
  assert.deepEqual([stopped.modes, stopped.drain.isDrained], [
    ["parked", "stopped", "excluded"],
    true,
  ]);
  stopped.drain.flush();
  stopped.decide();
  assert.equal(stopped.drain.isDrained, false, "somebody flushes, and waits for what stopped");
  const live = bounded(5, null);
  live.answer({ 0: moved(5, 12_000) });
  assert.equal(live.drain.isDrained, false);
});

Deno.test("a bounded run is stuck behind parked partitions only if nothing else can go on", () => {
  const stuck = (
    changed: Parameters<Case["answer"]>[0],
    untils: (number | null)[],
    rules: ConstructorParameters<typeof Case>[2] = {},
  ) => {
    const starts = untils.map((until, partition) => ({ partition, cursor: 0, until }));
    const it = new Case(starts, 1, { maxOpenWindows: 1, deliverEveryMs: null, ...rules });
    it.answer(changed, { windows: [cells(30_000)] });
    return it;
  };
  const two = { 0: moved(5, 1_000), 1: moved(1, 30_000) };
  assert.deepEqual(stuck(two, [5, 5]).drain.stuckBehind, [0]);
  assert.equal(stuck(two, [5, 5]).drain.isDrained, false);
  assert.equal(stuck(two, [5, null]).drain.stuckBehind, null, "a live one may wait");
  assert.equal(stuck(two, [5, 5], { maxOpenWindows: 2 }).drain.stuckBehind, null);
  const drift = { maxDriftMs: 1_000, maxOpenWindows: 9 };
  const three = { 0: moved(5, 1_000), 1: moved(1, 30_000), 2: moved(1, 90_000) };
  assert.equal(stuck(three, [5, 5, 5], drift).drain.stuckBehind, null, "drift passes");
  const slow = { 0: moved(5, 1_000), 1: moved(1, 30_000), 2: moved(1, 500) };
  assert.equal(stuck(slow, [5, 5, 5]).drain.stuckBehind, null, "the slowest goes on");
  const failed = { ...three, 2: { ...moved(1, 90_000), failure } };
  assert.equal(stuck(failed, [5, 5, 5]).drain.stuckBehind, null, "a person may let it go on");
  const none = { 0: { ...moved(1, 1_000), failure }, 1: moved(1, 30_000) };
  assert.equal(stuck(none, [5, 5]).drain.stuckBehind, null, "nothing is parked");
  assert.equal(stuck({ 0: moved(5, 1_000), 1: moved(5, 30_000) }, [5, 5]).drain.stuckBehind, null);
  const calling = stuck(two, [5, 5], { deliverEveryMs: 1_000 });
  calling.decide(1_000);
  assert.equal(calling.drain.stuckBehind, null, "a call is under way");
  const waits = stuck({ ...slow, 2: { ...moved(1, 500), end: 5 } }, [5, 5, 5]);
  waits.drain.ready(0);
  waits.decide();
  assert.deepEqual([waits.drain.sweepsOut, waits.drain.stuckBehind], [[], null], "for a worker");
});

Deno.test("a bounded run is not stuck while a sweep is out, whatever is held by now", () => {
  const starts = [0, 1].map((partition) => ({ partition, cursor: 0, until: 5 }));
  const it = new Case(starts, 2, { maxOpenWindows: 1, deliverEveryMs: null });
  it.answer({ 0: moved(4, 1_000), 1: moved(1, 2_000) });
  for (const { n } of it.drain.sweepsOut) it.drain.sweepFailed(n, "TG_SWEEP_FAILED", "died");
  it.decide(6_000);
  assert.deepEqual(it.drain.sweeps.map(({ partitions }) => partitions), [[0], [1]]);
  it.answer({ 0: moved(5, 1_000) }, { windows: [cells(30_000)] });
  assert.deepEqual([it.modes, [...it.drain.held]], [["parked", "active"], [[1, "budget"]]]);
  assert.equal(it.drain.stuckBehind, null);
});

Deno.test("a floor says what it comes from, as long as it is not raised", () => {
  const it = new Case(1);
  it.drain.resume(0, 0);
  it.decide();
  assert.deepEqual([it.drain.partitions[0]?.floor, it.drain.partitions[0]?.floorBy], [null, null]);
  it.answer({ 0: moved(1, 12_000) });
  it.drain.added([{ partition: 1, cursor: 0 }]);
  it.drain.resume(1, 0);
  it.decide();
  const floor = () => [it.drain.partitions[1]?.floor, it.drain.partitions[1]?.floorBy];
  assert.deepEqual(floor(), [12_000, "added"], "it is as high as it was");
  it.answer({ 0: moved(2, 15_000) });
  it.answer({ 1: moved(1, 14_000) });
  assert.equal(it.drain.watermark, 14_000);
  it.drain.resume(1, 1);
  it.decide();
  assert.deepEqual(floor(), [14_000, "joined"]);
});

Deno.test("work is spread over a fleet that grows, measured from then on, and over what is left of it", () => {
  const it = new Case(4, 1);
  const spread = (slots: number) => {
    it.drain.ready(slots);
    it.decide(1_000);
    const { spread, spreadSinceMs } = it.drain.snapshot();
    return [spread, it.nowMs - spreadSinceMs];
  };
  assert.equal(it.drain.snapshot().spread, 1, "the first worker is nothing to be spread over");
  assert.deepEqual(spread(3), [3, 0]);
  assert.deepEqual(spread(2), [2, 1_000]);
  assert.deepEqual(spread(2), [2, 2_000]);
  assert.deepEqual(spread(4), [4, 0]);
  assert.deepEqual(spread(0), [1, 1_000]);
  assert.deepEqual(spread(1), [1, 2_000]);
});
