import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { z } from "zod";
import { sweep, type SweepDeps, type SweepProgress } from "../../activities/sweep.ts";
import { BrokerAnswer } from "../../adapters/kafka/errors.ts";
import { cellFromWire, cellToWire, createCellFolder } from "../../core/fold/aggregates.ts";
import { decodeOne } from "../../core/fold/decode.ts";
import { SliceFold } from "../../core/fold/fold.ts";
import { addSweepCounts, NO_SWEEP_COUNTS } from "../../core/flow/counts.ts";
import type {
  SweepLimits,
  SweepPartition,
  SweepRequest,
  SweepResult,
} from "../../core/flow/sweep.ts";
import { type RunPlan, runPlanOf } from "../../core/plan.ts";
import { count, definePipeline, hopping, max, sum, tumbling } from "../../definition/define.ts";
import { createFakeLog, type FakeLog } from "../fake_log/fake_log.ts";
import type { FakeTailOptions } from "../fake_log/tail.ts";

const event = z.object({ k: z.string(), v: z.number(), at: z.number() });
type Event = z.output<typeof event>;

function define(window = tumbling("10s")) {
  return definePipeline({
    name: "s",
    source: { topic: "s" },
    event,
    eventTime: "at",
    watermark: { delay: "2s" },
    window,
    groupBy: ["k"],
    aggregates: { n: count(), s: sum("v"), m: max("v") },
  });
}

const NO_LIMITS: SweepLimits = { cells: 10_000, windows: 64, bytes: 512 * 1024, records: null };
const decoder = new TextDecoder();

interface World {
  readonly log: FakeLog;
  readonly plan: RunPlan;
  /** Writes events to a partition. */
  send(partition: number, events: readonly unknown[]): Promise<void>;
  /** Sweeps all partitions from their beginnings unless told otherwise. */
  run(
    request?: Partial<Omit<SweepRequest, "partitions">> & {
      readonly partitions?: readonly (Partial<SweepPartition> & { readonly partition: number })[];
    },
    deps?: Partial<SweepDeps>,
  ): Promise<SweepResult>;
  /** The side topic's records. */
  side(topic: string): Promise<Record<string, unknown>[]>;
}

async function worldOf(
  count: number,
  { window, ...options }: FakeTailOptions & { window?: ReturnType<typeof tumbling> } = {},
): Promise<World> {
  const pipeline = define(window);
  const plan = { ...runPlanOf(pipeline.plan), maxAheadMs: 1e15 };
  const log = createFakeLog({ now: () => 0 });
  await log.admin.createTopics([
    { topic: plan.topic, partitions: count },
    ...[plan.lateTopic, plan.invalidTopic].map((topic) => ({ topic, partitions: 1 })),
  ]);
  const tailer = log.openTailer(options);
  return {
    log,
    plan,
    send: async (partition, events) => {
      const records = events.map((it) => ({ key: null, value: JSON.stringify(it), partition }));
      await log.writer.send(plan.topic, records);
    },
    run: ({ partitions = all(count), ...request } = {}, deps = {}) =>
      sweep({
        plan,
        events: pipeline.reader,
        tailer,
        writer: log.writer,
        identity: "worker-1",
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
        partitions: partitions.map(whole),
        boundary: null,
        silentMs: null,
        paceMs: 60,
        quietMs: 200,
        sliceMs: 5_000,
        limits: NO_LIMITS,
        setAside: false,
        ...request,
      }),
    side: async (topic) => {
      const { records } = await log.reader.fetch({ topic, partition: 0, from: 0 });
      return records.map(({ value }) => JSON.parse(decoder.decode(value ?? undefined)));
    },
  };
}

function all(count: number): { readonly partition: number }[] {
  return Array.from({ length: count }, (_, partition) => ({ partition }));
}

function whole(some: Partial<SweepPartition> & { readonly partition: number }): SweepPartition {
  return {
    role: "fold",
    cursor: 0,
    until: null,
    maxEventTime: null,
    floor: null,
    leaderEpoch: null,
    last: null,
    ...some,
  };
}

function of(result: SweepResult, partition: number) {
  const found = result.partitions.find((it) => it.partition === partition);
  assert.ok(found !== undefined);
  return found;
}

/** Cells by window, share and key, of any number of results. */
function cellsOf(plan: RunPlan, windows: readonly SweepResult["windows"][number][]) {
  const folder = createCellFolder(plan.aggregates);
  const merged = new Map<string, ReturnType<typeof folder.create>>();
  for (const { start, shard, cells } of windows) {
    for (const wire of cells) {
      const { key, cell } = cellFromWire(wire);
      const known = merged.get(`${start}/${shard}/${key}`);
      if (known === undefined) merged.set(`${start}/${shard}/${key}`, cell);
      else folder.merge(known, cell);
    }
  }
  return new Map(
    [...merged].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([key, cell]) => [key, { ...folder.values(cell), events: cell.events }]),
  );
}

/** What one fold a partition comes to, without a sweep. */
function reference(plan: RunPlan, byPartition: readonly (readonly Event[])[]) {
  const { reader } = define();
  return byPartition.map((events) => {
    const fold = new SliceFold(plan, reader, { maxEventTime: null, floor: null });
    events.forEach((it, offset) => {
      const value = new TextEncoder().encode(JSON.stringify(it));
      fold.add(
        [{ offset, timestampMs: 0, value }],
        [decodeOne(value, (b) => decoder.decode(b))],
        () => "",
      );
    });
    return fold;
  });
}

Deno.test("sweeps of any limits, one after the other, come to what one fold a partition comes to", async () => {
  const events = fc.record({
    k: fc.constantFrom("a", "b", "ß", "日本"),
    v: fc.constantFrom(1, 2.5, 1e300, -1e-9, 7),
    at: fc.integer({ min: 0, max: 60_000 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(events, { maxLength: 30 }), { minLength: 1, maxLength: 5 }),
      fc.array(
        fc.record({
          cells: fc.integer({ min: 1, max: 20 }),
          windows: fc.integer({ min: 1, max: 5 }),
          bytes: fc.constantFrom(512 * 1024, 4_000),
          records: fc.constantFrom(null, 1, 7),
        }),
        { minLength: 1, maxLength: 4 },
      ),
      async (byPartition, limits) => {
        const world = await worldOf(byPartition.length);
        for (const [p, its] of byPartition.entries()) await world.send(p, its);
        let partitions = byPartition.map((its, partition) =>
          whole({ partition, until: its.length })
        );
        let counts = partitions.map(() => NO_SWEEP_COUNTS);
        const windows = [];
        for (let i = 0; partitions.some(({ cursor, until }) => cursor < (until ?? 0)); i++) {
          const limit = limits[i % limits.length];
          assert.ok(limit !== undefined && i < 400);
          const result = await world.run({ n: i, partitions, limits: limit });
          windows.push(...result.windows);
          counts = counts.map((it, p) => addSweepCounts(it, of(result, p).counts));
          partitions = partitions.map((it) => {
            const { to, maxEventTime, last, leaderEpoch } = of(result, it.partition);
            return { ...it, cursor: to, maxEventTime, last, leaderEpoch };
          });
        }
        const folds = reference(world.plan, byPartition);
        const wanted = folds.flatMap((fold) =>
          fold.windows().map((it) => ({ ...it, bytes: 0, spans: [] }))
        );
        assert.deepEqual(cellsOf(world.plan, windows), cellsOf(world.plan, wanted));
        assert.deepEqual(counts, folds.map((fold) => ({ ...fold.counts, failed: 0 })));
        assert.deepEqual(
          partitions.map(({ maxEventTime }) => maxEventTime),
          folds.map(({ maxEventTime }) => maxEventTime),
        );
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("cells are merged over partitions, with the spans they come from", async () => {
  const world = await worldOf(3);
  await world.send(0, [{ k: "a", v: 1, at: 1_000 }, { k: "a", v: 2, at: 2_000 }]);
  await world.send(2, [{ k: "a", v: 4, at: 3_000 }, { k: "b", v: 8, at: 12_000 }]);
  const result = await world.run();
  assert.equal(result.why, "pace");
  const folder = createCellFolder(world.plan.aggregates);
  const cell = folder.create();
  for (const v of [1, 2, 4]) folder.add(cell, { v });
  const [first, second] = result.windows;
  assert.deepEqual(first?.cells, [cellToWire('["a"]', cell)]);
  assert.deepEqual(first?.spans, [[0, 0, 2], [2, 0, 2]]);
  assert.deepEqual([second?.start, second?.spans], [10_000, [[2, 0, 2]]]);
  for (const { cells, bytes } of result.windows) {
    assert.equal(bytes, new TextEncoder().encode(JSON.stringify(cells)).length);
  }
  assert.deepEqual(
    result.partitions.map(({ from, to, end, highWatermark }) => [from, to, end, highWatermark]),
    [[0, 2, 2, 2], [0, 0, 0, 0], [0, 2, 2, 2]],
  );
  assert.deepEqual(of(result, 2).last, { offset: 1, timestamp: 0 });
  assert.equal(result.topicPartitions, 3);
});

Deno.test("a sweep answers once the smallest watermark of its partitions reaches the boundary", async () => {
  const world = await worldOf(2);
  await world.send(0, [{ k: "a", v: 1, at: 30_000 }]);
  const running = world.run({ boundary: 10_000, paceMs: 5_000, quietMs: 5_000 });
  await sleep(50);
  await world.send(1, [{ k: "a", v: 1, at: 11_999 }]);
  await sleep(50);
  await world.send(1, [{ k: "a", v: 1, at: 12_000 }]);
  const result = await running;
  assert.equal(result.why, "boundary");
  assert.ok(result.ranMs < 3_000, `after ${result.ranMs} ms`);
  assert.equal(of(result, 1).to, 2);
});

Deno.test("an idle partition is judged by the floor it was handed, and counts from its first event on", async () => {
  const world = await worldOf(2);
  await world.send(0, [{ k: "a", v: 1, at: 30_000 }]);
  const partitions = [
    { partition: 0 },
    { partition: 1, role: "join", floor: 12_000, maxEventTime: 500 },
  ] as const;
  const silent = await world.run({ partitions, boundary: 20_000, paceMs: 3_000, quietMs: 3_000 });
  assert.equal(silent.why, "boundary");
  assert.equal(silent.partitions[1]?.firstEventTime, null);
  // By its own time it were on time: the floor says that its window has completed.
  await world.send(1, [{ k: "a", v: 1, at: 1_000 }]);
  const joined = await world.run({ partitions, boundary: 20_000, paceMs: 100 });
  assert.equal(joined.why, "pace");
  const { counts, firstEventTime } = of(joined, 1);
  assert.deepEqual([counts.late, counts.lateByFloor, firstEventTime], [1, 1, 1_000]);
});

Deno.test("a backlog is folded past the boundary, up to the time of a slice", async () => {
  const world = await worldOf(1);
  const events = Array.from({ length: 3_000 }, (_, i) => ({ k: "a", v: i, at: i * 10 }));
  await world.send(0, events);
  const result = await world.run({ boundary: 5_000, paceMs: 5_000 });
  assert.equal(result.why, "boundary");
  assert.equal(of(result, 0).to, 3_000);
  const slice = await world.run({ boundary: 5_000, sliceMs: 0, paceMs: 5_000 });
  assert.equal(slice.why, "limit");
  assert.ok(of(slice, 0).to < 3_000 && of(slice, 0).to > 0, `at ${of(slice, 0).to}`);
});

Deno.test("quiet, silent, record, ends, told: why a sweep answers", async () => {
  const world = await worldOf(2);
  assert.equal((await world.run()).why, "quiet");
  const silent = await world.run({ silentMs: 150, quietMs: 5_000 });
  assert.equal(silent.why, "silent");
  assert.ok(silent.partitions.every(({ looked }) => looked.confirmedMs >= 150));
  await world.send(1, [{ k: "a", v: 1, at: 1_000 }]);
  const looks = [{ partition: 0 }, { partition: 1, role: "look" }] as const;
  const found = await world.run({ partitions: looks, quietMs: 5_000 });
  assert.deepEqual([found.why, of(found, 1).found, of(found, 1).to], ["record", true, 0]);
  assert.deepEqual(found.windows, []);
  const bounded = [{ partition: 0, until: 0 }, { partition: 1, until: 1 }];
  const ended = await world.run({ partitions: bounded, quietMs: 5_000, paceMs: 5_000 });
  assert.deepEqual([ended.why, of(ended, 1).to], ["ends", 1]);
  let told = false;
  const running = world.run({ quietMs: 400, paceMs: 400 }, { stopping: () => told });
  told = true;
  assert.equal((await running).why, "told");
});

Deno.test("silence is what was seen: it begins anew where the time moves, not with useless records", async () => {
  const world = await worldOf(3);
  const partitions = [0, 1, 2].map((partition) => ({ partition, maxEventTime: 50_000 }));
  const running = world.run({ partitions, paceMs: 1_200, quietMs: 1_200 });
  await sleep(600);
  await world.send(1, [{ k: "a", v: 1, at: 60_000 }]);
  await world.send(2, [{ k: "a", v: 1, at: 45_000 }, { broken: true }]);
  const result = await running;
  const [quiet, moved, useless] = result.partitions;
  assert.deepEqual([quiet, moved, useless].map((it) => it?.looked.moved), [false, true, false]);
  // By comparison, not by the clock: a busy machine takes longer for everything.
  const confirmed = result.partitions.map(({ looked }) => looked.confirmedMs);
  const [all = 0, since = 0, despite = 0] = confirmed;
  assert.ok(since < all && since < despite, `${confirmed}`);
  assert.ok(all > 0 && all <= result.ranMs, `${confirmed} of ${result.ranMs}`);
});

Deno.test("an open transaction, a throttle and a failing leader are no silence", async () => {
  let failing = false;
  const world = await worldOf(2, {
    leaderOf: (partition) => `broker-${partition}`,
    answer: (leader, { partitions }) => {
      if (!failing || leader !== "broker-1") return undefined;
      const error = new BrokerAnswer(7);
      return Promise.resolve({
        throttleMs: 0,
        parts: new Map(partitions.map(({ partition }) => [partition, { error }])),
      });
    },
  });
  const open = world.log.begin();
  open.append(world.plan.topic, [{ key: null, value: "{}", partition: 0 }]);
  failing = true;
  const result = await world.run();
  const [held, away] = result.partitions;
  assert.deepEqual([held?.looked.confirmedMs, away?.looked.confirmedMs], [0, 0]);
  assert.equal(held?.openTransaction?.offset, 0);
  const forMs = held?.openTransaction?.forMs ?? 0;
  assert.ok(forMs > 0 && forMs <= result.ranMs, `${forMs} of ${result.ranMs}`);
  assert.deepEqual([held?.end, held?.highWatermark], [0, 1]);
  assert.equal(held?.failure, null);
  assert.deepEqual([away?.failure?.code, away?.failure?.passing], ["TG_BROKER_UNREACHABLE", true]);
});

Deno.test("a partition that needs a decision stops alone, and keeps what was folded before", async () => {
  const world = await worldOf(2);
  await world.send(0, [{ k: "a", v: 1, at: 1_000 }, { k: "a", v: 2, at: 1_000 }]);
  await world.send(1, [{ k: "a", v: 1, at: 1_000 }]);
  await world.log.admin.deleteRecords(world.plan.topic, 0, 1);
  const result = await world.run();
  assert.deepEqual(of(result, 0).failure, {
    code: "TG_OFFSET_GONE",
    message: "Cannot read s/0: the offset must be in [1, 2], got 0",
    offset: 0,
    passing: false,
  });
  assert.deepEqual([of(result, 0).to, of(result, 1).to], [0, 1]);
  assert.equal(result.windows[0]?.cells[0]?.[1], 1);
});

Deno.test("results keep to their bytes, whatever the keys, the windows and the sums are", async () => {
  const world = await worldOf(2, { window: hopping("16s", "1s") });
  const events = Array.from({ length: 1_500 }, (_, i) => ({
    k: `${"漢字".repeat(18)}${i}`,
    v: 10 ** (i % 40 * 7 - 140) * (i % 2 === 0 ? 1 : -1),
    at: 20_000 + i,
  }));
  for (const p of [0, 1]) await world.send(p, events);
  const sizes = [];
  let cursors = [0, 0];
  while (cursors.some((it) => it < events.length)) {
    const partitions = cursors.map((cursor, partition) => ({ partition, cursor }));
    const result = await world.run({ partitions, limits: { ...NO_LIMITS, cells: 1e6 } });
    cursors = [of(result, 0).to, of(result, 1).to];
    sizes.push(new TextEncoder().encode(JSON.stringify(result)).length);
  }
  assert.ok(sizes.every((it) => it <= 512 * 1024), `${sizes}`);
  // And they make use of them.
  assert.ok(sizes.slice(0, -1).every((it) => it >= 400 * 1024), `${sizes}`);
});

Deno.test("late and invalid records are on their topics when a sweep answers", async () => {
  const world = await worldOf(2);
  await world.send(0, [{ k: "a", v: 1, at: 50_000 }, { k: "a", v: 1, at: 1_000 }]);
  await world.send(1, [{ k: "a" }, { k: "a", v: 1, at: 50_000 }]);
  const result = await world.run();
  assert.deepEqual([of(result, 0).counts.late, of(result, 1).counts.invalid], [1, 1]);
  const [late] = await world.side(world.plan.lateTopic);
  const [invalid] = await world.side(world.plan.invalidTopic);
  assert.deepEqual([late?.["kind"], late?.["partition"], late?.["offset"]], ["late", 0, 1]);
  assert.deepEqual([invalid?.["kind"], invalid?.["partition"], invalid?.["offset"]], [
    "invalid",
    1,
    0,
  ]);
});

Deno.test("one record at a time is told before it is folded; one that is set aside is not folded", async () => {
  const world = await worldOf(1);
  await world.send(0, [1, 2, 3].map((v) => ({ k: "a", v, at: 1_000 })));
  const told: SweepProgress["at"][] = [];
  const progress: SweepDeps["progress"] = (of) => told.push(of().at);
  const one = { ...NO_LIMITS, records: 1 };
  const result = await world.run({ limits: one, partitions: [{ partition: 0, cursor: 1 }] }, {
    progress,
  });
  assert.deepEqual([result.why, of(result, 0).to], ["limit", 2]);
  assert.deepEqual(told[0], { partition: 0, offset: 1 });
  const aside = await world.run({ setAside: true, partitions: [{ partition: 0, cursor: 2 }] });
  assert.deepEqual([aside.why, of(aside, 0).to], ["limit", 3]);
  const { counts } = of(aside, 0);
  assert.deepEqual([counts.read, counts.failed, counts.aggregated], [1, 1, 0]);
  assert.deepEqual(aside.windows, []);
  const [side] = await world.side(world.plan.invalidTopic);
  assert.deepEqual([side?.["kind"], side?.["reason"], side?.["offset"]], ["failed", "failed", 2]);
});

Deno.test("lookups of all partitions share their turns; one that must be made again holds its partition only", async () => {
  const pipeline = definePipeline({
    name: "s",
    source: { topic: "s" },
    event,
    eventTime: "at",
    watermark: { delay: "2s" },
    window: tumbling("10s"),
    groupBy: ["k"],
    aggregates: { n: count(), s: sum("w") },
    enrich: async ({ k, v }) => {
      most = Math.max(most, ++running);
      await sleep(2);
      running -= 1;
      if (k === "bad") throw new Error("not now");
      return { w: v * 2 };
    },
    enrichment: {
      adds: z.object({ w: z.number() }),
      concurrency: 3,
      retries: 0,
      onFailure: "retry",
    },
  });
  let running = 0;
  let most = 0;
  const world = await worldOf(4);
  for (let p = 0; p < 4; p++) {
    await world.send(
      p,
      Array.from({ length: 10 }, (_, i) => ({ k: `k${i % 3}`, v: i, at: 1_000 + i })),
    );
  }
  await world.send(2, [{ k: "bad", v: 1, at: 2_000 }, { k: "k1", v: 1, at: 2_000 }]);
  const plan = { ...runPlanOf(pipeline.plan), maxAheadMs: 1e15 };
  const deps = { plan, events: pipeline.reader, enrichment: pipeline.enrichment };
  const result = await world.run({ paceMs: 2_000, quietMs: 3_000 }, deps);
  assert.equal(most, 3);
  assert.deepEqual(result.partitions.map(({ to }) => to), [10, 10, 10, 10]);
  const cells = cellsOf(plan, result.windows);
  assert.equal([...cells.values()].reduce((sum, { events }) => sum + events, 0), 40);
  const again = await world.run(
    { paceMs: 300, quietMs: 3_000, partitions: all(4).map((it) => ({ ...it, cursor: 10 })) },
    deps,
  );
  const { failure, to } = of(again, 2);
  assert.deepEqual([to, failure?.code, failure?.passing, failure?.offset], [
    10,
    "TG_ENRICH_FAILED",
    true,
    10,
  ]);
  assert.ok(again.ranMs >= 900, `answered after ${again.ranMs} ms`);
});

Deno.test("other code refuses, and an aborted sweep ends at once", async () => {
  const world = await worldOf(1);
  await assert.rejects(world.run({ codeHash: "newer" }), { code: "TG_CODE", retryable: true });
  const ending = new AbortController();
  const running = world.run({ quietMs: 60_000 }, { signal: ending.signal });
  const startedMs = performance.now();
  setTimeout(() => ending.abort(new Error("struck")), 50);
  await assert.rejects(running, /struck/);
  assert.ok(performance.now() - startedMs < 1_000);
});
