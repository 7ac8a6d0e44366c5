import assert from "node:assert/strict";
import { costOf, delaysOf, reactionOf, summarize } from "../../../lab/load_test/measures.ts";
import { decided, POINTS, RUN, span } from "./_run.ts";

const arrivals = [
  { partition: 0, offset: 0, atMs: 100 },
  { partition: 0, offset: 1, atMs: 150 },
  { partition: 1, offset: 0, atMs: 100 },
  { partition: 0, offset: 2, atMs: 900 },
];

Deno.test("delays: until the first mark beyond the record", () => {
  const delays = delaysOf(arrivals, [
    { partition: 0, before: 1, atMs: 300 },
    { partition: 1, before: 1, atMs: 700 },
    { partition: 0, before: 2, atMs: 800 },
    // Said again later: it was known before.
    { partition: 0, before: 2, atMs: 5_000 },
  ]);
  assert.deepEqual(delays.map(({ delayMs }) => delayMs), [200, 650, 600]);
});

Deno.test("delays: clocks that differ make no negative delay", () => {
  const delays = delaysOf(arrivals.slice(0, 1), [{ partition: 0, before: 1, atMs: 90 }]);
  assert.deepEqual(delays, [{ atMs: 100, delayMs: 0 }]);
});

Deno.test("delays: figures of a stretch of time, by arrival", () => {
  const delays = Array.from({ length: 100 }, (_, i) => ({ atMs: i, delayMs: i + 1 }));
  assert.deepEqual(summarize(delays), { events: 100, p50Ms: 50, p99Ms: 99, maxMs: 100 });
  assert.deepEqual(summarize(delays, { fromMs: 0, toMs: 10 })?.maxMs, 10);
  assert.equal(summarize(delays, { fromMs: 200, toMs: 300 }), null);
});

const spike = span("spike", 45, 105, 4);

Deno.test("reaction: from the step, from the first pressure, and from the decision", () => {
  const decisions = [
    decided(20, "pressure", 1, 1),
    decided(45.5, "pressure", 1, 1),
    decided(46.25, "up-arrival", 1, 4),
    decided(130, "down", 4, 1),
  ];
  assert.deepEqual(reactionOf({ points: POINTS, spike, decisions, wakeMs: 900 }), {
    stepToSpawnMs: 1_500,
    seenToSpawnMs: 1_000,
    decisionToReadyMs: 1_750,
    wakeMs: 900,
  });
});

Deno.test("reaction: without pressure before it, a decision is the first sign", () => {
  const decisions = [decided(46.25, "up-lag", 1, 4)];
  const { seenToSpawnMs } = reactionOf({ points: POINTS, spike, decisions, wakeMs: null });
  assert.equal(seenToSpawnMs, 250);
});

Deno.test("reaction: what did not happen has no figure", () => {
  const none = {
    stepToSpawnMs: null,
    seenToSpawnMs: null,
    decisionToReadyMs: null,
    wakeMs: null,
  };
  const source = { points: POINTS.slice(0, 3), decisions: [], wakeMs: null };
  assert.deepEqual(reactionOf({ ...source, spike }), none);
  assert.deepEqual(reactionOf({ ...source, spike: null }), none);
});

const NOBODY = { control: null, temporal: null, broker: null };
const run = { points: RUN.points, phases: RUN.phases, expected: RUN.expected };

function near(got: number | undefined, wanted: number): void {
  assert.ok(Math.abs((got ?? NaN) - wanted) < 1e-9, `${got} is not ${wanted}`);
}

Deno.test("cost: the paper's day without tails is 96 against 36, 62.5 % less", () => {
  const still = { ...run, points: [], overhead: NOBODY, price: null };
  const { day, staticDay } = costOf(still);
  assert.equal(staticDay, 96);
  assert.deepEqual(day[0], {
    name: "worker-hours only, the paper's sum",
    hours: 36,
    saved: 0.625,
    price: null,
  });
});

Deno.test("cost: the tails that were measured are part of the day", () => {
  const { missingSeconds, tailSeconds, tailOver, day } = costOf({
    ...run,
    overhead: NOBODY,
    price: null,
  });
  // One worker of four for 3 s; then 3 too many for 40 s, and 3 that end for 2 s.
  near(missingSeconds, 9);
  near(tailSeconds, 3 * 42);
  assert.equal(tailOver, true);
  near(day[0]?.hours, 36 + (126 - 9) / 3600);
});

Deno.test("cost: the run itself, starting and ending processes too", () => {
  const { workerHours, staticHours } = costOf({ ...run, overhead: NOBODY, price: null });
  near(workerHours * 3600, 46.5 + 4 * 98.5 + 4 * 2 + 33);
  near(staticHours * 3600, 4 * 180);
});

Deno.test("cost: others take the share of an instance that is scarcer, all day", () => {
  const overhead = {
    control: { cores: 0.4, memoryMiB: 164 },
    temporal: { cores: 0.04, memoryMiB: 1_638.4 },
    broker: { cores: 0.2, memoryMiB: 100 },
  };
  const { shares, day } = costOf({ ...run, points: [], overhead, price: 0.25 });
  near(shares.control ?? NaN, 0.1);
  near(shares.temporal ?? NaN, 0.1);
  near(shares.broker ?? NaN, 0.05);
  assert.deepEqual(day.map(({ hours }) => hours.toFixed(6)), [
    "36.000000",
    "38.400000",
    "42.000000",
  ]);
  near(day[2]?.price ?? NaN, 10.5);
});

Deno.test("cost: what was not measured is not in the bill", () => {
  const control = { cores: 0.4, memoryMiB: 164 };
  const lines = (overhead: Parameters<typeof costOf>[0]["overhead"]) =>
    costOf({ ...run, overhead, price: null }).day.length;
  assert.equal(lines(NOBODY), 1);
  assert.equal(lines({ ...NOBODY, control }), 2);
});

Deno.test("cost: a cooldown that was too short is told", () => {
  const phases = RUN.phases.map((phase) =>
    phase.name === "cooldown" ? { ...phase, toMs: 140_000 } : phase
  );
  assert.equal(costOf({ ...run, phases, overhead: NOBODY, price: null }).tailOver, false);
});
