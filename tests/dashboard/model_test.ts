import assert from "node:assert/strict";
import { createFakeLog } from "../fake_log/fake_log.ts";
import { readRows, readSamples, sampleOf } from "../../dashboard/server/samples.ts";
import { Model } from "../../dashboard/server/model.ts";
import { EventStream } from "../../dashboard/server/event_stream.ts";
import { metricsText } from "../../dashboard/server/metrics.ts";
import { BASE_MS, Driven, type DrivenOptions, modelOptions, PLAN, rowOf } from "./driven.ts";

/** A model that is attached to a generation. */
async function opened(options: DrivenOptions = {}) {
  const it = await Driven.open(options);
  const model = new Model(modelOptions(() => it.nowMs, it.plan));
  it.observe(model.monitor.watch);
  await model.attach(it.control());
  return { it, model };
}

Deno.test("before the control process is up, the model says so", () => {
  const model = new Model(modelOptions(() => BASE_MS));
  const { about, health, account, time } = model.state();
  assert.deepEqual([about.generation, health.phase, account, time], [0, "starting", null, null]);
  assert.equal(model.ready, false);
  assert.match(metricsText(model, new EventStream()), /tidegate_server_up\{server="broker"\} 0/);
});

Deno.test("one look at the drain fills event time, account and health", async () => {
  const { it, model } = await opened();
  it.drain.ready(1);
  await it.send(0, 1_000, 2_000, 3_000);
  await it.sweep();
  await it.send(0, 16_000, "no JSON");
  await it.sweep();
  await it.send(0, 17_000, 18_000);
  await model.second(true);
  await model.second(true);
  const { account, time, health, now, fleet } = model.state();
  assert.equal(account?.state, "holds");
  assert.deepEqual(account.account.events, {
    ...{ read: 5, aggregated: 4, late: 0, lateByFloor: 0, invalid: 1, skewed: 0, filtered: 0 },
    failed: 0,
  });
  assert.deepEqual(account.account.pairs, {
    ...{ assigned: 4, closed: 3, open: 0, waiting: 1, missed: 0, lost: 0 },
  });
  assert.deepEqual(time?.partitions, [{
    ...{ partition: 0, state: "active", watermark: BASE_MS + 11_000, lag: 2 },
    maxEventTime: BASE_MS + 16_000,
  }]);
  assert.deepEqual(
    time.open.map(({ start, end, events, waiting, emitted }) => (
      { start: start - BASE_MS, end: end - BASE_MS, events, waiting, emitted }
    )),
    [{ start: 10_000, end: 20_000, events: 1, waiting: 1, emitted: false }],
  );
  assert.equal(time.open[0]?.id, "p/1/window/2026-01-02T03:04:10.000Z");
  assert.deepEqual(time.closed, [{ start: BASE_MS, end: BASE_MS + 10_000 }]);
  assert.deepEqual([now.open, now.closed, now.lag], [1, 1, 2]);
  assert.deepEqual(health.problems, []);
  assert.deepEqual(fleet.workers.map(({ rate, busy }) => [rate, busy]), [[0.5, 0.05]]);
  assert.equal(model.ready, true);
  assert.equal(it.temporal.asked, 0, "the drain's word is enough");
});

Deno.test("a window's figures are what it has taken and what is on its way, while it fills", async () => {
  const { it, model } = await opened();
  const figures = () => model.state().time?.open.map(({ events, waiting }) => [events, waiting]);
  await it.send(0, 1_000, 2_000);
  await it.sweep();
  assert.deepEqual(figures(), [[2, 2]]);
  await it.send(0, 3_000);
  await it.sweep({}, 6_000);
  assert.deepEqual(figures(), [[3, 0]], "delivered after five seconds");
  await it.send(0, 4_000);
  await it.sweep();
  assert.deepEqual(figures(), [[4, 1]]);
  assert.equal(model.state().account?.state, "holds");
});

Deno.test("the account holds at every moment of a long and ragged run, however many windows are open", async () => {
  const { it, model } = await opened({
    ...{ partitions: 3, slots: 2 },
    plan: { latenessMs: 20_000, idleAfterMs: 600_000 },
  });
  let most = 0;
  for (let i = 0; i < 60; i++) {
    for (const partition of [0, 1, 2]) {
      // One falls behind now and then, and the windows of the others pile up.
      if (partition === 2 && i % 30 < 20) continue;
      const at = i * 4_000 + partition * 700;
      await it.send(partition, at, at - 90_000, at + 1_000 * (i % 7), "{");
    }
    await it.sweep({}, 1_000 + (i % 3) * 2_000);
    const { account, time } = model.state();
    assert.equal(account?.state, "holds", `${account?.account.problems}`);
    assert.equal(time?.open.length, Math.min(60, model.state().now.open ?? 0));
    most = Math.max(most, model.state().now.open ?? 0);
  }
  const { read, aggregated, late, invalid } = model.state().account?.account.events ?? {};
  assert.deepEqual([read, invalid], [560, 140]);
  assert.ok((aggregated ?? 0) > 250 && (late ?? 0) > 50, `${aggregated} ${late}`);
  assert.ok(most > 5);
});

Deno.test("the account is exact though only the earliest windows are told one by one", async () => {
  const { it, model } = await opened({ partitions: 2 });
  it.nowMs += 2_500_000;
  // The other partition has had no event, so that nothing closes.
  await it.send(0, ...Array.from({ length: 250 }, (_, i) => i * 10_000));
  await it.sweep();
  const { account, now, time } = model.state();
  assert.deepEqual([it.view.open.length, now.open, time?.open.length], [200, 250, 60]);
  assert.equal(time?.moreOpen, 190);
  assert.equal(account?.state, "holds");
  assert.equal(account.account.pairs.waiting, 250);
});

Deno.test("changes hold what is new, and nothing else", async () => {
  const { it, model } = await opened();
  await it.send(0, 1_000);
  await it.sweep();
  await model.second(true);
  const { seen } = model;
  it.nowMs += 1_000;
  await model.second(true);
  const quiet = model.changes(seen);
  assert.deepEqual(Object.keys(quiet).sort(), ["fleet", "health", "now", "points"]);
  assert.equal(quiet.points?.atMs.length, 1);
  await it.send(0, 16_000);
  await it.sweep();
  await model.second(true);
  const { results, time, account } = model.changes(seen);
  assert.equal(results?.length, 1);
  assert.equal(time?.watermark, BASE_MS + 11_000);
  assert.equal(account?.account.pairs.closed, 1);
});

Deno.test("Temporal is asked only when no workflow has spoken for longer than it should have", async () => {
  const { it, model } = await opened();
  for (let i = 0; i < 30; i++) {
    await it.send(0, i * 5_000);
    await it.sweep({}, 5_000);
    await model.second(true);
  }
  assert.equal(it.temporal.asked, 0);
  // An active partition is being swept: its sweep should have answered.
  for (let i = 0; i < 9; i++, it.nowMs += 1_000) await model.second(true);
  assert.equal(it.temporal.asked, 0);
  for (let i = 0; i < 20; i++, it.nowMs += 1_000) await model.second(true);
  assert.equal(it.temporal.asked, 2, "each ten seconds");
  assert.equal(model.health().temporal.ok, true);
});

Deno.test("at rest Temporal is asked four times a minute by an open page, and never by nobody", async () => {
  const { it, model } = await opened({ slots: 0 });
  const minute = async (watched: boolean, ask: boolean) => {
    const before = it.temporal.asked;
    for (let i = 0; i < 60; i++, it.nowMs += 1_000) {
      if (ask) model.ask();
      await model.second(watched);
    }
    return it.temporal.asked - before;
  };
  assert.ok(await minute(true, false) <= 4);
  assert.equal(await minute(false, false), 0);
  assert.ok(await minute(false, true) <= 1);
});

Deno.test("Temporal that does not answer is told, with since when, until a workflow speaks", async () => {
  const { it, model } = await opened();
  await model.second(true);
  it.temporal.isAway = true;
  it.nowMs += 11_000;
  const sinceMs = it.nowMs;
  await model.second(true);
  const [problem] = model.health().problems;
  assert.deepEqual([problem?.what, problem?.sinceMs], ["Temporal", sinceMs]);
  assert.match(problem?.text ?? "", /UNAVAILABLE/);
  assert.equal(model.ready, false);
  it.nowMs += 3_000;
  await model.second(true);
  assert.equal(model.errors.temporal, 2);
  assert.equal(model.health().temporal.sinceMs, sinceMs);
  await it.sweep();
  assert.deepEqual(model.health().problems, []);
  assert.deepEqual(model.health().temporal, { ok: true, sinceMs: it.nowMs });
});

Deno.test("a Temporal that hangs does not keep the log's ends from being seen", async () => {
  const { it, model } = await opened();
  await model.second(true);
  const hanging = Promise.withResolvers<void>();
  it.temporal.before = hanging.promise;
  it.nowMs += 20_000;
  const seconds = [model.second(true)];
  assert.equal(it.temporal.asked, 1);
  await it.send(0, 1_000);
  for (let i = 0; i < 2; i++) {
    it.nowMs += 1_000;
    seconds.push(model.second(true));
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }
  assert.equal(model.tick?.lag, 1);
  hanging.resolve();
  await Promise.all(seconds);
  assert.equal(it.temporal.asked, 1);
});

Deno.test("a broker that does not answer is told, by whoever notices it first", async () => {
  const { it, model } = await opened();
  await model.second(true);
  assert.equal(model.health().broker.ok, true);
  it.log.outage = true;
  it.nowMs += 20_000;
  // Nobody looks at the page, but the policy always looks at the load.
  await it.load.look();
  const sinceMs = it.nowMs;
  const [problem] = model.health().problems;
  assert.deepEqual([problem?.what, problem?.sinceMs], ["broker", sinceMs]);
  assert.match(problem?.text ?? "", /^broker unreachable: /);
  it.nowMs += 5_000;
  await model.second(true);
  assert.equal(model.health().broker.sinceMs, sinceMs, "since the first has noticed");
  assert.equal(model.errors.broker, 2);
  it.log.outage = false;
  await it.load.look();
  await model.second(true);
  assert.deepEqual(model.health().problems.filter(({ what }) => what === "broker"), []);
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
