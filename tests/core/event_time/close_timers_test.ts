import assert from "node:assert/strict";
import { CLOSE_REPEAT_MS, CloseTimers } from "../../../core/event_time/close_timers.ts";

const a = { id: "a", start: 0, end: 10, final: 15 };
const b = { id: "b", start: 10, end: 20, final: 20 };
const closed = { pairs: 3, refused: 0, rows: 2 };

function timers(...windows: readonly (typeof a)[]): CloseTimers {
  const made = new CloseTimers();
  for (const window of windows) made.register(window);
  return made;
}

function reborn(from: CloseTimers): CloseTimers {
  return new CloseTimers(JSON.parse(JSON.stringify(from.snapshot())));
}

Deno.test("a window is due at its end, and again at its final time", () => {
  const t = timers(b, a);
  assert.deepEqual(t.due(null, 0, 9), []);
  assert.deepEqual(t.due(9, 0, 9), []);
  assert.deepEqual([...t.pendingTimes()].sort(), [10, 15, 20]);
  assert.deepEqual(t.due(10, 0, 9), ["a"]);
  t.sent("a", 10, 1_000);
  assert.deepEqual(t.due(14, 0, 9), []);
  assert.deepEqual([...t.pendingTimes()].sort(), [15, 20]);
  assert.deepEqual(reborn(t).due(20, 0, 9), ["a", "b"]);
  assert.deepEqual(t.due(20, 0, 1), ["a"]);
  t.sent("a", 20, 2_000);
  t.sent("b", 20, 2_000);
  assert.deepEqual([...t.pendingTimes()], []);
  assert.equal(t.lastTime(), 20);
});

Deno.test("a time that has passed fires at once", () => {
  const t = new CloseTimers();
  t.register(a, 12);
  assert.deepEqual(t.due(12, 0, 9), ["a"]);
});

Deno.test("an entry stays until its window has answered, and is told again after a while", () => {
  const t = timers(a);
  assert.equal(t.nextRepeatMs(), undefined);
  t.sent("a", 99, 1_000);
  assert.deepEqual(t.due(99, 1_000, 9), []);
  assert.equal(t.nextRepeatMs(), 1_000 + CLOSE_REPEAT_MS);
  assert.deepEqual(t.due(99, 1_000 + CLOSE_REPEAT_MS, 9), ["a"]);
  t.sent("a", 99, 70_000);
  assert.equal(reborn(t).nextRepeatMs(), 70_000 + CLOSE_REPEAT_MS);
  t.closed({ id: "a", ...closed });
  assert.equal(t.nextRepeatMs(), undefined);
  assert.deepEqual(t.open, []);
  assert.equal(t.lastTime(), undefined);
});

Deno.test("the totals count a window once", () => {
  const t = timers(a, b);
  t.closed({ id: "a", ...closed });
  t.closed({ id: "a", ...closed });
  t.closed({ id: "c", ...closed });
  assert.deepEqual(t.totals, { windows: 1, pairs: 3, refused: 0, rows: 2 });
  t.closed({ id: "b", pairs: 1, refused: 2, rows: 1 });
  assert.deepEqual(reborn(t).totals, { windows: 2, pairs: 4, refused: 2, rows: 3 });
});

Deno.test("a repeated registration changes nothing, not even after the close", () => {
  const t = timers(a);
  t.sent("a", 10, 5);
  t.register(a, 10);
  assert.deepEqual(t.open.map(({ fired }) => fired), [1]);
  t.sent("a", 15, 6);
  t.closed({ id: "a", ...closed });
  t.register(a, 15);
  assert.deepEqual(t.open, []);
  t.register(b, 15);
  assert.deepEqual(t.open.map(({ id }) => id), ["b"]);
});

Deno.test("a lost window is given up and remembered", () => {
  const t = timers(a, b);
  const before = t.snapshot();
  t.lose("a", "terminated");
  t.lose("a", "terminated");
  t.lose("c", "never was");
  t.sent("a", 99, 0);
  assert.deepEqual(t.lost, [{ id: "a", why: "terminated" }]);
  assert.deepEqual(reborn(t).lost, t.lost);
  assert.deepEqual(t.open.map(({ id }) => id), ["b"]);
  assert.deepEqual(before.lost, []);
});
