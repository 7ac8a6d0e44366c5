import assert from "node:assert/strict";
import { createFakeLog, type FakeLog } from "../fake_log/fake_log.ts";
import type { LogRecord, LogWriter } from "../../adapters/kafka/log.ts";
import { TidegateError } from "../../core/errors.ts";
import students from "../../pipelines/cs_student_logs.ts";
import { generateRecords } from "../../producer/generate.ts";
import { produce, type ProduceOptions } from "../../producer/produce.ts";
import { ensureSourceTopic } from "../../producer/topic.ts";
import { FakeClock } from "./_fake_clock.ts";

const START = Date.UTC(2026, 5, 1);
const base = { pipeline: students, seed: 1, rate: 10, partitions: 4 } satisfies ProduceOptions;

async function logWithTopic(clock: FakeClock): Promise<FakeLog> {
  const log = createFakeLog({ now: clock.now });
  const { plan, partitions } = students;
  await ensureSourceTopic({ topic: plan.topic, partitions }, log.admin, log.reader);
  return log;
}

async function recordsOf(log: FakeLog, partition: number): Promise<readonly LogRecord[]> {
  const request = { topic: students.plan.topic, partition, from: 0, maxBytes: 1e9 };
  return (await log.reader.fetch(request)).records;
}

async function lengths(log: FakeLog): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let p = 0; p < 4; p++) counts[p] = (await recordsOf(log, p)).length;
  return counts;
}

Deno.test("in real time, records go off when they are due, and the rate does not drift", async () => {
  const clock = new FakeClock(START);
  const log = await logWithTopic(clock);
  // Every request takes 30 ms, which must not add up.
  const writer: LogWriter = {
    async send(topic, records) {
      await clock.sleep(30);
      await log.writer.send(topic, records);
    },
    close: () => log.writer.close(),
  };
  const said: string[] = [];
  const hooks = { ...clock.hooks, say: (line: string) => said.push(line) };
  const result = await produce({ ...base, producers: 3, seconds: 10 }, writer, hooks);
  assert.equal(result.sent, 300);
  assert.deepEqual(result.perPartition, await lengths(log));
  assert.deepEqual(result.kinds, { ok: 300, late: 0, invalid: 0, skewed: 0, duplicate: 0 });
  assert.ok(result.seconds >= 9.9 && result.seconds < 10.3, String(result.seconds));
  assert.equal(result.seed, 1);
  for (let p = 0; p < 4; p++) {
    for (const { timestampMs, value } of await recordsOf(log, p)) {
      const { event_time } = JSON.parse(new TextDecoder().decode(value ?? undefined));
      const delayMs = timestampMs - Date.parse(event_time);
      assert.ok(delayMs >= 0 && delayMs < 120, String(delayMs));
    }
  }
  assert.equal(said[0], "3 producers of 10 records a second from 2026-06-01T00:00:00.000Z, seed 1");
  assert.ok(said.length >= 9 && said.length <= 12, said.join("\n"));
  assert.match(said[3] ?? "", /^sent \d+ records, (29|30|31)\/s$/);
});

Deno.test("after a pause of the broker it catches up", async () => {
  const clock = new FakeClock(START);
  const log = await logWithTopic(clock);
  let requests = 0;
  const writer: LogWriter = {
    async send(topic, records) {
      requests += 1;
      if (requests === 10) await clock.sleep(20_000);
      await log.writer.send(topic, records);
    },
    close: () => log.writer.close(),
  };
  const result = await produce({ ...base, seconds: 30 }, writer, clock.hooks);
  assert.equal(result.sent, 300);
  assert.ok(result.seconds < 30.2, String(result.seconds));
});

Deno.test("a signal ends it cleanly, and what was sent is reported", async () => {
  const clock = new FakeClock(START);
  const log = await logWithTopic(clock);
  const stop = new AbortController();
  clock.at(START + 3050, () => stop.abort());
  const result = await produce(base, log.writer, { ...clock.hooks, signal: stop.signal });
  assert.equal(result.sent, 31);
  assert.deepEqual(result.perPartition, await lengths(log));
});

Deno.test("a signal that was given before sends nothing", async () => {
  const clock = new FakeClock(START);
  const log = await logWithTopic(clock);
  const hooks = { ...clock.hooks, signal: AbortSignal.abort() };
  assert.equal((await produce({ ...base, count: 100 }, log.writer, hooks)).sent, 0);
  assert.equal((await produce(base, log.writer, hooks)).sent, 0);
});

Deno.test("by the real clock, too, it keeps the rate, and wakes up to stop", async () => {
  const log = await logWithTopic(new FakeClock(START));
  const short = await produce({ ...base, rate: 500, seconds: 0.06 }, log.writer);
  assert.equal(short.sent, 30);
  assert.ok(short.seconds >= 0.058, String(short.seconds));
  // The second record would be due after 1,000 s.
  const stop = new AbortController();
  const writer: LogWriter = {
    async send(topic, records) {
      await log.writer.send(topic, records);
      setTimeout(() => stop.abort(), 5);
    },
    close: () => log.writer.close(),
  };
  const slow = await produce({ ...base, rate: 0.001 }, writer, { signal: stop.signal });
  assert.equal(slow.sent, 1);
});

Deno.test("with a count, records go off at once, and the same ones again for the same seed", async () => {
  const clock = new FakeClock(START);
  const log = await logWithTopic(clock);
  const fromMs = Date.UTC(2026, 0, 1);
  const options = { ...base, count: 5000, fromMs, lateShare: 0.01, invalidShare: 0.01 };
  const result = await produce(options, log.writer, clock.hooks);
  assert.equal(result.sent, 5000);
  assert.equal(clock.now(), START);
  const expected = [...generateRecords(students, options)];
  for (let p = 0; p < 4; p++) {
    const mine = expected.filter(({ partition }) => partition === p);
    const stored = await recordsOf(log, p);
    assert.deepEqual(stored.map(({ value }) => value), mine.map(({ value }) => bytes(value)));
    assert.deepEqual(stored.map(({ key }) => key), mine.map(({ key }) => bytes(key ?? "")));
    assert.equal(result.perPartition[p], mine.length);
  }
});

Deno.test("with a count alone, event times end now", async () => {
  const clock = new FakeClock(START);
  const log = await logWithTopic(clock);
  await produce({ ...base, count: 1001 }, log.writer, clock.hooks);
  const times: number[] = [];
  for (let p = 0; p < 4; p++) {
    for (const { value } of await recordsOf(log, p)) {
      times.push(Date.parse(JSON.parse(new TextDecoder().decode(value ?? undefined)).event_time));
    }
  }
  assert.equal(Math.max(...times), START);
  assert.equal(Math.min(...times), START - 100_000);
});

Deno.test("from a time on without a count, it produces up to the present", async () => {
  const clock = new FakeClock(START);
  const log = await logWithTopic(clock);
  const result = await produce({ ...base, fromMs: START - 60_000 }, log.writer, clock.hooks);
  assert.equal(result.sent, 601);
  await assert.rejects(
    produce({ ...base, fromMs: START + 1 }, log.writer, clock.hooks),
    (error) => error instanceof TidegateError && error.code === "TG_USAGE",
  );
});

Deno.test("event times that will count as skewed are pointed out", async () => {
  const clock = new FakeClock(START);
  const log = await logWithTopic(clock);
  const said: string[] = [];
  const hooks = { ...clock.hooks, say: (line: string) => said.push(line) };
  await produce({ ...base, count: 6001, fromMs: START }, log.writer, hooks);
  assert.deepEqual(said, [
    "the last event times lie 10m ahead of the clock: events more than 5m ahead " +
    "(watermark.maxAhead) will count as skewed",
  ]);
});

Deno.test("a failure says how much was acknowledged, and comes through", async () => {
  const clock = new FakeClock(START);
  const log = await logWithTopic(clock);
  const said: string[] = [];
  const hooks = { ...clock.hooks, say: (line: string) => said.push(line) };
  clock.at(START + 2000, () => log.outage = true);
  await assert.rejects(
    produce(base, log.writer, hooks),
    (error) => error instanceof TidegateError && error.code === "TG_BROKER_UNREACHABLE",
  );
  log.outage = false;
  const stored = Object.values(await lengths(log)).reduce((sum, count) => sum + count, 0);
  assert.equal(said.at(-1), `stopped by a failure after ${stored} acknowledged records`);
  const missing = produce({ ...base, count: 1, topic: "elsewhere" }, log.writer, clock.hooks);
  await assert.rejects(
    missing,
    (error) => error instanceof TidegateError && error.code === "TG_TOPIC_MISSING",
  );
});

Deno.test("the source topic is made once, with the broker's clock", async () => {
  const log = createFakeLog();
  const wanted = { topic: "fresh", partitions: 3 };
  const first = await ensureSourceTopic(wanted, log.admin, log.reader);
  assert.deepEqual(first, { partitions: 3, created: true });
  const config = await log.admin.topicConfig("fresh");
  assert.equal(config["message.timestamp.type"], "LogAppendTime");
  const again = await ensureSourceTopic({ ...wanted, partitions: 9 }, log.admin, log.reader);
  assert.deepEqual(again, { partitions: 3, created: false });
  const both = { topic: "wanted_by_two", partitions: 2 };
  const two = await Promise.all([0, 1].map(() => ensureSourceTopic(both, log.admin, log.reader)));
  assert.deepEqual(two.map(({ partitions }) => partitions), [2, 2]);
  assert.deepEqual(two.map(({ created }) => created), [true, false]);
});

function bytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}
