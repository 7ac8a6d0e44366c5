import assert from "node:assert/strict";
import {
  isComplete,
  lastTimer,
  nextTimeOf,
  nextTimer,
  ranOnTo,
  windowTimes,
} from "../../../core/event_time/timers.ts";
import { hopping, tumbling } from "../../../core/event_time/windows.ts";
import { Random } from "../../flow_model/random.ts";

Deno.test("a window closes at its end, and completes when its lateness is over", () => {
  const w = tumbling(10_000);
  const times = windowTimes(w, 7_000, 20_000);
  assert.deepEqual(times, { end: 30_000, final: 37_000 });
  assert.deepEqual([nextTimeOf(times, "open"), nextTimeOf(times, "emitted")], [30_000, 37_000]);
  const complete = [null, 36_999, 37_000].map((time) => isComplete(w, 7_000, 20_000, time));
  assert.deepEqual(complete, [false, false, true]);
});

Deno.test("the timers of many windows are found as by going through all of them", () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed);
    const windowing = random.chance(0.5) ? tumbling(10_000) : hopping(10_000, 4_000);
    const latenessMs = random.pick([0, 3_000, 25_000]);
    const starts = Array.from({ length: 40 }, (_, i) => i * windowing.slideMs)
      .filter(() => random.chance(0.4));
    const all = starts.flatMap((start) => {
      const { end, final } = windowTimes(windowing, latenessMs, start);
      return [end, final];
    });
    const timers = { windowing, latenessMs, starts };
    assert.equal(lastTimer(timers), all.length === 0 ? null : Math.max(...all));
    for (let i = 0; i < 20; i++) {
      const watermark = random.int(-5_000, 250_000);
      const reach = watermark + random.int(-10_000, 60_000);
      const within = all.filter((time) => time > watermark && time <= reach);
      assert.equal(ranOnTo(timers, watermark, reach), Math.max(watermark, ...within));
      const after = all.filter((time) => time > watermark);
      assert.equal(nextTimer(timers, watermark), after.length === 0 ? null : Math.min(...after));
    }
  }
});

Deno.test("the run-on goes to the last timer within reach, and no farther", () => {
  const of = (...starts: number[]) => ({ windowing: tumbling(10), latenessMs: 0, starts });
  assert.equal(ranOnTo(of(0, 10, 20), 5, 25), 20);
  assert.equal(ranOnTo(of(0, 10, 20), 5, 20), 20);
  assert.equal(ranOnTo(of(0), 5, 9), 5);
  assert.equal(ranOnTo(of(0), 15, 25), 15);
  assert.equal(nextTimer(of(0, 10, 20), 10), 20);
  assert.equal(nextTimer(of(0), 10), null);
});
