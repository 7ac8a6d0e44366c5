/** What isolation read_committed means against a real broker's transactions. */

import assert from "node:assert/strict";
import type { Transaction } from "kafkajs";
import { readAll, text } from "../../adapters/kafka/log_contract.ts";
import { TEST_SETTINGS } from "./_broker.ts";
import { type KafkaTrial, testKafka } from "./_kafka.ts";

/** Runs a test with a producer of transactions. */
async function withTransactions(
  trial: KafkaTrial,
  body: (begin: () => Promise<Transaction>) => Promise<void>,
): Promise<void> {
  const { createKafkaJs, createKafkaJsPartitioner } = await import(
    "../../../adapters/kafka/kafkajs_writer.ts"
  );
  const producer = createKafkaJs(TEST_SETTINGS).producer({
    transactionalId: trial.topic,
    maxInFlightRequests: 1,
    idempotent: true,
    createPartitioner: createKafkaJsPartitioner,
  });
  await producer.connect();
  try {
    await body(() => producer.transaction());
  } finally {
    await producer.disconnect();
  }
}

function values(...list: string[]): { value: string; partition: number }[] {
  return list.map((value) => ({ value, partition: 0 }));
}

testKafka(
  "committed records are read, aborted ones are not, next moves past both",
  async (trial) => {
    const { topic, reader, writer } = trial;
    await withTransactions(trial, async (begin) => {
      await writer.send(topic, [{ key: null, value: "before" }]);
      const aborted = await begin();
      await aborted.send({ topic, messages: values("a1", "a2") });
      await writer.send(topic, [{ key: null, value: "between" }]);
      await aborted.send({ topic, messages: values("a3") });
      await aborted.abort();
      const committed = await begin();
      await committed.send({ topic, messages: values("c1", "c2") });
      await committed.commit();
    });
    // before, a1, a2, between, a3, abort marker, c1, c2, commit marker.
    assert.deepEqual(await reader.offsets(topic, 0), { start: 0, end: 9 });
    const read = await readAll(reader, topic);
    assert.deepEqual(
      read.map(({ offset, value }) => [offset, text(value)]),
      [[0, "before"], [3, "between"], [6, "c1"], [7, "c2"]],
    );
    for (let from = 0; from <= 9; from++) {
      const rest = await readAll(reader, topic, 0, from);
      assert.deepEqual(rest, read.filter(({ offset }) => offset >= from), `from ${from}`);
    }
    const tail = await reader.fetch({ topic, partition: 0, from: 8 });
    assert.deepEqual([tail.records, tail.next, tail.end], [[], 9, 9]);
  },
);

testKafka("a range that was aborted whole is passed over: a gap of offsets", async (trial) => {
  const { topic, reader, writer } = trial;
  await withTransactions(trial, async (begin) => {
    const aborted = await begin();
    for (let i = 0; i < 5; i++) await aborted.send({ topic, messages: values("x", "y") });
    await aborted.abort();
  });
  const empty = await reader.fetch({ topic, partition: 0, from: 3, maxWaitMs: 10_000 });
  assert.deepEqual([empty.records, empty.next, empty.end], [[], 11, 11]);
  await writer.send(topic, [{ key: null, value: "after" }]);
  const [record] = await readAll(reader, topic);
  assert.deepEqual([record?.offset, text(record?.value)], [11, "after"]);
});

testKafka(
  "an open transaction holds the end back; its commit wakes who waits there",
  async (trial) => {
    const { topic, reader, writer } = trial;
    await withTransactions(trial, async (begin) => {
      await writer.send(topic, [{ key: null, value: "before" }]);
      const open = await begin();
      await open.send({ topic, messages: values("t1") });
      await writer.send(topic, [{ key: null, value: "behind" }]);
      assert.deepEqual(await reader.offsets(topic, 0), { start: 0, end: 1 });
      const all = await reader.fetch({ topic, partition: 0, from: 0 });
      assert.deepEqual([all.records.length, all.next, all.end], [1, 1, 1]);
      const atEnd = await reader.fetch({ topic, partition: 0, from: 1 });
      assert.deepEqual(atEnd, { records: [], next: 1, end: 1, start: 0 });
      const behind = reader.fetch({ topic, partition: 0, from: 2 });
      await assert.rejects(behind, { code: "TG_OFFSET_GONE", retryable: true });
      assert.equal(await reader.offsetAt(topic, 0, Date.now() + 60_000), 1);

      const waiting = reader.fetch({ topic, partition: 0, from: 1, maxWaitMs: 20_000 });
      await reader.offsets(topic, 0);
      await open.commit();
      let { records, next } = await waiting;
      while (next < 4) {
        const more = await reader.fetch({ topic, partition: 0, from: next, maxWaitMs: 20_000 });
        records = [...records, ...more.records];
        next = more.next;
      }
      assert.deepEqual(records.map(({ value }) => text(value)), ["t1", "behind"]);
    });
  },
);
