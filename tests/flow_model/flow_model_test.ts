import assert from "node:assert/strict";
import { play } from "./play.ts";

/** The everyday run; many more with `tests/flow_model/run.ts`. */
const SCHEDULES = 400;
const SEED = 1;

Deno.test(`the second engine keeps its promises in ${SCHEDULES} schedules`, () => {
  const happened = new Set<string>();
  for (let index = 0; index < SCHEDULES; index++) {
    const { violation, tally } = play(SEED, index);
    const again = `deno run tests/flow_model/run.ts --seed ${SEED} --only ${index}`;
    assert.equal(violation, null, again);
    for (const what of tally.keys()) happened.add(what);
  }
  // A model in which nothing goes wrong would prove nothing.
  const wanted = [
    "answers lost",
    "answers to ended runs",
    "became idle",
    "calls without cells",
    "early settles",
    "fenced",
    "held by budget",
    "held by drift",
    "hollow",
    "late by floor",
    "open transaction",
    "ran on",
    "results not taken",
    "rows not written",
    "set aside",
    "stopped TG_SWEEP_FAILED",
    "sweeps not started",
    "takeovers",
    "temporal away",
    "too many windows",
    "windows continued as new",
    "windows lost",
    "zombie attempts",
  ];
  assert.deepEqual(wanted.filter((what) => !happened.has(what)), []);
});

Deno.test("the same seed gives the same schedule", () => {
  for (const index of [3, 14, 159]) assert.deepEqual(play(7, index), play(7, index));
});
