/**
 * The contract of the log, part: what is written.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { OutRecord } from "../../../adapters/kafka/log.ts";
import { numbered, numbers, OWN_TIME, type RegisterTest, text, toBytes } from "./trial.ts";

/** Registers the tests. */
export function testWriting(test: RegisterTest): void {
  test("writing to a missing topic is refused", async (t) => {
    await assert.rejects(t.writer.send(t.topic, [{ key: null, value: "x" }]), {
      code: "TG_TOPIC_MISSING",
    });
  });

  test("keys and values come back as written, null and empty told apart", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1, config: OWN_TIME }]);
    const binary = Uint8Array.from({ length: 256 }, (_, i) => i);
    const written: OutRecord[] = [
      { key: "k", value: "v" },
      { key: null, value: "no key" },
      { key: "tombstone", value: null },
      { key: null, value: null },
      { key: "", value: "" },
      { key: binary, value: binary.subarray(3, 200) },
      { key: "ключ", value: "значение ✓" },
    ];
    await t.writer.send(t.topic, written.map((it) => ({ ...it, partition: 0 })));
    const read = await t.readAll();
    assert.deepEqual(
      read.map(({ key, value }) => ({ key, value })),
      written.map(({ key, value }) => ({ key: toBytes(key), value: toBytes(value) })),
    );
    assert.deepEqual(read.map(({ offset }) => offset), [0, 1, 2, 3, 4, 5, 6]);
  });

  test("records keep the time they are given, and get one if they have none", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1, config: OWN_TIME }]);
    const before = Date.now();
    await t.writer.send(t.topic, [
      { key: null, value: "a", timestampMs: 1_760_000_000_123 },
      { key: null, value: "b", timestampMs: 1_760_000_000_001 },
      { key: null, value: "c" },
    ]);
    const [a, b, c] = (await t.readAll()).map(({ timestampMs }) => timestampMs);
    assert.deepEqual([a, b], [1_760_000_000_123, 1_760_000_000_001]);
    assert.ok(c !== undefined && c >= before && c <= Date.now() + 1);
  });

  test("a topic that stamps its records by arrival overrules their time", async (t) => {
    const config = { "message.timestamp.type": "LogAppendTime" };
    await t.admin.createTopics([{ topic: t.topic, partitions: 1, config }]);
    const before = Date.now();
    await t.writer.send(t.topic, [{ key: null, value: "a", timestampMs: before - 3_600_000 }]);
    const [record] = await t.readAll();
    assert.ok(record !== undefined && record.timestampMs >= before - 1);
  });

  test("keys choose partitions as Java's client does", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 7 }]);
    // murmur2 of the vectors in Kafka's UtilsTest, made positive, modulo 7.
    const vectors: readonly (readonly [key: string, hash: number])[] = [
      ["21", -973_932_308],
      ["foobar", -790_332_482],
      ["a-little-bit-long-string", -985_981_536],
      ["a-little-bit-longer-string", -1_486_304_829],
      ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971],
      ["abc", 479_470_107],
    ];
    await t.writer.send(t.topic, vectors.map(([key]) => ({ key, value: key })));
    for (const [key, hash] of vectors) {
      const partition = (hash & 0x7fffffff) % 7;
      const there = await t.readAll(0, partition);
      assert.ok(there.some((it) => text(it.key) === key), `${key} must be in ${partition}`);
    }
  });

  test("records without a key are spread", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 3 }]);
    await t.writer.send(t.topic, Array.from({ length: 9 }, () => ({ key: null, value: "x" })));
    const ends = await t.reader.ends(t.topic, [2, 0, 1]);
    assert.deepEqual([0, 1, 2].map((it) => ends.get(it)), [3, 3, 3]);
  });

  test("a record of 1 MB and many small ones go through", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    const large = new Uint8Array(1_000_000).fill(97);
    await t.writer.send(t.topic, [
      ...numbered(0, 3),
      { key: null, value: large, partition: 0 },
      ...numbered(4, 25_000),
    ]);
    const read = await t.readAll();
    assert.equal(read.length, 25_000);
    assert.deepEqual(read[3]?.value, large);
    assert.deepEqual(read.slice(4).map(({ value }) => text(value)), numbers(4, 25_000));
    const inside = await t.fetch(3, { maxBytes: 1_000 });
    assert.deepEqual(inside.records[0]?.value?.length, 1_000_000);
  });

  test("calls of one writer keep their order", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => t.writer.send(t.topic, numbered(3 * i, 3 * i + 3))),
    );
    assert.deepEqual((await t.readAll()).map(({ value }) => text(value)), numbers(0, 30));
  });

  test("nothing to write is not an error", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, []);
    assert.deepEqual(await t.reader.offsets(t.topic, 0), { start: 0, end: 0 });
  });

  test("writing to a missing partition is refused, to an added one not", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 1));
    await assert.rejects(t.writer.send(t.topic, numbered(0, 1, 1)), {
      code: "TG_TOPIC_MISSING",
      message: /partition 1 of/,
    });
    await t.admin.addPartitions(t.topic, 2);
    await t.writer.send(t.topic, numbered(0, 3, 1));
    assert.equal((await t.readAll(0, 1)).length, 3);
    assert.equal((await t.readAll(0, 0)).length, 1);
  });
}
