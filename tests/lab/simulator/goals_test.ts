/**
 * What the policy must reach in the simulator (issue 4). The seeds are in the tests' names; a seed
 * that fails is in the message: `deno task simulate` draws it.
 */

import assert from "node:assert/strict";
import type { FleetDecision } from "../../../core/scaling/state.ts";
import { keda, KEDA_DEFAULT } from "../../../lab/simulator/keda.ts";
import { type Run, type SimOptions, simulate } from "../../../lab/simulator/run.ts";
import { tidegate } from "../../../lab/simulator/scaler.ts";
import { constantTrace, makeTrace, type Trace } from "../../../lab/simulator/trace.ts";

/** Our policy on a load. */
function ours(
  trace: Trace,
  options: SimOptions,
): Run & { readonly decisions: readonly FleetDecision[] } {
  const decisions: FleetDecision[] = [];
  const kind = tidegate({
    startupMs: 500,
    onDecision: (decision) => void decisions.push(decision),
  });
  return { ...simulate(trace, kind, options), decisions };
}

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** When a person reads it, what the fleet did. */
function story(run: Run): string {
  return run.changes.map((one) => `${one.atSeconds} s: ${one.size}`).join(", ");
}

/** The runs of the doc trace, made once for the tests that look at them. */
const docRuns = new Map<number, Run>();
function docRun(seed: number): Run {
  const run = docRuns.get(seed) ?? ours(makeTrace("doc", seed), { seed });
  docRuns.set(seed, run);
  return run;
}

Deno.test("goal, doc trace, seeds 1 to 30: hardly any shortage, 30 % over, 68 % saved", () => {
  for (const seed of seeds(30)) {
    const run = docRun(seed);
    const { thetaU, overShare, workerSeconds, demandSeconds } = run.metrics;
    assert.equal(demandSeconds, 1000);
    assert.ok(thetaU <= 0.005, `seed ${seed}: θ_U ${thetaU}; ${story(run)}`);
    assert.ok(overShare <= 0.3, `seed ${seed}: over ${overShare}; ${story(run)}`);
    const saved = 1 - workerSeconds / 4000;
    assert.ok(saved >= 0.68, `seed ${seed}: saved ${saved}; ${story(run)}`);
  }
});

Deno.test("goal, doc trace, seeds 1 to 30: 1, in one step 4, 1, 0, 1, and no other way", () => {
  for (const seed of seeds(30)) {
    const run = docRun(seed);
    const sizes = run.changes.map((one) => one.size);
    const at = (size: number, after: number) =>
      run.changes.find((one) => one.size === size && one.atSeconds >= after)?.atSeconds ?? Infinity;
    assert.deepEqual(sizes.slice(0, 2), [1, 4], `seed ${seed}: ${story(run)}`);
    // Down may take several steps, one after the other.
    assert.deepEqual(sizes.slice(-3), [1, 0, 1], `seed ${seed}: ${story(run)}`);
    assert.equal(run.metrics.reversals, 2, `seed ${seed}: ${story(run)}`);
    assert.ok(at(4, 120) <= 124, `seed ${seed}: ${story(run)}`);
    assert.ok(at(1, 240) >= 270 && at(1, 240) <= 330, `seed ${seed}: ${story(run)}`);
    assert.ok(at(0, 540) >= 600 && at(0, 540) <= 610, `seed ${seed}: ${story(run)}`);
    assert.ok(at(1, 900) <= 901, `seed ${seed}: ${story(run)}`);
  }
});

Deno.test("goal, doc trace with 11.5 and 13 events/s a worker, seeds 1 to 3: the same goals", () => {
  for (const seed of seeds(3)) {
    for (const workerRate of [11.5, 13]) {
      const run = ours(makeTrace("doc", seed), { seed, workerRate });
      const { thetaU, overShare, workerSeconds } = run.metrics;
      const good = thetaU <= 0.005 && overShare <= 0.3 && workerSeconds <= 0.32 * 4000;
      assert.ok(good, `seed ${seed}, workerRate ${workerRate}: ${story(run)}`);
    }
  }
});

Deno.test("goal, doc trace with events at random, seeds 1 to 7: the goals in the median", () => {
  const runs = seeds(7).map((seed) =>
    ours(makeTrace("doc", seed), { seed, arrivals: "poisson", rateNoise: 0 }).metrics
  );
  const median = (of: (metrics: Run["metrics"]) => number) =>
    runs.map(of).sort((a, b) => a - b)[3] ?? NaN;
  assert.ok(median((metrics) => metrics.thetaU) <= 0.005);
  assert.ok(median((metrics) => metrics.overShare) <= 0.3);
  assert.ok(median((metrics) => metrics.workerSeconds) <= 0.32 * 4000);
});

Deno.test("goal, constant load ± 15 %, seeds 1 to 3: no change in 10 minutes", () => {
  for (const rate of [3, 8, 10, 20, 30, 40]) {
    for (const seed of seeds(3)) {
      const run = ours(constantTrace(rate, 720), { seed, rateNoise: 0.15 });
      const late = run.changes.filter((one) => one.atSeconds > 120);
      assert.deepEqual(late, [], `seed ${seed}, ${rate} events/s: ${story(run)}`);
    }
  }
});

Deno.test("goal, bursts, seeds 1 to 4: at most one reversal in a down-window", () => {
  let reversals = 0;
  for (const seed of seeds(4)) {
    const run = ours(makeTrace("burst", seed), { seed });
    // The rule of the window, again: it doubles with a reversal within it, and goes back after
    // 10 minutes without one.
    let windowMs = 30_000;
    let downMs = -Infinity;
    let flapMs = -Infinity;
    let reversedMs = -Infinity;
    for (const { atMs, desired, previous } of run.decisions) {
      if (atMs - flapMs > Math.max(600_000, 2 * windowMs)) windowMs = 30_000;
      if (desired < previous && desired > 0) downMs = atMs;
      if (desired <= previous || previous === 0 || downMs === -Infinity) continue;
      const apart = atMs - reversedMs;
      assert.ok(apart >= windowMs, `seed ${seed}: ${apart} ms apart, window ${windowMs} ms`);
      reversals++;
      reversedMs = atMs;
      if (atMs - downMs <= windowMs) {
        windowMs = Math.min(2 * windowMs, 600_000);
        flapMs = atMs;
      }
      downMs = -Infinity;
    }
  }
  assert.ok(reversals > 20, `${reversals} reversals: the bursts are too small for the test`);
});

Deno.test("goal, skew, seeds 1 to 6: a hot partition gets no workers that it can't use", () => {
  for (const seed of seeds(6)) {
    const run = ours(makeTrace("skew", seed), { seed });
    // 21 events/s of the 30 go to one partition: 1 worker for it, and 0.75 for the rest.
    for (const { hot } of run.decisions.filter((one) => one.desired > one.previous).map(inputs)) {
      assert.deepEqual(hot, [], `seed ${seed}: a step up with a hot partition; ${story(run)}`);
    }
    const useless = run.frames.filter((one) => one.processes > Math.max(2, one.demand)).length;
    assert.ok(useless <= 45, `seed ${seed}: ${useless} s with useless workers; ${story(run)}`);
    const told = run.decisions.filter((one) => one.inputs.hot.length > 0);
    assert.ok(told.length > 50 && told.every((one) => one.reason.includes("Partition 0 takes")));
  }
});

function inputs(decision: FleetDecision) {
  return decision.inputs;
}

Deno.test("goal, everything in one partition, seeds 1 to 2: never a second worker", () => {
  for (const seed of seeds(2)) {
    const trace: Trace = { ...makeTrace("doc", seed), hotShare: 1 };
    const run = ours(trace, { seed });
    const most = Math.max(...run.changes.map((one) => one.size));
    assert.equal(most, 1, `seed ${seed}: ${story(run)}`);
  }
});

Deno.test("goal, sine and walk, seed 1: better than KEDA's defaults in cost, within bounds", () => {
  for (const seed of seeds(1)) {
    for (const name of ["sine", "walk"] as const) {
      const run = ours(makeTrace(name, seed), { seed });
      const theirs = simulate(makeTrace(name, seed), keda("KEDA default", KEDA_DEFAULT), { seed });
      assert.ok(run.metrics.workerSeconds < theirs.metrics.workerSeconds, `seed ${seed}, ${name}`);
      assert.ok(run.metrics.thetaU < 0.06, `seed ${seed}, ${name}: θ_U ${run.metrics.thetaU}`);
      assert.ok(run.changes.every((one) => one.size >= 0 && one.size <= 4));
    }
  }
});

Deno.test("goal, more load never ends in a smaller fleet, seed 1", () => {
  for (const seed of seeds(1)) {
    let before = 0;
    for (let rate = 2; rate <= 46; rate += 4) {
      const run = ours(constantTrace(rate, 200), { seed });
      const size = run.changes.at(-1)?.size ?? 0;
      assert.ok(size >= before, `seed ${seed}, ${rate} events/s: ${size} after ${before}`);
      before = size;
    }
    assert.equal(before, 4);
  }
});
