/** Lost connections and errors that the broker answers: what is repeated, and what is told. */

import assert from "node:assert/strict";
import type { LogReader } from "../../../adapters/kafka/log.ts";
import { numbered, readAll } from "../../adapters/kafka/log_contract.ts";
import { TEST_BROKER } from "./_broker.ts";
import { type KafkaTrial, testKafka } from "./_kafka.ts";
import { type KafkaProxy, type PassingResponse, startProxy } from "./_proxy.ts";

const FETCH = 1;
const LIST_OFFSETS = 2;
const METADATA = 3;

/** Where the error code stands in a Fetch v13-v17 response for one partition. */
const FETCH_ERROR_AT = 4 + 1 + 4 + 2 + 4 + 1 + 16 + 1 + 4;

/** A test with a reader behind a proxy, and ten records in the topic. */
function testProxied(
  name: string,
  body: (proxy: KafkaProxy, reader: LogReader, trial: KafkaTrial) => Promise<void>,
): void {
  testKafka(name, async (trial) => {
    const proxy = startProxy(TEST_BROKER ?? "");
    const reader = trial.openReader({ brokers: [proxy.address] });
    try {
      await trial.writer.send(trial.topic, numbered(0, 10));
      await body(proxy, reader, trial);
    } finally {
      await reader.close();
      await proxy.close();
    }
  });
}

/** Does something to the first response to an API only. */
function once(
  key: number,
  act: (response: PassingResponse) => void,
): (it: PassingResponse) => void {
  let done = false;
  return (response) => {
    if (done || response.key !== key) return;
    done = true;
    act(response);
  };
}

function count(proxy: KafkaProxy, key: number): number {
  return proxy.seen.filter((request) => request.key === key).length;
}

testProxied(
  "a connection lost in the middle of an answer is replaced",
  async (proxy, reader, t) => {
    for (const key of [FETCH, LIST_OFFSETS, METADATA]) {
      proxy.onResponse = once(key, (response) => response.cutAfter(20));
      assert.equal((await readAll(reader, t.topic)).length, 10);
      proxy.onResponse = () => {};
      await reader.describe(t.topic);
    }
  },
);

testProxied("a connection that died while idle is replaced", async (proxy, reader, t) => {
  assert.equal((await readAll(reader, t.topic)).length, 10);
  proxy.cutAll();
  assert.equal((await readAll(reader, t.topic)).length, 10);
  proxy.cutAll();
  assert.equal((await reader.describe(t.topic))?.topic, t.topic);
});

testProxied("a lost long poll fails over to a new one", async (proxy, reader, t) => {
  const waiting = reader.fetch({ topic: t.topic, partition: 0, from: 10, maxWaitMs: 20_000 });
  while (count(proxy, FETCH) === 0) await reader.offsets(t.topic, 0);
  proxy.cutAll();
  await reader.offsets(t.topic, 0);
  await t.writer.send(t.topic, numbered(10, 11));
  assert.equal((await waiting).records.length, 1);
});

testProxied(
  "a broker that is gone is told by its address, as retryable",
  async (proxy, reader, t) => {
    await readAll(reader, t.topic);
    await proxy.close();
    const gone = {
      code: "TG_BROKER_UNREACHABLE",
      retryable: true,
      message: new RegExp(`the broker ${proxy.address} must answer, got`),
    };
    await assert.rejects(reader.fetch({ topic: t.topic, partition: 0, from: 0 }), gone);
    await assert.rejects(reader.offsets(t.topic, 0), gone);
    await assert.rejects(reader.describe(t.topic), gone);
  },
);

testProxied("a broker that says nothing is given up after its time", async (proxy, _, t) => {
  // Patient enough for a busy machine: it must answer the first and the last call.
  const reader = t.openReader({ brokers: [proxy.address] }, { answerMs: 1_000 });
  await readAll(reader, t.topic);
  proxy.onResponse = (response) => {
    if (response.key === FETCH) response.swallow();
  };
  const silent = {
    code: "TG_BROKER_UNREACHABLE",
    retryable: true,
    message: /must answer, got nothing in \d+ ms/,
  };
  await assert.rejects(reader.fetch({ topic: t.topic, partition: 0, from: 0 }), silent);
  proxy.onResponse = () => {};
  assert.equal((await readAll(reader, t.topic)).length, 10);
});

testProxied("the second of two brokers is asked when the first is away", async (proxy, _, t) => {
  const reader = t.openReader({ brokers: ["127.0.0.1:1", proxy.address] });
  assert.equal((await readAll(reader, t.topic)).length, 10);
});

for (
  const [code, name] of [
    [3, "UNKNOWN_TOPIC_OR_PARTITION"],
    [6, "NOT_LEADER_OR_FOLLOWER"],
    [74, "FENCED_LEADER_EPOCH"],
    [78, "OFFSET_NOT_AVAILABLE"],
    [-1, "UNKNOWN_SERVER_ERROR"],
    [34, "ILLEGAL_SASL_STATE"],
    [9_999, "a code that is not known"],
    [100, "UNKNOWN_TOPIC_ID"],
    [103, "INCONSISTENT_TOPIC_ID"],
  ] as const
) {
  testProxied(
    `after ${name} the leader is asked anew and the fetch repeated`,
    async (proxy, reader, t) => {
      await reader.fetch({ topic: t.topic, partition: 0, from: 0 });
      const before = count(proxy, METADATA);
      proxy.onResponse = once(FETCH, ({ version, bytes }) => {
        assert.ok(version >= 13);
        new DataView(bytes.buffer, bytes.byteOffset).setInt16(FETCH_ERROR_AT, code);
      });
      const { records } = await reader.fetch({ topic: t.topic, partition: 0, from: 0 });
      assert.equal(records.length, 10);
      assert.equal(count(proxy, METADATA), before + 1);
    },
  );
}

testProxied("metadata is asked for once, not with every fetch", async (proxy, reader, t) => {
  for (let i = 0; i < 5; i++) await reader.fetch({ topic: t.topic, partition: 0, from: 0 });
  assert.equal(count(proxy, METADATA), 1);
});

testProxied("an error that repeating can't cure is told at once", async (proxy, reader, t) => {
  proxy.onResponse = once(FETCH, ({ bytes }) => {
    new DataView(bytes.buffer, bytes.byteOffset).setInt16(FETCH_ERROR_AT, 29);
  });
  await assert.rejects(reader.fetch({ topic: t.topic, partition: 0, from: 0 }), {
    code: "TG_CONFIG",
    message: /must permit it, got TOPIC_AUTHORIZATION_FAILED/,
  });
});

testProxied(
  "a damaged batch is noticed and read again; one that stays so stops",
  async (proxy, reader, t) => {
    const damage = ({ bytes }: PassingResponse): void => {
      const last = bytes.length - 5; // The last record's bytes, before the tags that end the answer.
      bytes[last] = (bytes[last] ?? 0) ^ 1;
    };
    proxy.onResponse = once(FETCH, damage);
    assert.equal(
      (await reader.fetch({ topic: t.topic, partition: 0, from: 0 })).records.length,
      10,
    );
    proxy.onResponse = (response) => {
      if (response.key === FETCH) damage(response);
    };
    await assert.rejects(reader.fetch({ topic: t.topic, partition: 0, from: 0 }), {
      code: "TG_LOG_DAMAGED",
      retryable: false,
      message: /checksum of the batch at offset 0 must be \d+, got \d+/,
    });
  },
);
