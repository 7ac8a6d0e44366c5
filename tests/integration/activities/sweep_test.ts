/** Sweeps of a real topic, with lost connections between: what they come to, against a slow fold. */

import assert from "node:assert/strict";
import { sweep, type SweepDeps } from "../../../activities/sweep.ts";
import { cellFromWire, createCellFolder } from "../../../core/fold/aggregates.ts";
import { decodeOne } from "../../../core/fold/decode.ts";
import { SliceFold } from "../../../core/fold/fold.ts";
import type { SweepPartition, SweepRequest, SweptWindow } from "../../../core/flow/sweep.ts";
import { addSweepCounts, NO_SWEEP_COUNTS } from "../../../core/flow/counts.ts";
import { runPlanOf } from "../../../core/plan.ts";
import pipeline from "../../../pipelines/cs_student_logs.ts";
import { readAll } from "../../adapters/kafka/log_contract.ts";
import { NO_BROKER, TEST_BROKER, TEST_SETTINGS } from "../adapters/_broker.ts";
import { startProxy } from "../adapters/_proxy.ts";
import { randomNumbers, student } from "../_support/events.ts";
import { writeInTransaction } from "../_support/transactions.ts";

const RECORDS = 24_000;
const FIRST_MS = Date.UTC(2026, 0, 1);
const LIMITS = [
  { cells: 10_000, windows: 64, bytes: 512 * 1024, records: null },
  { cells: 40, windows: 64, bytes: 512 * 1024, records: null },
  { cells: 10_000, windows: 5, bytes: 512 * 1024, records: null },
  { cells: 10_000, windows: 64, bytes: 60_000, records: null },
  { cells: 10_000, windows: 64, bytes: 512 * 1024, records: 100 },
] as const;

const decoder = new TextDecoder("utf-8", { fatal: true });

for (const count of [1, 4, 64]) {
  Deno.test({
    name: `sweeps of ${count} partitions come to what a slow fold of each comes to`,
    ignore: NO_BROKER,
    fn: () => sweepAll(count),
  });
}

async function sweepAll(count: number): Promise<void> {
  const { createKafkaAdmin } = await import("../../../adapters/kafka/admin.ts");
  const { createKafkaReader } = await import("../../../adapters/kafka/reader.ts");
  const { createKafkaTailer } = await import("../../../adapters/kafka/kafka_tail.ts");
  const { createKafkaWriter } = await import("../../../adapters/kafka/writer.ts");
  const topic = `tidegate-test-${crypto.randomUUID()}`;
  const plan = {
    ...runPlanOf(pipeline.plan),
    topic,
    lateTopic: `${topic}.late`,
    invalidTopic: `${topic}.invalid`,
  };
  const admin = createKafkaAdmin(TEST_SETTINGS);
  const writer = createKafkaWriter(TEST_SETTINGS);
  const reader = createKafkaReader(TEST_SETTINGS);
  const proxy = startProxy(TEST_BROKER ?? "");
  const tailer = createKafkaTailer({ ...TEST_SETTINGS, brokers: [proxy.address] });
  const topics = [topic, plan.lateTopic, plan.invalidTopic];
  try {
    await admin.createTopics([
      { topic, partitions: count, config: { "retention.ms": "-1" } },
      { topic: plan.lateTopic, partitions: 1 },
      { topic: plan.invalidTopic, partitions: 1 },
    ]);
    const random = randomNumbers(count);
    const values = Array.from({ length: RECORDS }, (_, i) => {
      if (random() < 0.01) return "{ broken";
      const lateMs = random() < 0.05 ? 60_000 * random() : 3_000 * random();
      const time = Math.round(FIRST_MS + i * 10 - lateMs);
      return student(time, { course: `CS-${Math.floor(random() * 8)}`, lines: i % 70 });
    });
    const records = values.map((value, i) => ({ key: null, value, partition: i % count }));
    await writer.send(topic, records.slice(0, RECORDS / 2));
    // Control records, and records that count nowhere, between those that do.
    await writeInTransaction(topic, 0, values.slice(0, 10), "abort");
    await writeInTransaction(topic, 0, values.slice(0, 10), "commit");
    await writer.send(topic, records.slice(RECORDS / 2));

    const partitions = Array.from({ length: count }, (_, partition) => partition);
    const ends = await reader.ends(topic, partitions);
    const deps: SweepDeps = {
      plan,
      events: pipeline.reader,
      tailer,
      writer,
      identity: "worker",
      codeHash: "code",
      nonce: () => crypto.randomUUID(),
      progress: () => undefined,
      stopping: () => false,
      signal: new AbortController().signal,
      attempt: 1,
    };
    let asked = partitions.map((partition): SweepPartition => ({
      partition,
      role: "fold",
      cursor: 0,
      until: ends.get(partition) ?? 0,
      maxEventTime: null,
      floor: null,
      leaderEpoch: null,
      last: null,
    }));
    let counts = asked.map(() => NO_SWEEP_COUNTS);
    const windows: SweptWindow[] = [];
    for (let n = 1; asked.some(({ cursor, until }) => cursor < (until ?? 0)); n++) {
      assert.ok(n < 2_000, "the sweeps must get on");
      if (n % 7 === 0) proxy.cutAll();
      const request: SweepRequest = {
        n,
        generation: 1,
        topic,
        topicId: null,
        codeHash: "code",
        partitions: asked,
        boundary: null,
        silentMs: null,
        paceMs: 2_000,
        quietMs: 2_000,
        sliceMs: 1_000,
        limits: LIMITS[n % LIMITS.length] ?? LIMITS[0],
        setAside: false,
      };
      const result = await sweep(deps, request);
      windows.push(...result.windows);
      asked = asked.map((it, i) => {
        const swept = result.partitions[i];
        assert.ok(
          swept !== undefined && (swept.failure?.passing ?? true),
          swept?.failure?.message ?? "",
        );
        counts = counts.with(i, addSweepCounts(counts[i] ?? NO_SWEEP_COUNTS, swept.counts));
        const { to: cursor, maxEventTime, leaderEpoch, last } = swept;
        return { ...it, cursor, maxEventTime, leaderEpoch, last };
      });
    }

    const folds = await Promise.all(partitions.map(async (partition) => {
      const fold = new SliceFold(plan, pipeline.reader, { maxEventTime: null, floor: null });
      for (const record of await readAll(reader, topic, partition)) {
        const bytes = record.value ?? new Uint8Array();
        fold.add(
          [record],
          [decodeOne(bytes, (it) => decoder.decode(it))],
          () => decoder.decode(bytes),
        );
      }
      return fold;
    }));
    assert.deepEqual(counts, folds.map((fold) => ({ ...fold.counts, failed: 0 })));
    assert.deepEqual(valuesOf(windows), valuesOf(folds.flatMap((fold) => fold.windows())));
    const rejected = counts.reduce((sum, it) => sum + it.late + it.invalid, 0);
    assert.ok(rejected > 100);
    const side = [
      ...await readAll(reader, plan.lateTopic),
      ...await readAll(reader, plan.invalidTopic),
    ];
    // A sweep that is repeated writes them again; nothing was repeated here.
    assert.equal(side.length, rejected);
  } finally {
    await tailer.close();
    await proxy.close();
    await admin.deleteTopics(topics);
    await Promise.all([admin.close(), writer.close(), reader.close()]);
  }
}

/** The values of cells merged, by window and key. */
function valuesOf(windows: readonly Pick<SweptWindow, "start" | "shard" | "cells">[]) {
  const folder = createCellFolder(pipeline.plan.aggregates);
  const merged = new Map<string, ReturnType<typeof folder.create>>();
  for (const { start, shard, cells } of windows) {
    for (const wire of cells) {
      const { key, cell } = cellFromWire(wire);
      const id = `${start}/${shard}/${key}`;
      const known = merged.get(id);
      if (known === undefined) merged.set(id, cell);
      else folder.merge(known, cell);
    }
  }
  return Object.fromEntries(
    [...merged].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([id, cell]) => [id, { events: cell.events, ...folder.values(cell) }]),
  );
}
