import assert from "node:assert/strict";
import { Model } from "../../dashboard/server/model.ts";
import type { ProblemView } from "../../dashboard/server/state.ts";
import { metricsText } from "../../dashboard/server/metrics.ts";
import { EventStream } from "../../dashboard/server/event_stream.ts";
import { BASE_MS, Driven, type DrivenOptions, modelOptions } from "./driven.ts";

const FAILURE = { code: "TG_BROKER_UNREACHABLE", message: "no leader", offset: null };

/** A generation, what its page says is wrong, and its metrics. */
async function opened(options: DrivenOptions = {}) {
  const it = await Driven.open(options);
  const model = new Model(modelOptions(() => it.nowMs, it.plan));
  it.observe(model.monitor.watch);
  await model.attach(it.control());
  const only = (): ProblemView => {
    const { problems } = model.health();
    const [problem] = problems;
    assert.ok(problem !== undefined && problems.length === 1, JSON.stringify(problems));
    return problem;
  };
  const states = () => model.state().time?.partitions.map(({ state }) => state);
  const metric = (line: string) =>
    Number(metricsText(model, new EventStream()).split(`\n${line} `)[1]?.split("\n")[0]);
  return { it, model, only, states, metric };
}

Deno.test("a partition that can't be read is told since the first failure, until it is read again", async () => {
  const { it, model, only, states, metric } = await opened({ partitions: 2 });
  const trouble = { 1: { failure: { ...FAILURE, passing: true } } };
  await it.sweep(trouble);
  const sinceMs = it.nowMs;
  await it.sweep(trouble, 7_000);
  const { level, what, text, sinceMs: told } = only();
  assert.deepEqual([level, what, told], ["warning", "reading partition 1", sinceMs]);
  assert.match(text, /^partition 1 can't be read: TG_BROKER_UNREACHABLE: no leader\. It is tried/);
  assert.deepEqual(states(), ["active", "trouble"]);
  assert.equal(metric('tidegate_partitions_waiting{why="broker"}'), 1);
  await it.sweep();
  assert.deepEqual(model.health().problems, []);
  assert.equal(metric('tidegate_partitions_waiting{why="broker"}'), 0);
});

Deno.test("a partition that stopped is told with its code, its offset and what to do", async () => {
  const { it, only, states } = await opened({ partitions: 2 });
  await it.sweep({
    1: { failure: { ...FAILURE, code: "TG_OFFSET_GONE", offset: 7, passing: false } },
  });
  const { level, what, text, sinceMs } = only();
  assert.deepEqual([level, what, sinceMs], ["error", "partition 1", it.nowMs]);
  assert.match(text, /^partition 1 stopped, offset 7: TG_OFFSET_GONE.*resume.*exclude/);
  assert.deepEqual(states(), ["active", "stopped"]);
  it.drain.exclude(1);
  await it.decide();
  assert.match(only().text, /^partition 1 is excluded: it is not read from offset 0 on.*resume/);
});

Deno.test("a transaction is told of once it is open for ten seconds, by its offset, since it began", async () => {
  const { it, model, only, states, metric } = await opened();
  const held = (forMs: number) => ({ 0: { openTransaction: { forMs, offset: 12 } } });
  await it.sweep(held(500), 5_000);
  const sinceMs = it.nowMs - 500;
  assert.deepEqual(model.health().problems, []);
  assert.equal(metric('tidegate_partitions_waiting{why="transaction"}'), 1);
  await it.sweep(held(10_500), 10_000);
  const { text, sinceMs: told } = only();
  assert.equal(told, sinceMs);
  assert.match(
    text,
    /^partition 0 waits for the end of a transaction that begins at offset 12:.*abort/,
  );
  assert.deepEqual(states(), ["transaction"]);
  await it.sweep();
  assert.deepEqual(model.health().problems, []);
});

Deno.test("a partition that is held says behind whom", async () => {
  const { it, only, states, metric } = await opened({
    ...{ partitions: 2, plan: { maxDriftMs: 60_000 } },
  });
  await it.send(0, 1_000);
  await it.send(1, 200_000);
  await it.sweep();
  assert.match(
    only().text,
    /^partition 1 is held: it is farther ahead of partition 0 in event time/,
  );
  assert.equal(only().level, "note");
  assert.deepEqual(states(), ["active", "held"]);
  assert.equal(metric('tidegate_partitions_held{by="drift"}'), 1);
});

Deno.test("too many open windows hold partitions, and a bounded run is told what to do", async () => {
  const { it, model, states } = await opened({
    ...{ partitions: 2, until: 3, rules: { maxOpenWindows: 2 } },
  });
  await it.send(0, 1_000, 2_000, 3_000);
  await it.send(1, 11_000, 21_000);
  await it.sweep();
  const problems = model.health().problems;
  assert.deepEqual(states(), ["parked", "held"]);
  assert.deepEqual(problems.map(({ level, what }) => [level, what]), [
    ["error", "open windows"],
    ["note", "partition 1 held"],
  ]);
  assert.match(
    problems[0]?.text ?? "",
    /^TG_TOO_MANY_WINDOWS: 3 windows.*at their ends: 0\. .*--flush/,
  );
  assert.match(problems[1]?.text ?? "", /3 windows are open.*partition 0 holds the watermark/);
});

Deno.test("an end where nothing is found is no lag, and is told as a note", async () => {
  const { it, model, only } = await opened();
  await it.send(0, 1_000, 2_000);
  await it.sweep({ 0: { end: 9, highWatermark: 9, hollow: true } });
  await model.second(true);
  assert.equal(model.state().now.lag, 0);
  assert.equal(model.state().time?.partitions[0]?.lag, 0);
  assert.equal(only().level, "note");
  assert.match(only().text, /^partition 0: nothing is found from offset 2 up to its end 9/);
});

Deno.test("rows that can't be written are an error since the window gave them, until they are", async () => {
  const { it, model, only, metric } = await opened();
  await it.send(0, 1_000);
  await it.sweep();
  it.isWritable = false;
  await it.send(0, 16_000);
  await it.sweep();
  const sinceMs = it.nowMs;
  assert.equal(metric("tidegate_windows_unwritten"), 1);
  assert.deepEqual(model.health().problems, [], "a moment is no trouble");
  await it.sweep({}, 6_000);
  const { level, text, sinceMs: told } = only();
  assert.deepEqual([level, told], ["error", sinceMs]);
  assert.match(
    text,
    /^TG_RESULTS_UNWRITABLE: the rows of a window can't be written to topic p\.results/,
  );
  assert.equal(model.state().account?.state, "holds");
  it.isWritable = true;
  await it.sweep({}, 30_000);
  assert.deepEqual(model.health().problems, []);
  assert.equal(model.state().now.closed, 1);
});

Deno.test("lost windows break the account, and are named with their code", async () => {
  const { it, model, only, metric } = await opened();
  await it.send(0, 1_000, 2_000);
  await it.sweep();
  await it.send(0, 3_000);
  await it.sweep({}, 6_000);
  assert.equal(it.view.open[0]?.n, 1, "delivered");
  it.forgetWindows();
  await it.send(0, 4_000, 16_000);
  await it.sweep();
  assert.match(
    only().text,
    /^TG_WINDOW_LOST: the window of 2026-01-02T03:04:00\.000Z is lost, and 4 events with it/,
  );
  const { account } = model.state();
  assert.equal(account?.state, "broken");
  assert.deepEqual(account.account.pairs, {
    ...{ assigned: 5, closed: 0, open: 0, waiting: 1, missed: 0, lost: 4 },
  });
  assert.match(account.account.problems[0] ?? "", /^TG_WINDOW_LOST/);
  assert.equal(metric("tidegate_windows_lost_total"), 1);
});

Deno.test("sweeps that fail are told of while the record is looked for, and the record when it is found", async () => {
  const { it, model, only, metric } = await opened();
  const fail = async () => {
    for (const { n } of it.drain.sweepsOut) it.drain.sweepFailed(n, "TG_SWEEP_FAILED", "killed");
    await it.decide();
  };
  await fail();
  assert.match(only().text, /^partition 0 is read 4096 records at a time, from offset 0/);
  const sinceMs = it.nowMs;
  it.nowMs += 1_000;
  for (let i = 0; i < 4; i++) await fail();
  assert.match(only().text, /^partition 0 is read one record at a time/);
  assert.equal(only().sinceMs, sinceMs);
  for (let i = 0; i < 10 && it.drain.sweepsOut[0]?.setAside !== true; i++) await fail();
  await it.send(0, 1_000, 2_000);
  await it.sweep();
  const { account } = model.state();
  assert.deepEqual([account?.state, account?.account.events.failed], ["holds", 1]);
  assert.deepEqual(account?.notes, [
    "1 records are set aside as failed: the rows are without them",
  ]);
  assert.equal(metric('tidegate_events_total{outcome="failed"}'), 1);
});

Deno.test("many problems of one kind are told one by one up to eight", async () => {
  const { it, model } = await opened({ partitions: 30 });
  const failure = { ...FAILURE, passing: true };
  await it.sweep(Object.fromEntries(Array.from({ length: 30 }, (_, p) => [p, { failure }])));
  const { problems } = model.health();
  assert.equal(problems.length, 9);
  assert.equal(problems.at(-1)?.text, "22 more partitions can't be read");
});

Deno.test("events late by the floor alone, and what was skipped, are noted in the account", async () => {
  const { it, model } = await opened({ partitions: 2 });
  await it.send(0, 1_000);
  await it.send(1, 1_000);
  await it.sweep();
  for (let i = 1; i <= 12; i++) {
    await it.send(0, i * 4_000);
    await it.sweep();
  }
  assert.equal(model.state().time?.partitions[1]?.state, "idle");
  await it.send(1, 2_000);
  await it.sweep();
  it.drain.exclude(1);
  await it.decide();
  it.drain.resume(1, 5);
  await it.decide();
  const { account } = model.state();
  assert.equal(account?.state, "holds");
  assert.deepEqual(account.notes, [
    "3 offsets were skipped by a person's choice",
    "1 events missed a window by the floor alone (joined)",
  ]);
  assert.ok(it.nowMs > BASE_MS);
});
