import assert from "node:assert/strict";
import {
  fingerprintDifferences,
  fingerprintOf,
  openWindowsAtMost,
  type Plan,
  runPlanOf,
  withoutCode,
} from "../../core/plan.ts";
import { hopping, tumbling } from "../../core/event_time/windows.ts";

const plan: Plan = {
  pipeline: "p",
  topic: "t",
  resultsTopic: "p.results",
  lateTopic: "p.late",
  invalidTopic: "p.invalid",
  from: "earliest",
  windowing: tumbling("10s"),
  delayMs: 60_000,
  idleAfterMs: 10_000,
  maxAheadMs: 300_000,
  maxDriftMs: 3_600_000,
  latenessMs: 0,
  shards: 1,
  groupBy: ["course"],
  aggregates: [{ name: "n", kind: "count", field: null }],
  eventTimeField: "at",
  schema: "{}",
  where: "",
};

Deno.test("what the state depends on is in the fingerprint, the rest is not", () => {
  const before = fingerprintOf(plan);
  const changes: Partial<Plan>[] = [
    { topic: "u" },
    { windowing: tumbling("10s", { offset: "1s" }) },
    { delayMs: 1 },
    { maxAheadMs: 1 },
    { latenessMs: 1 },
    { shards: 2 },
    { groupBy: [] },
    { aggregates: [{ name: "n", kind: "sum", field: "x" }] },
    { eventTimeField: "then" },
    { schema: "[]" },
    { where: "(e) => e.n > 1" },
  ];
  for (const change of changes) {
    const differences = fingerprintDifferences(before, fingerprintOf({ ...plan, ...change }));
    assert.equal(differences.length, 1, JSON.stringify(change));
  }
  const harmless: Partial<Plan> = {
    pipeline: "q",
    resultsTopic: "r",
    lateTopic: "l",
    invalidTopic: "i",
    from: 5,
    idleAfterMs: 1,
    maxDriftMs: 1,
  };
  assert.deepEqual(fingerprintDifferences(before, fingerprintOf({ ...plan, ...harmless })), []);
  assert.equal(changes.length + Object.keys(harmless).length, Object.keys(plan).length);
});

Deno.test("differences are in the words of a definition", () => {
  const text = (changes: Partial<Plan>) =>
    fingerprintDifferences(fingerprintOf(plan), fingerprintOf({ ...plan, ...changes }));
  assert.deepEqual(text({ delayMs: 90_000, windowing: hopping("1m", "10s") }), [
    "watermark.delay: was 1m, is 1m30s",
    "window: was tumbling 10s, is hopping 1m every 10s",
  ]);
  assert.deepEqual(text({ topic: "u", where: "(e) => e.n > 1" }), [
    "source.topic: was t, is u",
    "where: was not set, is (e) => e.n > 1",
  ]);
  assert.deepEqual(text({ windowing: tumbling("10s", { offset: "1s" }) }), [
    "window: was tumbling 10s, is tumbling 10s, shifted by 1s",
  ]);
});

Deno.test("of long texts the place where they differ is shown", () => {
  const long = (word: string) => ({
    ...plan,
    schema: `${"a".repeat(500)}${word}${"b".repeat(500)}`,
  });
  const [line = ""] = fingerprintDifferences(fingerprintOf(long("x")), fingerprintOf(long("y")));
  assert.match(line, /^event: was …a+xb+…, is …a+yb+…$/);
  assert.ok(line.length < 200);
});

Deno.test("differences are sorted, and tell of settings that one of the two lacks", () => {
  assert.deepEqual(fingerprintDifferences({ b: "1", a: "1", c: "1" }, { b: "2", c: "1", d: "x" }), [
    "a: was 1, is not set",
    "b: was 1, is 2",
    "d: was not set, is x",
  ]);
});

Deno.test("workflows carry the plan without its long texts", () => {
  const { schema: _schema, where: _where, ...rest } = plan;
  assert.deepEqual(runPlanOf(plan), rest);
});

Deno.test("what of a fingerprint is no text of code", () => {
  const full = { ...fingerprintOf({ ...plan, enrich: "(e) => e", adds: "{}" }), topicId: "t" };
  const texts = ["schema", "where", "enrich", "adds"];
  const kept = Object.keys(full).filter((name) => !texts.includes(name));
  assert.deepEqual(Object.keys(withoutCode(full)), kept);
  assert.ok(kept.includes("topicId") && kept.includes("aggregates"));
});

Deno.test("windows that may be open at a time: from the slowest watermark to the fastest event", () => {
  const hopped = {
    ...plan,
    windowing: { sizeMs: 60_000, slideMs: 10_000, offsetMs: 0 },
    ...{ delayMs: 5_000, latenessMs: 15_000, maxDriftMs: 20_000, shards: 3 },
  };
  assert.equal(openWindowsAtMost(hopped), 30);
  assert.equal(openWindowsAtMost({ ...hopped, maxDriftMs: 20_001 }), 33);
});
