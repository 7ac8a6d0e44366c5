import assert from "node:assert/strict";
import { z } from "zod";
import { runPipeline } from "../../definition/testing/run_pipeline.ts";
import { TidegateError } from "../../core/errors.ts";
import { fingerprintDifferences, fingerprintOf } from "../../core/plan.ts";
import {
  avg,
  count,
  definePipeline,
  type Pipeline,
  type PipelineDefinition,
  sum,
  tumbling,
} from "../../definition/define.ts";
import { derivePipeline } from "../../definition/define.ts";

const event = z.object({ student: z.string(), lines: z.number(), at: z.number() });

const plain = {
  name: "lookups",
  source: { topic: "lookups" },
  event,
  eventTime: "at",
  watermark: { delay: "1m" },
  window: tumbling("10s"),
  groupBy: [],
  aggregates: { events: count() },
} as const satisfies PipelineDefinition<typeof event>;

const adds = z.object({ faculty: z.string(), age: z.number() });
const enrich = () => Promise.resolve({ faculty: "arts", age: 20 });

function problemsOf(define: () => Pipeline): string[] {
  try {
    define();
  } catch (error) {
    assert.ok(error instanceof TidegateError && error.code === "TG_DEFINITION", String(error));
    return error.message.split("\n  ").slice(1);
  }
  return [];
}

Deno.test("without an enrichment there is none, and the fingerprint says nothing of it", () => {
  const { enrichment, reader, plan } = definePipeline(plain);
  assert.equal(enrichment, null);
  assert.equal(reader.adds, undefined);
  assert.ok(!("enrich" in plan) && !("adds" in plan));
  assert.deepEqual(
    Object.keys(fingerprintOf(plan)).filter((name) => /enrich|adds/.test(name)),
    [],
  );
});

Deno.test("an enrichment has defaults, and can be set in all its parts", () => {
  const standard = definePipeline({ ...plain, enrich, enrichment: { adds } });
  assert.deepEqual({ ...standard.enrichment, enrich: null, adds: null }, {
    enrich: null,
    adds: null,
    concurrency: 8,
    timeoutMs: 2000,
    pausesMs: [100, 200],
    onFailure: "retry",
  });
  assert.equal(standard.enrichment?.enrich, enrich);
  assert.deepEqual(standard.reader.adds?.names, ["faculty", "age"]);
  const { enrichment } = definePipeline({
    ...plain,
    enrich,
    enrichment: { adds, concurrency: 1, timeout: "500ms", retries: 6, onFailure: "invalid" },
  });
  assert.deepEqual([enrichment?.concurrency, enrichment?.timeoutMs], [1, 500]);
  assert.deepEqual(enrichment?.pausesMs, [100, 200, 400, 800, 1000, 1000]);
  assert.equal(enrichment?.onFailure, "invalid");
  assert.equal(derivePipeline(standard, "other").enrichment, standard.enrichment);
});

Deno.test("added fields can be grouped by, summed up and filtered by, and are typed", () => {
  const { plan, reader } = definePipeline({
    ...plain,
    enrich: async (e, { signal, attempt, partition, offset }) => {
      signal.throwIfAborted();
      assert.ok(attempt + partition + offset >= 1);
      return await Promise.resolve({ faculty: e.student.slice(0, 1), age: e.lines });
    },
    enrichment: { adds },
    where: (e) => e.faculty !== "x" && e.age > 17 && e.lines >= 0,
    groupBy: ["faculty", "student"],
    aggregates: { lines: sum("lines"), age: avg("age") },
  });
  assert.deepEqual(plan.groupBy, ["faculty", "student"]);
  assert.deepEqual(plan.aggregates.map(({ field }) => field), ["lines", "age"]);
  assert.deepEqual(reader.adds?.check({ faculty: "arts", age: 3, more: 1 }), {
    ok: true,
    event: { faculty: "arts", age: 3 },
  });
  assert.equal(reader.adds?.check({ faculty: "arts" }).ok, false);
  assert.equal(reader.adds?.check(undefined).ok, false);
  assert.equal(reader.adds?.check([]).ok, false);
});

Deno.test("an enrichment that adds nothing is called for what it does", () => {
  const { reader, enrichment } = definePipeline({
    ...plain,
    enrich: () => ({}),
    enrichment: { adds: z.object({}) },
    where: (e) => e.lines > 0,
    groupBy: ["student"],
    aggregates: { lines: sum("lines") },
  });
  assert.deepEqual(reader.adds?.names, []);
  assert.notEqual(enrichment, null);
  assert.deepEqual(
    // @ts-expect-error there is no such field
    problemsOf(() => definePipeline({ ...plain, groupBy: ["faculty"] })),
    ['groupBy.0 must be a field of the event, got "faculty"'],
  );
});

Deno.test("all problems of an enrichment are found at once, with those of the rest", () => {
  const problems = problemsOf(() =>
    definePipeline({
      ...plain,
      // @ts-expect-error not a function
      enrich: "look up",
      enrichment: {
        adds: z.object({ faculty: z.object({ name: z.string() }), student: z.string() }),
        concurrency: 0,
        timeout: "10s",
        retries: 3,
        // @ts-expect-error neither of the two
        onFailure: "skip",
        timeOut: "1s",
      },
      // @ts-expect-error the time must be the event's own
      eventTime: "faculty",
      // @ts-expect-error an object is no key, and there is no such field
      groupBy: ["faculty", "city"],
      // @ts-expect-error a text can't be summed up
      aggregates: { total: sum("student") },
    })
  );
  assert.deepEqual(problems, [
    'eventTime must be a field of the event, got "faculty"',
    'enrich must be a function such as async (event) => ({ … }), got "look up"',
    "enrichment.adds.student must be another field than those of the event",
    "enrichment.concurrency must be a whole number from 1 to 1000, got 0",
    'enrichment.onFailure must be "retry" or "invalid", got "skip"',
    "enrichment.timeOut is no setting (did you mean timeout?); there are adds, concurrency, " +
    "timeout, retries, onFailure",
    "enrichment.timeout must let all tries for an event end within 25000 ms; 4 of 10000 ms and " +
    "the pauses between them take 40700 ms",
    'groupBy.0 must name a field that is always text, number, boolean or null; "faculty" can be ' +
    "object",
    'groupBy.1 must be a field of the event, got "city"',
    'aggregates.total.field must name a field that is always number; "student" can be string',
  ]);
});

Deno.test("what does not compile is refused at run time too", () => {
  const loose = z.looseObject({ faculty: z.string() });
  const wrong: [() => Pipeline, RegExp][] = [
    [() => definePipeline({ ...plain, enrich: () => ({}) }), /^enrichment must be .*nothing$/],
    [() => definePipeline({ ...plain, enrichment: { adds } }), /^enrich must be .*got nothing$/],
    // @ts-expect-error no object
    [() => definePipeline({ ...plain, enrich, enrichment: adds.shape.age }), /adds must be a zod/],
    [
      // @ts-expect-error no schema, so that nothing may be added
      () => definePipeline({ ...plain, ...{ enrich, enrichment: {} } }),
      /^enrichment.adds must .*nothing$/,
    ],
    // @ts-expect-error no object
    [() => definePipeline({ ...plain, enrich, enrichment: null }), /^enrichment must be an object/],
    [
      // @ts-expect-error a text has no fields
      () => definePipeline({ ...plain, enrich, enrichment: { adds: z.string() } }),
      /^enrichment.adds must be a zod schema of named fields/,
    ],
    [
      () => definePipeline({ ...plain, enrich, enrichment: { adds: loose } }),
      /^enrichment.adds must be a zod schema of named fields/,
    ],
  ];
  for (const [define, problem] of wrong) assert.match(problemsOf(define).join("\n"), problem);
});

Deno.test("what a lookup gives, and what a filter sees, is typed", () => {
  const half = definePipeline({
    ...plain,
    // @ts-expect-error the age is missing
    enrich: () => ({ faculty: "arts" }),
    enrichment: { adds },
  });
  assert.equal(half.enrichment?.onFailure, "retry");
  const odd = definePipeline({
    ...plain,
    // @ts-expect-error the event has no such field
    enrich: (e) => ({ faculty: e.faculty, age: 1 }),
    enrichment: { adds },
    // @ts-expect-error nobody adds that
    where: (e) => e.city === "x",
  });
  assert.equal(odd.reader.where?.({ city: "x" }), true);
});

Deno.test("the lookup and what it adds are in the fingerprint, how it is made is not", () => {
  const before = definePipeline(plain);
  const first = definePipeline({ ...plain, enrich, enrichment: { adds } });
  const names = (one: Pipeline, two: Pipeline) =>
    fingerprintDifferences(fingerprintOf(one.plan), fingerprintOf(two.plan))
      .map((line) => line.split(":")[0]);
  assert.deepEqual(names(before, first), ["enrichment.adds", "enrich"]);
  const other = definePipeline({
    ...plain,
    enrich: () => ({ faculty: "law", age: 1 }),
    enrichment: { adds },
  });
  assert.deepEqual(names(first, other), ["enrich"]);
  const stricter = definePipeline({
    ...plain,
    enrich,
    enrichment: { adds: adds.extend({ age: z.number().min(0) }) },
  });
  assert.deepEqual(names(first, stricter), ["enrichment.adds"]);
  const patient = definePipeline({
    ...plain,
    enrich,
    enrichment: { adds, concurrency: 2, timeout: "1s", retries: 0, onFailure: "invalid" },
  });
  assert.deepEqual(names(first, patient), []);
});

Deno.test("the test driver takes a stand-in for the lookup, and checks what it gives", () => {
  const pipeline = definePipeline({
    ...plain,
    enrich,
    enrichment: { adds },
    groupBy: ["faculty"],
    aggregates: { age: avg("age") },
  });
  const events = ["a1", "b1", "a2", "c1", "d1"].map((student) => ({ student, lines: 1, at: 5 }));
  const { rows, invalid, account } = runPipeline(pipeline, events, {
    enrich(e) {
      const student = String(e["student"]);
      if (student === "c1") throw new Error("nobody knows c1");
      return { faculty: student.slice(0, 1), age: student === "d1" ? "old" : 20 };
    },
  });
  assert.deepEqual(rows.map(({ key, events, values }) => [key, events, values]), [
    [{ faculty: "a" }, 2, { age: 20 }],
    [{ faculty: "b" }, 1, { age: 20 }],
  ]);
  assert.deepEqual(
    invalid.map(({ offset, reason, path, message }) => [offset, reason, path, message]),
    [
      [3, "enrich", "", "nobody knows c1"],
      [4, "enrich", "age", "Invalid input: expected number, received string"],
    ],
  );
  assert.ok(account.ok);
  assert.throws(() => runPipeline(pipeline, events), { code: "TG_USAGE", message: /faculty, age/ });
  const silent = definePipeline({
    ...plain,
    enrich: () => ({}),
    enrichment: { adds: z.object({}) },
  });
  assert.equal(runPipeline(silent, events).rows[0]?.events, 5);
});
