/**
 * What every implementation of the log must do: registered once for the log in memory and once for
 * a real broker, so that a test against the former says something about the latter.
 *
 * @module
 */

import assert from "node:assert/strict";
import type {
  FetchRequest,
  LogAdmin,
  LogReader,
  LogRecord,
  LogWriter,
  OutRecord,
} from "../../adapters/log.ts";

/** One implementation, opened for one test. */
export interface OpenLog {
  /** Reads. */
  readonly reader: LogReader;
  /** Writes. */
  readonly writer: LogWriter;
  /** Makes topics. */
  readonly admin: LogAdmin;
}

/** Which implementation, and how to come by it. */
export interface LogContract {
  /** Begins the names of the tests. */
  readonly name: string;
  /** Opens reader, writer and admin; the test closes them. */
  open(): Promise<OpenLog>;
  /**
   * Whether to leave the tests out.
   * @default {false}
   */
  readonly ignore?: boolean;
}

/** What a test of the contract gets. */
interface Trial extends OpenLog {
  /** A name that no other test uses. */
  readonly topic: string;
  /** Fetches from partition 0 of the topic unless told otherwise. */
  fetch(from: number, more?: Partial<FetchRequest>): ReturnType<LogReader["fetch"]>;
  /** Reads partition 0 of the topic from an offset to its end. */
  readAll(from?: number, partition?: number): Promise<LogRecord[]>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Records keep their own time; nothing is deleted for its age while a test runs. */
const OWN_TIME = { "message.timestamp.type": "CreateTime", "retention.ms": "-1" };

/** Registers the tests of the contract for one implementation. */
export function testLogContract(contract: LogContract): void {
  const test = (name: string, body: (trial: Trial) => Promise<void>): void =>
    Deno.test({
      name: `${contract.name}: ${name}`,
      ignore: contract.ignore ?? false,
      fn: () => tryOut(contract, body),
    });

  test("a topic is described by its partitions, a missing one by null", async (t) => {
    assert.equal(await t.reader.describe(t.topic), null);
    await t.admin.createTopics([{ topic: t.topic, partitions: 3 }]);
    const info = await t.reader.describe(t.topic);
    assert.equal(info?.topic, t.topic);
    assert.deepEqual(info?.partitions, [0, 1, 2]);
    assert.match(info?.topicId ?? "", /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    assert.ok((await t.admin.listTopics()).includes(t.topic));
  });

  test("describing or reading a missing topic does not make it", async (t) => {
    await t.reader.describe(t.topic);
    await assert.rejects(t.fetch(0), { code: "TG_TOPIC_MISSING" });
    await assert.rejects(t.reader.offsets(t.topic, 0), { code: "TG_TOPIC_MISSING" });
    await assert.rejects(t.reader.offsetAt(t.topic, 0, 0), { code: "TG_TOPIC_MISSING" });
    assert.ok(!(await t.admin.listTopics()).includes(t.topic));
  });

  test("writing to a missing topic is refused", async (t) => {
    await assert.rejects(t.writer.send(t.topic, [{ key: null, value: "x" }]), {
      code: "TG_TOPIC_MISSING",
    });
  });

  test("a missing partition is told apart from an empty one", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    assert.deepEqual(await t.reader.offsets(t.topic, 0), { start: 0, end: 0 });
    assert.deepEqual(await t.fetch(0), { records: [], next: 0, start: 0, end: 0 });
    await assert.rejects(t.fetch(0, { partition: 1 }), { code: "TG_TOPIC_MISSING" });
    await assert.rejects(t.reader.offsets(t.topic, 1), { code: "TG_TOPIC_MISSING" });
  });

  test("topics are made once, with their settings", async (t) => {
    const spec = { topic: t.topic, partitions: 2, config: { "cleanup.policy": "compact" } };
    assert.deepEqual(await t.admin.createTopics([spec]), [t.topic]);
    const other = `${t.topic}-b`;
    const made = await t.admin.createTopics([{ ...spec, partitions: 5 }, {
      ...spec,
      topic: other,
    }]);
    assert.deepEqual(made, [other]);
    assert.deepEqual((await t.reader.describe(t.topic))?.partitions, [0, 1]);
    assert.equal((await t.admin.topicConfig(t.topic))["cleanup.policy"], "compact");
    await t.admin.deleteTopics([other]);
    await assert.rejects(t.admin.topicConfig(other), { code: "TG_TOPIC_MISSING" });
  });

  test("a topic without partitions is refused", async (t) => {
    await assert.rejects(t.admin.createTopics([{ topic: t.topic, partitions: 0 }]), {
      code: "TG_CONFIG",
    });
  });

  test("partitions are added up to a count, never removed", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.admin.addPartitions(t.topic, 3);
    await t.admin.addPartitions(t.topic, 3);
    await t.admin.addPartitions(t.topic, 2);
    assert.deepEqual((await t.reader.describe(t.topic))?.partitions, [0, 1, 2]);
    await t.writer.send(t.topic, [{ key: null, value: "x", partition: 2 }]);
    assert.equal((await t.readAll(0, 2)).length, 1);
  });

  test("topics are deleted, missing ones passed over", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.admin.deleteTopics([t.topic, `${t.topic}-none`]);
    await t.admin.deleteTopics([t.topic]);
    assert.equal(await t.reader.describe(t.topic), null);
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
      written.map(({ key, value }) => ({ key: bytes(key), value: bytes(value) })),
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

  test("deleted records are gone", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 10));
    await t.admin.deleteRecords(t.topic, 0, 4);
    await t.admin.deleteRecords(t.topic, 0, 2); // Already gone: nothing to do.
    await assert.rejects(t.admin.deleteRecords(t.topic, 0, 11), { code: "TG_OFFSET_GONE" });
    await assert.rejects(t.admin.deleteRecords(t.topic, 1, 1), { code: "TG_TOPIC_MISSING" });
    assert.deepEqual(await t.reader.offsets(t.topic, 0), { start: 4, end: 10 });
    const gone = { code: "TG_OFFSET_GONE", retryable: false };
    await assert.rejects(t.fetch(3), { ...gone, message: /\/0: .*\[4, 10\], got 3/ });
    const answer = await t.fetch(4);
    assert.deepEqual([answer.records[0]?.offset, answer.start], [4, 4]);
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
    const ends = await Promise.all([0, 1, 2].map((it) => t.reader.offsets(t.topic, it)));
    assert.deepEqual(ends.map(({ end }) => end), [3, 3, 3]);
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

  test("a group's offsets are kept by partition", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 3 }]);
    const group = `${t.topic}-group`;
    assert.deepEqual(await t.admin.committedOffsets(group, t.topic), new Map());
    await t.admin.commitOffsets(group, t.topic, new Map([[0, 5], [2, 9_007_199_254]]));
    await t.admin.commitOffsets(group, t.topic, new Map([[0, 6]]));
    assert.deepEqual(
      new Map([...await t.admin.committedOffsets(group, t.topic)].sort(([a], [b]) => a - b)),
      new Map([[0, 6], [2, 9_007_199_254]]),
    );
    assert.deepEqual(await t.admin.committedOffsets(group, `${t.topic}-other`), new Map());
    await t.admin.deleteGroup(group);
    await t.admin.deleteGroup(group);
    assert.deepEqual(await t.admin.committedOffsets(group, t.topic), new Map());
  });

  test("a topic made anew has another id, empty partitions, and is read at once", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.writer.send(t.topic, numbered(0, 5));
    assert.equal((await t.readAll()).length, 5);
    const before = await t.reader.describe(t.topic);
    await t.admin.deleteTopics([t.topic]);
    await t.admin.createTopics([{ topic: t.topic, partitions: 2 }]);
    await assert.rejects(t.fetch(5), { code: "TG_OFFSET_GONE" });
    const after = await t.reader.describe(t.topic);
    assert.notEqual(after?.topicId, before?.topicId);
    await t.writer.send(t.topic, [...numbered(0, 2, 0), ...numbered(0, 1, 1)]);
    assert.deepEqual((await t.readAll(0, 0)).map(({ value }) => text(value)), ["0", "1"]);
    assert.deepEqual((await t.readAll(0, 1)).map(({ value }) => text(value)), ["0"]);
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

  test("a topic that was deleted under a reader is missing", async (t) => {
    await t.admin.createTopics([{ topic: t.topic, partitions: 1 }]);
    await t.fetch(0);
    await t.admin.deleteTopics([t.topic]);
    await assert.rejects(t.fetch(0), { code: "TG_TOPIC_MISSING" });
    await assert.rejects(t.reader.offsets(t.topic, 0), { code: "TG_TOPIC_MISSING" });
  });
}

let topics = 0;

async function tryOut(
  contract: LogContract,
  body: (trial: Trial) => Promise<void>,
): Promise<void> {
  const log = await contract.open();
  const topic = `tidegate-test-${crypto.randomUUID().slice(0, 8)}-${++topics}`;
  const trial: Trial = {
    ...log,
    topic,
    fetch: (from, more) => log.reader.fetch({ topic, partition: 0, from, ...more }),
    readAll: (from = 0, partition = 0) => readAll(log.reader, topic, partition, from),
  };
  try {
    await body(trial);
  } finally {
    await log.admin.deleteTopics([topic]);
    await Promise.all([log.reader.close(), log.writer.close(), log.admin.close()]);
  }
}

/** Reads a partition from an offset to the end that it has when the reading begins. */
export async function readAll(
  reader: LogReader,
  topic: string,
  partition = 0,
  from = 0,
): Promise<LogRecord[]> {
  const { end } = await reader.offsets(topic, partition);
  const records: LogRecord[] = [];
  for (let next = from; next < end;) {
    const answer = await reader.fetch({ topic, partition, from: next });
    assert.ok(answer.next > next, `a fetch from ${next} must move on before ${end}`);
    records.push(...answer.records);
    next = answer.next;
  }
  return records;
}

/** Records whose values are the numbers `from` to `to` − 1. */
export function numbered(from: number, to: number, partition = 0): OutRecord[] {
  return numbers(from, to).map((value) => ({ key: null, value, partition }));
}

/** The numbers `from` to `to` − 1 as text. */
export function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => String(from + i));
}

/** A key or value as text. */
export function text(data: Uint8Array | null | undefined): string | null {
  return data === null || data === undefined ? null : decoder.decode(data);
}

function bytes(data: string | Uint8Array | null): Uint8Array | null {
  return typeof data === "string" ? encoder.encode(data) : data?.slice() ?? null;
}
