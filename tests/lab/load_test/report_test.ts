import assert from "node:assert/strict";
import { costOf } from "../../../lab/load_test/measures.ts";
import { judge, tableTwo } from "../../../lab/load_test/judge.ts";
import {
  loadTestPage,
  type LoadTestReport,
  ratePoints,
  reportLines,
  workerRateLines,
} from "../../../lab/load_test/report.ts";
import { decided, pointsOf, RUN } from "./_run.ts";

const { points: timeline, phases, expected } = RUN;
const overhead = { control: { cores: 0.1, memoryMiB: 300 }, temporal: null, broker: null };

const REPORT: LoadTestReport = {
  ok: true,
  options: { rate: 10, enrichMs: 80, keyedBy: "student_id", partitions: 8 },
  workerRate: 12.1,
  work: { baseline: { sweeps: 4, records: 10, workerRate: 11.94, pauseMs: 35 } },
  table: tableTwo(RUN),
  verdicts: judge(RUN),
  judged: true,
  fleet: [1, 4, 1],
  decisions: [decided(46.25, "up-arrival", 1, 4)],
  hot: [],
  reaction: { stepToSpawnMs: 1_500, seenToSpawnMs: 900, decisionToReadyMs: 1_750, wakeMs: null },
  zero: null,
  delays: { all: { events: 9, p50Ms: 400, p99Ms: 1_200, maxMs: 12_345 }, phases: {} },
  recomputed: { windows: 2, rows: 16, differences: [], ok: true },
  cost: costOf({ points: timeline, phases, expected, overhead, price: 0.2 }),
  phases,
  timeline,
};

function text(changes: Partial<LoadTestReport> = {}): string {
  return reportLines({ ...REPORT, ...changes }, ["the account holds"]).join("\n");
}

Deno.test("report: the paper's table beside ours, in columns", () => {
  assert.match(
    text(),
    /^Scaling up +~40 ev\/s +4 +3 new executors added\. +40\.0 ev\/s +4 +3 workers added within 3 s/m,
  );
});

Deno.test("report: charts, decisions, delays, reaction, cost, verdicts, account and rows", () => {
  for (
    const part of [
      /Input, events per second/,
      /Lag, events/,
      /Workers ready/,
      /1 → 4: up-arrival for 4\./,
      /all +9 events +p50 400 ms +p99 1200 ms +max 12\.3 s/,
      /baseline +11\.9 records per busy second +2\.5 a sweep +p50 35 ms between two sweeps/,
      /rate step → first process 1500 ms/,
      /control 2\.5 % \(0\.10 cores, 300 MiB\), temporal not measured/,
      /96 instance-hours static/,
      /36\.03 h, 7\.21 at the given price, 62\.5 % less: worker-hours only/,
      /passed {2}spike: 4 ready 3 s after the step/,
      /the account holds/,
      /recomputed from the topic: 16 rows of 2 windows, all equal/,
    ]
  ) assert.match(text(), part);
});

Deno.test("report: what was not recorded is left out", () => {
  assert.doesNotMatch(text(), /0 workers → folded|Hot partitions/);
  assert.match(text({ recomputed: null }), /NOTE the windows were not recomputed/);
});

Deno.test("report: rows that differ are told, the first ten of them", () => {
  const differences = Array.from({ length: 12 }, (_, i) => `row ${i} differs`);
  const lines = text({ recomputed: { windows: 2, rows: 16, differences, ok: false } });
  assert.match(lines, /PROBLEM row 9 differs\n12 OF 16 ROWS DIFFER/);
  assert.doesNotMatch(lines, /row 10/);
});

Deno.test("report: a failed phase is told, and one that does not count", () => {
  const verdicts = [{ phase: "spike", passed: false, text: "never 4 ready" }] as const;
  assert.match(text({ verdicts }), /FAILED {2}spike: never 4 ready/);
  const hot = ["Partition 0 takes more."];
  const told = text({ verdicts, judged: false, hot });
  assert.match(told, /not so {2}spike: never 4 ready\n {2}they don't count/);
  assert.match(told, /as the supervisor said\n {2}Partition 0 takes more\./);
});

Deno.test("report: the speed of a worker, and when it is not what the paper's figures need", () => {
  assert.equal(workerRateLines(12.1, 80).length, 1);
  assert.match(workerRateLines(10.2, 80)[1] ?? "", /^NOTE this is outside 11\.5 to 13/);
  assert.match(
    workerRateLines(180_000.4, 0)[0] ?? "",
    /180000 events\/s.*40 would never need four/,
  );
  assert.match(workerRateLines(null, 80)[0] ?? "", /^PROBLEM/);
});

Deno.test("report: the rate by the second", () => {
  const points = pointsOf([0, {}], [0.5, { sent: 5 }], [1.2, { sent: 14 }], [3.1, { sent: 30 }]);
  assert.deepEqual(ratePoints(points), [[0, 5], [1, 9], [2, 0], [3, 16]]);
  assert.deepEqual(ratePoints([]), []);
});

Deno.test("report: the page holds the picture and the lines, escaped", () => {
  const page = loadTestPage(REPORT, ["a < b"]);
  assert.match(page, /^<!doctype html>/);
  assert.match(page, /<svg [^>]+>/);
  assert.match(page, /<pre>a &lt; b<\/pre>/);
  for (const title of ["events per second", "lag, events", "workers"]) {
    assert.ok(page.includes(title));
  }
});
