import assert from "node:assert/strict";
import type { KeptRow } from "../../../lab/bench/keep.ts";
import { budgetsTable, ROW_ORDER } from "../../../lab/bench/table.ts";

const ROW: KeptRow = {
  row: "windows",
  at: "2026-11-30T14:02:03.004Z",
  commit: "0123456789abcdef",
  changed: false,
  pairs: 5,
  machine: { cpu: "EPYC", cores: 2, memoryGiB: 24, os: "linux 6", versions: { deno: "2.9.6" } },
  judged: [{ what: "windows closed", goal: "≥ 80", measured: "90 (85 to 93)", met: true }],
  noisy: false,
  right: true,
  data: [{ runs: [{ quiet: { idleShare: 0.981, load: 0 }, othersCores: 0.013 }] }],
};

Deno.test("a kept row says what was measured, on what, and how quiet it was", () => {
  const missed: KeptRow = {
    ...ROW,
    row: "backlog",
    noisy: true,
    judged: [{ what: "events", goal: "≥ 1", measured: "0.9", met: false }],
    data: { quiet: { idleShare: 0.5, load: 3 } },
  };
  const text = budgetsTable([ROW, missed]);
  assert.equal(
    text,
    `| what | goal | measured: median (range) | outcome |
| --- | --- | --- | --- |
| events | ≥ 1 | 0.9 | **missed**, noisy |
| windows closed | ≥ 80 | 90 (85 to 93) | met |

2 × EPYC, 24 GiB, linux 6; deno 2.9.6.

| row | measured (UTC) | commit | pairs | idle before; others |
| --- | --- | --- | --- | --- |
| \`backlog\` | 2026-11-30 14:02 | 0123456 | 5 | 50 % to 50 % |
| \`windows\` | 2026-11-30 14:02 | 0123456 | 5 | 98 % to 98 %; 0.01 cores |
`,
  );
  assert.equal(budgetsTable([]), "Nothing has been kept yet.\n");
});

Deno.test({
  name: "the table has a place for every row, and no other",
  // The rows bring the clients.
  ignore: (["env", "read", "sys", "ffi", "net", "run"] as const)
    .some((name) => Deno.permissions.querySync({ name }).state !== "granted"),
  async fn() {
    const { ROWS } = await import("../../../lab/bench/budgets.ts");
    assert.deepEqual(ROWS.map(({ name }) => name), ROW_ORDER);
  },
});
