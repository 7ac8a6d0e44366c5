import assert from "node:assert/strict";
import { cellToWire, createCellFolder } from "../../../core/fold/aggregates.ts";
import { keyObject, rowRecordKey, rowsOf } from "../../../core/flow/row.ts";
import { tumbling } from "../../../core/event_time/windows.ts";

const aggregates = [
  { name: "total_loc", kind: "sum", field: "loc" },
  { name: "avg_cpu", kind: "avg", field: "cpu" },
] as const;
const plan = {
  pipeline: "p",
  topic: "t",
  resultsTopic: "p.results",
  lateTopic: "p.late",
  invalidTopic: "p.invalid",
  from: "earliest",
  windowing: tumbling("10s"),
  delayMs: 0,
  idleAfterMs: 10_000,
  maxAheadMs: 300_000,
  maxDriftMs: 3_600_000,
  latenessMs: 0,
  shards: 1,
  groupBy: ["course"],
  aggregates,
  eventTimeField: "at",
} as const;

function wire(key: readonly unknown[], ...events: { loc: number; cpu: number }[]) {
  const folder = createCellFolder(aggregates);
  const cell = folder.create();
  for (const event of events) folder.add(cell, event);
  return cellToWire(JSON.stringify(key), cell);
}

const emission = {
  generation: 2,
  windowStart: -10_000,
  revision: 1,
  final: true,
  watermark: 5,
  emittedAtMs: 1_700_000_000_000,
};

Deno.test("a row has the shape that readers of the results topic know", () => {
  const cells = [wire(["CS-101"], { loc: 300, cpu: 40 }, { loc: 40, cpu: 43 })];
  assert.deepEqual(rowsOf(plan, emission, cells), [{
    pipeline: "p",
    generation: 2,
    window: { start: "1969-12-31T23:59:50.000Z", end: "1970-01-01T00:00:00.000Z" },
    key: { course: "CS-101" },
    events: 2,
    values: { total_loc: 340, avg_cpu: 41.5 },
    revision: 1,
    final: true,
    watermark: "1970-01-01T00:00:00.005Z",
    emittedAt: "2023-11-14T22:13:20.000Z",
  }]);
});

Deno.test("rows keep the order of their cells", () => {
  const rows = rowsOf(plan, emission, [
    wire(["b"], { loc: 1, cpu: 1 }),
    wire(["a"], { loc: 1, cpu: 1 }),
  ]);
  assert.deepEqual(rows.map(({ key }) => key), [{ course: "b" }, { course: "a" }]);
});

Deno.test("the key is an object of the groupBy fields, empty without any", () => {
  assert.deepEqual(keyObject([], "[]"), {});
  assert.deepEqual(keyObject(["a", "b", "c", "d"], '["x",1,true,null]'), {
    a: "x",
    b: 1,
    c: true,
    d: null,
  });
});

Deno.test("two revisions of a row share the key of their records", () => {
  const [first] = rowsOf(plan, { ...emission, revision: 0, final: false, watermark: 0 }, [
    wire(["x"], { loc: 1, cpu: 1 }),
  ]);
  const [second] = rowsOf(plan, emission, [wire(["x"], { loc: 2, cpu: 2 })]);
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(rowRecordKey(first), rowRecordKey(second));
  assert.equal(
    rowRecordKey(first),
    '["p",2,"1969-12-31T23:59:50.000Z","1970-01-01T00:00:00.000Z",{"course":"x"}]',
  );
});
