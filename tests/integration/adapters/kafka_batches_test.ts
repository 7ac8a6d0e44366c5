/** Batches as other clients write them, read with every version of Fetch. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { numbered, numbers, readAll, text } from "../../adapters/kafka/log_contract.ts";
import { TEST_SETTINGS } from "./_broker.ts";
import { testKafka } from "./_kafka.ts";

const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

testKafka("batches of every compression are read, from any offset", async ({ topic, reader }) => {
  const { Producer } = await import("@platformatic/kafka");
  const producer = new Producer({
    clientId: "tidegate-test",
    bootstrapBrokers: [...TEST_SETTINGS.brokers],
  });
  const pad = "-".repeat(200);
  try {
    for (const [batch, compression] of CODECS.entries()) {
      const messages = numbers(100 * batch, 100 * (batch + 1)).map((number) => ({
        topic,
        partition: 0,
        key: Buffer.from(`k${number}`),
        value: Buffer.from(number + pad),
        headers: new Map([[Buffer.from("h"), Buffer.from(number)]]),
      }));
      await producer.send({ messages, compression, acks: -1 });
    }
  } finally {
    await producer.close();
  }
  const read = await readAll(reader, topic);
  assert.deepEqual(read.map(({ key }) => text(key)), numbers(0, 500).map((it) => `k${it}`));
  assert.deepEqual(read.map(({ value }) => text(value)), numbers(0, 500).map((it) => it + pad));
  for (const from of [50, 199, 350, 450]) {
    assert.deepEqual(await readAll(reader, topic, 0, from), read.slice(from));
  }
});

testKafka("the writer's gzip is read back", async ({ topic, reader }) => {
  const { createKafkaWriter } = await import("../../../adapters/kafka/writer.ts");
  const writer = createKafkaWriter(TEST_SETTINGS, { compression: "gzip", maxRequestBytes: 2_000 });
  try {
    await writer.send(topic, numbered(0, 500));
  } finally {
    await writer.close();
  }
  const read = await readAll(reader, topic);
  assert.deepEqual(read.map(({ value }) => text(value)), numbers(0, 500));
});

testKafka("every version of Fetch that is spoken answers the same", async ({ topic, writer }) => {
  const { FETCH_BY_ID, FETCH_VERSIONS, sendFetch } = await import(
    "../../../adapters/kafka/fetch_wire.ts"
  );
  const { Cluster } = await import("../../../adapters/kafka/cluster.ts");
  await writer.send(topic, numbered(0, 20));
  const cluster = new Cluster(TEST_SETTINGS);
  const what = "compare the versions of Fetch";
  try {
    const state = await cluster.refresh(topic, what);
    const { address } = await cluster.fetchTarget(topic, 0, what);
    const answers = [];
    for (const version of FETCH_VERSIONS) {
      const name = version >= FETCH_BY_ID ? state?.topicId : topic;
      assert.ok(typeof name === "string");
      const call = { topic: name, partition: 0, from: 3, maxBytes: 1_000_000, maxWaitMs: 0 };
      answers.push(
        await cluster.connections.use(address, { what }, (it) => sendFetch(it, version, call)),
      );
    }
    assert.deepEqual(FETCH_VERSIONS, [11, 12, 13, 14, 15, 16, 17]);
    for (const answer of answers) {
      assert.deepEqual(answer, answers[0]);
      assert.ok("errorCode" in answer);
      assert.deepEqual([answer.errorCode, answer.start, answer.end], [0, 0, 20]);
    }
  } finally {
    await cluster.connections.close();
  }
});
