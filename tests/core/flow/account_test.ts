import assert from "node:assert/strict";
import { accountOf, type DrainAccount } from "../../../core/flow/account.ts";
import { NO_COUNTS } from "../../../core/flow/slice.ts";

const NOTHING = { windows: 0, pairs: 0, refused: 0, rows: 0 };

function drain(given: Partial<DrainAccount> & { partition: number }): DrainAccount {
  return {
    totals: NO_COUNTS,
    inDelivery: 0,
    lostPairs: 0,
    skippedOffsets: 0,
    stop: null,
    ...given,
  };
}

const busy = drain({
  partition: 0,
  totals: {
    read: 10,
    aggregated: 5,
    late: 2,
    lateByFloor: 1,
    invalid: 1,
    skewed: 1,
    filtered: 1,
    assigned: 14,
    missed: 5,
  },
  inDelivery: 2,
});

Deno.test("both equations hold", () => {
  const account = accountOf(
    [busy, drain({ partition: 1, totals: { ...NO_COUNTS, read: 3, filtered: 3 } })],
    { windows: 2, pairs: 4, refused: 0, rows: 2 },
    [],
    [{ pairs: 1, refused: 0 }, { pairs: 2, refused: 0 }],
  );
  assert.deepEqual(account, {
    events: {
      read: 13,
      aggregated: 5,
      late: 2,
      lateByFloor: 1,
      invalid: 1,
      skewed: 1,
      filtered: 4,
    },
    pairs: { assigned: 14, closed: 4, open: 3, inDelivery: 2, missed: 5 },
    windows: { closed: 2, open: 2 },
    refused: 0,
    lost: 0,
    skippedOffsets: 0,
    notes: [],
    problems: [],
    ok: true,
  });
  assert.equal(accountOf([], NOTHING, [], []).ok, true);
});

Deno.test("an excluded partition is noted, and is nothing wrong", () => {
  const excluded = drain({ partition: 3, mode: "excluded", cursor: 17 });
  const { ok, notes } = accountOf([excluded, drain({ partition: 4 })], NOTHING, [], []);
  assert.equal(ok, true);
  assert.deepEqual(notes, ["partition 3 is excluded from offset 17 on"]);
});

Deno.test("whatever is wrong is named, all of it", () => {
  const stop = { code: "TG_OFFSET_GONE" };
  const { ok, problems, refused, lost, skippedOffsets } = accountOf(
    [
      { ...busy, totals: { ...busy.totals, read: 11 }, lostPairs: 2 },
      drain({ partition: 7, stop, skippedOffsets: 3 }),
    ],
    { windows: 1, pairs: 4, refused: 1, rows: 1 },
    [{ id: "w", why: "terminated" }],
    [{ pairs: 1, refused: 1 }],
  );
  assert.equal(ok, false);
  assert.deepEqual([refused, lost, skippedOffsets], [2, 2, 3]);
  for (
    const told of [
      /read 11, but 10/,
      /assigned 14, but 12/,
      /2 pairs were refused/,
      /2 pairs were given up/,
      /TG_WINDOW_LOST: w: terminated/,
      /partition 7 stopped: TG_OFFSET_GONE/,
      /partition 7: 3 offsets skipped/,
    ]
  ) assert.ok(problems.some((problem) => told.test(problem)), String(told));
});
