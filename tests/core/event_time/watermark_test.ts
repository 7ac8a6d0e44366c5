import assert from "node:assert/strict";
import {
  type PartitionMode,
  type PartitionTimes,
  pipelineWatermark,
} from "../../../core/event_time/watermark.ts";

function p(mode: PartitionMode, maxEventTime: number | null, floor: number | null = null) {
  return { mode, maxEventTime, floor } satisfies PartitionTimes;
}

Deno.test("the watermark is the smallest of the partitions that hold it", () => {
  const of = (before: number | null, ...partitions: PartitionTimes[]) =>
    pipelineWatermark(before, partitions, 10);
  assert.deepEqual(of(null, p("active", 100), p("active", 50)), { watermark: 40, runsOn: false });
  assert.equal(of(null, p("active", 100), p("active", null)).watermark, null);
  assert.equal(of(30, p("active", 100), p("active", null)).watermark, 30);
  assert.equal(of(60, p("active", 50)).watermark, 60, "it never goes back");
  assert.equal(of(null, p("active", 100), p("idle", 50)).watermark, 90);
  assert.equal(of(null, p("active", 100), p("excluded", 50)).watermark, 90);
  assert.equal(of(null, p("active", 100), p("parked", 50)).watermark, 40);
  assert.equal(of(null, p("active", 100), p("stopped", 50)).watermark, 40);
  assert.equal(of(null, p("active", 50, 70)).watermark, 70, "a floor counts");
  assert.equal(of(null, p("active", -50)).watermark, -60, "before 1970");
});

Deno.test("where no partition holds it, it becomes the largest and runs on", () => {
  const of = (before: number | null, ...partitions: PartitionTimes[]) =>
    pipelineWatermark(before, partitions, 10);
  assert.deepEqual(of(20, p("idle", 100), p("idle", 50)), { watermark: 90, runsOn: true });
  assert.deepEqual(of(20, p("idle", 50), p("excluded", 900)), { watermark: 40, runsOn: true });
  assert.deepEqual(of(null, p("idle", null), p("excluded", 50)), { watermark: 40, runsOn: true });
  assert.deepEqual(of(20, p("excluded", 100)), { watermark: 20, runsOn: false }, "nobody looks");
  assert.deepEqual(of(null, p("idle", null)), { watermark: null, runsOn: false });
});
