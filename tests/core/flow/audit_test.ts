import assert from "node:assert/strict";
import { type AuditFinds, auditOf, type DrainLook } from "../../../core/flow/audit.ts";
import { NO_SWEEP_COUNTS } from "../../../core/flow/counts.ts";
import type { OpenWindowLook } from "../../../core/flow/open_windows.ts";

const open: OpenWindowLook = {
  start: 20_000,
  shard: 0,
  n: 2,
  pairs: 5,
  waiting: 3,
  calling: 3,
  emitted: false,
  unwrittenSinceMs: null,
  broken: null,
};
const look: DrainLook = {
  partitions: [{
    partition: 0,
    mode: "active",
    stop: null,
    cursor: 15,
    totals: {
      ...NO_SWEEP_COUNTS,
      read: 15,
      aggregated: 12,
      late: 2,
      invalid: 1,
      assigned: 14,
      missed: 2,
    },
    skippedOffsets: 0,
    skipped: [],
  }],
  watermark: 25_000,
  windows: [open],
  closed: { windows: 1, pairs: 4, rows: 2 },
  lost: { windows: 0, pairs: 0, named: [] },
  lateByFloor: { joined: 1, "run-on": 0, added: 0 },
};
const row = { start: 10_000, final: true, watermark: 20_000, events: 2 };
const finds: AuditFinds = {
  windows: [{ start: 20_000, shard: 0, n: 2, held: [[1, 2], [2, 5]] }],
  rows: [row, row],
  side: new Map([[0, { late: 2, invalid: 1 }]]),
};

/** What is wrong when something else is seen, or found. */
function problems(changedLook: Partial<DrainLook>, changed: Partial<AuditFinds> = {}) {
  return auditOf({ ...look, ...changedLook }, { ...finds, ...changed }).problems;
}

Deno.test("an audit in which all adds up is ok, and notes what the floor made late", () => {
  const audit = auditOf(look, finds);
  assert.deepEqual([audit.ok, audit.problems, audit.unknown], [true, [], []]);
  assert.deepEqual(audit.notes, ["1 events missed a window by a floor (joined)"]);
  assert.deepEqual(audit.pairs, {
    assigned: 14,
    closed: 4,
    open: 5,
    waiting: 3,
    missed: 2,
    lost: 0,
  });
});

Deno.test("what has moved on since the look is no trouble", () => {
  const moved = [{ start: 20_000, shard: 0, n: 4, held: [[2, 5], [3, 8], [4, 30]] as const }];
  const later = { start: 30_000, final: true, watermark: 41_000, events: 9 };
  const closing = { start: 20_000, final: true, watermark: 25_000, events: 8 };
  assert.deepEqual(problems({}, { windows: moved, rows: [row, row, later, closing] }), []);
});

Deno.test("a pair that a window has not taken is told, also while a call is under way", () => {
  const without = (held: number) =>
    problems({}, {
      windows: [{ start: 20_000, shard: 0, n: 3, held: [[1, 2], [2, held], [3, 8]] }],
    });
  assert.deepEqual(without(5), []);
  assert.match(without(4).join(), /window 20000 must hold 5 pairs after call 2, holds 4/);
  assert.match(problems({}, { windows: [] }).join(), /TG_WINDOW_LOST.*is not there/);
  const old = [{ start: 20_000, shard: 0, n: 1, held: [[1, 2]] as const }];
  assert.match(problems({}, { windows: old }).join(), /must have taken 2 calls, has taken 1/);
  const long = auditOf(look, { ...finds, windows: [{ start: 20_000, shard: 0, n: 40, held: [] }] });
  assert.deepEqual([long.ok, long.unknown], [true, ["window 20000 no longer knows of call 2"]]);
});

Deno.test("a results topic that was deleted, cut or badly compacted is told", () => {
  assert.match(problems({}, { rows: [] }).join(), /have 2 rows, the topic 0/);
  assert.match(problems({}, { rows: [row, { ...row, events: 1 }] }).join(), /hold 4 pairs.*rows 3/);
  const first = [row, { ...row, final: false }];
  assert.match(problems({}, { rows: first }).join(), /1 rows of closed windows are not final/);
  const audit = auditOf(look, { ...finds, rows: null });
  assert.deepEqual([audit.ok, audit.unknown.length], [true, 1]);
});

Deno.test("both equations, stops, skips, losses and side topics are checked", () => {
  const [partition] = look.partitions;
  assert.ok(partition !== undefined);
  const of = (changed: Partial<typeof partition>) =>
    problems({ partitions: [{ ...partition, ...changed }] }).join();
  assert.match(of({ totals: { ...partition.totals, read: 16 } }), /read 16, but 15 came out/);
  assert.match(of({ totals: { ...partition.totals, assigned: 15 } }), /assigned 15, but 14/);
  const stop = { code: "TG_X", message: "", offset: null, sinceMs: 0 };
  assert.match(of({ stop }), /partition 0 stopped: TG_X/);
  assert.match(of({ skippedOffsets: 3 }), /3 offsets skipped/);
  const none = new Map([[0, { late: 1, invalid: 0 }]]);
  const side = problems({}, { side: none }).join();
  assert.match(side, /2 late records, the topic has 1.*1 invalid records, the topic has 0/);
  const named = [{ start: 1, shard: 0, code: "TG_WINDOW_LOST", pairs: 7 }];
  const lost = problems({ lost: { windows: 2, pairs: 9, named } }).join();
  assert.match(lost, /TG_WINDOW_LOST: window 1: 7 pairs.*2 windows are lost, 9 pairs/);
});

Deno.test("a window that was never called need not be there", () => {
  const waiting = { ...open, n: 0, pairs: 0, waiting: 8 };
  assert.deepEqual(problems({ windows: [waiting] }, { windows: [] }), []);
});

Deno.test("rows of windows that are open or lost are not counted with those of closed ones", () => {
  const other = { start: 0, final: true, watermark: 20_000, events: 9 };
  assert.match(problems({}, { rows: [row, row, other] }).join(), /have 2 rows, the topic 3/);
  const lost = { windows: 1, pairs: 0, named: [{ start: 0, shard: 0, code: "TG_X", pairs: 0 }] };
  const said = problems({ lost }, { rows: [row, row, other] });
  assert.deepEqual(said, ["TG_X: window 0: 0 pairs are lost with it"]);
  // Where a lost window may have had them, or another share of a window, nobody can say.
  const unnamed = problems({ lost: { windows: 1, pairs: 0, named: [] } }, { rows: [row, other] });
  assert.deepEqual(unnamed, ["1 windows are lost, 0 pairs with them"]);
  const shares = problems({ windows: [{ ...open, shard: 1 }] }, {
    windows: [{ start: 20_000, shard: 1, n: 2, held: [[2, 5]] }],
    rows: [row],
  });
  assert.deepEqual(shares, []);
});

Deno.test("what can't be read whole is unknown; what is set aside or given up is noted", () => {
  const [partition] = look.partitions;
  assert.ok(partition !== undefined);
  const audit = auditOf(look, { ...finds, side: null });
  assert.deepEqual([audit.ok, audit.unknown], [true, [
    "side topics: they no longer hold all records",
  ]]);
  const totals = { ...partition.totals, invalid: 0, failed: 1 };
  const { notes } = auditOf({
    ...look,
    partitions: [{ ...partition, mode: "excluded", totals }],
  }, finds);
  assert.deepEqual(notes, [
    "partition 0 is excluded from offset 15 on",
    "1 events missed a window by a floor (joined)",
    "1 records are set aside as failed: rows are not reproducible without them",
  ]);
});
