import assert from "node:assert/strict";
import type { BacklogRun } from "../../../lab/bench/backlog.ts";
import { backlogLine, engineCpu, isNoisy, ratiosOf, spreadOf } from "../../../lab/bench/judge.ts";
import { flinkRecipe } from "../../../lab/bench/peers/flink/build.ts";

const RUN: BacklogRun = {
  engine: "tidegate",
  quiet: { idleShare: 0.99, load: 0.1 },
  startSeconds: 2,
  seconds: 4,
  eventsPerSecond: 500,
  eventsPerSecondWithStart: 333,
  windowsPerSecond: 50,
  cpuSeconds: { control: 1, worker: 2, temporal: 3, broker: 4 },
  startCpuSeconds: { control: 0.5, worker: 0.5 },
  eventsPerCpuSecond: 333,
  othersCores: 0.02,
  rssMiB: { control: 200, worker: 300 },
  rowsDiffer: 0,
  holds: true,
  loadAfter: 1,
};

Deno.test("Temporal's CPU time is that of the engine that uses it, the broker's is nobody's", () => {
  assert.equal(engineCpu({ usesTemporal: true }, RUN.cpuSeconds), 6);
  assert.equal(engineCpu({ usesTemporal: false }, { flink: 5, temporal: 3, broker: 4 }), 5);
});

Deno.test("the median of pairs is judged, not the quotient of medians", () => {
  const ours = [100, 200, 900].map((eventsPerSecond) => ({ ...RUN, eventsPerSecond }));
  const peer = [100, 400, 300].map((eventsPerSecond) => ({ ...RUN, eventsPerSecond }));
  const ratio = ratiosOf(ours, peer, (run) => run.eventsPerSecond);
  assert.deepEqual(ratio, { median: 1, min: 0.5, max: 3 });
  assert.deepEqual(spreadOf([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
});

Deno.test("a part is noisy if others were at work before it, or meanwhile", () => {
  assert.equal(isNoisy(RUN), false);
  assert.equal(isNoisy({ quiet: { idleShare: 0.94, load: 0 } }), true);
  assert.equal(isNoisy({ ...RUN, othersCores: 0.2 }), true);
});

Deno.test("a run that is wrong says so", () => {
  assert.match(backlogLine(RUN), /rows equal$/);
  const line = backlogLine({ ...RUN, rowsDiffer: 3, holds: false });
  assert.match(line, /3 ROWS DIFFER; ACCOUNT DOES NOT HOLD$/);
});

Deno.test("a job with another text is another build", () => {
  assert.notEqual(flinkRecipe("a").folder, flinkRecipe("b").folder);
  assert.match(flinkRecipe("a").folder, /^flink-[\d.]+-[0-9a-f]{8}$/);
});
