import assert from "node:assert/strict";
import students from "../../../pipelines/cs_student_logs.ts";
import { BENCH_RECORD_BYTES, benchEvent, benchRecord } from "../../../lab/bench/record.ts";

Deno.test("every record has 142 bytes, and is an event of the default pipeline", () => {
  const keys = new Set<string>();
  for (let i = 0; i < 5000; i++) {
    const index = i * 397;
    const { key, value, eventTimeMs } = benchRecord(index);
    assert.equal(new TextEncoder().encode(value).length, BENCH_RECORD_BYTES);
    const event: unknown = JSON.parse(value);
    const checked = students.reader.check(event);
    assert.ok(checked.ok);
    assert.equal(checked.event.student_id, key);
    assert.equal(checked.event.event_time, new Date(eventTimeMs).toISOString());
    assert.equal(JSON.stringify(event), value);
    keys.add(key);
  }
  assert.equal(keys.size, 240);
});

Deno.test("two million records fill 200 windows of 10 seconds", () => {
  const last = benchRecord(1_999_999).eventTimeMs;
  assert.equal(benchRecord(0).eventTimeMs % 10_000, 0);
  assert.equal((last + 1 - benchRecord(0).eventTimeMs) / 10_000, 200);
  assert.equal(benchRecord(7, { fromMs: 1000, stepMs: 0.5 }).eventTimeMs, 1003);
});

Deno.test("a record says what its event is, whatever the number of students", () => {
  for (const options of [{}, { students: 10_000 }]) {
    for (let i = 0; i < 100; i++) {
      const { student, course, lines, cpuTenths } = benchEvent(i, options);
      const record = JSON.parse(benchRecord(i, options).value);
      assert.deepEqual(
        [record.student_id, record.course, record.lines_of_code, record.cpu_usage_pct],
        [student, course, lines, cpuTenths / 10],
      );
    }
  }
});
