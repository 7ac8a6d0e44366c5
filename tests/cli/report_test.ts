import assert from "node:assert/strict";
import { auditLines, loadLine, statusLine } from "../../cli/report.ts";
import { openRows, rowLines, writtenRows } from "../../cli/rows.ts";
import type { Audit } from "../../core/flow/audit.ts";
import { Drain, newDrain } from "../../core/flow/drain.ts";
import type { ResultRow } from "../../core/flow/row.ts";
import { type GenerationView, viewOf } from "../../core/flow/view.ts";
import { runPlanOf } from "../../core/plan.ts";
import type { WindowView } from "../../workflows/messages.ts";
import sensors from "../../pipelines/sensor_minutes.ts";

const { plan } = sensors;
const VIEW = viewOf(
  new Drain({
    ...runPlanOf(plan),
    generation: 1,
    topicId: null,
    paceMs: 5_000,
    sliceMs: 1_000,
    deliverEveryMs: 5_000,
    emitEveryMs: null,
    maxOpenWindows: 100,
  }, newDrain([{ partition: 0, cursor: 10 }, { partition: 1, cursor: 0, until: 30 }], "h")),
);
const WINDOW = {
  start: 60_000,
  shard: 0,
  n: 1,
  pairs: 4,
  waiting: 2,
  calling: null,
  emitted: false,
  unwrittenSinceMs: null,
  broken: null,
};

Deno.test("status line: what sweeps have folded counts as read, and a bounded run lags to its end", () => {
  const page = { swept: true, foldable: true };
  const pages = [
    { ...page, partition: 0, cursor: 15, end: 20 },
    { ...page, partition: 1, cursor: 10, end: 99 },
  ];
  assert.equal(
    loadLine({ view: VIEW, pages }),
    "watermark none  read 15  lag 25  windows 0 open, 0 closed",
  );
  const [first] = pages;
  assert.ok(first !== undefined);
  assert.match(
    loadLine({ view: VIEW, pages: [{ ...first, end: null }] }) ?? "",
    /lag unknown/,
  );
  assert.equal(loadLine({ view: null, pages: [] }), null);
});

Deno.test("status line: what is wrong is in it", () => {
  const stop = { code: "TG_OFFSET_GONE", message: "gone", offset: 3, sinceMs: 0 };
  const line = statusLine({
    ...VIEW,
    watermark: 0,
    partitions: VIEW.partitions.map((p) => ({ ...p, mode: "stopped", stop })),
    open: [{ ...WINDOW, unwrittenSinceMs: 5 }],
    lost: { windows: 2, pairs: 3, named: [] },
  }, { lag: null });
  assert.match(line, /^watermark 1970-01-01T00:00:00.000Z {2}read 0 {2}lag unknown /);
  assert.match(
    line,
    /ROWS OF 1 NOT WRITTEN YET {2}2 WINDOWS LOST {2}PARTITION 0 STOPPED: TG_OFFSET_GONE/,
  );
});

Deno.test("audit lines: notes, what is unknown, problems, and the verdict", () => {
  const audit: Audit = {
    events: {
      read: 9,
      aggregated: 5,
      late: 1,
      lateByFloor: 1,
      invalid: 1,
      skewed: 1,
      filtered: 0,
      failed: 1,
    },
    pairs: { assigned: 6, closed: 2, open: 1, waiting: 1, missed: 1, lost: 1 },
    windows: { closed: 1, open: 2, lost: 1 },
    problems: ["a problem"],
    unknown: ["something"],
    notes: ["a note"],
    ok: false,
  };
  assert.deepEqual(auditLines(audit), [
    "events: read 9 = aggregated 5 + late 1 + invalid 1 + skewed 1 + filtered 0 + failed 1",
    "pairs:  assigned 6 = closed 2 + open 1 + waiting 1 + missed 1 + lost 1",
    "windows: 1 closed, 2 open, 1 lost; late by the floor alone 1",
    "NOTE a note",
    "UNKNOWN something",
    "PROBLEM a problem",
    "THE ACCOUNT DOES NOT HOLD",
  ]);
  assert.equal(auditLines({ ...audit, problems: [], ok: true }).at(-1), "the account holds");
});

function row(start: string, final: boolean): ResultRow {
  return {
    pipeline: plan.pipeline,
    generation: 1,
    window: { start, end: "1970-01-01T00:03:00.000Z" },
    key: { house: 1 },
    events: 2,
    values: { mean: 0.25 },
    revision: 3,
    final,
    watermark: "1970-01-01T00:03:00.000Z",
    emittedAt: "1970-01-01T00:03:01.000Z",
  };
}

Deno.test("rows: closed when the drain has booked the window, closing until then", () => {
  const view: Pick<GenerationView, "open"> = { open: [WINDOW] };
  const rows = writtenRows([
    row("1970-01-01T00:00:00.000Z", true),
    row("1970-01-01T00:01:00.000Z", true),
    row("1970-01-01T00:01:00.000Z", false),
  ], view);
  assert.deepEqual(rows.map(({ state }) => state), ["closed", "closing", "revision"]);
  const [head, ...lines] = rowLines(rows);
  assert.match(head ?? "", /^window +house +events +mean +state$/);
  assert.deepEqual(lines.map((line) => /\S+(?: 3)?$/.exec(line)?.[0]), [
    "closed",
    "closing",
    "revision 3",
  ]);
  assert.deepEqual(rowLines([]), ["no windows"]);
});

Deno.test("rows: those of open windows have no watermark before the first", () => {
  const window: WindowView = {
    start: 60_000,
    shard: 0,
    n: 1,
    cells: [['[1,"air"]', 2, null, 14, 20, [34]]],
    pairs: 2,
    emissions: 0,
    spans: [],
    held: [],
  };
  const [row] = openRows(plan, 1, VIEW, [window]);
  assert.ok(row !== undefined);
  assert.deepEqual([row.state, row.watermark, row.key], ["open", null, {
    house: 1,
    quantity: "air",
  }]);
  assert.deepEqual(row.values, { readings: 2, coldest: 14, warmest: 20, mean: 17 });
  const [later] = openRows(plan, 1, { watermark: 90_000 }, [window]);
  assert.equal(later?.watermark, "1970-01-01T00:01:30.000Z");
});
