import assert from "node:assert/strict";
import { createFakeLog } from "../../fake_log/fake_log.ts";
import { numbered, numbers, readAll, testLogContract, text } from "./log_contract.ts";

testLogContract({
  name: "log in memory",
  open: () => {
    const { reader, writer, admin } = createFakeLog();
    return Promise.resolve({ reader, writer, admin });
  },
});

Deno.test("log in memory: an open transaction holds the end back, its commit lets go", async () => {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: "t", partitions: 2 }]);
  await log.writer.send("t", numbered(0, 2));
  const open = log.begin();
  open.append("t", numbered(2, 4));
  await log.writer.send("t", numbered(4, 5));
  assert.deepEqual(await log.reader.offsets("t", 0), { start: 0, end: 2 });
  await assert.rejects(log.reader.fetch({ topic: "t", partition: 0, from: 4 }), {
    code: "TG_OFFSET_GONE",
    retryable: true,
  });
  const waiting = log.reader.fetch({ topic: "t", partition: 0, from: 2, maxWaitMs: 10_000 });
  await log.reader.offsets("t", 0);
  open.commit();
  const { records, next, end } = await waiting;
  assert.deepEqual(records.map(({ value }) => text(value)), numbers(2, 5));
  assert.deepEqual([next, end], [6, 6]); // The commit marker takes an offset.
  assert.throws(() => open.abort(), /committed/);
});

Deno.test("log in memory: aborted records are passed over, next moves", async () => {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: "t", partitions: 1 }]);
  const aborted = log.begin();
  aborted.append("t", numbered(0, 3));
  aborted.abort();
  const only = await log.reader.fetch({ topic: "t", partition: 0, from: 0 });
  assert.deepEqual(only, { records: [], next: 4, end: 4, start: 0 });
  await log.writer.send("t", numbered(4, 6));
  const read = await readAll(log.reader, "t");
  assert.deepEqual(read.map(({ offset }) => offset), [4, 5]);
});

Deno.test("log in memory: compacted offsets stay gaps", async () => {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: "t", partitions: 1 }]);
  await log.writer.send("t", numbered(0, 8));
  log.compactAway("t", 0, [0, 1, 4, 5]);
  const first = await log.reader.fetch({ topic: "t", partition: 0, from: 0 });
  assert.deepEqual(first.records.map(({ offset }) => offset), [2, 3, 6, 7]);
  assert.deepEqual([first.next, first.start], [8, 0]);
  const inGap = await log.reader.fetch({ topic: "t", partition: 0, from: 5 });
  assert.deepEqual(inGap.records.map(({ offset }) => offset), [6, 7]);
});

Deno.test("log in memory: in an outage every call fails, afterwards none", async () => {
  const log = createFakeLog();
  await log.admin.createTopics([{ topic: "t", partitions: 1 }]);
  log.outage = true;
  const failure = { code: "TG_BROKER_UNREACHABLE", retryable: true };
  await assert.rejects(log.reader.fetch({ topic: "t", partition: 0, from: 0 }), failure);
  await assert.rejects(log.reader.describe("t"), failure);
  await assert.rejects(log.writer.send("t", []), failure);
  await assert.rejects(log.admin.listTopics(), failure);
  log.outage = false;
  assert.equal((await log.reader.describe("t"))?.topic, "t");
});

Deno.test("log in memory: its clock stamps records, readers close one by one", async () => {
  const log = createFakeLog({ now: () => 42 });
  await log.admin.createTopics([{ topic: "t", partitions: 1 }]);
  await log.writer.send("t", numbered(0, 1));
  const second = log.openReader();
  await log.reader.close();
  const [record] = await readAll(second, "t");
  assert.equal(record?.timestampMs, 42);
});
