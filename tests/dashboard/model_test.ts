import assert from "node:assert/strict";
import type { BrokerHealth } from "../../processes/control/load.ts";
import { createFakeLog } from "../fake_log/fake_log.ts";
import type { LogReader } from "../../adapters/kafka/log.ts";
import { readRows, readSamples, sampleOf } from "../../dashboard/server/samples.ts";
import { Model } from "../../dashboard/server/model.ts";
import { EventStream } from "../../dashboard/server/event_stream.ts";
import { metricsText } from "../../dashboard/server/metrics.ts";
import { BASE_MS, CLOCK, drainOf, fakeControl, modelOptions, PLAN, rowOf } from "./fakes.ts";

/** A window that the clock holds open. */
const OPEN = {
  ...{ id: "p/1/window/w", start: BASE_MS, end: BASE_MS + 10_000, final: BASE_MS + 10_000 },
  ...{ fired: 0 as const, sentAtMs: null },
};

Deno.test("before the control process is up, the model says so", () => {
  const model = new Model(modelOptions(() => BASE_MS));
  const { about, health, account, time } = model.state();
  assert.deepEqual([about.generation, health.phase, account, time], [0, "starting", null, null]);
  assert.equal(model.ready, false);
  assert.match(metricsText(model, new EventStream()), /tidegate_server_up\{server="broker"\} 0/);
});

Deno.test("a poll fills event time, account and health", async () => {
  const model = new Model(modelOptions(() => BASE_MS));
  await model.attach(await fakeControl());
  await model.second(true);
  const { account, time, health, now, fleet } = model.state();
  assert.equal(account?.state, "holds");
  assert.deepEqual(account.account.events.read, 7);
  assert.deepEqual(time?.partitions.map(({ partition, lag }) => [partition, lag]), [[0, 2]]);
  assert.deepEqual([now.open, now.closed, now.lag], [0, 2, 2]);
  assert.deepEqual(health.problems, []);
  assert.deepEqual(fleet.workers.map(({ rate, busy }) => [rate, busy]), [[20, 0.25]]);
  assert.equal(model.ready, true);
});

Deno.test("without anybody who wants to know, nobody is asked", async () => {
  let asked = 0;
  const clock = () => {
    asked += 1;
    return Promise.resolve(CLOCK);
  };
  const model = new Model(modelOptions(() => BASE_MS));
  await model.attach(await fakeControl({ clock }));
  for (let i = 0; i < 5; i++) await model.second(false);
  assert.equal(asked, 0);
  model.ask();
  await model.second(false);
  assert.ok(asked > 0);
});

Deno.test("looks are a second apart while something happens, and ten while nothing does", async () => {
  let nowMs = BASE_MS;
  let looks = 0;
  const drain = () => {
    looks += 1;
    return Promise.resolve(drainOf(0, { read: 7, aggregated: 7, assigned: 7 }));
  };
  const model = new Model(modelOptions(() => nowMs));
  await model.attach(await fakeControl({ drain }));
  for (let i = 0; i < 21; i++, nowMs += 1_000) await model.second(true);
  assert.equal(looks, 3);
  for (let i = 0; i < 5; i++, nowMs += 1_000) {
    model.monitor.dirty = true;
    await model.second(true);
  }
  assert.equal(looks, 8);
});

Deno.test("changes hold what is new, and nothing else", async () => {
  let nowMs = BASE_MS;
  const model = new Model(modelOptions(() => nowMs));
  await model.attach(await fakeControl());
  await model.second(true);
  const { seen } = model;
  nowMs += 1_000;
  await model.second(false);
  const quiet = model.changes(seen);
  assert.deepEqual(Object.keys(quiet).sort(), ["fleet", "health", "now", "points"]);
  assert.equal(quiet.points?.atMs.length, 1);
  model.monitor.watch.emitted?.({ topic: "t", rows: [rowOf(0)], closed: null });
  assert.equal(model.changes(seen).results?.length, 1);
});

Deno.test("Temporal that does not answer is told, with since when, until it does", async () => {
  let nowMs = BASE_MS;
  let away = true;
  const clock = () => away ? Promise.reject(new Error("14 UNAVAILABLE")) : Promise.resolve(CLOCK);
  const model = new Model(modelOptions(() => nowMs));
  await model.attach(await fakeControl({ clock }));
  await model.second(true);
  nowMs += 5_000;
  await model.second(true);
  const [problem] = model.health().problems;
  assert.deepEqual([problem?.what, problem?.sinceMs], ["Temporal", BASE_MS]);
  assert.match(problem?.text ?? "", /UNAVAILABLE/);
  assert.equal(model.ready, false);
  assert.equal(model.errors.temporal, 2);
  away = false;
  nowMs += 5_000;
  await model.second(true);
  assert.deepEqual(model.health().problems, []);
});

Deno.test("a broker that does not answer is told, by whoever notices it first", async () => {
  let nowMs = BASE_MS;
  const control = await fakeControl();
  let away = false;
  const ends = () =>
    away ? Promise.reject(new Error("ECONNREFUSED")) : control.reader.ends("p", [0]);
  const model = new Model(modelOptions(() => nowMs));
  await model.attach({ ...control, reader: { ...readerOf(control.reader), ends } });
  await model.second(true);
  assert.equal(model.health().broker.ok, true);
  away = true;
  nowMs += 20_000;
  await model.second(true);
  assert.match(model.health().problems[0]?.text ?? "", /broker unreachable: ECONNREFUSED/);
  assert.equal(model.health().broker.sinceMs, nowMs);
  away = false;
  nowMs += 20_000;
  await model.second(true);
  assert.deepEqual(model.health().problems, []);
  model.monitor.watch.broker?.("connection reset");
  const [problem] = model.health().problems;
  assert.deepEqual([problem?.what, problem?.sinceMs], ["broker", nowMs]);
  assert.equal(model.errors.broker, 2);
});

Deno.test("a server is away since the first call without an answer began, by whoever noticed first", async () => {
  let nowMs = BASE_MS;
  let health: BrokerHealth = { ok: true, sinceMs: BASE_MS, problem: null };
  const control = await fakeControl({ brokerHealth: () => health });
  let away = false;
  const ends = () => {
    if (!away) return control.reader.ends("p", [0]);
    nowMs += 5_000;
    return Promise.reject(new Error("no answer within 5 s"));
  };
  const model = new Model(modelOptions(() => nowMs));
  await model.attach({ ...control, reader: { ...readerOf(control.reader), ends } });
  await model.second(true);
  away = true;
  nowMs += 60_000;
  // Nobody looked at the page when it began, but the load is always looked at.
  health = { ok: false, sinceMs: nowMs, problem: "connection refused" };
  const [told] = model.health().problems;
  assert.deepEqual([told?.text, told?.sinceMs], ["broker unreachable: connection refused", nowMs]);
  const sinceMs = nowMs;
  nowMs += 20_000;
  await model.second(true);
  assert.equal(model.health().broker.sinceMs, sinceMs);
  health = { ok: true, sinceMs: nowMs, problem: null };
  assert.match(
    model.health().problems[0]?.text ?? "",
    /^broker unreachable: no answer within 5 s$/,
  );
  assert.equal(model.health().broker.sinceMs, sinceMs + 20_000, "when the call began, not its end");
});

Deno.test("an outage is over with the first answer, though those who wait have not noticed yet", async () => {
  let nowMs = BASE_MS;
  let health: BrokerHealth = { ok: false, sinceMs: BASE_MS, problem: "away" };
  const model = new Model(modelOptions(() => nowMs));
  await model.attach(await fakeControl({ brokerHealth: () => health }));
  nowMs += 20_000;
  model.monitor.watch.broker?.("nothing in 20 s");
  assert.equal(model.health().broker.sinceMs, BASE_MS);
  nowMs += 20_000;
  health = { ok: true, sinceMs: nowMs, problem: null };
  assert.deepEqual(model.health().problems, []);
  nowMs += 1_000;
  model.monitor.watch.broker?.(null);
  nowMs += 1_000;
  model.monitor.watch.broker?.("connection reset");
  assert.match(model.health().problems[0]?.text ?? "", /connection reset/);
});

/** A reader whose methods can be replaced. */
function readerOf(reader: LogReader): LogReader {
  return {
    describe: (topic) => reader.describe(topic),
    offsets: (topic, partition) => reader.offsets(topic, partition),
    ends: (topic, partitions) => reader.ends(topic, partitions),
    offsetAt: (topic, partition, ms) => reader.offsetAt(topic, partition, ms),
    fetch: (request) => reader.fetch(request),
    close: () => reader.close(),
  };
}

Deno.test("a stopped partition is told with its code and what to do", async () => {
  const stop = { code: "TG_OFFSET_GONE", message: "gone", sinceMs: 77 };
  const drain = () => Promise.resolve({ ...drainOf(0), mode: "stopped" as const, stop });
  const model = new Model(modelOptions(() => BASE_MS));
  await model.attach(await fakeControl({ drain }));
  await model.second(true);
  const [problem] = model.health().problems;
  assert.deepEqual([problem?.level, problem?.what, problem?.sinceMs], ["error", "partition 0", 77]);
  assert.match(problem?.text ?? "", /TG_OFFSET_GONE.*resume.*exclude/);
});

Deno.test("an account that does not add up is moving first, and broken if it stays", async () => {
  let nowMs = BASE_MS;
  const drain = () => Promise.resolve(drainOf(0, { read: 8, aggregated: 8, assigned: 8 }));
  const model = new Model(modelOptions(() => nowMs));
  await model.attach(await fakeControl({ drain }));
  const states: (string | undefined)[] = [];
  for (let i = 0; i < 5; i++, nowMs += 2_500) {
    await model.second(true);
    states.push(model.state().account?.state);
  }
  assert.deepEqual(states, ["moving", "moving", "moving", "broken", "broken"]);
});

Deno.test("windows that were not asked this time keep their figures", async () => {
  let nowMs = BASE_MS;
  const control = await fakeControl({ clock: () => Promise.resolve({ ...CLOCK, open: [OPEN] }) });
  const workflows = {
    ...control.workflows,
    window: () =>
      Promise.resolve({
        ...{ start: BASE_MS, shard: 0, cells: [['["a"]', 3, null] as const], pairs: 3 },
        ...{ refused: 0, emissions: 0, watermark: null, lastTo: [] },
      }),
  };
  const model = new Model(modelOptions(() => nowMs));
  await model.attach({ ...control, workflows });
  await model.second(true);
  const figures = () => model.state().time?.open.map(({ events, cells }) => [events, cells]);
  assert.deepEqual(figures(), [[3, 1]]);
  nowMs += 1_000;
  model.monitor.dirty = true;
  await model.second(true);
  assert.deepEqual(figures(), [[3, 1]]);
});

Deno.test("samples are read from the ends backwards, of one generation, hostile ones as text", async () => {
  const log = createFakeLog();
  await log.admin.createTopics(
    [PLAN.lateTopic, PLAN.invalidTopic, PLAN.resultsTopic].map((topic) => ({
      topic,
      partitions: 1,
    })),
  );
  const hostile = "<img src=x onerror=alert(1)>";
  const side = (kind: string, offset: number, generation = 1) => ({
    key: null,
    value: JSON.stringify({
      ...{ kind, generation, reason: "schema", path: "course", message: hostile },
      ...{ partition: 0, offset, watermark: null, value: `{"at":"2026-01-02T03:04:05Z"}` },
    }),
  });
  const many = Array.from({ length: 30 }, (_, i) => side("late", i));
  await log.writer.send(PLAN.lateTopic, [...many, side("late", 99, 2)]);
  await log.writer.send(PLAN.invalidTopic, [side("invalid", 1), { key: null, value: "not JSON" }]);
  const samples = await readSamples(log.reader, PLAN, 1);
  assert.deepEqual(samples.slice(0, 2).map(({ offset }) => offset), [29, 28]);
  assert.equal(samples.filter(({ kind }) => kind === "late").length, 12);
  const invalid = samples.find(({ kind }) => kind === "invalid");
  assert.equal(invalid?.message, hostile);
  assert.equal(invalid.eventTime, BASE_MS + 5_000);
  await log.writer.send(PLAN.resultsTopic, [{ key: null, value: JSON.stringify(rowOf(3)) }]);
  assert.equal((await readRows(log.reader, PLAN, 1)).length, 1);
  assert.equal((await readRows(log.reader, PLAN, 2)).length, 0);
});

Deno.test("a side record of any content makes a sample or none, never an error", () => {
  const record = (value: unknown) =>
    JSON.stringify({ kind: "invalid", generation: 1, partition: 0, offset: 0, value });
  for (const text of ["", "null", "[]", "{", '{"kind":"other","generation":1}']) {
    assert.equal(sampleOf(text, PLAN, 1), null);
  }
  assert.equal(sampleOf(record(null), PLAN, 1)?.value, "no value");
  assert.equal(sampleOf(record("x".repeat(5_000)), PLAN, 1)?.value.length, 401);
  assert.equal(sampleOf(record('{"at":"soon"}'), PLAN, 1)?.eventTime, null);
});
