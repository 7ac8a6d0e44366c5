import assert from "node:assert/strict";
import fc from "fast-check";
import { SLOT_LIMITS } from "../../../core/scaling/slot.ts";
import { median } from "../../../core/scaling/slots.ts";
import { type Life, SlotsWorld, WELL } from "./slots_world.ts";

const CRASHES: Life = { ...WELL, readyMs: null, crashMs: 10 };
const DEAF: Life = { ...WELL, drainMs: null };

Deno.test("slots: filled from 0 up, emptied from the highest down", () => {
  const world = new SlotsWorld().desire(3);
  assert.deepEqual(world.states, ["starting", "starting", "starting"]);
  world.passAll().desire(1);
  assert.deepEqual(world.states, ["ready", "draining", "draining"]);
  world.passAll().desire(2);
  assert.deepEqual(world.states, ["ready", "starting", "absent"]);
  assert.equal(world.passAll().ready, 2);
});

Deno.test("slots: those that are not ready go first", () => {
  const world = new SlotsWorld([WELL, CRASHES, WELL, CRASHES]).desire(3).pass(1_000);
  assert.deepEqual(world.states, ["ready", "backing off", "ready"]);
  world.desire(4).desire(3);
  assert.deepEqual(world.states, ["ready", "absent", "ready", "starting"]);
  world.desire(2);
  assert.deepEqual(world.states, ["ready", "absent", "ready", "draining"]);
});

Deno.test("slots: wanted again while others end, one starts at once and the rest in their places", () => {
  const world = new SlotsWorld([WELL, WELL, DEAF, WELL]).desire(4).passAll().desire(1).pass(100);
  assert.deepEqual(world.states, ["ready", "draining", "draining", "draining"]);
  world.desire(4);
  assert.deepEqual(world.states, ["ready", "draining", "draining", "draining", "starting"]);
  world.pass(100);
  assert.deepEqual(world.states, ["ready", "starting", "draining", "starting", "starting"]);
  world.pass(1_000);
  assert.equal(world.ready, 4, "the one that does not end holds nobody up");
  world.passAll();
  assert.deepEqual(world.states, ["ready", "ready", "absent", "ready", "ready"]);
});

Deno.test("slots: a replacement starts at once in the slot to spare", () => {
  const world = new SlotsWorld([DEAF]).desire(2).passAll().replace(0);
  assert.deepEqual(world.states, ["draining", "ready", "starting"]);
  world.pass(1_000);
  assert.equal(world.ready, 2);
  world.replace(0).pass(SLOT_LIMITS.replaceGraceMs);
  assert.deepEqual(world.states, ["absent", "ready", "ready"]);
  assert.equal(world.starts.length, 3, "replaced once");
  assert.ok(world.fleet.slots.every(({ failures }) => failures === 0));
});

Deno.test("slots: a crash loop stays in its slot and does not take the others along", () => {
  const world = new SlotsWorld([WELL, CRASHES, ...Array<Life>(9).fill(CRASHES)]).desire(2);
  world.pass(10_000);
  assert.deepEqual(world.states, ["ready", "open"]);
  assert.equal(world.starts.length, 6);
});

Deno.test("slots: one that must pause is the last that is filled", () => {
  const world = new SlotsWorld([CRASHES, CRASHES]).desire(1).pass(100);
  assert.deepEqual(world.desire(0).desire(1).states, ["absent", "starting"]);
  assert.deepEqual(world.desire(2).states, ["absent", "starting", "starting"]);
  assert.deepEqual(world.pass(5_000).desire(3).states, ["starting", "ready", "ready"]);
});

Deno.test("slots: start-up and drain times are those of the last workers", () => {
  const lives = [100, 300, 200].map((readyMs): Life => ({ ...WELL, readyMs, drainMs: readyMs }));
  const world = new SlotsWorld(lives).desire(3).passAll();
  assert.deepEqual(world.fleet.startupsMs, [100, 200, 300]);
  world.desire(0).passAll();
  assert.deepEqual(world.fleet.drainsMs, [100, 200, 300]);
  for (let i = 0; i < 20; i++) world.desire(1).passAll().desire(0).passAll();
  assert.deepEqual(world.fleet.startupsMs, Array(16).fill(500));

  const early = new SlotsWorld().desire(1).pass(10).desire(0).passAll();
  assert.deepEqual(early.fleet.drainsMs, [], "one that never took work is no measure");
});

Deno.test("median: the one in the middle, the smaller of two, null of none", () => {
  assert.equal(median([]), null);
  assert.equal(median([7]), 7);
  assert.equal(median([9, 1]), 1);
  assert.equal(median([10, 9, 1]), 9, "by number, not by text");
});

const life: fc.Arbitrary<Life> = fc.record({
  refused: fc.option(fc.constantFrom("lasting", "passing"), { freq: 8 }),
  readyMs: fc.option(fc.integer({ min: 1, max: 30_000 }), { freq: 4 }),
  crashMs: fc.option(fc.integer({ min: 0, max: 60_000 })),
  drainMs: fc.option(fc.integer({ min: 0, max: 40_000 }), { freq: 4 }),
});
const step = fc.record({
  afterMs: fc.oneof(fc.nat(500), fc.nat(20_000), fc.nat(100_000)),
  desired: fc.option(fc.nat(4), { freq: 4 }),
  replaced: fc.nat(5),
});

Deno.test("slots: whatever is wanted and however processes fail, the number is reached", () => {
  const lives = fc.array(life, { maxLength: 25 });
  const jitters = fc.infiniteStream(fc.float({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(lives, fc.array(step, { maxLength: 25 }), jitters, (lives, steps, jitters) => {
      const world = new SlotsWorld(lives, () => jitters.next().value);
      for (const { afterMs, desired, replaced } of steps) {
        world.pass(afterMs);
        if (desired === null) world.replace(replaced);
        else world.desire(desired);
      }
      world.passAll();
      assert.equal(world.ready, world.fleet.desired);
      assert.equal(world.running.size, world.fleet.desired, "and nothing else runs");
    }),
    { numRuns: 300 },
  );
});

Deno.test("slots: processes that always fail are started 5 times at once, then once a minute", () => {
  const crash = fc.integer({ min: 0, max: 4_000 })
    .map((crashMs): Life => ({ ...WELL, readyMs: 1, crashMs }));
  fc.assert(fc.property(
    fc.array(crash, { minLength: 100, maxLength: 100 }),
    fc.float({ min: 0, max: 1, noNaN: true }),
    (lives, jitter) => {
      const world = new SlotsWorld(lives, () => jitter).desire(1).pass(600_000);
      const gaps = world.starts.map((ms, i) => Math.round(ms - (world.starts[i - 1] ?? 0)));
      assert.ok(gaps.slice(5).every((gap) => gap >= SLOT_LIMITS.openMs), `${gaps}`);
      assert.ok(world.starts.length >= 12 && world.starts.length <= 15, `${world.starts.length}`);
    },
  ));
});
