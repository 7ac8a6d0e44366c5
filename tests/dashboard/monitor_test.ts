import assert from "node:assert/strict";
import { History, Rate } from "../../dashboard/server/history.ts";
import { Model } from "../../dashboard/server/model.ts";
import { CloseLatency, loadOf, PipelineMonitor } from "../../dashboard/server/monitor.ts";
import { Histogram } from "../../dashboard/server/metrics.ts";
import { ResultsMonitor } from "../../dashboard/server/results.ts";
import type { FleetDecision } from "../../core/scaling/state.ts";
import { BASE_MS, Driven, eventAt, modelOptions, PLAN, rowOf } from "./driven.ts";

Deno.test("a history keeps the last points and tells what a reader has not seen", () => {
  const history = new History(3);
  const point = { foldedRate: 0, lag: null, desired: 1, ready: 1, starting: 0, draining: 0 };
  for (let i = 1; i <= 5; i++) history.push(i * 1_000, { ...point, inRate: i });
  assert.deepEqual(history.since(0).atMs, [3_000, 4_000, 5_000]);
  assert.deepEqual(history.since(0).columns.inRate, [3, 4, 5]);
  assert.deepEqual(history.since(0).columns.lag, [null, null, null]);
  assert.deepEqual(history.since(4).columns.inRate, [5]);
  assert.deepEqual(history.since(5).atMs, []);
  assert.equal(history.count, 5);
});

Deno.test("rates are over three seconds, and pass over partitions that are new or unknown", () => {
  const rate = new Rate();
  assert.equal(rate.read(0, new Map([[0, 100]])), null);
  assert.equal(rate.read(1_000, new Map([[0, 150], [1, 9_999]])), 50);
  assert.equal(rate.read(2_000, new Map([[0, 150], [1, 10_099]])), 25);
  assert.equal(rate.read(4_000, new Map([[0, 150], [1, 10_299]])), 100);
  assert.equal(rate.read(5_000, new Map([[7, 1]])), null);
});

Deno.test("a histogram counts each duration in every bucket that holds it", () => {
  const histogram = new Histogram([0.1, 1]);
  for (const seconds of [0.05, 0.1, 0.5, 3, -1]) histogram.observe(seconds);
  assert.deepEqual(histogram.cumulative, [3, 4, 5]);
  assert.equal(histogram.count, 5);
  assert.ok(Math.abs(histogram.sum - 3.65) < 1e-9);
});

Deno.test("close-to-emit is from the decision that passed the end until the first rows are written", async () => {
  const it = await Driven.open();
  const monitor = new PipelineMonitor(PLAN, () => it.nowMs);
  it.observe(monitor.watch);
  const { closeSeconds, sweepSeconds } = monitor;
  await it.send(0, 1_000, 2_000);
  await it.sweep();
  assert.equal(closeSeconds.count, 0);
  await it.send(0, 16_000);
  await it.sweep();
  assert.deepEqual([closeSeconds.count, closeSeconds.sum], [1, 0], "at once, by this clock");
  it.isWritable = false;
  await it.send(0, 27_000);
  await it.sweep();
  assert.equal(closeSeconds.count, 1, "the rows are not written");
  it.isWritable = true;
  await it.send(0, 28_000);
  await it.sweep({}, 3_000);
  assert.deepEqual([closeSeconds.count, closeSeconds.sum], [2, 3]);
  assert.deepEqual([sweepSeconds.count, sweepSeconds.sum], [4, 1]);
  await it.sweep();
  assert.equal(sweepSeconds.count, 4, "nothing was folded");
});

Deno.test("what was passed before the first word is not measured, nor is a repeat", () => {
  const histogram = new Histogram();
  const latency = new CloseLatency(histogram);
  latency.drained(5, 1_000);
  latency.emitted({ window: "0/0", end: 5 }, 9_000);
  assert.equal(histogram.count, 0);
  latency.drained(5, 2_000);
  latency.drained(20, 2_400);
  latency.emitted({ window: "1/0", end: 20 }, 2_550);
  latency.emitted({ window: "1/0", end: 20 }, 9_999);
  latency.emitted({ window: "2/0", end: 40 }, 9_999);
  assert.deepEqual(histogram.count, 1);
  assert.ok(Math.abs(histogram.sum - 0.15) < 1e-9);
});

Deno.test("results keep the last revision of each row, and the history of emissions", () => {
  const book = new ResultsMonitor(PLAN);
  book.take([rowOf(0), rowOf(0, "b")]);
  book.take([rowOf(0, "a", 1)]);
  book.take([rowOf(0, "a", 0)]);
  const [window] = book.windows;
  assert.equal(window?.id, "p/1/window/2026-01-02T03:04:00.000Z");
  assert.deepEqual(window.rows.map(({ key, revision, events }) => [key, revision, events]), [
    [["a"], 1, 2],
    [["b"], 0, 1],
  ]);
  assert.deepEqual(window.revisions.map(({ revision }) => revision), [0, 1]);
  assert.equal(window.rowCount, 2);
  book.emitted({ start: window.start, shard: 0, rows: [rowOf(0, "b", 2)], final: false }, 4);
  assert.deepEqual([book.windows[0]?.rowCount, book.closedSince(0).length], [2, 0]);
  const all = ["a", "b", "c"].map((course) => rowOf(0, course, 3));
  book.emitted({ start: window.start, shard: 0, rows: all, final: true }, 5);
  assert.deepEqual(book.windows[0]?.rows.map(({ key: [key], revision }) => [key, revision]), [
    ...[["a", 3], ["b", 3], ["c", 3]],
  ]);
  assert.deepEqual([book.windows[0]?.rowCount, book.rowsTaken], [3, 8]);
  assert.equal(book.closedSince(5).length, 1);
  assert.equal(book.closedSince(6).length, 0);
});

Deno.test("a window's id tells the shard that holds the key", () => {
  const book = new ResultsMonitor({ ...PLAN, shards: 4 });
  book.take([rowOf(0, "a"), rowOf(0, "b"), rowOf(0, "c"), rowOf(0, "d")]);
  for (const { id } of book.windows) assert.match(id, /Z\/[0-3]$/);
  const ids = new Set(book.windows.map(({ id }) => id));
  const other = [0, 1, 2, 3].find((shard) => ![...ids].some((id) => id.endsWith(`/${shard}`)));
  book.emitted({ start: BASE_MS, shard: other ?? 0, rows: [rowOf(0, "e")], final: true }, 5);
  assert.ok(book.windows.some(({ id }) => id.endsWith(`Z/${other ?? 0}`)));
});

Deno.test("a worker's rate and busy share are of the last ten seconds", () => {
  const loads = [{ worker: "w", records: 500, busyMs: 2_000 }];
  assert.deepEqual(loadOf(loads, "w"), { rate: 50, busy: 0.2 });
  assert.deepEqual(loadOf(loads, null), { rate: 0, busy: 0 });
});

Deno.test("decisions that change the number are kept once, all are counted", () => {
  const monitor = new PipelineMonitor(PLAN, () => BASE_MS);
  monitor.watch.decided?.(decisionOf(1, 0, 1));
  monitor.watch.decided?.(decisionOf(1, 0, 1));
  monitor.watch.decided?.(decisionOf(2, 1, 1));
  monitor.remember([decisionOf(1, 0, 1)]);
  assert.deepEqual(monitor.decisions.map(({ atMs, desired }) => [atMs, desired]), [[1, 1]]);
  assert.deepEqual([...monitor.decisionCounts], [["steady", 2]]);
});

function decisionOf(atMs: number, previous: number, desired: number): FleetDecision {
  return {
    ...{ atMs, previous, desired, code: "steady", reason: "r", sampleWithinMs: 1 },
    inputs: {
      ...{ arrival3: 1, arrival10: 1, arrival30: 1, lag: 0, backlog: 0, workerRate: 1, load: 1 },
      ...{ inFlight: 0, ready: 1, starting: 0, draining: 0, hot: [] },
    },
  };
}

Deno.test("a day of figures, decisions, windows and odd records takes no more room than two hours", async () => {
  const it = await Driven.open();
  it.ready = 2;
  const model = new Model(modelOptions(() => it.nowMs));
  it.observe(model.monitor.watch);
  await model.attach(it.control());
  const courses = Array.from({ length: 120 }, (_, i) => `c${i}`);
  const sizes: number[] = [];
  for (let second = 1; second <= 86_400; second++) {
    if (second % 300 === 0) {
      const at = second * 1_000;
      await it.send(0, ...courses.map((course) => eventAt(at, course)), at - 3_600_000, "no JSON");
      await it.sweep();
      model.monitor.remember([decisionOf(it.nowMs, 1, 2)]);
    } else it.nowMs += 1_000;
    await model.second(second % 300 < 2);
    if (second % 7_200 === 0) sizes.push(JSON.stringify(model.state()).length);
  }
  const [early = 0] = sizes;
  assert.ok(early > 50_000, `${early} characters after two hours`);
  for (const size of sizes) assert.ok(size < early * 1.1, `${size} after ${early}`);
  const { history, results, decisions, sweepSeconds, closeSeconds, workerSeconds } = model.monitor;
  assert.equal(history.since(0).atMs.length, 900);
  assert.equal(results.windows.length, 24);
  assert.equal(results.windows.at(-1)?.rows.length, 100);
  assert.equal(results.windows.at(-1)?.rowCount, 120);
  assert.equal(decisions.length, 60);
  assert.equal(sweepSeconds.count, 288);
  assert.equal(closeSeconds.count, 287);
  assert.equal(model.state().account?.state, "holds");
  // The first tick has nothing before it.
  assert.equal(workerSeconds, 2 * 86_399);
  assert.equal(model.state().fleet.staticSeconds, 4 * 86_400);
});
