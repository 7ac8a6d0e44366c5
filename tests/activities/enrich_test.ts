import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { sweep, type SweepDeps } from "../../activities/sweep.ts";
import { createFakeLog } from "../fake_log/fake_log.ts";
import { decodeOne } from "../../core/fold/decode.ts";
import { SliceFold } from "../../core/fold/fold.ts";
import { runPlanOf } from "../../core/plan.ts";
import type {
  SweepLimits,
  SweepPartition,
  SweepRequest,
  SweepResult,
  SweptPartition,
} from "../../core/flow/sweep.ts";
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

const NO_LIMITS: SweepLimits = { cells: 10_000, windows: 64, bytes: 512 * 1024, records: null };

/** What a worker process has, with a log in memory of one partition that is read to its end. */
async function sweeps(pipeline: Defined, events: readonly unknown[]) {
  const plan = runPlanOf(pipeline.plan);
  const log = createFakeLog({ now: () => 0 });
  const topics = [plan.topic, plan.invalidTopic, plan.lateTopic];
  await log.admin.createTopics(topics.map((topic) => ({ topic, partitions: 1 })));
  await log.writer.send(plan.topic, events.map((e) => ({ key: null, value: JSON.stringify(e) })));
  const tailer = log.openTailer();
  const run = (
    deps: Partial<SweepDeps> = {},
    { cursor = 0, ...request }: Partial<SweepRequest> & Partial<Pick<SweepPartition, "cursor">> =
      {},
  ) =>
    sweep({
      plan: { ...plan, maxAheadMs: 1e12 },
      events: pipeline.reader,
      enrichment: pipeline.enrichment,
      tailer,
      writer: log.writer,
      identity: "worker-0",
      codeHash: "code",
      nonce: () => "nonce",
      progress: () => undefined,
      stopping: () => false,
      signal: new AbortController().signal,
      attempt: 1,
      ...deps,
    }, {
      n: 1,
      generation: 1,
      topic: plan.topic,
      topicId: null,
      codeHash: "code",
      partitions: [{
        partition: 0,
        role: "fold",
        cursor,
        until: events.length,
        maxEventTime: null,
        floor: null,
        leaderEpoch: null,
        last: null,
      }],
      boundary: null,
      silentMs: null,
      paceMs: 5_000,
      quietMs: 5_000,
      sliceMs: 5_000,
      limits: NO_LIMITS,
      setAside: false,
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
  return { run, invalid };
}

function some(count: number): Event[] {
  return Array.from({ length: count }, (_, i) => ({ id: `s${i}`, n: i, at: i * 100 }));
}

const given = ({ id }: Event): Given => ({ group: `g${id.length}`, weight: id.length });

/** The only partition of a result. */
function of({ partitions: [only] }: SweepResult): SweptPartition {
  assert.ok(only !== undefined);
  return only;
}

/** The parts of a result that a topic's content decides. */
function decided(result: SweepResult) {
  const { to, maxEventTime, firstEventTime, counts: { failed: _, ...counts } } = of(result);
  const windows = result.windows.map(({ start, shard, cells }) => ({ start, shard, cells }));
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
        const world = await sweeps(pipeline, events);
        const result = await world.run();
        assert.equal(result.why, "ends");

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
  const world = await sweeps(define(enrich, { concurrency: 5 }), some(60));
  assert.equal(of(await world.run()).counts.aggregated, 60);
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
  const world = await sweeps(define(enrich, { concurrency: 1, retries: 2 }), some(2));
  const result = await world.run();
  assert.equal(of(result).counts.aggregated, 2);
  assert.deepEqual(told, [
    ["s0", 0, 0, 1, false],
    ["s0", 0, 0, 2, false],
    ["s0", 0, 0, 3, false],
    ["s1", 0, 1, 1, false],
    ["s1", 0, 1, 2, false],
    ["s1", 0, 1, 3, false],
  ]);
  assert.doesNotMatch(JSON.stringify(result.windows), /1000000/);
});

Deno.test("records that are no events cost no lookup", async () => {
  let calls = 0;
  const enrich: Lookup = (e) => {
    calls += 1;
    return given(e);
  };
  const world = await sweeps(define(enrich), [{ id: 1 }, 7, null, ...some(2), { id: "x", n: 1 }]);
  const { counts, to } = of(await world.run());
  assert.deepEqual([calls, to, counts.read, counts.invalid, counts.aggregated], [2, 6, 6, 4, 2]);
  const ahead = { id: "far", n: 1, at: 1e13 };
  const skewed = await sweeps(define(enrich), [ahead]);
  assert.equal(of(await skewed.run()).counts.skewed, 1);
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
  const world = await sweeps(define(enrich, { retries: 1, onFailure: "invalid" }), some(5));
  const { to, counts } = of(await world.run());
  assert.deepEqual([to, counts.read, counts.invalid, counts.aggregated], [5, 5, 2, 3]);
  assert.deepEqual(Object.fromEntries(tries), { s0: 1, s1: 2, s2: 1, s3: 2, s4: 1 });
  assert.deepEqual(await world.invalid(), [
    [1, "enrich", "", `nobody knows s1 ${"x".repeat(200 - 16)}…`],
    [3, "enrich", "weight", "what was added: Invalid input: expected number, received undefined"],
  ]);
});

Deno.test("onFailure retry: the sweep ends before the record, the next one says what was said", async () => {
  const enrich: Lookup = (e) => {
    if (e.id === "s3") throw new Error("503");
    return given(e);
  };
  const world = await sweeps(define(enrich, { concurrency: 2 }), some(6));
  const first = await world.run();
  const { to, end, counts, failure } = of(first);
  assert.deepEqual([first.why, to, end, counts.aggregated, failure], ["pace", 3, 6, 3, null]);
  const again = of(await world.run({}, { cursor: 3 }));
  assert.deepEqual([again.to, again.counts.read], [3, 0]);
  assert.deepEqual(again.failure, {
    code: "TG_ENRICH_FAILED",
    message:
      "Cannot enrich the event at partition 0, offset 3: the lookup failed (tried 3 times): 503",
    offset: 3,
    passing: true,
  });
  assert.deepEqual(await world.invalid(), []);
  assert.equal(of(await world.run({}, { cursor: 4 })).to, 6);
});

Deno.test("a lookup that works again goes on where it was, and counts each record once", async () => {
  let down = true;
  const enrich: Lookup = (e) => {
    if (down && e.id === "s2") throw new Error("down");
    return given(e);
  };
  const world = await sweeps(define(enrich, { retries: 0 }), some(4));
  const first = of(await world.run());
  down = false;
  const second = of(await world.run({}, { cursor: first.to }));
  assert.deepEqual([first.to, second.to, second.failure], [2, 4, null]);
  assert.equal(first.counts.aggregated + second.counts.aggregated, 4);
});

Deno.test("after a failure that must wait, no further lookup is begun", async () => {
  const asked: string[] = [];
  const enrich: Lookup = (e) => {
    asked.push(e.id);
    throw new Error("down");
  };
  const world = await sweeps(define(enrich, { concurrency: 3, retries: 0 }), some(50));
  assert.equal(of(await world.run()).failure?.code, "TG_ENRICH_FAILED");
  assert.deepEqual(asked, ["s0", "s1", "s2"]);
});

Deno.test("a lookup that never answers is ended in time, with its signal", async () => {
  const signals: AbortSignal[] = [];
  const enrich: Lookup = (_, { signal }) => {
    signals.push(signal);
    return new Promise(() => undefined);
  };
  const settings = { timeout: 5, retries: 1, onFailure: "invalid" } as const;
  const world = await sweeps(define(enrich, settings), some(1));
  assert.equal(of(await world.run()).counts.invalid, 1);
  assert.deepEqual(await world.invalid(), [[0, "enrich", "", "no answer within 5 ms"]]);
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
});

Deno.test("when its time is over, a sweep begins no lookup, and folds those under way", async () => {
  for (const concurrency of [1, 4]) {
    let nowMs = 0;
    let calls = 0;
    const enrich: Lookup = async (e) => {
      calls += 1;
      await Promise.resolve();
      nowMs += 10;
      return given(e);
    };
    const world = await sweeps(define(enrich, { concurrency }), some(100));
    const first = await world.run({ now: () => nowMs }, { sliceMs: 100 });
    const { to, counts } = of(first);
    assert.deepEqual([first.why, to, counts.read], ["limit", calls, calls]);
    assert.ok(calls >= 10 && calls < 10 + concurrency, `${calls} lookups`);
    // One record at least, however late it is.
    let late = 0;
    const second = await world.run({ now: () => late += 200 }, {
      ...{ cursor: to, sliceMs: 100, paceMs: 1e6, quietMs: 1e6 },
    });
    assert.equal(of(second).to, to + 1);
  }
});

Deno.test("a sweep stops at its windows, with no more than the lookups under way beyond", async () => {
  const events = some(200).map((e, i) => ({ ...e, at: i * 10_000 }));
  const world = await sweeps(define(given, { concurrency: 4 }), events);
  const { why, partitions: [only], windows } = await world.run();
  assert.deepEqual([why, only?.to], ["limit", windows.length]);
  assert.ok(windows.length >= 64 && windows.length <= 64 + 4, `${windows.length} windows`);
});

Deno.test("time that lookups take is busy time, the waiting before them is not", async () => {
  let nowMs = 0;
  const enrich: Lookup = async (e) => {
    await Promise.resolve();
    nowMs += 10;
    return given(e);
  };
  const world = await sweeps(define(enrich, { concurrency: 1 }), some(20));
  const { why, busyMs, ranMs } = await world.run({ now: () => nowMs });
  assert.deepEqual([why, busyMs, ranMs], ["ends", 200, 200]);
});

Deno.test("a process that is about to end folds what is under way, and tries nothing again", async () => {
  let calls = 0;
  const enrich: Lookup = async (e) => {
    calls += 1;
    await Promise.resolve();
    return given(e);
  };
  const world = await sweeps(define(enrich, { concurrency: 2 }), some(50));
  const cut = await world.run({ stopping: () => calls >= 7 });
  assert.deepEqual([cut.why, of(cut).to, of(cut).failure], ["told", calls, null]);
  assert.ok(calls >= 7 && calls <= 8, `${calls} lookups`);

  // Nobody can say that a record is invalid whose lookup was not tried as often as it must be.
  const failing: Lookup = (e) => {
    calls += 1;
    if (e.id === "s2") throw new Error("busy");
    return given(e);
  };
  const invalid = define(failing, { concurrency: 1, retries: 5, onFailure: "invalid" });
  const ending = await sweeps(invalid, some(5));
  calls = 0;
  const early = await ending.run({ stopping: () => calls >= 3 });
  const { to, counts, failure } = of(early);
  assert.deepEqual([early.why, to, counts.invalid, calls, failure], ["told", 2, 0, 3, null]);
  calls = 0;
  const again = of(await ending.run({ stopping: () => calls >= 1 }, { cursor: 2 }));
  assert.deepEqual([again.to, again.counts.read, calls], [2, 0, 1]);
  assert.equal(again.failure?.code, "TG_ENRICH_FAILED");
  assert.match(again.failure?.message ?? "", /offset 2.*tried once/);
  assert.deepEqual(await ending.invalid(), []);
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
  const world = await sweeps(define(enrich, { concurrency: 3, timeout: "5s" }), some(9));
  await assert.rejects(world.run({ signal: controller.signal }), cancelled);
  assert.deepEqual(signals.map(({ reason }) => reason), [cancelled, cancelled, cancelled]);
});
