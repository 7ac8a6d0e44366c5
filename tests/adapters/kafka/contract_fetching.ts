/**
 * The contract of the log, part: fetches and offsets.
 *
 * @module
 */

import assert from "node:assert/strict";
import { numbered, numbers, OWN_TIME, type RegisterTest, text } from "./trial.ts";

/** Registers the tests. */
export function testFetching(test: RegisterTest): void {
  test("a fetch may begin anywhere, also inside a batch", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 20));
    await t.writer.send(t.topic, numbered(20, 30));
    for (const from of [0, 1, 7, 19, 20, 21, 29]) {
      const answer = await t.fetch(from);
      assert.equal(answer.records[0]?.offset, from);
      const rest = await t.readAll(from);
      assert.deepEqual(rest.map(({ value }) => text(value)), numbers(from, 30));
    }
  });

  test("next and end say where to go on and how far it goes", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 10));
    const all = await t.fetch(4);
    assert.deepEqual([all.records.length, all.next, all.end, all.start], [6, 10, 10, 0]);
    assert.deepEqual(await t.reader.offsets(t.topic, 0), { start: 0, end: 10 });
    assert.deepEqual(await t.fetch(10), { records: [], next: 10, end: 10, start: 0 });
  });

  test("maxBytes bounds an answer, but never to nothing", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    const value = "x".repeat(1_000);
    for (let i = 0; i < 5; i++) {
      await t.writer.send(t.topic, [{ key: null, value }, { key: null, value }]);
    }
    const few = await t.fetch(0, { maxBytes: 4_500 });
    assert.ok(few.records.length >= 2 && few.records.length < 10, `${few.records.length} records`);
    assert.equal(few.next, few.records.length);
    const least = await t.fetch(3, { maxBytes: 1 });
    assert.equal(least.records[0]?.offset, 3);
    assert.ok(least.next <= 5);
  });

  test("a waiting fetch is woken by a record", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    const waiting = t.fetch(0, { maxWaitMs: 20_000 });
    await t.reader.offsets(t.topic, 0); // Answers although a fetch waits.
    await t.writer.send(t.topic, [{ key: null, value: "woken" }]);
    const { records, next, end } = await waiting;
    assert.deepEqual(records.map(({ value }) => text(value)), ["woken"]);
    assert.deepEqual([next, end], [1, 1]);
  });

  test("a waiting fetch comes back empty when its time is over", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    const answer = await t.fetch(0, { maxWaitMs: 30 });
    assert.deepEqual(answer, { records: [], next: 0, end: 0, start: 0 });
  });

  test("an aborted fetch rejects with the signal's reason, and the reader goes on", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    const stop = new AbortController();
    const waiting = t.fetch(0, { maxWaitMs: 20_000, signal: stop.signal });
    const other = t.fetch(0, { maxWaitMs: 20_000 });
    await t.reader.offsets(t.topic, 0);
    stop.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
    await t.writer.send(t.topic, [{ key: null, value: "later" }]);
    assert.equal((await other).records.length, 1);
    assert.equal((await t.fetch(0)).records.length, 1);
    await assert.rejects(t.fetch(0, { signal: stop.signal }), /enough/);
  });

  test("close ends waiting fetches and refuses later calls", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    const waiting = assert.rejects(t.fetch(0, { maxWaitMs: 20_000 }), {
      code: "TG_BROKER_UNREACHABLE",
      retryable: false,
    });
    await t.reader.offsets(t.topic, 0);
    await t.reader.close();
    await waiting;
    await assert.rejects(t.fetch(0), { code: "TG_BROKER_UNREACHABLE", retryable: false });
    await t.writer.close();
    await assert.rejects(t.writer.send(t.topic, []), { code: "TG_BROKER_UNREACHABLE" });
  });

  test("an offset beyond the end is gone too", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 3));
    const gone = { code: "TG_OFFSET_GONE", retryable: false, message: /\[0, 3\], got 4/ };
    await assert.rejects(t.fetch(4), gone);
    await assert.rejects(t.fetch(4, { maxWaitMs: 20_000 }), gone);
  });

  test("ranges are read at the same time", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 2 }]);
    for (const partition of [0, 1]) {
      for (let from = 0; from < 60; from += 20) {
        await t.writer.send(t.topic, numbered(from, from + 20, partition));
      }
    }
    const ranges = Array.from({ length: 12 }, (_, i) => ({ from: 5 * i, partition: i % 2 }));
    const read = await Promise.all(ranges.map(({ from, partition }) => t.readAll(from, partition)));
    ranges.forEach(({ from }, i) =>
      assert.deepEqual(read[i]?.map(({ value }) => text(value)), numbers(from, 60))
    );
  });

  test("the offset at a time is the first that is not older, else the end", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1, config: OWN_TIME }]);
    const base = 1_790_000_000_000;
    for (const second of [0, 10, 20, 30]) {
      const timestampMs = base + second * 1_000;
      await t.writer.send(t.topic, [{ key: null, value: "x", timestampMs }]);
    }
    const at = (ms: number): Promise<number> => t.reader.offsetAt(t.topic, 0, ms);
    assert.deepEqual(
      [await at(0), await at(base), await at(base + 1), await at(base + 20_000)],
      [0, 0, 1, 2],
    );
    assert.equal(await at(base + 30_001), 4);
    assert.equal(await at(-5), 0);
  });
}
