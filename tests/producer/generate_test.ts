import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { decodeOne } from "../../core/fold/decode.ts";
import { runPipeline } from "../../definition/testing/run_pipeline.ts";
import { TidegateError } from "../../core/errors.ts";
import { type Reject, SliceFold } from "../../core/fold/fold.ts";
import { shardOf } from "../../core/fold/cells.ts";
import type { SliceCounts } from "../../core/flow/counts.ts";
import students from "../../pipelines/cs_student_logs.ts";
import { count, definePipeline, type Pipeline, sum, tumbling } from "../../definition/define.ts";
import sensors from "../../pipelines/sensor_minutes.ts";
import {
  type GeneratedRecord,
  type GenerateOptions,
  generateRecords,
  type RecordKind,
} from "../../producer/generate.ts";

const FROM = Date.UTC(2026, 0, 1);
const base = { seed: 1, rate: 10, fromMs: FROM, partitions: 4, count: 1000 };
const mixed = {
  ...base,
  producers: 3,
  count: 20_000,
  disorderMs: 5000,
  lateShare: 0.02,
  invalidShare: 0.03,
  skewedShare: 0.01,
  duplicateShare: 0.04,
};

function generated(pipeline: Pipeline, options: GenerateOptions): GeneratedRecord[] {
  return [...generateRecords(pipeline, options)];
}

function kindsOf(records: readonly GeneratedRecord[]): Record<RecordKind, number> {
  const kinds = { ok: 0, late: 0, invalid: 0, skewed: 0, duplicate: 0 };
  for (const { kind } of records) kinds[kind] += 1;
  return kinds;
}

function strictText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Folds records partition by partition, as the pipeline would; they arrive when they are due. */
function folded(pipeline: Pipeline, records: readonly GeneratedRecord[], partitions: number) {
  const encoder = new TextEncoder();
  const all: SliceCounts[] = [];
  const rejected = new Map<GeneratedRecord, Reject>();
  for (let partition = 0; partition < partitions; partition++) {
    const mine = records.filter((record) => record.partition === partition);
    const raw = mine.map(({ value, dueMs }, offset) => ({
      offset,
      timestampMs: Math.floor(dueMs),
      value: typeof value === "string" ? encoder.encode(value) : value,
    }));
    const decoded = raw.map(({ value }) => decodeOne(value, strictText));
    const fold = new SliceFold(pipeline.plan, pipeline.reader, { maxEventTime: null, floor: null });
    fold.add(raw, decoded, (i) => new TextDecoder().decode(raw[i]?.value));
    all.push(fold.counts);
    for (const reject of fold.takeRejects()) {
      const record = mine[reject.offset];
      if (record !== undefined) rejected.set(record, reject);
    }
  }
  return { counts: all, rejected };
}

for (const pipeline of [students, sensors]) {
  const name = pipeline.plan.pipeline;

  Deno.test(`${name}: the same seed gives the same records, byte for byte`, () => {
    const once = generated(pipeline, mixed);
    assert.deepEqual(generated(pipeline, mixed), once);
    assert.notDeepEqual(generated(pipeline, { ...mixed, seed: 2 }), once);
    const shorter = generated(pipeline, { ...mixed, count: 100 });
    assert.deepEqual(shorter, once.slice(0, 100));
  });

  Deno.test(`${name}: every record is judged as it was meant`, () => {
    const records = generated(pipeline, mixed);
    const { rejected } = folded(pipeline, records, mixed.partitions);
    for (const record of records) {
      const kind = rejected.get(record)?.kind ?? "ok";
      // A repeated record lies no further back than the one it repeats.
      assert.equal(kind, record.kind === "duplicate" ? "ok" : record.kind);
    }
  });
}

Deno.test("shares are kept, and exactly so for a seed", () => {
  const kinds = kindsOf(generated(students, mixed));
  const expected = { late: 400, invalid: 600, skewed: 200, duplicate: 800, ok: 18_000 };
  for (const kind of ["ok", "late", "invalid", "skewed", "duplicate"] as const) {
    // Four standard deviations of a binomial distribution, and a late one more at the start.
    const tolerance = 4 * Math.sqrt(expected[kind]) + 10;
    assert.ok(Math.abs(kinds[kind] - expected[kind]) < tolerance, `${kind}: ${kinds[kind]}`);
  }
  assert.deepEqual(kinds, kindsOf(generated(students, mixed)));
});

Deno.test("a share changes only the records that it takes", () => {
  const plain = generated(students, base);
  const some = generated(students, { ...base, invalidShare: 0.1, lateShare: 0.1 });
  assert.deepEqual(kindsOf(plain), { ok: 1000, late: 0, invalid: 0, skewed: 0, duplicate: 0 });
  for (const [i, record] of some.entries()) {
    if (record.kind === "ok") assert.deepEqual(record, plain[i]);
  }
  assert.ok(kindsOf(some).ok < 850);
});

Deno.test("records are due at the rate of all producers together, and in order", () => {
  const records = generated(students, { ...base, rate: 4, producers: 5, count: 41 });
  assert.deepEqual(records.slice(0, 3).map(({ dueMs }) => dueMs - FROM), [0, 50, 100]);
  assert.equal(records.at(-1)?.dueMs, FROM + 2000);
  for (const { dueMs, eventTimeMs } of records) assert.equal(eventTimeMs, Math.floor(dueMs));
});

Deno.test("event times are jittered back, never forth, up to the disorder", () => {
  const records = generated(students, { ...base, disorderMs: 30_000 });
  const back = records.map(({ dueMs, eventTimeMs }) => Math.floor(dueMs) - eventTimeMs);
  assert.ok(Math.min(...back) >= 0 && Math.min(...back) < 200);
  assert.ok(Math.max(...back) <= 30_000 && Math.max(...back) > 29_800);
  const mean = back.reduce((sum, ms) => sum + ms, 0) / back.length;
  assert.ok(Math.abs(mean - 15_000) < 1200, String(mean));
  const value = records[0]?.value;
  assert.ok(typeof value === "string");
  assert.equal(Date.parse(JSON.parse(value).event_time), records[0]?.eventTimeMs);
});

Deno.test("disorder up to the delay makes nothing late", () => {
  const records = generated(students, { ...base, count: 5000, disorderMs: 60_000 });
  assert.equal(folded(students, records, 4).rejected.size, 0);
});

Deno.test("all reasons for an invalid record occur", () => {
  const records = generated(students, { ...base, invalidShare: 1 });
  assert.deepEqual(kindsOf(records).invalid, 1000);
  const { rejected } = folded(students, records, 4);
  assert.deepEqual(new Set([...rejected.values()].map(({ kind }) => kind)), new Set(["invalid"]));
  const reasons = new Set([...rejected.values()].map(({ reason }) => reason));
  assert.deepEqual([...reasons].sort(), ["json", "number", "schema", "time", "utf8"]);
  assert.ok(records.some(({ value }) => value instanceof Uint8Array));
  assert.ok(records.some(({ value }) => value === ""));
});

Deno.test("records have the partition that Kafka's Java client chooses for their key", () => {
  const records = generated(students, { ...base, partitions: 3 });
  assert.deepEqual(new Set(records.map(({ partition }) => partition)), new Set([0, 1, 2]));
  for (const { key, partition } of records) assert.equal(partition, shardOf(key ?? "", 3));
});

/** A pipeline whose event is what a test says. */
function made(generator: () => object, recordKey?: "id"): Pipeline {
  return definePipeline({
    name: "made",
    source: { topic: "made", ...(recordKey === undefined ? {} : { recordKey }) },
    event: z.object({ id: z.string(), at: z.number().catch(0) }),
    eventTime: "at",
    watermark: { delay: "0" },
    window: tumbling("1s"),
    groupBy: [],
    aggregates: { n: count() },
    generator: generator as () => { id: string; at: number },
  });
}

Deno.test("without a record key, partitions take turns", () => {
  const records = generated(made(() => ({ id: "x", at: 1 })), { ...base, count: 9 });
  assert.deepEqual(records.map(({ partition }) => partition), [0, 1, 2, 3, 0, 1, 2, 3, 0]);
  assert.deepEqual(new Set(records.map(({ key }) => key)), new Set([null]));
});

Deno.test("a schema that forgives much still refuses what is meant to be invalid", () => {
  const pipeline = made(() => ({ id: "x", at: FROM }));
  const records = generated(pipeline, { ...base, count: 300, invalidShare: 1 });
  assert.equal(folded(pipeline, records, 4).rejected.size, 300);
});

Deno.test("generators that make no event, and pipelines without one, are refused", () => {
  const refused = (pipeline: Pipeline, message: RegExp) =>
    assert.throws(
      () => generated(pipeline, base),
      (error) =>
        error instanceof TidegateError && error.code === "TG_DEFINITION" &&
        message.test(error.message),
    );
  refused({ ...students, generator: null }, /"cs_student_logs" has no generator$/);
  refused(made(() => ({ id: "x" })), /must make events with at as text or number, got \{"id"/);
  refused(made(() => []), /got \[\]$/);
  refused(
    made(() => ({ at: 1 }), "id"),
    /must make events with id as text or number, got undefined/,
  );
});

Deno.test("options out of range are refused at once and all together", () => {
  const options = { ...base, rate: 0, producers: 1.5, partitions: 0, count: -1, disorderMs: NaN };
  assert.throws(
    () => generateRecords(students, { ...options, lateShare: 0.7, invalidShare: 0.4 }),
    (error) =>
      error instanceof TidegateError && error.code === "TG_USAGE" &&
      error.message.split("\n").length === 7,
  );
});

Deno.test("property: any options give as many records as asked for, never late by accident", () => {
  const share = fc.integer({ min: 0, max: 25 }).map((percent) => percent / 100);
  const options = fc.record({
    seed: fc.nat(),
    rate: fc.double({ min: 0.1, max: 1e6, noNaN: true }),
    producers: fc.integer({ min: 1, max: 5 }),
    partitions: fc.integer({ min: 1, max: 9 }),
    count: fc.integer({ min: 0, max: 60 }),
    fromMs: fc.integer({ min: 0, max: 4e12 }),
    disorderMs: fc.integer({ min: 0, max: 15_000 }),
    lateShare: share,
    invalidShare: share,
    skewedShare: share,
    duplicateShare: share,
  });
  fc.assert(
    fc.property(options, (options) => {
      const records = generated(sensors, options);
      assert.equal(records.length, options.count);
      const { rejected } = folded(sensors, records, options.partitions);
      for (const record of records) {
        const wanted = record.kind === "duplicate" ? "ok" : record.kind;
        assert.equal(rejected.get(record)?.kind ?? "ok", wanted);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("records of a pipeline with an enrichment are made without it", () => {
  const pipeline = definePipeline({
    name: "looked_up",
    source: { topic: "looked_up" },
    event: z.object({ id: z.string(), at: z.number() }),
    eventTime: "at",
    watermark: { delay: "1s" },
    window: tumbling("10s"),
    enrich: ({ id }) => ({ team: id, points: 2 }),
    enrichment: { adds: z.object({ team: z.string(), points: z.number() }) },
    where: ({ team }) => team.length > 0,
    groupBy: ["team"],
    aggregates: { points: sum("points") },
    generator: (faker, { timeMs }) => ({ id: faker.helpers.arrayElement(["a", "b"]), at: timeMs }),
  });
  const records = generated(pipeline, { ...base, invalidShare: 0.2, lateShare: 0.1 });
  const logs: Record<string, unknown>[][] = [[], [], [], []];
  const broken = new Set<string>();
  for (const { value, kind, partition } of records) {
    if (kind === "invalid") broken.add(String(value));
    else logs[partition]?.push(JSON.parse(String(value)));
  }
  const { counts } = runPipeline(pipeline, logs, {
    enrich: ({ id }) => ({ team: id, points: 2 }),
  });
  const kinds = kindsOf(records);
  assert.deepEqual([counts.invalid, counts.late], [0, kinds.late]);
  assert.ok(kinds.invalid > 100 && kinds.late > 50 && broken.size > 3);
  const spoiled = records.filter(({ kind }) => kind === "invalid").map(({ value }) => value);
  const fold = new SliceFold(pipeline.plan, pipeline.reader, { maxEventTime: null, floor: null });
  for (const value of spoiled) {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    const record = { offset: 0, timestampMs: -1, value: bytes };
    const decoded = decodeOne(bytes, strictText);
    assert.equal(fold.check(record, decoded, () => strictText(bytes) ?? "").event, null);
  }
});
