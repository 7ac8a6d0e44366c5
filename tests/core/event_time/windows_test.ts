import assert from "node:assert/strict";
import fc from "fast-check";
import { TidegateError } from "../../../core/errors.ts";
import { MAX_INSTANT_MS } from "../../../core/event_time/instants.ts";
import {
  boundaryAfter,
  boundaryAtOrBefore,
  firstWindowStart,
  hopping,
  lastWindowStart,
  tumbling,
  windowEnd,
  type Windowing,
  windowStarts,
} from "../../../core/event_time/windows.ts";

/** Any windowing of small numbers, also where the slide doesn't divide the size. */
const windowings = fc.tuple(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 0, max: 39 }),
  fc.integer({ min: -200, max: 200 }),
).map(([slide, extra, offset]) => hopping(slide + extra % (15 * slide + 1), slide, { offset }));

const times = fc.oneof(
  fc.integer({ min: -500, max: 500 }),
  fc.integer({ min: -MAX_INSTANT_MS, max: MAX_INSTANT_MS }),
);

/** By looking at every integer, in exact arithmetic. */
function bruteStarts(w: Windowing, time: number): number[] {
  const starts: number[] = [];
  for (let start = time - w.sizeMs + 1; start <= time; start++) {
    if ((BigInt(start) - BigInt(w.offsetMs)) % BigInt(w.slideMs) === 0n) starts.push(start);
  }
  return starts;
}

function isBoundary(w: Windowing, lateness: number, time: number): boolean {
  const sinceEnd = BigInt(time) - BigInt(w.offsetMs) - BigInt(w.sizeMs);
  return sinceEnd % BigInt(w.slideMs) === 0n ||
    (sinceEnd - BigInt(lateness)) % BigInt(w.slideMs) === 0n;
}

Deno.test("the conformance vectors of window assignment", () => {
  const vectors: [number, number, number, number, number[]][] = [
    [5, 5, 2, 7, [7]],
    [5, 5, 2, 11, [7]],
    [5, 5, 2, 12, [12]],
    [5, 5, 0, 9, [5]],
    [5, 5, 0, 10, [10]],
    [5, 5, 12, 11, [7]],
  ];
  for (const [size, slide, offset, time, starts] of vectors) {
    assert.deepEqual(windowStarts(hopping(size, slide, { offset }), time), starts);
  }
});

Deno.test("a time belongs to the windows that contain it, and to no other", () => {
  //  offset 1, slide 3, size 5     -2 [--------)
  //                                     1 [--------)
  //                                          4 [--------)
  //  time                        -2 ... 1 2 3 4 5 6
  const w = hopping(5, 3, { offset: 1 });
  assert.deepEqual(windowStarts(w, 1), [-2, 1]);
  assert.deepEqual(windowStarts(w, 3), [1]);
  assert.deepEqual(windowStarts(w, 4), [1, 4]);
  assert.deepEqual(windowStarts(w, -3), [-5]);
  assert.equal(windowEnd(w, -2), 3);
  fc.assert(
    fc.property(windowings, times, (w, time) => {
      const starts = windowStarts(w, time);
      assert.deepEqual(starts, bruteStarts(w, time));
      assert.equal(firstWindowStart(w, time), starts[0]);
      assert.equal(lastWindowStart(w, time), starts.at(-1));
    }),
    { numRuns: 500 },
  );
});

Deno.test("assignment is exact for large sizes at the ends of the ISO range", () => {
  const sizes = fc.integer({ min: 1, max: 8.64e13 });
  fc.assert(fc.property(sizes, fc.maxSafeInteger(), times, (size, offset, time) => {
    const w = tumbling(size, { offset });
    const start = lastWindowStart(w, time);
    assert.ok(start <= time && time < start + size);
    assert.equal((BigInt(start) - BigInt(w.offsetMs)) % BigInt(size), 0n);
  }));
});

Deno.test("an offset is normalised without moving a window", () => {
  fc.assert(fc.property(windowings, fc.integer({ min: -30, max: 30 }), times, (w, k, time) => {
    const shifted = hopping(w.sizeMs, w.slideMs, { offset: w.offsetMs + k * w.slideMs });
    assert.deepEqual(shifted, w);
    assert.ok(w.offsetMs >= 0 && w.offsetMs < w.slideMs && !Object.is(w.offsetMs, -0));
    assert.deepEqual(windowStarts(shifted, time), windowStarts(w, time));
  }));
});

Deno.test("boundaries are the ends and the completions, all of them", () => {
  const lateness = fc.integer({ min: 0, max: 100 });
  fc.assert(
    fc.property(windowings, lateness, times, (w, late, time) => {
      const before = boundaryAtOrBefore(w, late, time);
      const after = boundaryAfter(w, late, time);
      assert.ok(before <= time && time < after && after - before <= w.slideMs);
      assert.ok(isBoundary(w, late, before) && isBoundary(w, late, after));
      for (let t = before + 1; t < after; t++) assert.ok(!isBoundary(w, late, t));
    }),
    { numRuns: 500 },
  );
});

Deno.test("definitions take texts and numbers", () => {
  assert.deepEqual(tumbling("10s"), { sizeMs: 10_000, slideMs: 10_000, offsetMs: 0 });
  assert.deepEqual(tumbling(10_000, { offset: "2s" }).offsetMs, 2000);
  assert.deepEqual(hopping("1m", "10s", { offset: -1 }), {
    sizeMs: 60_000,
    slideMs: 10_000,
    offsetMs: 9_999,
  });
  assert.equal(hopping(16, 1).sizeMs, 16);
  for (const offset of ["-1h", -3_600_000, "23h", "-25h"]) {
    assert.equal(tumbling("1d", { offset }).offsetMs, 82_800_000, String(offset));
  }
  assert.deepEqual(tumbling("1d", { offset: "-0" }), tumbling("1d"));
});

Deno.test("definitions out of range are refused, naming the value", () => {
  const cases: [() => unknown, RegExp][] = [
    [() => tumbling("10"), /size must be .* got "10"/],
    [() => tumbling(0), /size must be .* got 0/],
    [() => tumbling("0"), /size must be .* got "0"/],
    [() => tumbling(-5), /got -5/],
    [() => tumbling(1.5), /got 1\.5/],
    [() => tumbling(NaN), /got NaN/],
    [() => tumbling(Infinity), /got Infinity/],
    [() => tumbling(1e15), /at most 1000000d/],
    [() => tumbling(10, { offset: 0.5 }), /offset must be .* got 0\.5/],
    [() => tumbling(10, { offset: "x" }), /offset must be .* got "x"/],
    [() => tumbling(10, { offset: "--1h" }), /offset must be .* got "--1h"/],
    [() => tumbling(10, { offset: "-" }), /offset must be .* got "-"/],
    // @ts-expect-error neither text nor number
    [() => tumbling(10, { offset: {} }), /offset must be .* got /],
    [() => tumbling("-1h"), /size must be .* got "-1h"/],
    [() => hopping(10, 11), /slide must be at most the size \(10 ms\), got 11 ms/],
    [() => hopping(17, 1), /slide must be at least a 16th of the size \(2 ms\), got 1 ms/],
    [() => hopping(10, 0), /slide must be .* got 0/],
  ];
  for (const [define, message] of cases) {
    assert.throws(define, (error) => {
      assert.ok(error instanceof TidegateError);
      assert.equal(error.code, "TG_DEFINITION");
      assert.match(error.message, message);
      assert.notEqual(error.next, "");
      return true;
    });
  }
});
