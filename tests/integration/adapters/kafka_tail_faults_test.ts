/** Reading many partitions of a real broker that throttles, hangs, cuts off, moves on, or is another. */

import assert from "node:assert/strict";
import type { KafkaTailerOptions } from "../../../adapters/kafka/kafka_tail.ts";
import type { LogTailer, Tail } from "../../../adapters/kafka/tail.ts";
import { numbered, numbers } from "../../adapters/kafka/log_contract.ts";
import { all, collect, reads, untilEvent, whole } from "../../adapters/kafka/tail_contract.ts";
import { REDPANDA_APIS } from "../_support/redpanda_apis.ts";
import { writeInTransaction } from "../_support/transactions.ts";
import { TEST_BROKER, TEST_SETTINGS } from "./_broker.ts";
import { type KafkaTrial, testKafka } from "./_kafka.ts";
import { type ApiCaps, type KafkaProxy, startProxy } from "./_proxy.ts";

const FETCH = 1;

interface Faulty extends KafkaTrial {
  readonly proxy: KafkaProxy;
  readonly tailer: LogTailer;
  /** Follows partitions of the topic through the proxy. */
  follow(partitions: Parameters<typeof whole>[0][], leftMs?: number): Tail;
}

function testTail(
  name: string,
  body: (t: Faulty) => Promise<void>,
  { caps, ...options }: KafkaTailerOptions & { readonly caps?: ApiCaps } = {},
): void {
  testKafka(name, async (trial) => {
    const { createKafkaTailer } = await import("../../../adapters/kafka/kafka_tail.ts");
    const proxy = startProxy(TEST_BROKER ?? "", caps === undefined ? {} : { caps, strict: true });
    const tailer = createKafkaTailer({ ...TEST_SETTINGS, brokers: [proxy.address] }, options);
    const tails: Tail[] = [];
    const follow: Faulty["follow"] = (partitions, leftMs = 20_000) => {
      const tail = tailer.follow({
        topic: trial.topic,
        topicId: null,
        partitions: partitions.map(whole),
        leftMs: () => leftMs,
        spacingMs: () => 10,
      });
      tails.push(tail);
      return tail;
    };
    try {
      await trial.admin.addPartitions(trial.topic, 4);
      await body({ ...trial, proxy, tailer, follow });
    } finally {
      for (const it of tails) await it.end(0);
      await tailer.close();
      await proxy.close();
    }
  });
}

testTail("answers cut off in the middle and lost connections cost a repetition", async (t) => {
  for (let p = 0; p < 4; p++) await t.writer.send(t.topic, numbered(0, 50, p));
  let cuts = 3;
  t.proxy.onResponse = (response) => {
    if (response.key === FETCH && cuts-- > 0) response.cutAfter(60);
  };
  const tail = t.follow(all(4));
  const read = await collect(tail, 200);
  for (let p = 0; p < 4; p++) assert.deepEqual(read.get(p), numbers(0, 50));
  assert.equal(tail.troubles().size, 0);
});

testTail("a broker that hangs is given up after its time, and asked again", async (t) => {
  await t.writer.send(t.topic, numbered(0, 5, 2));
  let swallowed = false;
  t.proxy.onResponse = (response) => {
    if (response.key !== FETCH || swallowed) return;
    swallowed = true;
    response.swallow();
  };
  const tail = t.follow(all(4), 900);
  const events = await untilEvent(tail, (it) => it.kind === "read" && it.records.length > 0);
  assert.ok(swallowed && events.some(({ kind }) => kind === "passing"));
}, { answerMs: 500 });

testTail("a quota is waited out: slower, then all", async (t) => {
  const { Admin } = await import("@platformatic/kafka");
  const clientId = t.topic;
  const admin = new Admin({ clientId: "quota", bootstrapBrokers: [...TEST_SETTINGS.brokers] });
  const quota = (remove: boolean) =>
    admin.alterClientQuotas({
      entries: [{
        entities: [{ entityType: "client-id", entityName: clientId }],
        ops: [{ key: "consumer_byte_rate", value: 100_000, remove }],
      }],
      validateOnly: false,
    });
  const { createKafkaTailer } = await import("../../../adapters/kafka/kafka_tail.ts");
  const tailer = createKafkaTailer({ ...TEST_SETTINGS, clientId });
  await quota(false);
  try {
    const value = "x".repeat(1_000);
    const many = Array.from({ length: 1_500 }, (_, i) => ({ key: null, value, partition: i % 4 }));
    for (let at = 0; at < many.length; at += 100) {
      await t.writer.send(t.topic, many.slice(at, at + 100));
    }
    const tail = tailer.follow({
      topic: t.topic,
      topicId: null,
      partitions: all(4).map(whole),
      leftMs: () => 20_000,
      spacingMs: () => 10,
      maxBytes: 300_000,
    });
    let read = 0;
    const kinds = new Set<string>();
    while (read < many.length) {
      const events = await tail.next(30_000);
      assert.ok(events.length > 0, `${read} of ${many.length} read`);
      for (const it of events) kinds.add(it.kind);
      read += reads(events).reduce((sum, { records }) => sum + records.length, 0);
    }
    assert.ok(!kinds.has("stopped") && !kinds.has("passing"), [...kinds].join());
    assert.ok(kinds.has("throttled"), "the quota must be met");
    assert.equal(tail.troubles().size, 0);
    await tail.end(0);
  } finally {
    await quota(true);
    await admin.close();
    await tailer.close();
  }
});

testTail(
  "a topic that was made anew is another one, also for a broker without topic ids",
  async (t) => {
    const topic = `${t.topic}-anew`;
    const follow = (cursor: number, last: Parameters<typeof whole>[0]["last"]) =>
      t.tailer.follow({
        topic,
        topicId: null,
        partitions: [whole({ partition: 0, cursor, leaderEpoch: 0, last: last ?? null })],
        leftMs: () => 3_000,
        spacingMs: () => 10,
      });
    try {
      await t.admin.createTopics([{ topic, partitions: 1 }]);
      await t.writer.send(topic, numbered(0, 10));
      const before = follow(0, null);
      const [read] = reads(await before.next(5_000));
      await before.end(100);
      const record = read?.records.at(-1);
      assert.ok(record !== undefined && read?.next === 10);
      const last = { offset: record.offset, timestamp: record.timestampMs };
      await t.admin.deleteTopics([topic]);
      const after = follow(10, last);
      await untilEvent(after, ({ kind }) => kind === "passing");
      await t.admin.createTopics([{ topic, partitions: 1 }]);
      await t.writer.send(topic, numbered(0, 20));
      const events = await untilEvent(after, ({ kind }) => kind === "stopped" || kind === "read");
      const stopped = events.at(-1);
      assert.ok(stopped?.kind === "stopped" && stopped.error.code === "TG_TOPIC_RECREATED");
      await after.end(100);
    } finally {
      await t.admin.deleteTopics([topic]);
    }
  },
  { caps: REDPANDA_APIS["24.1"] },
);

testTail(
  "transactions: committed records only, markers are passed, the open one is told",
  async (t) => {
    await t.writer.send(t.topic, numbered(0, 3, 1));
    await writeInTransaction(t.topic, 1, ["a", "b"], "abort");
    await writeInTransaction(t.topic, 1, ["c"], "commit");
    const tail = t.follow([{ partition: 1 }], 1_000);
    const events = [];
    let next = 0;
    while (next < 8) {
      const found = reads(await tail.next(5_000));
      assert.ok(found.length > 0);
      events.push(...found);
      next = found.at(-1)?.next ?? next;
    }
    assert.deepEqual(events.flatMap(({ records }) => records).map(({ offset }) => offset), [
      0,
      1,
      2,
      6,
    ]);
    const last = events.at(-1);
    assert.deepEqual([last?.next, last?.end, last?.highWatermark], [8, 8, 8]);
    assert.equal(last?.openTransaction, null);
  },
);
