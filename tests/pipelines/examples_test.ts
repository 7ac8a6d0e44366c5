import assert from "node:assert/strict";
import { decodeOne } from "../../core/fold/decode.ts";
import { SliceFold } from "../../core/fold/fold.ts";
import type { Pipeline } from "../../definition/define.ts";
import students, { COURSES, STUDENTS } from "../../pipelines/cs_student_logs.ts";
import { createFaker } from "../../definition/faker.ts";
import sensors from "../../pipelines/sensor_minutes.ts";
import spike from "../../pipelines/load_test.ts";

const FROM = Date.UTC(2026, 0, 1);

/** Events of a pipeline's generator, one a second. */
function eventsOf(pipeline: Pipeline, seed: number, count: number): unknown[] {
  const faker = createFaker(seed);
  return Array.from(
    { length: count },
    (_, index) => pipeline.generator?.(faker, { index, timeMs: FROM + index * 1000 }),
  );
}

function distinct(events: readonly unknown[], field: string): Set<unknown> {
  return new Set(events.map((event) => Object(event)[field]));
}

Deno.test("cs_student_logs is the query of the paper", () => {
  const { plan, recordKey, partitions } = students;
  assert.equal(plan.topic, "cs_student_logs");
  assert.deepEqual(plan.windowing, { sizeMs: 10_000, slideMs: 10_000, offsetMs: 0 });
  assert.equal(plan.delayMs, 60_000);
  assert.deepEqual(plan.groupBy, ["course"]);
  assert.deepEqual(plan.aggregates, [
    { name: "total_loc", kind: "sum", field: "lines_of_code" },
    { name: "avg_cpu", kind: "avg", field: "cpu_usage_pct" },
  ]);
  assert.deepEqual([recordKey, partitions], ["student_id", 4]);
});

Deno.test("there are at least 200 students in 8 courses, with all kinds of activity", () => {
  assert.ok(STUDENTS >= 200);
  const events = eventsOf(students, 1, 5000);
  assert.equal(distinct(events, "student_id").size, STUDENTS);
  assert.deepEqual(distinct(events, "course"), new Set(COURSES));
  assert.equal(COURSES.length, 8);
  assert.ok(distinct(events, "activity").size >= 6);
  assert.ok(distinct(events, "lines_of_code").size > 50);
});

Deno.test("spike is the query of cs_student_logs with a lookup, one at a time", () => {
  const { plan, enrichment, partitions, recordKey } = spike;
  assert.deepEqual([plan.pipeline, plan.topic, partitions], ["spike", "spike.source", 8]);
  assert.deepEqual([plan.delayMs, plan.idleAfterMs], [5000, 3000]);
  for (const same of ["windowing", "groupBy", "aggregates", "schema", "eventTimeField"] as const) {
    assert.deepEqual(plan[same], students.plan[same]);
  }
  assert.equal(recordKey, students.recordKey);
  assert.deepEqual(eventsOf(spike, 5, 50), eventsOf(students, 5, 50));
  assert.deepEqual({ ...enrichment, enrich: null, adds: enrichment?.adds.names }, {
    enrich: null,
    adds: ["faculty"],
    concurrency: 1,
    timeoutMs: 5000,
    pausesMs: [100, 200, 400],
    onFailure: "retry",
  });
  assert.equal(students.enrichment, null);
});

for (const pipeline of [students, sensors, spike]) {
  const name = pipeline.plan.pipeline;

  Deno.test(`${name}: the same seed gives the same events, another seed others`, () => {
    assert.deepEqual(eventsOf(pipeline, 7, 200), eventsOf(pipeline, 7, 200));
    assert.notDeepEqual(eventsOf(pipeline, 7, 200), eventsOf(pipeline, 8, 200));
  });

  Deno.test(`${name}: every generated event is folded or filtered`, () => {
    const fold = new SliceFold(pipeline.plan, pipeline.reader, { maxEventTime: null, floor: null });
    const values = eventsOf(pipeline, 3, 2000).map((event) => JSON.stringify(event));
    const records = values.map((value, offset) => ({
      offset,
      timestampMs: FROM + offset * 1000,
      value: new TextEncoder().encode(value),
    }));
    const decoded = records.map(({ value }) =>
      decodeOne(value, (bytes) => new TextDecoder().decode(bytes))
    );
    fold.add(records, decoded, (i) => values[i] ?? "");
    const { read, aggregated, filtered } = fold.counts;
    assert.deepEqual([read, aggregated + filtered], [2000, 2000]);
    assert.equal(filtered > 0, pipeline.plan.where !== "");
    assert.deepEqual(fold.takeRejects(), []);
  });
}

Deno.test("a faker of one's own does not touch the shared one", async () => {
  const { faker: shared } = await import("@faker-js/faker/locale/en");
  shared.seed(42);
  const expected = shared.number.int();
  shared.seed(42);
  const own = createFaker(42);
  assert.notEqual(own, shared);
  own.number.int();
  assert.equal(shared.number.int(), expected);
  assert.match(own.person.firstName(), /^\p{L}+/u);
  assert.notEqual(createFaker([1, 2]).number.int(), createFaker([1, 3]).number.int());
});
