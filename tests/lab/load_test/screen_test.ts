import assert from "node:assert/strict";
import {
  frameLine,
  frameLines,
  type FrameState,
  Screen,
  type ScreenTarget,
} from "../../../lab/load_test/screen.ts";
import { pointsOf } from "./_run.ts";

const state: FrameState = {
  phase: "baseline",
  note: "",
  elapsed: 1,
  seconds: 45,
  producers: 1,
  rate: 10,
  point: {
    atMs: 0,
    sent: 10,
    folded: 9,
    desired: 1,
    starting: 0,
    ready: 1,
    draining: 0,
    watermarkDelayMs: null,
  },
  decision: "",
  closed: "",
  rows: [],
};

function shownOn(target: Partial<ScreenTarget>, show: (screen: Screen) => void): string {
  let text = "";
  const write = (more: string) => void (text += more);
  show(new Screen({ isTerminal: true, color: true, width: () => 60, write, ...target }));
  return text;
}

Deno.test("screen: on a terminal the lines are drawn anew in place", () => {
  const text = shownOn({}, (screen) => {
    screen.show(state, 0);
    screen.show(state, 1);
    screen.line("a line that stays");
    screen.end();
  });
  // Three lines up and all below away; once by the second frame, once by the line.
  assert.equal(text.split("\x1b[3A\x1b[0J").length, 3);
  assert.ok(text.endsWith("\x1b[3A\x1b[0Ja line that stays\n"));
});

Deno.test("screen: without colours nothing is bold", () => {
  const show = (screen: Screen) => screen.show(state, 0);
  assert.ok(shownOn({}, show).includes("\x1b[1m"));
  assert.ok(!shownOn({ color: false }, show).includes("\x1b["));
});

Deno.test("screen: a pipe gets a line now and then, without escape codes", () => {
  const text = shownOn({ isTerminal: false }, (screen) => {
    for (let ms = 0; ms < 12_000; ms += 250) screen.show(state, ms);
    screen.line("a line");
    screen.end();
  });
  assert.ok(!text.includes("\x1b"));
  assert.deepEqual(text.split("\n").map((line) => line.slice(0, 8)), [
    "baseline",
    "baseline",
    "baseline",
    "a line",
    "",
  ]);
});

const [point] = pointsOf([0, {
  sent: 120,
  folded: 100,
  desired: 4,
  ready: 1,
  starting: 3,
  watermarkDelayMs: 12_340,
}]);
if (point === undefined) throw new Error("there is one point");

const spikeState: FrameState = {
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
  const lines = frameLines(spikeState, 100);
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
    for (const line of frameLines(spikeState, width)) assert.ok([...line].length <= width, line);
  }
});

Deno.test("frame: a line for pipes has no escape codes", () => {
  const line = frameLine(spikeState);
  assert.equal(
    line,
    "spike 3 s  input 39.9 ev/s  lag 20  4 wanted, 1 ready, 3 starting  watermark 12.3 s behind",
  );
});
