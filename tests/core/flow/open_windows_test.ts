import assert from "node:assert/strict";
import { tumbling } from "../../../core/event_time/windows.ts";
import type { CellWire } from "../../../core/fold/aggregates.ts";
import { cellsBytes } from "../../../core/flow/held.ts";
import type { CallEnd, SettleOutcome, WindowCall } from "../../../core/flow/delivery.ts";
import { OpenWindows, type OpenWindowsRules } from "../../../core/flow/open_windows.ts";
import type { SweptWindow } from "../../../core/flow/sweep.ts";

const RULES: OpenWindowsRules = {
  aggregates: [{ name: "n", kind: "count", field: null }],
  windowing: tumbling(10_000),
  latenessMs: 0,
  deliverEveryMs: 5_000,
  emitEveryMs: null,
};
const MIB = 1024 * 1024;

function part(start: number, keys: readonly string[] = ["a"], spans = [[0, 0, 1]] as const) {
  const cells = keys.map((key): CellWire => [JSON.stringify([key]), 1, null]);
  return { start, shard: 0, cells, bytes: cellsBytes(cells), spans } satisfies SweptWindow;
}

function ends(calls: readonly WindowCall[], end: CallEnd, final = false): SettleOutcome[] {
  return calls.map(({ start, shard, call }) => ({
    start,
    shard,
    n: call.n,
    end,
    pairs: 0,
    bytes: 100,
    revision: null,
    final,
    rows: 1,
    problem: null,
  }));
}

/** Calls made and sent at a moment. */
function sent(windows: OpenWindows, watermark: number | null, nowMs: number, most = 8) {
  windows.makeCalls(watermark, nowMs, MIB, false);
  return windows.send(nowMs, most);
}

Deno.test("at most one call a window is under way; what comes meanwhile is held for the next", () => {
  const windows = new OpenWindows(RULES);
  windows.hold([part(0)], 0);
  const [first] = sent(windows, null, 5_000);
  assert.deepEqual(first?.map(({ call }) => [call.n, call.watermark]), [[1, null]]);
  windows.hold([part(0, ["a", "b"])], 6_000);
  assert.deepEqual(sent(windows, 10_000, 20_000), []);
  for (const outcome of ends(first ?? [], "written")) windows.answered(outcome, 20_001);
  const [second] = sent(windows, 10_000, 20_001);
  assert.deepEqual(second?.map(({ call }) => [call.n, call.watermark, call.cells?.length]), [[
    2,
    10_000,
    2,
  ]]);
  for (const outcome of ends(second ?? [], "written", true)) windows.answered(outcome, 20_002);
  assert.deepEqual([windows.size, windows.closed], [0, { windows: 1, pairs: 3, rows: 1 }]);
});

Deno.test("a call keeps number and content over a failure and continue-as-new; taken, it drops the cells", () => {
  const windows = new OpenWindows(RULES);
  windows.hold([part(0)], 0);
  const [first] = sent(windows, 10_000, 1_000);
  windows.failed(first ?? [], 1_000);
  assert.deepEqual(windows.send(1_499, 8), []);
  assert.equal(windows.nextTryMs(), 1_500);
  assert.deepEqual(windows.send(1_500, 8), [first]);
  const next = new OpenWindows(RULES, JSON.parse(JSON.stringify(windows.snapshot())));
  assert.deepEqual(next.send(2_000, 8), [first]);
  for (const outcome of ends(first ?? [], "taken")) next.answered(outcome, 3_000);
  assert.equal(next.carriedBytes, 0);
  const [again] = next.send(60_000, 8);
  assert.deepEqual(again?.map(({ call }) => [call.n, call.cells, call.emittedAtMs]), [[
    1,
    null,
    1_000,
  ]]);
  assert.equal(next.look()[0]?.unwrittenSinceMs, 3_000);
});

for (
  const [end, code] of [
    ["lost", "TG_WINDOW_LOST"],
    ["overlap", "TG_OVERLAP"],
    ["full", "TG_WINDOW_FULL"],
  ] as const
) {
  Deno.test(`a window that answers ${end} is named, and what comes for it is lost with it`, () => {
    const windows = new OpenWindows(RULES);
    windows.hold([part(0), part(10_000)], 0);
    const [calls] = sent(windows, 10_000, 0);
    for (const outcome of ends(calls ?? [], end)) windows.answered(outcome, 1);
    windows.hold([part(0, ["a", "b"])], 2);
    assert.deepEqual(windows.lost.named, [{ start: 0, shard: 0, code, pairs: 3 }]);
    assert.equal(
      windows.room([{ ...part(0), bytes: 2 * MIB }]),
      "enough",
      "nothing is held for it",
    );
    assert.equal(windows.carriedBytes, part(10_000).bytes);
    assert.deepEqual(sent(windows, 10_000, 3), []);
    assert.deepEqual([windows.size, windows.lost.windows, windows.lost.pairs], [1, 1, 3]);
  });
}

Deno.test("whether a window has room is decided before anything is taken", () => {
  const windows = new OpenWindows(RULES);
  const long = (name: string) => part(0, [name.repeat(400_000)]);
  windows.hold([long("a"), part(10_000)], 0);
  assert.equal(windows.room([long("b")]), "enough");
  windows.hold([long("b")], 0);
  assert.equal(windows.room([part(10_000)]), "enough");
  assert.equal(windows.isUrgent, false);
  assert.equal(windows.room([long("c")]), "later");
  assert.equal(windows.isUrgent, true);
  for (let n = 1; n <= 2; n++) {
    const calls = sent(windows, null, n).flat().filter(({ start }) => start === 0);
    assert.deepEqual(calls.map(({ call }) => [call.n, call.cells?.length]), [[n, 1]]);
    for (const outcome of ends(calls, "written")) {
      windows.answered({ ...outcome, bytes: n * 400_007 }, n);
    }
  }
  assert.equal(windows.isUrgent, false);
  assert.equal(windows.room([long("c")]), "full");
  assert.equal(windows.room([part(0, ["small"])]), "enough");
});

Deno.test("windows that stay open get their cells in turn, at most 20 a second, and none before its end", () => {
  const windows = new OpenWindows(RULES);
  windows.hold(Array.from({ length: 60 }, (_, i) => part(10_000 * i)), 0);
  assert.deepEqual(sent(windows, null, 4_999), []);
  const count = (nowMs: number) => sent(windows, 9_000, nowMs).flat().length;
  assert.deepEqual([count(5_000), count(5_000), count(5_500)], [20, 0, 10]);
  const starts = windows.look().filter(({ calling }) => calling !== null).map(({ start }) => start);
  assert.equal(starts.includes(0), false, "its settle would wait for it");
  assert.equal(starts.includes(10_000), true);
});

Deno.test("too many cells leave by need, those farthest from closing first", () => {
  const windows = new OpenWindows(RULES);
  windows.hold([0, 1, 2].map((i) => part(10_000 * i, ["x".repeat(1_000)])), 0);
  windows.makeCalls(null, 0, 4_500, true);
  assert.deepEqual(windows.send(0, 8).flat().map(({ start }) => start), [20_000]);
});

Deno.test("an activity carries 16 calls and 512 KiB, and no more are begun than may be", () => {
  const windows = new OpenWindows(RULES);
  windows.hold(Array.from({ length: 40 }, (_, i) => part(10_000 * i)), 0);
  assert.deepEqual(sent(windows, 1e9, 0, 2).map((calls) => calls.length), [16, 16]);
  assert.deepEqual(sent(windows, 1e9, 0, 2).map((calls) => calls.length), [8]);
  const large = new OpenWindows(RULES);
  large.hold([0, 1, 2].map((i) => part(10_000 * i, ["x".repeat(200_000)])), 0);
  assert.deepEqual(sent(large, 1e9, 0).map((calls) => calls.length), [2, 1]);
});

Deno.test("settles leave before delivers, soonest due first", () => {
  const windows = new OpenWindows({ ...RULES, latenessMs: 20_000 });
  windows.hold([part(50_000), part(10_000), part(0)], 0);
  const calls = sent(windows, 20_000, 10_000).flat();
  assert.deepEqual(calls.map(({ start, call }) => [start, call.watermark]), [
    [0, 20_000],
    [10_000, 20_000],
    [50_000, null],
  ]);
});

Deno.test("a window whose first rows are out takes changes at most once an interval", () => {
  const windows = new OpenWindows({ ...RULES, latenessMs: 60_000 });
  windows.hold([part(0)], 0);
  const first = sent(windows, 10_000, 1_000).flat();
  for (const outcome of ends(first, "written")) windows.answered(outcome, 1_100);
  assert.equal(windows.nextTime(12_000), 70_000);
  windows.hold([part(0)], 1_200);
  assert.deepEqual(sent(windows, 12_000, 5_999), []);
  assert.deepEqual(
    sent(windows, 12_000, 6_000).flat().map(({ call }) => [call.n, call.watermark]),
    [
      [2, 12_000],
    ],
  );
});

Deno.test("the timers of a window are its end and its final time", () => {
  const windows = new OpenWindows({ ...RULES, latenessMs: 7_000 });
  assert.equal(windows.lastTime(), null);
  windows.hold([part(0), part(10_000)], 0);
  const after = [0, 10_000, 17_000, 20_000, 27_000].map((time) => windows.nextTime(time));
  assert.deepEqual(after, [10_000, 17_000, 20_000, 27_000, null]);
  const reached = [9_999, 10_000, 16_999, 17_000, 99_000].map((time) => windows.ranOnTo(0, time));
  assert.deepEqual(reached, [0, 10_000, 10_000, 17_000, 27_000]);
  assert.equal(windows.ranOnTo(18_000, 17_500), 18_000, "never back");
  assert.equal(windows.lastTime(), 27_000);
});

Deno.test("windows are looked at in the order of starts and shards, the first so many", () => {
  const windows = new OpenWindows(RULES);
  const starts = [30_000, 0, 20_000, 10_000];
  windows.hold(starts.flatMap((start) => [1, 0].map((shard) => ({ ...part(start), shard }))), 0);
  const names = (limit?: number) => windows.look(limit).map((w) => `${w.start}/${w.shard}`);
  const all = ["0/0", "0/1", "10000/0", "10000/1", "20000/0", "20000/1", "30000/0", "30000/1"];
  assert.deepEqual([names(), names(3), names(0)], [all, all.slice(0, 3), []]);
  assert.deepEqual([windows.size, windows.bytes], [8, 8 * part(0).bytes]);
  const again = new OpenWindows(RULES, JSON.parse(JSON.stringify(windows.snapshot())));
  assert.deepEqual(again.look(), windows.look());
  const calls = sent(windows, 10_000, 0).flat();
  assert.deepEqual(calls.map(({ start, shard }) => [start, shard]), [[0, 0], [0, 1]]);
  const [first, second] = ends(calls, "written", true);
  assert.ok(first !== undefined && second !== undefined);
  windows.answered(first, 1);
  assert.deepEqual([names(1), windows.nextTime(0)], [["0/1"], 10_000]);
  windows.answered(second, 1);
  assert.deepEqual([names(1), windows.nextTime(0)], [["10000/0"], 20_000]);
});

/** Lets the calls that are due at a moment be over. */
function over(windows: OpenWindows, watermark: number | null, nowMs: number, final = false) {
  const calls = sent(windows, watermark, nowMs).flat();
  for (const outcome of ends(calls, "written", final)) windows.answered(outcome, nowMs);
  return calls;
}

Deno.test("a call that comes to nothing is tried after 0.5 s, twice that each time, 30 s at most", () => {
  const windows = new OpenWindows(RULES);
  windows.hold([part(0)], 0);
  windows.makeCalls(10_000, 0, MIB, false);
  const waits: number[] = [];
  let nowMs = 0;
  for (let i = 0; i < 8; i++) {
    const [calls] = windows.send(nowMs, 8);
    windows.failed(calls ?? [], nowMs);
    const next = windows.nextTryMs();
    assert.ok(next !== null);
    waits.push(next - nowMs);
    nowMs = next;
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

Deno.test("what is not about the call under way changes nothing", () => {
  const windows = new OpenWindows(RULES);
  windows.hold([part(0)], 0);
  windows.makeCalls(10_000, 0, MIB, false);
  const call = windows.snapshot().calls[0]?.[1].call;
  assert.ok(call !== undefined);
  const calls = [{ start: 0, shard: 0, call }];
  const [outcome] = ends(calls, "written", true);
  assert.ok(outcome !== undefined);
  const same = (before = windows.snapshot()) => assert.deepEqual(windows.snapshot(), before);
  const change = (what: () => void) => {
    const before = windows.snapshot();
    what();
    same(before);
  };
  change(() => windows.answered(outcome, 1));
  change(() => windows.failed(calls, 1));
  windows.send(0, 8);
  for (const wrong of [{ n: 2 }, { start: 10_000 }, { shard: 1 }]) {
    change(() => windows.answered({ ...outcome, ...wrong }, 1));
  }
  change(() => windows.failed([{ start: 0, shard: 0, call: { ...call, n: 2 } }], 1));
  change(() => windows.failed([{ start: 0, shard: 5, call }], 1));
});

Deno.test("so many cells go ahead of a settle that the rest fits into its call", () => {
  const windows = new OpenWindows(RULES);
  windows.hold([part(0, ["a".repeat(300_000), "b".repeat(300_000)])], 0);
  const first = over(windows, 10_000, 1);
  assert.deepEqual(first.map(({ call }) => [call.watermark, call.cells?.length]), [[null, 1]]);
  const second = over(windows, 10_000, 2, true);
  assert.deepEqual(second.map(({ call }) => [call.watermark, call.cells?.length]), [[10_000, 1]]);
  assert.deepEqual(windows.closed, { windows: 1, pairs: 2, rows: 1 });
});

Deno.test("cells that take less than was said of them leave with one call", () => {
  const windows = new OpenWindows(RULES);
  windows.hold([{ ...part(0), bytes: 600 * 1024 }], 0);
  over(windows, 10_000, 1);
  assert.deepEqual([windows.size, windows.snapshot().held], [1, []]);
});

Deno.test("early rows come at most once an interval, are marked, and leave the window open", () => {
  const windows = new OpenWindows({ ...RULES, emitEveryMs: 2_000, deliverEveryMs: null });
  windows.hold([part(0)], 0);
  assert.deepEqual(over(windows, 3_000, 1_999), []);
  assert.deepEqual(over(windows, 3_000, 2_000).map(({ call }) => call.early), [true]);
  assert.equal(windows.look()[0]?.emitted, false);
  assert.deepEqual(over(windows, 3_000, 9_000), [], "nothing has come since");
  windows.hold([part(0)], 9_000);
  const last = over(windows, 10_000, 9_001, true);
  assert.deepEqual(last.map(({ call }) => [call.early, call.watermark]), [[undefined, 10_000]]);
});

Deno.test("an emitted window stays so whatever is delivered, and completes without cells", () => {
  const windows = new OpenWindows({ ...RULES, latenessMs: 60_000 });
  windows.hold([part(0), part(10_000)], 0);
  assert.equal(over(windows, 10_000, 1_000).length, 1);
  windows.hold([part(0, ["x".repeat(2_000)])], 1_500);
  windows.makeCalls(10_000, 2_000, 2_000, true);
  const delivered = windows.send(2_000, 8).flat();
  assert.deepEqual(delivered.map(({ start, call }) => [start, call.watermark]), [
    [0, null],
    [10_000, null],
  ]);
  for (const outcome of ends(delivered, "written")) windows.answered(outcome, 2_001);
  assert.deepEqual(windows.look().map(({ emitted }) => emitted), [true, false]);
  assert.deepEqual(over(windows, 19_999, 90_000), []);
  assert.deepEqual(over(windows, 69_999, 99_000).map(({ start }) => start), [10_000]);
  const last = over(windows, 70_000, 99_001, true);
  assert.deepEqual(last.map(({ start, call }) => [start, call.cells]), [[0, []]]);
});

Deno.test("what waits for its call is not called again, however long it waits", () => {
  const windows = new OpenWindows(RULES);
  windows.hold([part(0)], 0);
  assert.equal(sent(windows, null, 5_000).length, 1);
  assert.deepEqual(windows.look().map(({ n, calling }) => [n, calling]), [[0, 1]]);
  windows.hold([part(0)], 5_001);
  assert.deepEqual(sent(windows, null, 50_000), []);
});

Deno.test("those whose cells have waited longest are delivered to first", () => {
  const windows = new OpenWindows(RULES);
  for (let i = 0; i < 25; i++) windows.hold([part(10_000 * (25 - i))], i);
  const starts = sent(windows, null, 6_000).flat().map(({ start }) => start);
  const oldest = Array.from({ length: 20 }, (_, i) => 10_000 * (25 - i));
  assert.deepEqual(starts, oldest.toReversed());
});

Deno.test("a hundred broken windows are kept by name, in their order, the others by number", () => {
  const windows = new OpenWindows(RULES);
  windows.hold(Array.from({ length: 103 }, (_, i) => part(10_000 * i)), 0);
  for (const calls of sent(windows, 1e9, 0).toReversed()) {
    for (const outcome of ends(calls, "lost").toReversed()) windows.answered(outcome, 1);
  }
  assert.deepEqual(windows.lost.named.map(({ start }) => start).slice(0, 3), [0, 10_000, 20_000]);
  windows.makeCalls(15_000, 2, MIB, false);
  assert.deepEqual([windows.size, windows.lost.windows], [102, 103]);
  windows.makeCalls(1e9, 2, MIB, false);
  const { lost } = windows;
  assert.deepEqual([windows.size, lost.windows, lost.pairs, lost.named.length], [0, 103, 103, 100]);
});

Deno.test("a settle leaves before the deliver of an earlier window", () => {
  const windows = new OpenWindows({ ...RULES, latenessMs: 60_000 });
  windows.hold([part(0)], 0);
  over(windows, 10_000, 1_000);
  windows.hold([part(0, ["x".repeat(2_000)]), part(10_000)], 1_500);
  windows.makeCalls(20_000, 2_000, 2_000, true);
  const calls = windows.send(2_000, 8).flat();
  assert.deepEqual(calls.map(({ start, call }) => [start, call.watermark]), [
    [10_000, 20_000],
    [0, null],
  ]);
});

Deno.test("a broken window is not called again, while it is open and after", () => {
  const windows = new OpenWindows({ ...RULES, latenessMs: 5_000 });
  windows.hold([part(0)], 0);
  for (const outcome of ends(sent(windows, 10_000, 0).flat(), "lost")) windows.answered(outcome, 1);
  windows.hold([part(0)], 2);
  assert.deepEqual(sent(windows, 14_999, 50_000), []);
  assert.equal(windows.size, 1);
  assert.deepEqual(sent(windows, 15_000, 50_000), []);
  assert.equal(windows.size, 0);
});
