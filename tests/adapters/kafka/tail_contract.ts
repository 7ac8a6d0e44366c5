/**
 * The contract of reading many partitions at once: registered for the log in memory and for Kafka.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { LogTailer, Tail, TailPartition, TailRead } from "../../../adapters/kafka/tail.ts";
import { numbered, numbers, type OpenLog, text } from "./log_contract.ts";

/** One implementation, opened for one test. */
export interface OpenTailLog extends OpenLog {
  /** Reads many partitions. */
  readonly tailer: LogTailer;
}

/** What a test gets. */
export interface TailTrial extends OpenTailLog {
  /** A name that no other test uses. */
  readonly topic: string;
  /** Follows partitions of the topic from cursors, for a while. */
  follow(
    partitions: readonly (Partial<TailPartition> & { readonly partition: number })[],
    more?: { readonly leftMs?: number; readonly maxBytes?: number },
  ): Tail;
}

/** Registers the contract's tests. */
export function testTailContract(
  name: string,
  ignore: boolean,
  open: () => Promise<OpenTailLog>,
): void {
  const test = (what: string, body: (trial: TailTrial) => Promise<void>) =>
    Deno.test({ name: `${name}: ${what}`, ignore, fn: () => tryOut(open, body) });

  test("all partitions are read in one go, each in its order", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 16 }]);
    for (let p = 0; p < 16; p++) await t.writer.send(t.topic, numbered(0, 30 + p, p));
    const tail = t.follow(all(16));
    const read = await collect(tail, 16 * 30 + 120);
    for (let p = 0; p < 16; p++) assert.deepEqual(read.get(p), numbers(0, 30 + p));
    assert.equal(tail.topicPartitions, 16);
    await tail.end(100);
  });

  test("a small answer starves nobody", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 8 }]);
    const value = "x".repeat(1_000);
    for (let i = 0; i < 5; i++) {
      for (let partition = 0; partition < 8; partition++) {
        await t.writer.send(t.topic, [{ key: null, value, partition }]);
      }
    }
    const tail = t.follow(all(8), { maxBytes: 2_500 });
    const served = new Set<number>();
    let polls = 0;
    while (served.size < 8 && polls < 100) {
      polls += 1;
      for (const it of reads(await tail.next(5_000))) {
        if (it.records.length > 0) served.add(it.partition);
      }
    }
    assert.equal(served.size, 8);
    assert.ok(polls <= 10, `${polls} polls until all 8 had been served`);
    await tail.end(100);
  });

  test("a poll waits for records, and its answer tells where the ends are", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 2 }]);
    await t.writer.send(t.topic, numbered(0, 3, 1));
    const tail = t.follow([{ partition: 0 }, { partition: 1, cursor: 3 }]);
    const waiting = tail.next(10_000);
    await t.writer.send(t.topic, numbered(0, 1, 0));
    let found = reads(await waiting);
    while (!found.some(({ records }) => records.length > 0)) found = reads(await tail.next(10_000));
    const [read] = found.filter(({ partition }) => partition === 0);
    assert.ok(read !== undefined);
    assert.deepEqual(
      [read.from, read.next, read.end, read.highWatermark, read.records.length],
      [0, 1, 1, 1, 1],
    );
    const other = found.find(({ partition }) => partition === 1);
    assert.deepEqual(other && [other.from, other.next, other.end], [3, 3, 3]);
    assert.ok(read.answeredMs >= read.sentMs);
    await tail.end(100);
  });

  test("nothing is read beyond the end that was set, nor before the cursor", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 20));
    const tail = t.follow([{ partition: 0, cursor: 7, until: 12 }]);
    const [read] = reads(await tail.next(10_000));
    assert.deepEqual(read?.records.map(({ value }) => text(value)), numbers(7, 12));
    assert.equal(read?.next, 12);
    assert.deepEqual(await tail.next(200), []);
    await tail.end(100);
  });

  test("polls end by themselves long before the reading does", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    const tail = t.follow([{ partition: 0 }], { leftMs: 600 });
    const [read] = reads(await tail.next(5_000));
    assert.equal(read?.records.length, 0);
    assert.ok(read !== undefined && read.waitMs <= 200, `waited ${read?.waitMs} ms`);
    await tail.end(500);
  });

  test("deleted offsets stop their partition only", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 2 }]);
    for (const p of [0, 1]) await t.writer.send(t.topic, numbered(0, 10, p));
    await t.admin.deleteRecords(t.topic, 0, 6);
    const tail = t.follow(all(2));
    const events = await untilEvent(tail, ({ kind }) => kind === "stopped");
    const stopped = events.find(({ kind }) => kind === "stopped");
    assert.ok(stopped?.kind === "stopped");
    assert.deepEqual([stopped.partition, stopped.error.code], [0, "TG_OFFSET_GONE"]);
    const read = reads(events).filter(({ partition }) => partition === 1);
    assert.equal(read.flatMap(({ records }) => records).length, 10);
    await tail.end(100);
  });

  test("another record where the last one was read is another log; a missing one is none", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 2 }]);
    for (const p of [0, 1]) await t.writer.send(t.topic, numbered(0, 10, p));
    await t.admin.deleteRecords(t.topic, 1, 5);
    const tail = t.follow([
      { partition: 0, cursor: 5, last: { offset: 4, timestamp: 12_345 } },
      { partition: 1, cursor: 5, last: { offset: 4, timestamp: 12_345 } },
    ]);
    const events = await untilEvent(tail, (it) => it.kind === "read" && it.records.length > 0);
    if (!events.some(({ kind }) => kind === "stopped")) events.push(...await tail.next(1_000));
    const stopped = events.filter(({ kind }) => kind === "stopped");
    assert.deepEqual(
      stopped.map((it) => it.kind === "stopped" && [it.partition, it.error.code]),
      [[0, "TG_TOPIC_RECREATED"]],
    );
    const read = reads(events).filter(({ partition }) => partition === 1);
    assert.deepEqual(read.flatMap(({ records }) => records).map(({ offset }) => offset), [
      5,
      6,
      7,
      8,
      9,
    ]);
    await tail.end(100);
  });

  test("the record that was read last is found again, and read no second time", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 10));
    const first = t.follow([{ partition: 0, until: 5 }]);
    const [read] = reads(await first.next(10_000));
    await first.end(100);
    const last = read?.records.at(-1);
    assert.ok(last !== undefined && read !== undefined);
    const tail = t.follow([{
      partition: 0,
      cursor: 5,
      leaderEpoch: read.leaderEpoch,
      last: { offset: last.offset, timestamp: last.timestampMs },
    }]);
    const found = await untilEvent(tail, (it) => it.kind === "read" && it.records.length > 0);
    assert.deepEqual(
      reads(found).flatMap(({ records }) => records).map(({ value }) => text(value)),
      numbers(5, 10),
    );
    await tail.end(100);
  });

  test("a topic of another id is another topic", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 10));
    const { topicId } = await t.reader.describe(t.topic) ?? {};
    const tail = t.tailer.follow({
      topic: t.topic,
      topicId: "7d6bb7e4-9f6f-4a5e-9d3a-3b1f6f0b7a11",
      partitions: [whole({ partition: 0 })],
      leftMs: () => 5_000,
      spacingMs: () => 5,
    });
    const [stopped] = await tail.next(5_000);
    assert.ok(stopped?.kind === "stopped" && typeof topicId === "string");
    assert.equal(stopped.error.code, "TG_TOPIC_RECREATED");
    await tail.end(100);
  });

  test("a topic that is not there is missed after a while, and stops", async (t) => {
    const tail = t.follow([{ partition: 0 }]);
    const events = await untilEvent(tail, ({ kind }) => kind === "stopped");
    assert.ok(events.some(({ kind }) => kind === "passing"));
    const last = events.at(-1);
    assert.ok(last?.kind === "stopped" && last.error.code === "TG_TOPIC_MISSING");
    await tail.end(100);
  });
}

/** The events that went well. */
export function reads(events: readonly { readonly kind: string }[]): TailRead[] {
  return events.filter((it): it is TailRead => it.kind === "read");
}

/** Partitions 0 to `count` − 1, from their beginnings. */
export function all(count: number): { readonly partition: number }[] {
  return Array.from({ length: count }, (_, partition) => ({ partition }));
}

/** A partition from its beginning, unless said otherwise. */
export function whole(
  some: Partial<TailPartition> & { readonly partition: number },
): TailPartition {
  return { cursor: 0, until: null, leaderEpoch: null, last: null, ...some };
}

/** Reads on until so many records have come; their values by partition. */
export async function collect(tail: Tail, count: number): Promise<Map<number, (string | null)[]>> {
  const found = new Map<number, (string | null)[]>();
  for (let left = count; left > 0;) {
    const events = await tail.next(10_000);
    assert.ok(events.length > 0, `${left} records are missing`);
    for (const { partition, records } of reads(events)) {
      const known = found.get(partition) ?? [];
      found.set(partition, known);
      known.push(...records.map(({ value }) => text(value)));
      left -= records.length;
    }
  }
  return found;
}

/** All events up to the first poll that has such a one. */
export async function untilEvent(
  tail: Tail,
  wanted: (event: Awaited<ReturnType<Tail["next"]>>[number]) => boolean,
) {
  const found = [];
  while (true) {
    const events = await tail.next(10_000);
    assert.ok(events.length > 0, "the event must come");
    found.push(...events);
    if (events.some(wanted)) return found;
  }
}

let topics = 0;

async function tryOut(
  open: () => Promise<OpenTailLog>,
  body: (trial: TailTrial) => Promise<void>,
): Promise<void> {
  const log = await open();
  const topic = `tidegate-test-${crypto.randomUUID().slice(0, 8)}-t${++topics}`;
  const tails: Tail[] = [];
  const follow: TailTrial["follow"] = (partitions, more = {}) => {
    const tail = log.tailer.follow({
      topic,
      topicId: null,
      partitions: partitions.map(whole),
      leftMs: () => more.leftMs ?? 20_000,
      spacingMs: () => 5,
      ...(more.maxBytes === undefined ? {} : { maxBytes: more.maxBytes }),
    });
    tails.push(tail);
    return tail;
  };
  try {
    await body({ ...log, topic, follow });
  } finally {
    for (const it of tails) await it.end(0);
    await log.admin.deleteTopics([topic]);
    await Promise.all([log.tailer, log.reader, log.writer, log.admin].map((it) => it.close()));
  }
}
