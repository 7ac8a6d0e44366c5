import assert from "node:assert/strict";
import type { WorkerSlot } from "../../../adapters/launchers/launcher.ts";
import { tumbling } from "../../../core/event_time/windows.ts";
import { Drain, newDrain } from "../../../core/flow/drain.ts";
import { viewOf } from "../../../core/flow/view.ts";
import { ReadyTeller } from "../../../processes/control/ready.ts";

const RULES = {
  ...{ generation: 1, topic: "t", topicId: null, windowing: tumbling(10_000), delayMs: 0 },
  ...{ latenessMs: 0, idleAfterMs: 1_000, maxDriftMs: 1e9, paceMs: 5_000, sliceMs: 1_000 },
  ...{ maxOpenWindows: 100, aggregates: [], deliverEveryMs: null, emitEveryMs: null },
};

/** A launcher, a drain that hears what it is told when it decides, and a clock of its own. */
function world({ ready = 0 } = {}) {
  const drain = new Drain(RULES, newDrain([{ partition: 0, cursor: 0 }], "code"));
  const sleeps: { readonly atMs: number; readonly wake: () => void }[] = [];
  const state = { nowMs: 0, isAway: false };
  const log: string[] = [];
  const launcher = {
    desired: ready,
    slots: slotsOf(ready),
    want(desired: number) {
      log.push(`want ${desired}`);
      this.desired = desired;
      this.slots = slotsOf(desired);
    },
  };
  const teller = new ReadyTeller(
    {
      ready(slots) {
        if (state.isAway) return Promise.reject(new Error("away"));
        log.push(`ready ${slots}`);
        drain.ready(slots);
        return Promise.resolve();
      },
    },
    launcher,
    (line) => log.push(line),
    {
      now: () => state.nowMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          sleeps.push({ atMs: state.nowMs + ms, wake: resolve });
          signal?.addEventListener("abort", () => resolve(), { once: true });
        }),
    },
  );
  /** Lets all go on that waits for nothing but its turn. */
  const settle = async () => {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  };
  return {
    drain,
    teller,
    launcher,
    state,
    settle,
    /** Takes what was told or done since the last time. */
    took: () => log.splice(0),
    decide() {
      drain.decide(state.nowMs, { events: 0, bytes: 0, suggested: false });
      teller.drained(viewOf(drain));
    },
    async pass(ms: number) {
      state.nowMs += ms;
      for (const { atMs, wake } of sleeps) if (atMs <= state.nowMs) wake();
      await settle();
    },
  };
}

function slotsOf(ready: number): WorkerSlot[] {
  return Array.from({ length: ready }, (_, slot) => (
    { slot, state: "ready", pid: null, identity: `w${slot}`, restarts: 0, problem: null }
  ));
}

Deno.test("a change of the fleet is told once, by its newest number", async () => {
  const { teller, launcher, took, settle } = world();
  launcher.slots = slotsOf(1);
  teller.changed();
  launcher.slots = slotsOf(3);
  teller.changed();
  teller.changed();
  await settle();
  assert.deepEqual(took(), ["ready 1", "ready 3"]);
  teller.changed();
  await settle();
  assert.deepEqual(took(), []);
});

Deno.test("a word that failed is said again, with the number of by then", async () => {
  const { teller, launcher, state, took, settle, pass } = world();
  state.isAway = true;
  launcher.slots = slotsOf(1);
  teller.changed();
  await settle();
  assert.deepEqual(took(), ["the drain was not told of 1 workers: away"]);
  await pass(499);
  assert.deepEqual(took(), []);
  await pass(1);
  assert.deepEqual(took(), ["the drain was not told of 1 workers: away"]);
  state.isAway = false;
  launcher.slots = slotsOf(2);
  await pass(500);
  assert.deepEqual(took(), ["ready 2"]);
});

Deno.test("a drain that thinks otherwise for two seconds is told again", async () => {
  const { drain, teller, took, settle, decide, pass } = world({ ready: 2 });
  teller.changed();
  await settle();
  decide();
  assert.deepEqual(took(), ["ready 2"]);
  // Nobody has begun its sweep in time, so that it thinks that nobody is there.
  const [sweep] = drain.sweeps;
  assert.equal(sweep?.at, "fleet");
  drain.sweepNotStarted(sweep.n);
  await pass(1_999);
  decide();
  await settle();
  assert.equal(drain.slots, 0);
  assert.deepEqual(took(), []);
  await pass(1);
  decide();
  await settle();
  assert.deepEqual(took(), ["ready 2"]);
  decide();
  assert.equal(drain.slots, 2);
});

Deno.test("the last worker goes once the drain has heard of it, and no sweep is with the fleet", async () => {
  const { drain, teller, launcher, took, settle, decide, pass } = world({ ready: 1 });
  teller.changed();
  await settle();
  decide();
  assert.equal(drain.isFleetFree, false);
  took();
  const scaling = teller.want(0);
  await settle();
  assert.equal(teller.slots, 0);
  assert.deepEqual([took(), launcher.desired], [["ready 0"], 1]);
  await pass(4_000);
  assert.deepEqual(took(), []);
  decide();
  await scaling;
  assert.deepEqual([took(), drain.isFleetFree, drain.slots], [["want 0"], true, 0]);
});

Deno.test("what the drain decided before it heard of it counts for nothing", async () => {
  const { drain, teller, took, settle, pass } = world({ ready: 1 });
  teller.changed();
  await settle();
  drain.decide(0, { events: 0, bytes: 0, suggested: false });
  const before = viewOf(drain);
  took();
  const scaling = teller.want(0);
  // Just then no sweep was out; the next one is begun before the word is heard.
  teller.drained({ ...before, sweeps: [] });
  await settle();
  assert.deepEqual(took(), ["ready 0"]);
  teller.drained({ ...before, sweeps: [] });
  await pass(1);
  assert.deepEqual(took(), []);
  teller.drained({ ...before, slots: 0, sweeps: [] });
  await scaling;
  assert.deepEqual(took(), ["want 0"]);
});

Deno.test("the last worker waits for five seconds, whether the drain is silent or can't be told", async () => {
  for (const isAway of [false, true]) {
    const { teller, state, launcher, took, settle, decide, pass } = world({ ready: 1 });
    teller.changed();
    await settle();
    decide();
    state.isAway = isAway;
    const scaling = teller.want(0);
    await pass(4_999);
    assert.equal(launcher.desired, 1);
    await pass(1);
    await scaling;
    assert.equal(took().at(-1), "want 0");
    state.isAway = false;
    const stopped = teller.stop();
    await pass(500);
    await stopped;
  }
});

Deno.test("a later number takes the place of none, however long that would have waited", async () => {
  const { teller, took, settle, decide, pass } = world({ ready: 1 });
  teller.changed();
  await settle();
  decide();
  took();
  const none = teller.want(0);
  await settle();
  await teller.want(2);
  await settle();
  assert.deepEqual(took(), ["ready 0", "want 2", "ready 2"]);
  decide();
  await pass(5_000);
  await none;
  assert.deepEqual(took(), []);
});

Deno.test("none where there is none waits for nobody", async () => {
  const { teller, took, decide } = world();
  decide();
  await teller.want(0);
  assert.deepEqual(took()[0], "want 0");
});

Deno.test("once it is stopped, nothing is told any more", async () => {
  const { teller, launcher, took, settle } = world();
  await teller.stop();
  launcher.slots = slotsOf(1);
  teller.changed();
  await settle();
  assert.deepEqual(took(), []);
});
