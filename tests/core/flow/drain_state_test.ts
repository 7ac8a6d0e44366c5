import assert from "node:assert/strict";
import {
  type DrainRules,
  type DrainSnapshot,
  DrainState,
  type DrainStep,
  HOLD_MS,
  newDrain,
  pairsOf,
} from "../../../core/flow/drain_state.ts";
import type { Report } from "../../../core/flow/pipeline_clock.ts";
import { NO_COUNTS, type SliceResult, type WindowPartial } from "../../../core/flow/slice.ts";
import { tumbling } from "../../../core/event_time/windows.ts";

const rules: DrainRules = {
  windowing: tumbling(10),
  delayMs: 0,
  latenessMs: 0,
  idleAfterMs: 10_000,
  maxDriftMs: 1_000,
  paceMs: 1_000,
};
const STOP = { code: "TG_TEST", message: "for a test", sinceMs: 7 };

function drain(given: Partial<DrainSnapshot> = {}, using = rules): DrainState {
  return new DrainState(using, { ...newDrain(0, 0, null), ...given });
}

/** A drain that has joined and stands at the end of the log. */
function active(given: Partial<DrainSnapshot> = {}, using = rules): DrainState {
  return drain({ mode: "active", seq: 1, ...given }, using);
}

function part(start: number, events = 1): WindowPartial {
  return { start, shard: 0, cells: [['["a"]', events]] };
}

function slice(given: Partial<SliceResult> & { from: number; to: number }): SliceResult {
  const { from, to, windows = [] } = given;
  const events = windows.reduce((sum, window) => sum + pairsOf(window), 0);
  const counts = { ...NO_COUNTS, read: to - from, aggregated: events, assigned: events };
  return {
    end: to,
    maxEventTime: null,
    firstEventTime: null,
    windows,
    counts,
    busyMs: 0,
    attempt: 1,
    readAtMs: 0,
    endedAtMs: 0,
    worker: "w",
    ...given,
  };
}

function reported(state: DrainState, nowMs = 0): Report {
  const step = state.next(nowMs);
  assert.equal(step.kind, "report");
  return step.kind === "report" ? step.report : assert.fail();
}

function answer(state: DrainState, watermark: number | null, driftBase: number | null = null) {
  state.onAnswer({ watermark, driftBase });
}

function deliverAll(state: DrainState, outcome: "delivered" | "refused" | "lost" = "delivered") {
  const step = state.next(0);
  assert.equal(step.kind, "deliver");
  if (step.kind === "deliver") {
    state.onDelivered(step.windows.map((window) => [window, outcome] as const));
  }
}

function kind(state: DrainState): DrainStep["kind"] {
  return state.next(0).kind;
}

Deno.test("the life of a slice: join, await, fold, deliver, report, and again", () => {
  const state = drain();
  assert.equal(reported(state).kind, "join");
  answer(state, null);
  assert.equal(kind(state), "await");
  state.onAwait({ kind: "records", end: 5, lookedMs: 10, early: false, attempt: 1 }, 50);
  assert.equal(kind(state), "fold");
  state.onSlice(slice({
    from: 0,
    to: 3,
    end: 5,
    maxEventTime: 12,
    firstEventTime: 2,
    windows: [
      part(0, 2),
      part(10),
    ],
  }));
  assert.equal(state.betweenCycles, false);
  assert.equal(state.pairsInDelivery, 3);
  deliverAll(state);
  assert.equal(state.pairsInDelivery, 0);
  const report = reported(state);
  assert.deepEqual(report, {
    partition: 0,
    seq: 2,
    kind: "advance",
    watermark: 12,
    firstEventTime: 2,
    opened: [{ start: 0, shard: 0 }, { start: 10, shard: 0 }],
  });
  answer(state, 12);
  assert.equal(state.betweenCycles, true);
  assert.deepEqual(state.snapshot().untold, []);
  assert.equal(kind(state), "fold");
  // The watermark moves, but no window can close: nothing to tell but the windows, later.
  state.onSlice(slice({ from: 3, to: 5, maxEventTime: 19, windows: [part(10)] }));
  deliverAll(state);
  assert.equal(kind(state), "await");
  assert.deepEqual(state.snapshot().untold, [{ start: 10, shard: 0 }]);
  assert.equal(state.snapshot().cursor, 5);
  assert.equal(state.snapshot().totals.read, 5);
});

Deno.test("the watermark is the largest time less the delay, but not below the floor", () => {
  const late = { ...rules, delayMs: 5 };
  assert.equal(drain({}, late).partitionWatermark, null);
  assert.equal(drain({ floor: 3 }, late).partitionWatermark, 3);
  assert.equal(drain({ maxEventTime: 20 }, late).partitionWatermark, 15);
  assert.equal(drain({ maxEventTime: 20, floor: 17 }, late).partitionWatermark, 17);
});

Deno.test("a join takes the answer as its floor, and need not tell of it again", () => {
  const state = drain({ maxEventTime: 4 });
  assert.equal(reported(state).watermark, 4);
  answer(state, 57);
  assert.equal(state.snapshot().floor, 57);
  assert.equal(state.partitionWatermark, 57);
  assert.equal(kind(state), "await");
});

Deno.test("a partition is idle when it has looked long enough, and joins before it folds again", () => {
  const state = active({ maxEventTime: 4, boundaryTold: 0 });
  state.onAwait({ kind: "quiet", lookedMs: 9_999, attempt: 1 }, 0);
  const step = state.next(0);
  assert.equal(step.kind === "await" && step.quietMs, 1);
  state.onAwait({ kind: "quiet", lookedMs: 1, attempt: 1 }, 0);
  assert.equal(reported(state).kind, "idle");
  answer(state, 90);
  assert.equal(state.snapshot().mode, "idle");
  const idle = state.next(0);
  assert.equal(idle.kind === "await" && idle.quietMs, 30_000);
  state.onAwait({ kind: "records", end: 1, lookedMs: 3, early: false, attempt: 1 }, 0);
  assert.equal(reported(state).kind, "join");
  answer(state, 95);
  assert.equal(kind(state), "fold");
  assert.equal(state.snapshot().floor, 95);
  assert.equal(state.snapshot().stillMs, 0);
});

Deno.test("an outage is no silence, nor is a backlog", () => {
  const state = active({ stillMs: 9_000 });
  state.onAwait({ kind: "quiet", lookedMs: 2_000, attempt: 2 }, 0);
  assert.equal(state.snapshot().stillMs, 2_000);
  state.onAwait({ kind: "records", end: 9, lookedMs: 9_000, early: false, attempt: 1 }, 0);
  assert.equal(kind(state), "fold");
  // Records that don't move the watermark: still, once it is caught up.
  state.onSlice(slice({ from: 0, to: 5, end: 9, busyMs: 50 }));
  assert.equal(state.snapshot().stillMs, 0);
  state.onSlice(slice({ from: 5, to: 9, busyMs: 50 }));
  assert.equal(state.snapshot().stillMs, 50);
  state.onSlice(slice({ from: 9, to: 10, busyMs: 50, attempt: 2 }));
  assert.equal(state.snapshot().stillMs, 50);
  state.onSlice(slice({ from: 10, to: 11, busyMs: 50, maxEventTime: 3 }));
  assert.equal(state.snapshot().stillMs, 0);
});

Deno.test("a partition that is too far ahead is held, and asks", () => {
  const state = active({ end: 9, maxEventTime: 2_000, boundaryTold: 2_000, driftBase: 999 });
  assert.equal(kind(state), "hold");
  assert.equal(HOLD_MS, 1_000);
  state.onHeld();
  assert.equal(reported(state).kind, "advance");
  answer(state, 500, 1_000);
  assert.equal(kind(state), "fold");
});

Deno.test("a bounded partition parks at its end, an empty one leaves the minimum", () => {
  const state = drain({ until: 2 });
  reported(state);
  answer(state, null);
  assert.equal(kind(state), "fold");
  state.onSlice(slice({ from: 0, to: 2, end: 7, maxEventTime: 5 }));
  assert.equal(reported(state).kind, "park");
  answer(state, 5);
  assert.equal(state.snapshot().mode, "parked");
  assert.equal(kind(state), "wait");
  const empty = active({ until: 0 });
  assert.equal(reported(empty).kind, "idle");
  answer(empty, 5);
  assert.equal(kind(empty), "wait");
  // Going live, both join first.
  for (const each of [state, empty]) {
    each.onBound(null);
    assert.equal(reported(each).kind, "join");
  }
  answer(state, 40);
  assert.equal(state.snapshot().floor, 40);
  assert.equal(kind(state), "fold");
  answer(empty, 40);
  assert.equal(kind(empty), "await");
});

Deno.test("a fixed end that comes while the partition parks is not lost", () => {
  const state = active({ cursor: 2, until: 2, maxEventTime: 5 });
  reported(state);
  state.onBound(4);
  answer(state, 5);
  assert.equal(reported(state).kind, "join");
  answer(state, 5);
  assert.equal(kind(state), "fold");
});

Deno.test("a refused slice is folded again, and what moves is late", () => {
  const state = active({ cursor: 5, end: 5, maxEventTime: 3 });
  state.onSlice(slice({ from: 5, to: 8, maxEventTime: 14, windows: [part(0, 2), part(10)] }));
  const first = state.next(0);
  assert.equal(first.kind, "deliver");
  if (first.kind !== "deliver") return;
  const [early, late] = first.windows;
  assert.ok(early !== undefined && late !== undefined);
  state.onDelivered([[early, "refused"]]);
  assert.equal(state.pairsInDelivery, 3);
  const rest = state.next(0);
  assert.deepEqual(rest.kind === "deliver" && rest.windows, [late]);
  state.onDelivered([[late, "delivered"]]);
  assert.equal(state.pairsInDelivery, 2);
  assert.equal(state.snapshot().inDelivery?.maxEventTimeBefore, 3);
  const step = state.next(0);
  assert.deepEqual(step, { kind: "refold", refused: [{ start: 0, shard: 0, pairs: 2 }] });
  state.onRefold({ events: 2, pairs: 2 });
  const { totals } = state.snapshot();
  assert.deepEqual(
    [totals.aggregated, totals.late, totals.lateByFloor, totals.missed, totals.assigned],
    [1, 2, 2, 2, 3],
  );
  assert.equal(state.pairsInDelivery, 0);
  assert.deepEqual(reported(state).opened, [{ start: 10, shard: 0 }]);
});

Deno.test("a lost window stops the partition; to go on gives its pairs up", () => {
  const state = active();
  state.onSlice(slice({ from: 0, to: 4, maxEventTime: 14, windows: [part(0, 3)] }));
  deliverAll(state, "lost");
  state.onStop({ ...STOP, code: "TG_WINDOW_LOST" });
  assert.equal(state.pairsInDelivery, 3);
  // It holds the watermark of before the slice.
  assert.deepEqual([reported(state).kind, state.snapshot().pending?.watermark], ["join", null]);
  answer(state, null);
  assert.equal(kind(state), "wait");
  state.onResume(6);
  assert.equal(state.pairsInDelivery, 0);
  const s = state.snapshot();
  assert.deepEqual([s.lostPairs, s.skippedOffsets, s.cursor, s.stop], [3, 2, 6, null]);
  assert.equal(reported(state).kind, "join");
});

Deno.test("a stopped partition holds the watermark, also if it was just leaving", () => {
  const idle = active({ maxEventTime: 4, boundaryTold: 0, stillMs: 10_000 });
  assert.equal(reported(idle).kind, "idle");
  idle.onStop(STOP);
  answer(idle, 90);
  assert.equal(idle.snapshot().mode, "stopped");
  assert.equal(reported(idle).kind, "join");
  answer(idle, 90);
  assert.equal(idle.snapshot().mode, "stopped");
  assert.equal(kind(idle), "wait");
  // A second stop changes nothing, and one that comes of the clock's loss tells nobody.
  idle.onStop({ ...STOP, code: "TG_OTHER" });
  assert.equal(idle.snapshot().stop?.code, "TG_TEST");
  const lost = active({ maxEventTime: 4, boundaryTold: 0, stillMs: 10_000 });
  reported(lost);
  lost.onReportFailed();
  lost.onStop(STOP, false);
  assert.equal(kind(lost), "wait");
});

Deno.test("a report says nothing of a slice whose delivery is not over", () => {
  const state = active({ maxEventTime: 4, boundaryTold: 0, end: 9 });
  assert.equal(kind(state), "fold");
  state.onBound(9);
  state.onSlice(slice({ from: 0, to: 9, maxEventTime: 99, windows: [part(90)] }));
  state.onStop(STOP);
  assert.equal(reported(state).watermark, 4);
  answer(state, 4);
  state.onResume(9);
  deliverAll(state);
  assert.equal(reported(state).watermark, 99);
});

Deno.test("to give a partition up is told, whatever is under way", () => {
  const joining = drain();
  const join = reported(joining);
  joining.onExclude();
  answer(joining, null);
  const exclude = reported(joining);
  assert.deepEqual([exclude.kind, exclude.seq > join.seq], ["exclude", true]);
  answer(joining, null);
  assert.equal(kind(joining), "wait");
  const held = active({ end: 9, maxEventTime: 2_000, boundaryTold: 2_000, driftBase: 0 });
  assert.equal(kind(held), "hold");
  held.onExclude();
  held.onHeld();
  assert.equal(reported(held).kind, "exclude");
  // Why it had stopped is settled by that.
  const stopped = active();
  stopped.onStop(STOP);
  stopped.onExclude();
  assert.deepEqual([stopped.snapshot().mode, stopped.snapshot().stop], ["excluded", null]);
  // What was folded is delivered first.
  const folding = active({ end: 9 });
  folding.onExclude();
  folding.onSlice(slice({ from: 0, to: 1, end: 9, maxEventTime: 5, windows: [part(0)] }));
  deliverAll(folding);
  assert.equal(reported(folding).kind, "exclude");
  answer(folding, null);
  assert.equal(kind(folding), "wait");
  // A stop that comes later has nothing to add; to go on, it joins.
  folding.onStop(STOP);
  assert.equal(folding.snapshot().mode, "excluded");
  folding.onResume(1);
  assert.equal(reported(folding).kind, "join");
});

Deno.test("a window that is lost while its partition is given up is counted, and that is all", () => {
  const state = active();
  state.onSlice(slice({ from: 0, to: 4, maxEventTime: 14, windows: [part(0, 3)] }));
  const step = state.next(0);
  state.onExclude();
  assert.ok(step.kind === "deliver");
  state.onDelivered(step.windows.map((window) => [window, "lost"] as const));
  assert.equal(state.snapshot().lostPairs, 3);
  assert.equal(reported(state).kind, "exclude");
});

Deno.test("a slice from elsewhere than the cursor is dropped", () => {
  const state = active({ end: 9 });
  assert.equal(kind(state), "fold");
  state.onStop(STOP);
  state.onResume(5);
  const before = state.snapshot();
  state.onSlice(slice({ from: 0, to: 7, maxEventTime: 14, windows: [part(0)] }));
  assert.deepEqual(state.snapshot(), before);
  // Nobody goes back.
  state.onResume(2);
  assert.equal(state.snapshot().cursor, 5);
});

Deno.test("a report that was overtaken is made again, as things stand now", () => {
  const overtaken = { watermark: 50, driftBase: null, overtaken: true } as const;
  const joining = drain();
  const { seq } = reported(joining);
  joining.onAnswer(overtaken);
  assert.equal(joining.snapshot().floor, null);
  const again = reported(joining, 1);
  assert.deepEqual([again.kind, again.seq > seq], ["join", true]);
  // Whatever it was: the clock may believe that it has left.
  const advancing = active({ maxEventTime: 20, untold: [{ start: 10, shard: 0 }] });
  assert.equal(reported(advancing).kind, "advance");
  advancing.onAnswer(overtaken);
  const { kind, opened } = reported(advancing, 1);
  assert.deepEqual([kind, opened], ["join", [{ start: 10, shard: 0 }]]);
  const excluded = active();
  excluded.onExclude();
  reported(excluded);
  excluded.onAnswer(overtaken);
  assert.equal(reported(excluded, 1).kind, "exclude");
  const stopped = active();
  stopped.onStop(STOP);
  reported(stopped);
  stopped.onAnswer(overtaken);
  assert.equal(reported(stopped, 1).kind, "join");
});

Deno.test("a report made after a crash has a larger number than any before it", () => {
  // The first task sends two reports, and crashes; meanwhile a message has come.
  const start = { maxEventTime: 20, until: 0 };
  const first = active(start);
  const idle = reported(first, 100);
  answer(first, null);
  first.onBound(3);
  const join = reported(first, 100);
  assert.ok(join.seq > idle.seq);
  const second = active(start);
  second.onExclude();
  assert.ok(reported(second, 101).seq > join.seq);
  // A report that has no answer yet keeps its number.
  const pending = reported(second, 500);
  assert.deepEqual(pending, second.snapshot().pending);
});

Deno.test("early looks are spent on the next boundary, where event time runs as the wall clock", () => {
  const at = 1_000_000;
  const state = active({
    maxEventTime: 9_500,
    boundaryTold: 0,
    pacedAtMs: at,
    pacePoints: [[at - 4_000, 5_500], [at, 9_500]],
  }, { ...rules, windowing: tumbling(10_000) });
  const looks = () => {
    const step = state.next(at + 1);
    return step.kind === "await" ? step.earlyAtMs.map((ms) => ms - at) : assert.fail();
  };
  assert.deepEqual(looks(), [505, 510, 520, 540, 580]);
  state.onAwait({ kind: "records", end: 1, lookedMs: 5, early: true, attempt: 1 }, at + 505);
  assert.equal(state.snapshot().pacedAtMs, at);
  state.onSlice(slice({ from: 0, to: 1, maxEventTime: 9_990, readAtMs: at + 505 }));
  assert.equal(looks().length, 4);
  // Past the boundary, the next one has looks of its own.
  state.onSlice(slice({ from: 1, to: 2, maxEventTime: 10_010, readAtMs: at + 515 }));
  reported(state);
  answer(state, 10_010);
  assert.equal(looks().length, 5);
  // Once the pace lets it be answered anyway, early looks are of no use.
  const later = state.next(at + 5_000);
  assert.deepEqual(later.kind === "await" && later.earlyAtMs, []);
});

Deno.test("the state travels as JSON at any time", () => {
  const states = [drain(), active({ end: 9, maxEventTime: 5, floor: -3, driftBase: 0 })];
  states[1]?.onSlice(slice({ from: 0, to: 4, maxEventTime: 14, windows: [part(0, 3)] }));
  for (const state of states) {
    const wire = JSON.parse(JSON.stringify(state.snapshot()));
    assert.deepEqual(wire, state.snapshot());
    assert.deepEqual(new DrainState(rules, wire).next(5), state.next(5));
  }
});
