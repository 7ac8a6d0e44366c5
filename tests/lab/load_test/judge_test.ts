import assert from "node:assert/strict";
import { judge, percent, seconds, TABLE_II, tableTwo } from "../../../lab/load_test/judge.ts";
import { pointsOf, RUN, span } from "./_run.ts";

Deno.test("judge: the paper's run passes, with its figures", () => {
  assert.deepEqual(judge(RUN), [
    {
      phase: "baseline",
      passed: true,
      text: "1 ready 100 % of the time after the first 15 s (at least 90 %)",
    },
    {
      phase: "spike",
      passed: true,
      text: "4 ready 3 s after the step (at most 5 s); lag under 1 s of input (40) 15 s after it",
    },
    { phase: "cooldown", passed: true, text: "1 ready 40 s after the step down" },
  ]);
});

Deno.test("judge: a baseline with another worker for a tenth of the time does not pass", () => {
  const phases = [span("baseline", 0, 45)];
  const two = (from: number, to: number) =>
    judge({
      ...RUN,
      phases,
      points: pointsOf([0, { ready: 1 }], [from, { ready: 2 }], [to, { ready: 1 }]),
    });
  assert.equal(two(20, 22.9)[0]?.passed, true);
  assert.equal(two(20, 23.1)[0]?.passed, false);
  // What happens in its first 15 s does not count.
  assert.equal(two(1, 14)[0]?.passed, true);
});

Deno.test("judge: of a short baseline half may go by", () => {
  const points = pointsOf([0, { ready: 0 }], [6, { ready: 1 }]);
  assert.equal(judge({ ...RUN, points, phases: [span("baseline", 0, 12)] })[0]?.passed, true);
});

Deno.test("judge: four workers that come late fail the spike", () => {
  const points = pointsOf([0, { ready: 1 }], [50.1, { ready: 4 }]);
  const [verdict] = judge({ ...RUN, points, phases: [span("spike", 45, 105, 4)] });
  assert.deepEqual(verdict?.passed, false);
  assert.match(verdict?.text ?? "", /^4 ready 5\.1 s after the step \(at most 5 s\)/);
});

Deno.test("judge: a lag that does not come back fails the spike", () => {
  const points = pointsOf([0, { ready: 1 }], [47, { ready: 4, sent: 100, folded: 60 }]);
  const [verdict] = judge({ ...RUN, points, phases: [span("spike", 45, 105, 4)] });
  assert.deepEqual(verdict?.passed, false);
  assert.match(verdict?.text ?? "", /lag not back under 1 s of input \(40\)$/);
});

Deno.test("judge: a lag under a second of input before the workers came does not count", () => {
  const points = pointsOf(
    [0, { ready: 1 }],
    [46, { sent: 10 }],
    [47, { ready: 4, sent: 100 }],
    [60, { folded: 70 }],
  );
  const [verdict] = judge({ ...RUN, points, phases: [span("spike", 45, 105, 4)] });
  assert.match(verdict?.text ?? "", /lag under 1 s of input \(40\) 15 s after it$/);
});

Deno.test("judge: three workers are not four", () => {
  const points = pointsOf([0, { ready: 1 }], [47, { ready: 3 }]);
  const [verdict] = judge({ ...RUN, points, phases: [span("spike", 45, 105, 4)] });
  assert.equal(verdict?.passed, false);
  assert.match(verdict?.text ?? "", /^never 4 ready/);
});

Deno.test("judge: where one worker can do it, there is nothing to scale", () => {
  const points = pointsOf([0, { ready: 1 }]);
  const expected = { low: 1, peak: 1 };
  const [verdict] = judge({ ...RUN, expected, points, phases: [span("spike", 45, 105, 4)] });
  assert.equal(verdict?.passed, true);
  assert.match(verdict?.text ?? "", /^nothing to scale: 1 can do it/);
});

Deno.test("judge: a cooldown passes with one worker at its end, and not before", () => {
  const cooldown = [span("cooldown", 105, 180)];
  const down = (at: number) =>
    judge({ ...RUN, phases: cooldown, points: pointsOf([0, { ready: 4 }], [at, { ready: 1 }]) });
  assert.equal(down(179)[0]?.passed, true);
  assert.deepEqual(down(181)[0], {
    phase: "cooldown",
    passed: false,
    text: "4 ready at the end (1 wanted)",
  });
});

Deno.test("judge: one worker that became two again is not down", () => {
  const points = pointsOf([0, { ready: 4 }], [120, { ready: 1 }], [170, { ready: 2 }], [181, {}]);
  assert.equal(judge({ ...RUN, points, phases: [span("cooldown", 105, 180)] })[0]?.passed, false);
});

Deno.test("judge: the way to 0 and back", () => {
  const phases = [span("zero", 180, 260)];
  const passed = (toZeroMs: number | null, wakeMs: number | null) =>
    judge({ ...RUN, phases, zero: { toZeroMs, wakeMs } })[0]?.passed;
  assert.equal(passed(62_000, 1_999), true);
  assert.equal(passed(62_000, 2_001), false);
  assert.equal(passed(62_000, null), false);
  assert.equal(passed(null, null), false);
});

Deno.test("judge: figures for people", () => {
  assert.deepEqual([0, 3_000, 3_240, 61_000].map(seconds), ["0 s", "3 s", "3.2 s", "61 s"]);
  // A share just under a limit must not look as if it were there.
  assert.deepEqual([0, 0.047, 0.899, 0.97, 1].map(percent), [
    "0 %",
    "4.7 %",
    "89 %",
    "97 %",
    "100 %",
  ]);
});

Deno.test("table: each of the paper's rows with what was measured", () => {
  const rows = tableTwo(RUN);
  assert.deepEqual(rows.map(({ paper }) => paper), TABLE_II);
  assert.deepEqual(rows.map(({ workers }) => workers), [1, 1, 4, 1]);
  assert.deepEqual(rows.map(({ observation }) => observation), [
    "Lag at most 5.",
    "3 s: lag grows to 50.",
    "3 workers added within 3 s; lag under 1 s of input 15 s after the step.",
    "1 again 40 s after the step down.",
  ]);
  assert.ok(rows.every(({ rate }) => rate !== null && rate > 0));
});

Deno.test("table: a fleet that never grew has no row of scaling up", () => {
  const points = pointsOf([0, { ready: 1 }], [50, { sent: 200 }], [104, { sent: 2_300 }]);
  const rows = tableTwo({ ...RUN, points });
  assert.deepEqual(rows[2]?.observation, "Did not happen.");
  assert.equal(rows[1]?.observation, "60 s: lag grows to 2300.");
});

Deno.test("table: phases that there were not", () => {
  const rows = tableTwo({ ...RUN, phases: [span("baseline", 0, 45)] });
  assert.deepEqual(rows.map(({ workers }) => workers), [1, null, null, null]);
});
