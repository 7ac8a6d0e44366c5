import assert from "node:assert/strict";
import fc from "fast-check";
import { isOccupied, pauseMs, slotDueMs, stepSlot } from "../../../core/scaling/slot.ts";
import {
  NEW_SLOT,
  type Slot,
  SLOT_LIMITS,
  type SlotAct,
  type SlotEvent,
  type SlotLimits,
} from "../../../core/scaling/slot.ts";

/** A slot with its clock, which only goes on when it is told to. */
class Trial {
  slot: Slot = NEW_SLOT;
  nowMs = 0;
  readonly acts: [ms: number, act: SlotAct][] = [];

  constructor(readonly limits: SlotLimits = SLOT_LIMITS) {}

  get state(): string {
    return this.slot.phase.state;
  }

  tell(event: SlotEvent): this {
    const { slot, act } = stepSlot(this.slot, event, this.nowMs, this.limits);
    this.slot = slot;
    if (act !== null) this.acts.push([this.nowMs, act]);
    return this;
  }

  /** Lets time pass: tells the slot the time when it asks for it, and at the end. */
  pass(ms: number): this {
    const endMs = this.nowMs + ms;
    for (;;) {
      const dueMs = slotDueMs(this.slot, this.limits);
      if (dueMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.tell({ kind: "tick" });
    }
    this.nowMs = endMs;
    return this.tell({ kind: "tick" });
  }

  want(): this {
    return this.tell({ kind: "want" });
  }

  unwant(): this {
    return this.tell({ kind: "unwant" });
  }

  ready(): this {
    return this.tell({ kind: "ready" });
  }

  crash(jitter = 0.5): this {
    return this.tell({ kind: "exited", how: "ended (exit 1)", jitter });
  }

  notStarted(lasting: boolean): this {
    return this.tell({ kind: "not started", how: "can't be started", lasting, jitter: 0.5 });
  }

  /** When processes were started, in ms. */
  get starts(): number[] {
    return this.acts.filter(([, act]) => act === "start").map(([ms]) => ms);
  }
}

Deno.test("slot: from absent by starting, ready and draining to absent", () => {
  const trial = new Trial();
  const states = [trial.state];
  states.push(trial.want().state, trial.pass(500).ready().state);
  states.push(trial.pass(1_000).unwant().state, trial.pass(100).crash().state);
  assert.deepEqual(states, ["absent", "starting", "ready", "draining", "absent"]);
  assert.deepEqual(trial.acts, [[0, "start"], [1_500, "end"]]);
  const { failures, restarts, lives } = trial.slot;
  assert.deepEqual({ failures, restarts, lives }, { failures: 0, restarts: 0, lives: 1 });
  assert.equal(slotDueMs(trial.slot, SLOT_LIMITS), Infinity);
});

Deno.test("slot: first restart at once, then after 1 s, doubling to 30 s", () => {
  const trial = new Trial({ ...SLOT_LIMITS, openAfter: Infinity }).want();
  for (let i = 0; i < 9; i++) trial.crash().pass(30_000);
  const waits = trial.starts.slice(1).map((ms, i) => ms - i * 30_000);
  assert.deepEqual(waits, [0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(trial.slot.restarts, 9);
});

Deno.test("slot: a process that was ready for 30 s begins anew with a restart at once", () => {
  const trial = new Trial().want().crash().crash().pass(1_000);
  assert.equal(trial.slot.streak, 2);
  trial.ready().pass(29_999).crash();
  assert.deepEqual([trial.state, trial.slot.streak], ["backing off", 3]);
  trial.pass(2_000).ready().pass(30_000).crash();
  assert.deepEqual([trial.state, trial.slot.streak], ["starting", 1]);
});

Deno.test("slot: five failures in 30 s open it for 60 s", () => {
  const trial = new Trial().want();
  for (let i = 0; i < 4; i++) trial.crash().pass(i === 0 ? 0 : 1_000 * 2 ** (i - 1));
  assert.deepEqual([trial.state, trial.nowMs], ["starting", 7_000]);
  trial.crash();
  assert.equal(trial.state, "open");
  assert.equal(trial.pass(59_999).state, "open");
  assert.equal(trial.pass(1).state, "starting");
  assert.equal(trial.starts.at(-1), 67_000);
});

Deno.test("slot: five failures in more than 30 s do not open it", () => {
  const trial = new Trial().want();
  const states = [1, 2, 3, 4, 5, 6, 7, 8].map((failures) => {
    while (trial.state !== "starting") trial.pass(100);
    trial.pass(6_000).crash();
    assert.equal(trial.slot.failures, failures);
    return trial.state;
  });
  assert.deepEqual(states, ["starting", ...Array<string>(7).fill("backing off")]);
});

Deno.test("slot: after it was open one failure opens it again, until a process is well", () => {
  const trial = new Trial().want();
  for (let i = 0; i < 5; i++) trial.crash().pass(4_000);
  trial.pass(60_000);
  assert.equal(trial.state, "starting");
  assert.equal(trial.ready().pass(10_000).crash().state, "open");
  assert.equal(trial.pass(60_000).ready().pass(30_000).crash().state, "starting");
  assert.equal(trial.slot.trial, false);
});

Deno.test("slot: a process that does not get ready is killed after 20 s, which is a failure", () => {
  const trial = new Trial().want().pass(20_000);
  assert.deepEqual(trial.acts, [[0, "start"], [20_000, "kill"]]);
  assert.equal(trial.state, "draining");
  assert.equal(trial.ready().state, "draining", "too late");
  trial.pass(10).crash();
  assert.deepEqual([trial.state, trial.slot.failures], ["starting", 1]);
  assert.equal(trial.slot.problem, "not ready within 20 s");
});

Deno.test("slot: a process that does not end in 25 s is killed once; replaced, in 5 s", () => {
  const trial = new Trial().want().ready().unwant().pass(24_999);
  assert.deepEqual(trial.acts, [[0, "start"], [0, "end"]]);
  trial.pass(1).pass(100_000);
  assert.deepEqual(trial.acts, [[0, "start"], [0, "end"], [25_000, "kill"]]);
  assert.equal(trial.crash().state, "absent");

  const replaced = new Trial().want().ready().tell({ kind: "replace" }).pass(60_000);
  assert.deepEqual(replaced.acts, [[0, "start"], [0, "end"], [5_000, "kill"]]);
  assert.equal(replaced.tell({ kind: "replace" }).acts.length, 3, "only one that works");
  assert.equal(replaced.crash().slot.failures, 0);
});

Deno.test("slot: told to end while it starts, it ends and has not failed", () => {
  const trial = new Trial().want().pass(100).unwant().crash();
  assert.deepEqual(trial.acts, [[0, "start"], [100, "end"]]);
  assert.deepEqual([trial.state, trial.slot.failures], ["absent", 0]);
});

Deno.test("slot: wanted again while it ends, it starts when it has ended", () => {
  const trial = new Trial().want().ready().unwant().pass(100).want();
  assert.equal(trial.state, "draining");
  trial.pass(100).crash();
  assert.deepEqual(trial.acts, [[0, "start"], [0, "end"], [200, "start"]]);
});

Deno.test("slot: a pause is kept although the slot was unwanted in between", () => {
  const trial = new Trial().want();
  for (let i = 0; i < 5; i++) trial.crash().pass(4_000);
  assert.equal(trial.state, "open");
  assert.equal(trial.unwant().state, "absent");
  assert.equal(slotDueMs(trial.slot, SLOT_LIMITS), Infinity, "nothing waits for it");
  assert.equal(trial.pass(10_000).want().state, "open");
  const starts = trial.starts.length;
  trial.pass(60_000);
  assert.equal(trial.starts.length, starts + 1);
});

Deno.test("slot: unwanted while it is killed for its slow start, it is absent, and has failed", () => {
  const trial = new Trial().want().crash().pass(20_000).unwant();
  assert.equal(trial.crash().state, "absent");
  assert.equal(trial.slot.failures, 2);
  assert.equal(trial.pass(500).want().state, "backing off");
});

Deno.test("slot: a process that was well before it was told to end leaves no failures behind", () => {
  const trial = new Trial().want().crash().crash().pass(1_000).ready().pass(30_000).unwant();
  trial.pass(100).crash().want().crash();
  assert.deepEqual([trial.state, trial.slot.streak], ["starting", 1]);
});

Deno.test("slot: what can't be started at all opens it at once; once a minute it is tried", () => {
  const trial = new Trial().want().notStarted(true);
  assert.deepEqual([trial.state, trial.slot.problem], ["open", "can't be started"]);
  trial.pass(60_000).notStarted(true).pass(60_000);
  assert.deepEqual(trial.starts, [0, 60_000, 120_000]);
  assert.equal(trial.ready().slot.problem, null);
  assert.equal(new Trial().want().notStarted(false).state, "starting", "it may go the next time");
});

Deno.test("slot: pauses differ by a quarter at most, and never fall", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 60 }),
      fc.float({ min: 0, max: 1, noNaN: true }),
      (n, x) => {
        const middle = pauseMs(n, 0.5, SLOT_LIMITS);
        const pause = pauseMs(n, x, SLOT_LIMITS);
        assert.ok(pause >= middle * 0.75 && pause <= middle * 1.25);
        assert.ok(pauseMs(n + 1, 0.5, SLOT_LIMITS) >= middle);
        assert.ok(middle <= SLOT_LIMITS.longestPauseMs);
      },
    ),
  );
});

const anyEvent: fc.Arbitrary<SlotEvent> = fc.oneof(
  fc.constantFrom<SlotEvent>(
    { kind: "want" },
    { kind: "unwant" },
    { kind: "replace" },
    { kind: "ready" },
    { kind: "tick" },
  ),
  fc.float({ min: 0, max: 1, noNaN: true })
    .map((jitter): SlotEvent => ({ kind: "exited", how: "ended", jitter })),
  fc.record({ lasting: fc.boolean(), jitter: fc.float({ min: 0, max: 1, noNaN: true }) })
    .map((how): SlotEvent => ({ kind: "not started", how: "can't be started", ...how })),
);

Deno.test("slot: whatever comes, acts fit the process, and unwanted slots don't start", () => {
  const events = fc.array(fc.tuple(anyEvent, fc.nat(40_000)), { maxLength: 60 });
  fc.assert(fc.property(events, (all) => {
    let slot = NEW_SLOT;
    let nowMs = 0;
    for (const [event, ms] of all) {
      nowMs += ms;
      const before = slot;
      const step = stepSlot(slot, event, nowMs, SLOT_LIMITS);
      slot = step.slot;
      if (step.act === "start") {
        assert.ok(slot.wanted && isOccupied(slot));
        const ended = event.kind === "exited" || event.kind === "not started";
        assert.ok(!isOccupied(before) || ended, "never a second process");
      }
      if (step.act === "end" || step.act === "kill") assert.ok(isOccupied(before));
      assert.ok(isOccupied(slot) || !slot.wanted || slotDueMs(slot, SLOT_LIMITS) < Infinity);
      const { failures, restarts, lives, streak } = slot;
      assert.ok(failures >= streak && lives >= restarts && restarts <= failures + lives);
    }
  }));
});
