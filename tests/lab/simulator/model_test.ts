import assert from "node:assert/strict";
import { keda, KEDA_TUNED } from "../../../lab/simulator/keda.ts";
import { delayQuantile, Meter, turnsOf } from "../../../lab/simulator/metrics.ts";
import { demandOf, simulate } from "../../../lab/simulator/run.ts";
import {
  fixedFleet,
  type ScalerKind,
  type SimView,
  tidegate,
} from "../../../lab/simulator/scaler.ts";
import { sparkAllocation } from "../../../lab/simulator/spark_allocation.ts";
import {
  constantTrace,
  isTraceName,
  makeTrace,
  TRACE_NAMES,
} from "../../../lab/simulator/trace.ts";

/** A scaler that does as it is told, and shows what it sees. */
function scripted(
  initial: number,
  at: (view: SimView) => number | null,
  dispatch: ScalerKind["dispatch"] = "slices",
): ScalerKind {
  return { name: "scripted", dispatch, make: () => ({ initial, step: at }) };
}

Deno.test("simulator: the same seed gives the same run, another one another", () => {
  for (const kind of [tidegate(), sparkAllocation(), keda("KEDA", KEDA_TUNED)]) {
    const trace = makeTrace("burst", 7);
    const first = simulate({ ...trace, seconds: 200 }, kind, { seed: 7 });
    assert.deepEqual(simulate({ ...trace, seconds: 200 }, kind, { seed: 7 }), first);
    assert.notDeepEqual(simulate({ ...trace, seconds: 200 }, kind, { seed: 8 }), first);
  }
});

Deno.test("simulator: what arrives is the trace's integral; nothing is folded twice or lost", () => {
  for (const dispatch of ["slices", "micro-batches"] as const) {
    let arrived = 0;
    let before = 0;
    const kind = scripted(4, ({ ends, cursors, lag }) => {
      arrived = ends.reduce((sum, end) => sum + end, 0);
      const folded = cursors.reduce((sum, cursor) => sum + cursor, 0);
      assert.equal(arrived - folded, lag);
      assert.ok(folded >= before && cursors.every((cursor, i) => cursor <= (ends[i] ?? 0)));
      before = folded;
      return null;
    }, dispatch);
    simulate(makeTrace("doc", 1), kind, { seed: 1, rateNoise: 0 });
    assert.ok(Math.abs(arrived - 10_000) <= 1, `${dispatch}: ${arrived}`);
    assert.ok(before >= 9_900, `${dispatch}: ${before} folded`);
  }
});

Deno.test("simulator: a saturated fleet folds what its workers can, and the worker rate is measured as given", () => {
  for (const workers of [1, 2, 4]) {
    let folded = 0;
    let workerRate = 0;
    const kind = scripted(workers, ({ cursors, workerRate: seen }) => {
      folded = cursors.reduce((sum, cursor) => sum + cursor, 0);
      workerRate = seen ?? workerRate;
      return null;
    });
    simulate(constantTrace(200, 300), kind, { seed: 3, workerRate: 12 });
    const rate = folded / 300 / workers;
    // A slice of a second and 15 ms until the next: 1.5 % less, and the workers' own speeds.
    assert.ok(rate > 11 && rate < 12.6, `${workers}: ${rate}`);
    assert.ok(workerRate > 11 && workerRate < 13, `${workers}: workerRate ${workerRate}`);
  }
});

Deno.test("simulator: one partition keeps one worker busy", () => {
  let folded = 0;
  const kind = scripted(4, ({ cursors }) => {
    folded = cursors[0] ?? 0;
    return null;
  });
  simulate({ ...constantTrace(60, 100), hotShare: 1 }, kind, { seed: 1, workerRate: 12 });
  assert.ok(folded / 100 < 12.8, `${folded / 100}`);
});

Deno.test("simulator: workers start in their time, and leave after their slice", () => {
  const seen: [number, number, number, number][] = [];
  const kind = scripted(0, (view) => {
    seen.push([view.nowMs, view.ready, view.starting, view.draining]);
    return view.nowMs === 1000 ? 3 : view.nowMs === 10_000 ? 1 : null;
  });
  simulate(constantTrace(40, 20), kind, { seed: 1, startupMs: 2000 });
  const at = (ms: number) => seen.find(([now]) => now === ms)?.slice(1);
  assert.deepEqual(at(1050), [0, 3, 0]);
  assert.deepEqual(at(2500), [0, 3, 0]);
  assert.deepEqual(at(3500), [3, 0, 0]);
  assert.equal(at(10_050)?.[0], 1);
  assert.deepEqual(at(11_500), [1, 0, 0]);
});

Deno.test("simulator: an overload looks slow, also at the end", () => {
  const run = simulate(constantTrace(24, 100), fixedFleet(1), { seed: 1 });
  assert.ok(run.metrics.p99DelayMs > 40_000, `${run.metrics.p99DelayMs}`);
  assert.ok(run.metrics.peakLag > 1000);
  assert.equal(run.metrics.tauU, 1);
});

Deno.test("simulator: Poisson arrivals have their mean and their spread", () => {
  let last = 0;
  const counts: number[] = [];
  const kind = scripted(0, ({ nowMs, ends }) => {
    if (nowMs % 1000 !== 0) return null;
    const all = ends.reduce((sum, end) => sum + end, 0);
    counts.push(all - last);
    last = all;
    return null;
  });
  simulate(constantTrace(10, 2000), kind, { seed: 1, arrivals: "poisson", rateNoise: 0 });
  const mean = counts.reduce((sum, one) => sum + one, 0) / counts.length;
  const variance = counts.reduce((sum, one) => sum + (one - mean) ** 2, 0) / counts.length;
  assert.ok(Math.abs(mean - 10) < 0.3 && Math.abs(variance - 10) < 1.5, `${mean}, ${variance}`);
});

Deno.test("simulator: large rates cost no more than small ones", () => {
  const run = simulate(constantTrace(400_000, 30), fixedFleet(2), { seed: 1, workerRate: 500_000 });
  assert.ok(run.metrics.p99DelayMs < 5_000);
  assert.equal(run.metrics.demandSeconds, 30);
});

Deno.test("metrics: shortage, surplus and cost, by hand", () => {
  const meter = new Meter();
  // demand  1 4 4 1 0
  // ready   1 1 4 4 1
  // all     1 4 4 4 1
  meter.supply(100_000, 1, 1, 1);
  meter.supply(10_000, 4, 1, 4);
  meter.supply(90_000, 4, 4, 4);
  meter.supply(50_000, 1, 4, 4);
  meter.supply(50_000, 0, 1, 1);
  meter.lag(7);
  meter.lag(3);
  const metrics = meter.metrics([[10, 98], [500, 1], [900, 1]], [1, 4, 1, 0]);
  assert.equal(metrics.thetaU, 0.75 * 10 / 300);
  assert.equal(metrics.thetaO, (3 * 50 + 50) / 300);
  assert.equal(metrics.tauU, 10 / 300);
  assert.equal(metrics.tauO, 100 / 300);
  assert.equal(metrics.demandSeconds, 550);
  assert.equal(metrics.overSeconds, 200);
  assert.equal(metrics.overShare, 200 / 550);
  assert.equal(metrics.workerSeconds, 750);
  assert.equal(metrics.peakLag, 7);
  assert.equal(metrics.p99DelayMs, 500);
  assert.deepEqual([metrics.changes, metrics.reversals], [3, 1]);
});

Deno.test("metrics: quantiles and turns of nothing", () => {
  assert.equal(delayQuantile([], 0.99), 0);
  assert.deepEqual(turnsOf([0]), { changes: 0, reversals: 0 });
  assert.deepEqual(turnsOf([0, 1, 0, 2, 3]), { changes: 4, reversals: 2 });
});

Deno.test("demand: whole workers, one for a partition at most", () => {
  const even = [0.25, 0.25, 0.25, 0.25];
  assert.deepEqual([0, 10, 12, 13, 40, 90].map((rate) => demandOf(rate, even, 12)), [
    0,
    1,
    1,
    2,
    4,
    4,
  ]);
  assert.equal(demandOf(30, [0.7, 0.1, 0.1, 0.1], 12), 2);
});

Deno.test("traces: the doc trace is the paper's, the others stay in their ranges", () => {
  const doc = makeTrace("doc", 1);
  assert.deepEqual(doc.steps.map((step) => [step.atSeconds, step.rate]), [
    [0, 10],
    [120, 40],
    [240, 10],
    [540, 0],
    [900, 10],
  ]);
  assert.equal(doc.seconds, 1000);
  for (const name of TRACE_NAMES) {
    for (const seed of [1, 2, 3]) {
      const { steps, seconds } = makeTrace(name, seed);
      assert.ok(steps.every(({ rate }) => rate >= 0 && rate <= 44), name);
      assert.ok(steps.every(({ atSeconds }, i) => atSeconds > (steps[i - 1]?.atSeconds ?? -1)));
      assert.ok((steps.at(-1)?.atSeconds ?? Infinity) < seconds);
    }
  }
  assert.notDeepEqual(makeTrace("walk", 1), makeTrace("walk", 2));
  assert.ok(isTraceName("skew") && !isTraceName("skew.csv"));
});
