import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { type FoldDeps, foldSlice } from "../../activities/fold_slice.ts";
import { createFakeLog } from "../fake_log/fake_log.ts";
import { decodeOne } from "../../core/fold/decode.ts";
import { SliceFold } from "../../core/fold/fold.ts";
import { runPlanOf } from "../../core/plan.ts";
import type { SliceRequest, SliceResult } from "../../core/flow/slice.ts";
import {
  avg,
  count,
  definePipeline,
  type EnrichContext,
  type EnrichmentSetting,
  tumbling,
} from "../../definition/define.ts";

const event = z.object({ id: z.string(), n: z.number(), at: z.number() });
const adds = z.object({ group: z.string(), weight: z.number() });
type Event = z.output<typeof event>;
type Given = z.input<typeof adds>;
type Lookup = (event: Event, context: EnrichContext) => Given | Promise<Given>;

function define(enrich: Lookup, settings: Partial<EnrichmentSetting<typeof adds>> = {}) {
  const pipeline = definePipeline({
    name: "e",
    source: { topic: "e" },
    event,
    eventTime: "at",
    watermark: { delay: "2s" },
    window: tumbling("10s"),
    where: ({ weight }) => weight !== 13,
    groupBy: ["group"],
    aggregates: { events: count(), weight: avg("weight"), n: avg("n") },
    enrich,
    enrichment: { adds, ...settings },
  });
  const { enrichment } = pipeline;
  assert.ok(enrichment !== null);
  // As many tries as defined, without waiting between them.
  return { ...pipeline, enrichment: { ...enrichment, pausesMs: enrichment.pausesMs.map(() => 0) } };
}

type Defined = ReturnType<typeof define>;

/** What a worker process has, with a log in memory. */
async function slices(pipeline: Defined, events: readonly unknown[]) {
  const plan = runPlanOf(pipeline.plan);
  const log = createFakeLog({ now: () => 0 });
  const topics = [plan.topic, plan.invalidTopic, plan.lateTopic];
  await log.admin.createTopics(topics.map((topic) => ({ topic, partitions: 1 })));
  await log.writer.send(plan.topic, events.map((e) => ({ key: null, value: JSON.stringify(e) })));
  const fold = (deps: Partial<FoldDeps> = {}, request: Partial<SliceRequest> = {}) =>
    foldSlice({
      plan: { ...plan, maxAheadMs: 1e12 },
      events: pipeline.reader,
      enrichment: pipeline.enrichment,
      reader: log.reader,
      writer: log.writer,
      now: () => 0,
      nonce: () => "nonce",
      identity: "worker-0",
      heartbeat: () => undefined,
      stopping: () => false,
      signal: new AbortController().signal,
      attempt: 1,
      ...deps,
    }, {
      generation: 1,
      topic: plan.topic,
      topicId: null,
      partition: 0,
      from: 0,
      until: null,
      maxEventTime: null,
      floor: null,
      sliceMs: 1000,
      ...request,
    });
  /** The side topic of invalid records: offset, path and message. */
  const invalid = async () => {
    const { records } = await log.reader.fetch({ topic: plan.invalidTopic, partition: 0, from: 0 });
    return records.map(({ value }) => {
      const { offset, reason, path, message } = JSON.parse(
        new TextDecoder().decode(value ?? undefined),
      );
      return [offset, reason, path, message];
    });
  };
  return { fold, invalid };
}

function some(count: number): Event[] {
  return Array.from({ length: count }, (_, i) => ({ id: `s${i}`, n: i, at: i * 100 }));
}

const given = ({ id }: Event): Given => ({ group: `g${id.length}`, weight: id.length });

/** The parts of a result that a topic's content decides. */
function decided({ to, maxEventTime, firstEventTime, windows, counts }: SliceResult) {
  return { to, maxEventTime, firstEventTime, windows, counts };
}

Deno.test("answers in any order, at any concurrency, come to what a plain fold comes to", async () => {
  const lookups = fc.record({
    n: fc.integer({ min: -5, max: 5 }),
    at: fc.integer({ min: 0, max: 40_000 }),
    group: fc.constantFrom("a", "b", "c"),
    weight: fc.constantFrom(1, 2.5, 13, 1e300),
    fails: fc.constantFrom(false, false, false, true),
    broken: fc.constantFrom(false, false, false, false, true),
    turns: fc.integer({ min: 0, max: 12 }),
    sleeps: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(lookups, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 8 }),
      async (items, concurrency) => {
        const enrich: Lookup = async ({ id }) => {
          const item = items[Number(id)];
          assert.ok(item !== undefined);
          if (item.sleeps) await new Promise((resolve) => setTimeout(resolve, 0));
          for (let i = 0; i < item.turns; i++) await Promise.resolve();
          if (item.fails) throw new Error(`no ${id}`);
          return { group: item.group, weight: item.weight };
        };
        const settings = { concurrency, retries: 1, onFailure: "invalid" } as const;
        const pipeline = define(enrich, settings);
        const events = items.map(({ n, at, broken }, i) => broken ? { n } : { id: `${i}`, n, at });
        const world = await slices(pipeline, events);
        const result = await world.fold();
        assert.equal(result.to, items.length);

        // The same fields in the events themselves; what a lookup refuses has none.
        const whole = new SliceFold(pipeline.plan, {
          check: (value) => {
            const own = pipeline.reader.check(value);
            const item = items[Number(Object(value).id)];
            if (!own.ok || item === undefined) return own;
            if (item.fails) return { ok: false, path: "", message: `no ${Object(value).id}` };
            if (item.weight > 1e17) return { ok: false, path: "weight", message: "too large" };
            return { ok: true, event: { ...own.event, group: item.group, weight: item.weight } };
          },
          eventTimeField: "at",
          where: pipeline.reader.where,
          numericFields: [],
        }, { maxEventTime: null, floor: null });
        const records = events.map((e, offset) => ({
          offset,
          timestampMs: -1,
          value: new TextEncoder().encode(JSON.stringify(e)),
        }));
        const decoded = records.map(({ value }) =>
          decodeOne(value, (bytes) => new TextDecoder().decode(bytes))
        );
        whole.add(records, decoded, (i) => JSON.stringify(events[i]));
        const rejects = whole.takeRejects().filter(({ kind }) => kind === "invalid");
        assert.deepEqual(decided(result), {
          to: items.length,
          maxEventTime: whole.maxEventTime,
          firstEventTime: whole.firstEventTime,
          windows: whole.windows(),
          counts: whole.counts,
        });
        assert.deepEqual(
          (await world.invalid()).map(([offset]) => offset),
          rejects.map(({ offset }) => offset),
        );
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("at most `concurrency` lookups are under way, and that many if there is need", async () => {
  let running = 0;
  let most = 0;
  const enrich: Lookup = async (e) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, e.n % 3));
    running -= 1;
    return given(e);
  };
  const world = await slices(define(enrich, { concurrency: 5 }), some(60));
  assert.equal((await world.fold()).counts.aggregated, 60);
  assert.equal(most, 5);
});

Deno.test("a lookup is told its place and its try, and can't change the event", async () => {
  const told: unknown[] = [];
  const enrich: Lookup = (e, { attempt, partition, offset, signal }) => {
    told.push([e.id, partition, offset, attempt, signal.aborted]);
    e.n = 1e6;
    if (attempt < 3) throw new Error("not yet");
    return given(e);
  };
  const world = await slices(define(enrich, { concurrency: 1, retries: 2 }), some(2));
  const { windows, counts } = await world.fold();
  assert.equal(counts.aggregated, 2);
  assert.deepEqual(told, [
    ["s0", 0, 0, 1, false],
    ["s0", 0, 0, 2, false],
    ["s0", 0, 0, 3, false],
    ["s1", 0, 1, 1, false],
    ["s1", 0, 1, 2, false],
    ["s1", 0, 1, 3, false],
  ]);
  assert.doesNotMatch(JSON.stringify(windows), /1000000/);
});

Deno.test("records that are no events cost no lookup", async () => {
  let calls = 0;
  const enrich: Lookup = (e) => {
    calls += 1;
    return given(e);
  };
  const world = await slices(define(enrich), [{ id: 1 }, 7, null, ...some(2), { id: "x", n: 1 }]);
  const { counts, to } = await world.fold();
  assert.deepEqual([calls, to, counts.read, counts.invalid, counts.aggregated], [2, 6, 6, 4, 2]);
  const ahead = { id: "far", n: 1, at: 1e13 };
  const skewed = await slices(define(enrich), [ahead]);
  assert.equal((await skewed.fold()).counts.skewed, 1);
  assert.equal(calls, 2);
});

Deno.test("onFailure invalid: the record goes to the invalid topic with what was said", async () => {
  const tries = new Map<string, number>();
  // @ts-expect-error one answer lacks the weight
  const enrich: Lookup = (e) => {
    tries.set(e.id, (tries.get(e.id) ?? 0) + 1);
    if (e.id === "s1") throw new Error(`nobody knows ${e.id} ${"x".repeat(500)}`);
    return e.id === "s3" ? { group: "g" } : given(e);
  };
  const world = await slices(define(enrich, { retries: 1, onFailure: "invalid" }), some(5));
  const { to, counts } = await world.fold();
  assert.deepEqual([to, counts.read, counts.invalid, counts.aggregated], [5, 5, 2, 3]);
  assert.deepEqual(Object.fromEntries(tries), { s0: 1, s1: 2, s2: 1, s3: 2, s4: 1 });
  assert.deepEqual(await world.invalid(), [
    [1, "enrich", "", `nobody knows s1 ${"x".repeat(200 - 16)}…`],
    [3, "enrich", "weight", "what was added: Invalid input: expected number, received undefined"],
  ]);
});

Deno.test("onFailure retry: the slice ends before the record, then fails with what was said", async () => {
  const enrich: Lookup = (e) => {
    if (e.id === "s3") throw new Error("503");
    return given(e);
  };
  const world = await slices(define(enrich, { concurrency: 2 }), some(6));
  const first = await world.fold();
  assert.deepEqual([first.to, first.end, first.counts.aggregated], [3, 6, 3]);
  await assert.rejects(world.fold({}, { from: 3 }), {
    code: "TG_ENRICH_FAILED",
    retryable: true,
    message:
      "Cannot enrich the event at partition 0, offset 3: the lookup failed (tried 3 times): 503",
    next: "It is tried again until it succeeds.",
  });
  assert.deepEqual(await world.invalid(), []);
  assert.deepEqual((await world.fold({}, { from: 4 })).to, 6);
});

Deno.test("after a failure that must wait, no further lookup is begun", async () => {
  const asked: string[] = [];
  const enrich: Lookup = (e) => {
    asked.push(e.id);
    throw new Error("down");
  };
  const world = await slices(define(enrich, { concurrency: 3, retries: 0 }), some(50));
  await assert.rejects(world.fold(), { code: "TG_ENRICH_FAILED" });
  assert.deepEqual(asked, ["s0", "s1", "s2"]);
});

Deno.test("a lookup that never answers is ended in time, with its signal", async () => {
  const signals: AbortSignal[] = [];
  const enrich: Lookup = (_, { signal }) => {
    signals.push(signal);
    return new Promise(() => undefined);
  };
  const settings = { timeout: 5, retries: 1, onFailure: "invalid" } as const;
  const world = await slices(define(enrich, settings), some(1));
  assert.equal((await world.fold()).counts.invalid, 1);
  assert.deepEqual(await world.invalid(), [[0, "enrich", "", "no answer within 5 ms"]]);
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
});

Deno.test("when its time is over, a slice begins no lookup, and folds those under way", async () => {
  for (const concurrency of [1, 4]) {
    let nowMs = 0;
    let calls = 0;
    const enrich: Lookup = async (e) => {
      calls += 1;
      await Promise.resolve();
      nowMs += 10;
      return given(e);
    };
    const world = await slices(define(enrich, { concurrency }), some(100));
    const first = await world.fold({ now: () => nowMs }, { sliceMs: 100 });
    assert.equal(first.to, calls);
    assert.ok(calls >= 10 && calls < 10 + concurrency, `${calls} lookups`);
    assert.equal(first.counts.read, calls);
    // One record at least, however late it is.
    let late = 0;
    const second = await world.fold({ now: () => late += 200 }, { from: first.to, sliceMs: 100 });
    assert.equal(second.to, first.to + 1);
  }
});

Deno.test("a slice stops at its windows, with no more than the lookups under way beyond", async () => {
  const events = some(200).map((e, i) => ({ ...e, at: i * 10_000 }));
  const world = await slices(define(given, { concurrency: 4 }), events);
  const { to, windows } = await world.fold();
  assert.equal(windows.length, to);
  assert.ok(to >= 64 && to <= 64 + 4, `${to} windows`);
});

Deno.test("a process that is about to end folds what is under way, and tries nothing again", async () => {
  let calls = 0;
  const enrich: Lookup = async (e) => {
    calls += 1;
    await Promise.resolve();
    return given(e);
  };
  const world = await slices(define(enrich, { concurrency: 2 }), some(50));
  const cut = await world.fold({ stopping: () => calls >= 7 });
  assert.equal(cut.to, calls);
  assert.ok(calls >= 7 && calls <= 8);

  // Nobody can say that a record is invalid whose lookup was not tried as often as it must be.
  const failing: Lookup = (e) => {
    calls += 1;
    if (e.id === "s2") throw new Error("busy");
    return given(e);
  };
  const invalid = define(failing, { concurrency: 1, retries: 5, onFailure: "invalid" });
  const ending = await slices(invalid, some(5));
  calls = 0;
  const early = await ending.fold({ stopping: () => calls >= 3 });
  assert.deepEqual([early.to, early.counts.invalid, calls], [2, 0, 3]);
  await assert.rejects(ending.fold({ stopping: () => true }, { from: 2 }), {
    code: "TG_ENRICH_FAILED",
    message: /offset 2.*tried once/,
  });
});

Deno.test("cancellation ends the waits, whatever the lookups do", async () => {
  const cancelled = new Error("cancelled");
  const controller = new AbortController();
  const signals: AbortSignal[] = [];
  const enrich: Lookup = (_, { signal }) => {
    signals.push(signal);
    if (signals.length === 3) queueMicrotask(() => controller.abort(cancelled));
    return new Promise(() => undefined);
  };
  const world = await slices(define(enrich, { concurrency: 3, timeout: "5s" }), some(9));
  await assert.rejects(world.fold({ signal: controller.signal }), cancelled);
  assert.deepEqual(signals.map(({ reason }) => reason), [cancelled, cancelled, cancelled]);
});

Deno.test("folding again looks up again, and never stops half way", async () => {
  let down = true;
  const enrich: Lookup = (e) => {
    if (down && e.id === "s2") throw new Error("down");
    return given(e);
  };
  const world = await slices(define(enrich), some(4));
  const again = { until: 4, refused: [{ start: 0, shard: 0 }] };
  await assert.rejects(world.fold({}, again), { code: "TG_ENRICH_FAILED" });
  down = false;
  const { moved, to } = await world.fold({ now: () => Infinity }, again);
  assert.deepEqual([moved, to], [{ events: 4, pairs: 4 }, 4]);
});
