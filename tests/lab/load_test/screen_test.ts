import assert from "node:assert/strict";
import { type ScreenTarget, SpikeScreen } from "../../../lab/load_test/screen.ts";
import type { FrameState } from "../../../lab/load_test/frame.ts";

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

function shownOn(target: Partial<ScreenTarget>, show: (screen: SpikeScreen) => void): string {
  let text = "";
  const write = (more: string) => void (text += more);
  show(new SpikeScreen({ isTerminal: true, color: true, width: () => 60, write, ...target }));
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
  const show = (screen: SpikeScreen) => screen.show(state, 0);
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
