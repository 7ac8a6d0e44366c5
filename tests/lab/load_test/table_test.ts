import assert from "node:assert/strict";
import { TABLE_II, tableTwo } from "../../../lab/load_test/table.ts";
import { pointsOf, RUN, span } from "./_run.ts";

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
