import assert from "node:assert/strict";
import { aggregate, clock, dateTime, figure, short, span } from "../../dashboard/page/format.ts";
import { placeOf, spanOf, ticksOf } from "../../dashboard/page/lanes.ts";
import { changed, moodOf } from "../../dashboard/page/model.ts";
import { Model } from "../../dashboard/server/model.ts";
import type { EventTimeView, PageState } from "../../dashboard/server/state.ts";
import { BASE_MS, modelOptions } from "./driven.ts";

const TIME: EventTimeView = {
  watermark: BASE_MS,
  partitions: [{
    ...{ partition: 0, state: "active", watermark: BASE_MS, lag: 0 },
    maxEventTime: BASE_MS + 60_000,
  }],
  folded: null,
  open: [],
  moreOpen: 0,
  closed: [],
  marks: [],
};

Deno.test("figures and times for people", () => {
  assert.deepEqual([null, 0, 3.14159, 1_234.5, 12].map(figure), ["–", "0", "3.1", "1,235", "12"]);
  assert.deepEqual([9_999, 12_345, 2e6].map(short), ["9,999", "12.3K", "2M"]);
  assert.equal(aggregate(41.5678), "41.57");
  assert.equal(clock(BASE_MS), "03:04:00");
  assert.equal(clock(Infinity), "–");
  assert.equal(dateTime(BASE_MS + 5), "2026-01-02 03:04:00.005");
  assert.deepEqual([850, 12_000, 200_000, 7_500_000].map(span), [
    "850 ms",
    "12 s",
    "3 min 20 s",
    "2 h 5 min",
  ]);
});

Deno.test("the drawn span holds watermark, newest event and open windows, and is bounded", () => {
  assert.equal(spanOf({ ...TIME, watermark: null, partitions: [] }, 10_000), null);
  const drawn = spanOf(TIME, 10_000);
  assert.ok(drawn !== null && drawn.from < BASE_MS && drawn.to > BASE_MS + 60_000);
  assert.ok(placeOf(drawn, BASE_MS) > 0 && placeOf(drawn, BASE_MS) < 1);
  assert.equal(placeOf(drawn, BASE_MS + 1e12), 1);
  const far = spanOf({ ...TIME, watermark: BASE_MS - 1e12 }, 10_000);
  assert.ok(far !== null && far.to - far.from <= 40 * 10_000);
  const ticks = ticksOf(drawn, 8);
  assert.ok(ticks.length >= 3 && ticks.length <= 9);
  assert.ok(ticks.every((ms) => ms % 1_000 === 0));
});

Deno.test("changes are added to what is known; points that are known are passed over", () => {
  const model = new Model(modelOptions(() => BASE_MS));
  const start = model.state();
  const point = { foldedRate: 1, lag: 0, desired: 0, ready: 0, starting: 0, draining: 0 };
  for (let i = 0; i < 3; i++) model.monitor.history.push(BASE_MS + i, { ...point, inRate: i });
  const all = model.monitor.history.since(0);
  const once = changed(start, { points: all });
  const twice = changed(once, { points: all });
  assert.deepEqual(twice.points.columns.inRate, [0, 1, 2]);
  assert.equal(twice.points, once.points);
});

Deno.test("the mood is the worst of what is known", () => {
  const state = new Model(modelOptions(() => BASE_MS)).state();
  const live: PageState = { ...state, health: { ...state.health, phase: "live" } };
  const now = { ...live.now, inRate: 100, foldedRate: 100, lag: 20 };
  const worker = {
    ...{ slot: 0, state: "ready" as const, pid: 1, rate: 1, busy: 1, restarts: 0, problem: null },
  };
  const fleet = { ...live.fleet, workers: [worker] };
  assert.equal(moodOf(state).word, "starting");
  assert.equal(moodOf({ ...live, now: { ...now, inRate: 0, lag: 0 } }).word, "idle");
  assert.equal(moodOf({ ...live, now }).word, "waiting");
  assert.equal(moodOf({ ...live, now, fleet }).word, "keeping up");
  assert.equal(moodOf({ ...live, now: { ...now, lag: 5_000 }, fleet }).word, "catching up");
  const problem = { level: "error" as const, what: "broker", text: "broker away", sinceMs: 0 };
  const health = { ...live.health, problems: [problem] };
  assert.deepEqual(moodOf({ ...live, now, fleet, health }), {
    word: "trouble",
    sentence: "broker away",
  });
});
