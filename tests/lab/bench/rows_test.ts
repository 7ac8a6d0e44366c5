import assert from "node:assert/strict";
import { benchRecord } from "../../../lab/bench/record.ts";
import { compareRows, expectedRows, parseRow, SeenRows } from "../../../lab/bench/rows.ts";
import { runPipeline } from "../../../definition/testing/run_pipeline.ts";
import students from "../../../pipelines/cs_student_logs.ts";

const EVENTS = 30_000;

Deno.test("what records must come to is what the pipeline makes of them", () => {
  const log = Array.from({ length: EVENTS + 1 }, (_, i) => {
    // The last one lets all windows before it close.
    const { value, eventTimeMs } = benchRecord(i === EVENTS ? EVENTS + 100_000 : i);
    return { value: JSON.parse(value) as unknown, timestampMs: eventTimeMs };
  });
  const { rows } = runPipeline(students, [log]);
  const closed = rows.filter(({ events, final }) => final && events > 1)
    .map((row) => parseRow(JSON.stringify(row)));
  const expected = expectedRows(EVENTS, { windowMs: 10_000, key: "course" });
  assert.equal(expected.length, 24);
  assert.deepEqual(compareRows(closed, expected), { differ: 0, samples: [] });
});

const OURS = `{"pipeline":"b","generation":1,"window":{"start":"2026-01-01T00:00:00Z",` +
  `"end":"2026-01-01T00:00:10Z"},"key":{"course":"CS-101"},"events":2,` +
  `"values":{"total_loc":7,"avg_cpu":1.5},"revision":0,"final":true}`;
const FLINKS = `{"window":{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:00:10Z"},` +
  `"key":"CS-101","events":2,"total_loc":7.0,"avg_cpu":1.5}`;

Deno.test("rows of both engines read alike", () => {
  const row = { start: 1_767_225_600_000, key: "CS-101", events: 2, lines: 7, cpu: 1.5 };
  assert.deepEqual(parseRow(OURS), row);
  assert.deepEqual(parseRow(FLINKS), row);
});

Deno.test("rows that are missing, too many or other are told", () => {
  const row = parseRow(OURS);
  const other = { ...row, key: "CS-118" };
  assert.equal(compareRows([row], [row]).differ, 0);
  assert.equal(compareRows([{ ...row, cpu: 1.5 + 1e-12 }], [row]).differ, 0);
  assert.equal(compareRows([{ ...row, cpu: 1.5001 }], [row]).differ, 1);
  assert.equal(compareRows([{ ...row, cpu: NaN }], [row]).differ, 1);
  assert.equal(compareRows([{ ...row, events: 3 }], [row]).differ, 1);
  assert.equal(compareRows([{ ...row, lines: 8 }], [row]).differ, 1);
  assert.equal(compareRows([], [row]).differ, 1);
  assert.equal(compareRows([row, other], [row]).differ, 1);
});

Deno.test("the same row again is no news, a later revision is", () => {
  const row = parseRow(OURS);
  const seen = new SeenRows();
  seen.take(row, 10);
  seen.take(row, 20);
  assert.deepEqual([seen.events, seen.lastMs, seen.fullMs.get(row.start)], [2, 10, 10]);
  seen.take({ ...row, events: 5 }, 30);
  assert.deepEqual([seen.events, seen.lastMs, seen.eventsOf.get(row.start)], [5, 30, 5]);
  assert.equal(seen.all.length, 1);
});
