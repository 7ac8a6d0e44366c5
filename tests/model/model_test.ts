import assert from "node:assert/strict";
import { type Mutation, MUTATIONS } from "./mutations.ts";
import { firstViolation, playSchedule } from "./play.ts";

/** The everyday run; many more with `tests/model/run.ts`. */
const SCHEDULES = 1_500;
const SEED = 1;
/** A rule that is missing must be noticed within so many schedules. */
const MOST = 5_000;
/** Seeds under which that is soon; any other works, but takes longer for the rarest crashes. */
const SEEDS: Readonly<Partial<Record<Mutation, number>>> = { "seq-time": 11 };

Deno.test(`the promises hold in ${SCHEDULES} schedules`, () => {
  const happened = new Set<string>();
  for (let index = 0; index < SCHEDULES; index++) {
    const { violation, tally } = playSchedule(SEED, index);
    assert.equal(
      violation,
      null,
      `deno run tests/model/run.ts --seed ${SEED} --only ${index}`,
    );
    for (const what of tally.keys()) happened.add(what);
  }
  // A model that never crashes or closes late would prove nothing.
  for (
    const what of [
      "answers lost",
      "calls lost",
      "zombie calls",
      "clock crashes",
      "clock continued as new",
      "drain crashes in a task",
      "drains continued as new",
      "windows continued as new",
      "windows terminated",
      "emissions again",
      "partials covered",
      "reports repeated",
      "reports: join",
      "reports: idle",
      "reports: park",
      "reports: exclude",
      "steps: hold",
      "steps: refold",
    ]
  ) assert.ok(happened.has(what), `it never happened: ${what}`);
});

for (const rule of MUTATIONS) {
  Deno.test(`it is noticed when the rule is missing: ${rule}`, () => {
    const found = firstViolation(SEEDS[rule] ?? SEED, MOST, rule);
    assert.ok(found !== undefined, `not in ${MOST} schedules`);
    console.log(`without ${rule}: noticed after ${found.schedules} schedules`);
  });
}

Deno.test("the same seed gives the same schedule", () => {
  for (const index of [3, 14, 159]) {
    assert.deepEqual(playSchedule(7, index), playSchedule(7, index));
  }
});
