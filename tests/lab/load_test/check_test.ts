import assert from "node:assert/strict";
import type { ResultRow } from "../../../core/flow/row.ts";
import { compareRows } from "../../../lab/load_test/check.ts";

const EVENTS = {
  read: 3,
  aggregated: 2,
  late: 1,
  lateByFloor: 0,
  invalid: 0,
  skewed: 0,
  filtered: 0,
};

function row(course: string, values: Readonly<Record<string, number>>): ResultRow {
  return {
    pipeline: "spike",
    generation: 1,
    window: { start: "2026-01-01T00:00:00.000Z", end: "2026-01-01T00:00:10.000Z" },
    key: { course },
    events: 2,
    values,
    revision: 0,
    final: true,
    watermark: "2026-01-01T00:00:10.000Z",
    emittedAt: "2026-01-01T00:00:15.000Z",
  };
}

const rows = [row("A", { total: 0.3, avg: 1 }), row("B", { total: 4, avg: 2 })];
const live = { rows, events: EVENTS };

Deno.test("compare: equal content is equal, whenever and in how many steps it was emitted", () => {
  const again = rows.map((one) => ({
    ...one,
    revision: 7,
    emittedAt: "later",
    watermark: "other",
  }));
  const { ok, rows: count, windows } = compareRows(live, { rows: again.reverse(), events: EVENTS });
  assert.deepEqual([ok, count, windows], [true, 2, 1]);
});

Deno.test("compare: the last bit counts", () => {
  const again = [row("A", { total: 0.30000000000000004, avg: 1 }), ...rows.slice(1)];
  const { ok, differences } = compareRows(live, { rows: again, events: EVENTS });
  assert.equal(ok, false);
  assert.match(differences[0] ?? "", /"A".*emitted .*0\.3[,}].*recomputed .*0\.30000000000000004/);
});

Deno.test("compare: missing rows, rows too many, rows that are not final", () => {
  const without = { rows: rows.slice(1), events: EVENTS };
  assert.match(compareRows(without, live).differences[0] ?? "", /"A".*was not emitted/);
  assert.match(compareRows(live, without).differences[0] ?? "", /"A".*is not in the topic/);
  const open = { rows: rows.map((one) => ({ ...one, final: false })), events: EVENTS };
  assert.match(compareRows(open, live).differences[0] ?? "", /is not final/);
});

Deno.test("compare: the counts of events are compared too", () => {
  const other = { rows, events: { ...EVENTS, late: 2 } };
  assert.deepEqual(compareRows(live, other).differences, ["late events: counted 1, recomputed 2"]);
});
