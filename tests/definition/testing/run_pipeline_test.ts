import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type DriverOptions,
  type InputRecord,
  runPipeline,
} from "../../../definition/testing/run_pipeline.ts";
import { TidegateError } from "../../../core/errors.ts";
import type { EventReader } from "../../../core/fold/fold.ts";
import type { RunPlan } from "../../../core/plan.ts";
import { hopping, tumbling } from "../../../core/event_time/windows.ts";

const base: RunPlan = {
  pipeline: "p",
  topic: "t",
  resultsTopic: "p.results",
  lateTopic: "p.late",
  invalidTopic: "p.invalid",
  from: "earliest",
  windowing: tumbling(10),
  delayMs: 2,
  idleAfterMs: 10_000,
  maxAheadMs: 50,
  maxDriftMs: 3_600_000,
  latenessMs: 0,
  shards: 1,
  groupBy: ["k"],
  aggregates: [
    { name: "n", kind: "count", field: null },
    { name: "total", kind: "sum", field: "x" },
  ],
  eventTimeField: "t",
};
const reader: EventReader = {
  check: (value) => {
    const event = Object(value);
    return "k" in event ? { ok: true, event } : { ok: false, path: "k", message: "must be there" };
  },
  eventTimeField: "t",
  where: (event) => event["x"] !== -1,
  numericFields: ["x"],
};

function run(
  records: readonly (readonly InputRecord[])[] | readonly InputRecord[],
  plan: Partial<RunPlan> = {},
  options: DriverOptions = {},
) {
  return runPipeline({ plan: { ...base, ...plan }, reader }, records, options);
}

function event(t: number, x = 1, k = "a") {
  return { t, x, k };
}

/** Rows as `start key: total`. */
function shown(rows: ReturnType<typeof run>["rows"]): string[] {
  return rows.map(({ window, key, values }) =>
    `${Date.parse(window.start)} ${key["k"]}: ${values["total"]}`
  );
}

Deno.test("rows, late and invalid events come out beside each other", () => {
  const result = run([
    event(1),
    event(4, 5, "b"),
    event(25, 7),
    event(9, 100),
    event(12, -1),
    { t: 14, x: 3 },
    { value: event(100), timestampMs: 49 },
    null,
    event(14, 2),
  ]);
  assert.deepEqual(shown(result.rows), ["0 a: 1", "0 b: 5", "20 a: 7"]);
  assert.ok(result.rows.every(({ final, revision }) => final && revision === 0));
  const side = (list: typeof result.late) => list.map((s) => [s.offset, s.kind, s.reason, s.path]);
  assert.deepEqual(side(result.late), [[3, "late", "late", "t"], [8, "late", "late", "t"]]);
  assert.deepEqual(side(result.invalid), [
    [5, "invalid", "schema", "k"],
    [6, "skewed", "skewed", "t"],
    [7, "invalid", "null-value", ""],
  ]);
  assert.deepEqual(result.late[0]?.event, event(9, 100));
  assert.deepEqual(result.late[0]?.windows, ["1970-01-01T00:00:00.000Z"]);
  assert.deepEqual(result.open, []);
  assert.equal(result.account.ok, true);
  assert.deepEqual(result.counts, {
    read: 9,
    aggregated: 3,
    late: 2,
    lateByFloor: 0,
    invalid: 2,
    skewed: 1,
    filtered: 1,
    assigned: 5,
    missed: 2,
    failed: 0,
  });
});

Deno.test("data that is wrong as a whole is told beside what becomes of it", () => {
  const at = Date.UTC(2026, 0, 1);
  const records = (unitMs: number) =>
    Array.from({ length: 90 }, (_, day) => {
      const timestampMs = at + day * 86_400_000;
      return { value: event(timestampMs / unitMs), timestampMs };
    });
  assert.deepEqual(run(records(1)).problems, []);
  const { problems, counts } = run([records(1000), records(1000)], { delayMs: 1e9 });
  assert.equal(counts.aggregated, 180);
  assert.deepEqual(problems.map(({ kind, count, read }) => [kind, count, read]), [
    ["unit", 180, 180],
  ]);
  assert.match(problems[0]?.message ?? "", /look like seconds, such as partition 1, offset 0: t: /);
  const texts = run(Array.from({ length: 9 }, () => ({ t: 1, k: "a", x: "12" })));
  assert.match(texts.problems[0]?.message ?? "", /^9 of 9 records are invalid \(number 9\)/);
});

Deno.test("without a flush, windows that the watermark has not passed stay open", () => {
  const result = run([event(1), event(25, 7)], {}, { flush: false });
  assert.deepEqual(shown(result.rows), ["0 a: 1"]);
  assert.deepEqual(shown(result.open), ["20 a: 7"]);
  assert.equal(result.open[0]?.final, false);
  assert.equal(result.watermark, 23);
  assert.deepEqual(result.account.windows, { closed: 1, open: 1, lost: 0 });
  assert.equal(result.account.ok, true);
});

Deno.test("with lateness, the last revision is what counts", () => {
  const { rows, emissions } = run(
    [event(1), event(15), event(2, 4), event(40)],
    { latenessMs: 20 },
    { sliceRecords: 1, emittedAtMs: 1_000 },
  );
  const first = emissions.filter(({ window }) => Date.parse(window.start) === 0);
  assert.deepEqual(first.map((row) => [row.values["total"], row.revision, row.final]), [
    [1, 0, false],
    [5, 1, false],
    [5, 2, true],
  ]);
  assert.deepEqual(rows[0], first[2]);
  assert.equal(rows[0]?.emittedAt, "1970-01-01T00:00:01.000Z");
});

Deno.test("the slowest partition holds the windows open", () => {
  const fast = [event(5), event(95)];
  const slow = [event(3), event(4)];
  assert.deepEqual(run([fast, slow], {}, { flush: false }).rows, []);
  const { rows, counts } = run([fast, slow, []]);
  assert.deepEqual(shown(rows), ["0 a: 3", "90 a: 1"]);
  assert.equal(counts.late, 0);
});

Deno.test("a partition that runs far ahead waits for the others", () => {
  const plan = { maxDriftMs: 5, delayMs: 0 };
  const ahead = Array.from({ length: 30 }, (_, i) => event(i * 10));
  const behind = Array.from({ length: 30 }, (_, i) => event(i));
  const { rows, account } = run([ahead, behind], plan, { sliceRecords: 1 });
  assert.equal(rows.length, 30);
  assert.equal(account.ok, true);
});

Deno.test("events travel as JSON: what it can't hold is lost", () => {
  const { rows, invalid } = run([
    { t: "1970-01-01T00:00:00.001Z", x: 1, k: "a", extra: undefined },
    { t: new Date(2), x: 2, k: "a" },
    { t: 3, x: NaN, k: "a" },
    { t: 4, x: 2 ** 53 + 2, k: "a" },
  ]);
  assert.deepEqual(shown(rows), ["0 a: 3"]);
  assert.deepEqual(invalid.map(({ offset, reason }) => [offset, reason]), [
    [2, "number"],
    [3, "number"],
  ]);
});

Deno.test("a window that would grow too large is refused by its code", () => {
  const records = Array.from(
    { length: 9_000 },
    (_, i) => event(1, 1, `key ${i} ${"k".repeat(120)}`),
  );
  const refused = (error: unknown) =>
    error instanceof TidegateError && error.code === "TG_WINDOW_FULL" && /shards/.test(error.next);
  assert.throws(() => run(records), refused);
  assert.equal(run(records, { shards: 4 }).rows.length, 9_000);
});

Deno.test("how the records are cut changes no row", () => {
  const records = fc.array(
    fc.array(
      fc.tuple(fc.integer({ min: -50, max: 150 }), fc.integer({ min: -9, max: 99 })),
      { maxLength: 25 },
    ),
    { minLength: 1, maxLength: 3 },
  );
  const plans = fc.record({
    windowing: fc.constantFrom(tumbling(10), hopping(25, 10, { offset: 3 })),
    delayMs: fc.nat(30),
    latenessMs: fc.constantFrom(0, 15),
    shards: fc.constantFrom(1, 3),
    maxDriftMs: fc.constantFrom(1, 1_000),
  });
  fc.assert(
    fc.property(records, plans, fc.integer({ min: 1, max: 9 }), (list, plan, sliceRecords) => {
      const topic = list.map((partition) =>
        partition.map(([t, x]) => event(t, x / 10, `${x % 3}`))
      );
      const whole = run(topic, plan);
      const cut = run(topic, plan, { sliceRecords });
      const content = ({ rows, late }: typeof whole) => [
        rows.map(({ revision: _, watermark: __, ...row }) => row),
        late,
      ];
      assert.deepEqual(content(cut), content(whole));
      assert.deepEqual(cut.counts, whole.counts);
      assert.equal(cut.account.ok, true);
      assert.equal(cut.counts.lateByFloor, 0);
    }),
    { numRuns: 150 },
  );
});
