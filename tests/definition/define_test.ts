import assert from "node:assert/strict";
import { z } from "zod";
import { TidegateError } from "../../core/errors.ts";
import { fingerprintDifferences, fingerprintOf } from "../../core/plan.ts";
import {
  avg,
  count,
  definePipeline,
  hopping,
  max,
  min,
  type Pipeline,
  type PipelineDefinition,
  sum,
  tumbling,
} from "../../definition/define.ts";

const event = z.object({
  user: z.string(),
  page: z.string().nullable(),
  bytes: z.number(),
  ok: z.boolean(),
  note: z.string().optional(),
  size: z.number().nullable(),
  place: z.object({ city: z.string() }),
  at: z.string(),
});

const good = {
  name: "clicks",
  source: { topic: "clicks" },
  event,
  eventTime: "at",
  watermark: { delay: "1m" },
  window: tumbling("10s"),
  groupBy: ["page", "ok"],
  aggregates: { clicks: count(), bytes: sum("bytes") },
} as const satisfies PipelineDefinition<typeof event>;

/** The problems of a refused definition, without the head. */
function problemsOf(define: () => Pipeline, name = "clicks"): string[] {
  try {
    define();
  } catch (error) {
    assert.ok(error instanceof TidegateError, String(error));
    assert.equal(error.code, "TG_DEFINITION");
    const [head, ...problems] = error.message.split("\n  ");
    assert.equal(head, `Cannot define the pipeline "${name}":`);
    return problems;
  }
  return [];
}

Deno.test("a definition becomes a plan, with defaults for what is left out", () => {
  const pipeline = definePipeline(good);
  const { schema, ...plan } = pipeline.plan;
  assert.deepEqual(plan, {
    pipeline: "clicks",
    topic: "clicks",
    resultsTopic: "clicks.results",
    lateTopic: "clicks.late",
    invalidTopic: "clicks.invalid",
    from: "earliest",
    windowing: { sizeMs: 10_000, slideMs: 10_000, offsetMs: 0 },
    delayMs: 60_000,
    idleAfterMs: 10_000,
    maxAheadMs: 300_000,
    maxDriftMs: 3_600_000,
    latenessMs: 0,
    shards: 1,
    groupBy: ["page", "ok"],
    aggregates: [
      { name: "clicks", kind: "count", field: null },
      { name: "bytes", kind: "sum", field: "bytes" },
    ],
    eventTimeField: "at",
    where: "",
  });
  assert.deepEqual(JSON.parse(JSON.stringify(pipeline.plan)), pipeline.plan);
  assert.match(schema, /"page":\{"type":\["string","null"\]\}/);
  assert.equal(pipeline.generator, null);
  assert.equal(pipeline.partitions, 4);
  assert.equal(pipeline.recordKey, null);
  assert.equal(pipeline.reader.eventTimeField, "at");
  assert.equal(pipeline.reader.where, null);
  assert.deepEqual(pipeline.reader.numericFields, ["bytes", "size"]);
  assert.deepEqual(pipeline.reader.changedFields, []);
});

Deno.test("everything that can be set is taken over", () => {
  const pipeline = definePipeline({
    ...good,
    source: { topic: "in", partitions: 2, from: "2026-01-01T00:00:00Z", recordKey: "user" },
    watermark: { delay: 5000, idleAfter: "1s", maxAhead: "0", maxDrift: "1d" },
    window: hopping("1m", "10s", { offset: "3s" }),
    lateness: "2m",
    where: (e) => e.bytes > 0,
    groupBy: [],
    aggregates: { least: min("bytes"), most: max("bytes"), mean: avg("bytes") },
    results: { topic: "out" },
    shards: 8,
    generator: (_, { timeMs }) => ({
      user: "u",
      page: null,
      bytes: 1,
      ok: true,
      size: null,
      place: { city: "x" },
      at: new Date(timeMs).toISOString(),
    }),
  });
  const { plan } = pipeline;
  assert.deepEqual([plan.topic, plan.resultsTopic], ["in", "out"]);
  assert.equal(plan.from, Date.UTC(2026, 0, 1));
  assert.deepEqual(
    [plan.delayMs, plan.idleAfterMs, plan.maxAheadMs, plan.maxDriftMs, plan.latenessMs],
    [5000, 1000, 0, 86_400_000, 120_000],
  );
  assert.deepEqual(plan.windowing, { sizeMs: 60_000, slideMs: 10_000, offsetMs: 3000 });
  assert.deepEqual(plan.aggregates.map(({ kind, field }) => [kind, field]), [
    ["min", "bytes"],
    ["max", "bytes"],
    ["avg", "bytes"],
  ]);
  assert.deepEqual([plan.groupBy, plan.shards, plan.where], [[], 8, "(e)=>e.bytes > 0"]);
  assert.deepEqual([pipeline.partitions, pipeline.recordKey], [2, "user"]);
  assert.notEqual(pipeline.generator, null);
});

Deno.test("the fingerprint keeps what the state depends on, and not how it is written", () => {
  const before = fingerprintOf(definePipeline(good).plan);
  const { at, ...others } = event.shape;
  const reordered = definePipeline({ ...good, event: z.object({ at, ...others }) });
  assert.deepEqual(fingerprintDifferences(before, fingerprintOf(reordered.plan)), []);
  const stricter = definePipeline({ ...good, event: event.extend({ bytes: z.number().min(0) }) });
  const changed = fingerprintDifferences(before, fingerprintOf(stricter.plan));
  assert.deepEqual(changed.map((line) => line.split(":")[0]), ["event"]);
  const one = definePipeline({ ...good, where: (e) => e.ok });
  // deno-fmt-ignore
  const two = definePipeline({ ...good, where: (e) =>
      e.ok });
  assert.equal(one.plan.where, two.plan.where);
});

Deno.test("all problems are found at once, each with its setting", () => {
  const problems = problemsOf(() =>
    definePipeline({
      name: "Clicks!",
      source: {
        topic: "no spaces",
        partitions: 0,
        from: "yesterday",
        // @ts-expect-error there is no such field
        recordKey: "nobody",
      },
      event,
      // @ts-expect-error a flag is no time
      eventTime: "ok",
      // @ts-expect-error a typo
      watermark: { delay: "soon", idleAfter: 0, maxAhead: "-1s", maxdrift: "1h" },
      window: hopping("10s", "1m"),
      lateness: "1 minute",
      // @ts-expect-error not a function
      where: "e.ok",
      // @ts-expect-error an object is no key, and neither is what is not there
      groupBy: ["place", "country", "page", "page"],
      aggregates: {
        // @ts-expect-error a text can't be summed up
        total: sum("user"),
        // @ts-expect-error there is no such field
        mean: avg("byte"),
        // @ts-expect-error it may be missing
        least: min("size"),
        "2nd": count(),
        constructor: count(),
        // @ts-expect-error not an aggregate
        all: "count",
      },
      results: { topic: "." },
      shards: 65,
    }), "Clicks!");
  assert.deepEqual(problems, [
    'name must be 1 to 63 of a-z, 0-9, _ and -, beginning with a letter, got "Clicks!"',
    'source.topic must be a topic name: 1 to 249 of a-z, A-Z, 0-9, ., _ and -, got "no spaces"',
    "source.partitions must be a whole number from 1 to 10000, got 0",
    'source.from must be "earliest", "latest" or an ISO 8601 time with its zone, got "yesterday"',
    'source.recordKey must be a field of the event, got "nobody"',
    'eventTime must name a field that is always ISO 8601 text or epoch ms; "ok" can be boolean',
    'watermark.delay must be a duration such as "10s" or whole number of ms, at most 100000d, ' +
    'got "soon"',
    'watermark.idleAfter must be a positive duration such as "10s" or whole number of ms, at most ' +
    "100000d, got 0",
    'watermark.maxAhead must be a duration such as "10s" or whole number of ms, at most 100000d, ' +
    'got "-1s"',
    "watermark.maxdrift is no setting (did you mean maxDrift?); there are delay, idleAfter, " +
    "maxAhead, maxDrift",
    "window.slide must be at most the size (10000 ms), got 60000 ms",
    'lateness must be a duration such as "10s" or whole number of ms, at most 100000d, ' +
    'got "1 minute"',
    'where must be a function, got "e.ok"',
    'groupBy.0 must name a field that is always text, number, boolean or null; "place" can be object',
    'groupBy.1 must be a field of the event, got "country"',
    'groupBy.3 must be a new field, got "page"',
    'aggregates.total.field must name a field that is always number; "user" can be string',
    'aggregates.mean.field must be a field of the event, got "byte" (did you mean bytes?)',
    'aggregates.least.field must name a field that is always number; "size" can be null',
    "aggregates.2nd must have a name of 1 to 63 of a-z, A-Z, 0-9 and _, no digit first",
    "aggregates.constructor must have a name of 1 to 63 of a-z, A-Z, 0-9 and _, no digit first",
    'aggregates.all must be made by count(), sum("field"), avg("field"), min("field") or ' +
    'max("field"), got "count"',
    'results.topic must be a topic name: 1 to 249 of a-z, A-Z, 0-9, ., _ and -, got "."',
    "shards must be a whole number from 1 to 64, got 65",
  ]);
});

Deno.test("settings that don't go together are told beside others that are wrong", () => {
  const problems = problemsOf(() =>
    definePipeline({
      ...good,
      source: { topic: "clicks.late", partitions: 1.5 },
      results: { topic: "clicks.invalid" },
      // @ts-expect-error there is no such field
      groupBy: ["page", "pages", "page"],
      windows: tumbling("10s"),
      window: tumbling("10s", { offset: "soon" }),
      // @ts-expect-error a member that JavaScript treats apart
      aggregates: { ["__proto__"]: count(), n: { kind: "median", field: "bytes" } },
    })
  );
  assert.deepEqual(problems, [
    "source.partitions must be a whole number from 1 to 10000, got 1.5",
    'window.offset must be a duration such as "2s" or "-1h", or a whole number of ms, got "soon"',
    'groupBy.1 must be a field of the event, got "pages" (did you mean page?)',
    'groupBy.2 must be a new field, got "page"',
    "aggregates.__proto__ must have a name of 1 to 63 of a-z, A-Z, 0-9 and _, no digit first",
    'aggregates.n must be made by count(), sum("field"), avg("field"), min("field") or ' +
    'max("field"), got an object',
    "windows is no setting (did you mean window?); there are name, source, event, eventTime, " +
    "watermark, window, lateness, enrich, enrichment, where, groupBy, aggregates, results, shards, " +
    "generator",
    'source.topic must be another topic than those the pipeline writes to, got "clicks.late"',
    "results.topic must be another topic than those for late and invalid records, got " +
    '"clicks.invalid"',
  ]);
});

Deno.test("what is no definition at all is refused", () => {
  for (const [given, got] of [[undefined, "nothing"], ["x", '"x"'], [[], "a list"]] as const) {
    assert.throws(
      // @ts-expect-error not an object
      () => definePipeline(given),
      { code: "TG_DEFINITION", message: new RegExp(`The definition must be .* got ${got}$`) },
    );
  }
  // A schema of another library, or of zod before version 4.
  const foreign = { safeParse: () => ({ success: true }) };
  // @ts-expect-error no schema of zod's
  const [problem] = problemsOf(() => definePipeline({ ...good, event: foreign }));
  assert.match(problem ?? "", /^event must be a zod schema/);
});

Deno.test("what does not compile is refused at run time too", () => {
  const flagged = event.extend({ when: z.literal(["now", true]) });
  const wrong: [() => Pipeline, RegExp][] = [
    // @ts-expect-error no such field
    [() => definePipeline({ ...good, eventTime: "time" }), /^eventTime must be a field/],
    // @ts-expect-error a number is wanted
    [() => definePipeline({ ...good, aggregates: { x: max("at") } }), /^aggregates.x.field .*str/],
    // @ts-expect-error may be missing
    [() => definePipeline({ ...good, groupBy: ["note"] }), /^groupBy.0 .*undefined/],
    // @ts-expect-error an object
    [() => definePipeline({ ...good, groupBy: ["place"] }), /^groupBy.0 .*object/],
    // @ts-expect-error not a list
    [() => definePipeline({ ...good, groupBy: "page" }), /^groupBy must be a list/],
    // @ts-expect-error no windows
    [() => definePipeline({ ...good, window: "10s" }), /^window must be made by tumbling/],
    // @ts-expect-error no delay
    [() => definePipeline({ ...good, watermark: {} }), /^watermark.delay .*got nothing$/],
    // @ts-expect-error no topic
    [() => definePipeline({ ...good, source: {} }), /^source.topic .*got nothing$/],
    // @ts-expect-error no schema
    [() => definePipeline({ ...good, event: {} }), /^event must be a zod schema/],
    // @ts-expect-error an object is no event
    [() => definePipeline({ ...good, event: z.string() }), /^event must be a schema of objects/],
    // @ts-expect-error a filter must answer yes or no
    [() => definePipeline({ ...good, where: 1 }), /^where must be a function/],
    // @ts-expect-error not an object
    [() => definePipeline({ ...good, aggregates: [count()] }), /^aggregates must be an object/],
    // @ts-expect-error a flag among the words
    [() => definePipeline({ ...good, event: flagged, eventTime: "when" }), /^eventTime .*boolean/],
    // @ts-expect-error a typo
    [() => definePipeline({ ...good, lateness: "1s", latenes: "1s" }), /^latenes is no setting/],
    // @ts-expect-error not a function
    [() => definePipeline({ ...good, generator: {} }), /^generator must be a function/],
    // @ts-expect-error no topic
    [() => definePipeline({ ...good, results: "out" }), /^results must be an object/],
    [() => definePipeline({ ...good, aggregates: {} }), /^aggregates must have at least one/],
    [() => definePipeline({ ...good, results: { topic: "clicks" } }), /^source.topic .*another/],
    [
      () => definePipeline({ ...good, results: { topic: "clicks.late" } }),
      /^results.topic .*another/,
    ],
  ];
  for (const [define, problem] of wrong) assert.match(problemsOf(define).join("\n"), problem);
});

Deno.test("a filter and a generator are typed by the event", () => {
  const nothing = definePipeline({
    ...good,
    // @ts-expect-error there is no such field
    where: (e) => e.nothing === 1,
  });
  assert.equal(nothing.reader.where?.({ nothing: 1 }), true);
  const half = definePipeline({
    ...good,
    // @ts-expect-error most of the event is missing
    generator: () => ({ user: "u" }),
  });
  assert.notEqual(half.generator, null);
});

Deno.test("schemas beyond plain objects: loose ones, unions, transforms", () => {
  const loose = z.looseObject({ at: z.number(), n: z.number(), kind: z.enum(["a", "b"]) });
  const { reader } = definePipeline({
    ...good,
    event: loose,
    groupBy: ["kind"],
    aggregates: { n: sum("n") },
  });
  assert.deepEqual(reader.check({ at: 1, n: 2, kind: "a", x: 3 }), {
    ok: true,
    event: { at: 1, n: 2, kind: "a", x: 3 },
  });
  const either = z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("a"), at: z.number(), n: z.number() }),
    z.object({ kind: z.literal("b"), at: z.number(), n: z.number(), extra: z.string() }),
  ]);
  const parts = { groupBy: ["kind"], aggregates: { n: sum("n") } } as const;
  assert.deepEqual(definePipeline({ ...good, event: either, ...parts }).plan.groupBy, ["kind"]);
  const renamed = z.object({ t: z.string(), n: z.coerce.number() })
    .transform(({ t, n }) => ({ at: Date.parse(t), n, kind: "c" }));
  const pipeline = definePipeline({ ...good, event: renamed, ...parts });
  assert.deepEqual(pipeline.reader.check({ t: "1970-01-01T00:00:01Z", n: "7" }), {
    ok: true,
    event: { at: 1000, n: 7, kind: "c" },
  });
  const mixed = z.object({
    at: z.number(),
    kind: z.literal(["a", 3, null]),
    n: z.bigint().default(1n),
  });
  const { plan } = definePipeline({
    ...good,
    event: mixed,
    groupBy: ["kind"],
    aggregates: { n: count() },
  });
  assert.match(plan.schema, /"enum":\["a",3,null\]/);
  // @ts-expect-error the transform leaves no such field
  assert.throws(() => definePipeline({ ...good, event: renamed, ...parts, eventTime: 5 }));
});
