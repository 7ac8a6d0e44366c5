import assert from "node:assert/strict";
import { frameLine, frameLines, type FrameState } from "../../../lab/load_test/frame.ts";
import { pointsOf } from "./_run.ts";

const [point] = pointsOf([0, {
  sent: 120,
  folded: 100,
  desired: 4,
  ready: 1,
  starting: 3,
  watermarkDelayMs: 12_340,
}]);
if (point === undefined) throw new Error("there is one point");

const state: FrameState = {
  phase: "spike",
  note: "",
  elapsed: 3.4,
  seconds: 60,
  producers: 4,
  rate: 39.94,
  point,
  decision: "1 → 4 workers: because.",
  closed: "window A to B",
  rows: ["window  course", "A B     CS-101"],
};

Deno.test("frame: phase, rate, lag, workers, watermark, decision and the last window", () => {
  const lines = frameLines(state, 100);
  assert.match(lines[0] ?? "", /^── spike, 3 of 60 s, 4 producers ─+$/);
  assert.match(lines[1] ?? "", /input +39\.9 ev\/s +lag +20 .*watermark 12\.3 s behind/);
  assert.match(lines[2] ?? "", /■◧◧◧ {2}4 wanted, 1 ready, 3 starting/);
  assert.deepEqual(lines.slice(3), [
    "decided 1 → 4 workers: because.",
    "closed  window A to B",
    "  window  course",
    "  A B     CS-101",
  ]);
});

Deno.test("frame: no line is wider than the terminal", () => {
  for (const width of [20, 40, 79]) {
    for (const line of frameLines(state, width)) assert.ok([...line].length <= width, line);
  }
});

Deno.test("frame: a line for pipes has no escape codes", () => {
  const line = frameLine(state);
  assert.equal(
    line,
    "spike 3 s  input 39.9 ev/s  lag 20  4 wanted, 1 ready, 3 starting  watermark 12.3 s behind",
  );
});
