import assert from "node:assert/strict";
import { replicasByMetric } from "../../../lab/simulator/hpa.ts";
import { keda, KEDA_DEFAULT, kedaLag, type KedaSettings } from "../../../lab/simulator/keda.ts";
import type { SimView } from "../../../lab/simulator/scaler.ts";

/** A look at a topic of four partitions. */
function view(nowSeconds: number, lag: number, ready: number): SimView {
  return {
    nowMs: nowSeconds * 1000,
    ends: [lag, 0, 0, 0],
    cursors: [0, 0, 0, 0],
    lag,
    pending: 0,
    running: 0,
    workerRate: null,
    ready,
    starting: 0,
    draining: 0,
    idleSince: [],
  };
}

/** The changes of a fleet under KEDA: `[s, size]`. */
function changes(settings: KedaSettings, seconds: number, lagAt: (at: number) => number) {
  const scaler = keda("KEDA", settings).make(1);
  const found: [number, number][] = [];
  let size = scaler.initial;
  for (let at = 0; at < seconds; at += 0.5) {
    const wanted = scaler.step(view(at, lagAt(at), size));
    if (wanted !== null && wanted !== size) found.push([at, size = wanted]);
  }
  return found;
}

Deno.test("KEDA: lag is capped by the partitions, and the last replica stays away: issue 2908", () => {
  // kedacore/keda issue 2908: 64 partitions, lagThreshold 3000, a huge lag. KEDA reports
  // 64 × 3,000 = 192,000; at 63 replicas that is 3,047.620 each, within the tolerance of 10 %.
  const settings = { lagThreshold: 3000, allowIdleConsumers: false };
  const metric = kedaLag(5_000_000, 64, settings);
  assert.equal(metric, 192_000);
  assert.equal((metric / 63).toFixed(3), "3047.619");
  const options = { averageValue: 3000, tolerance: 0.1 };
  assert.equal(replicasByMetric(63, metric, options), 63);
  assert.equal(replicasByMetric(50, metric, options), 64);
});

Deno.test("KEDA: a lag below the cap is reported as it is, and idle consumers may be allowed", () => {
  const settings = { lagThreshold: 5, allowIdleConsumers: false };
  // As in the log lines of kedacore/keda issue 5164: threshold 5, 1 partition.
  assert.equal(kedaLag(3, 1, settings), 3);
  assert.equal(kedaLag(38, 1, settings), 5);
  assert.equal(kedaLag(38, 1, { ...settings, allowIdleConsumers: true }), 38);
});

Deno.test("KEDA: a lag of 92 with a threshold of 10 wants 10 replicas: issue 776", () => {
  // kedacore/keda issue 776: "~ 9 replicas by now (given the partition lag is > 90)".
  assert.equal(
    replicasByMetric(1, kedaLag(92, 10, KEDA_DEFAULT), {
      averageValue: KEDA_DEFAULT.lagThreshold,
      tolerance: 0.1,
    }),
    10,
  );
});

Deno.test("KEDA: the defaults are those of its documentation", () => {
  // keda.sh, ScaledObject specification and Apache Kafka scaler; kubernetes.io, Default behavior.
  const { pollingInterval, cooldownPeriod, lagThreshold, activationLagThreshold, hpa } =
    KEDA_DEFAULT;
  assert.deepEqual([pollingInterval, cooldownPeriod, lagThreshold, activationLagThreshold], [
    30,
    300,
    10,
    0,
  ]);
  assert.deepEqual([hpa.syncPeriod, hpa.tolerance], [15, 0.1]);
  assert.equal(hpa.behavior.scaleDown.stabilizationWindowSeconds, 300);
});

Deno.test("KEDA: from 0 to 1 within a polling interval, from there on by the autoscaler", () => {
  const found = changes(KEDA_DEFAULT, 120, (at) => at >= 40 ? 100 : 0);
  const [first, second] = found;
  assert.ok(first !== undefined && first[0] >= 40 && first[0] <= 70 && first[1] === 1);
  assert.ok(second !== undefined && second[0] - first[0] <= 15 && second[1] === 4);
});

Deno.test("KEDA: to 0 when the cooldown period after the last activity is over", () => {
  const found = changes(KEDA_DEFAULT, 700, (at) => at < 100 ? 5 : 0);
  const last = found.at(-1);
  assert.ok(last !== undefined && last[1] === 0);
  // The last active poll was up to 30 s before 100 s, and the end is seen by a poll, too.
  assert.ok(last[0] > 370 && last[0] <= 460, `${last[0]} s`);
});

Deno.test("KEDA: a lag of the activation threshold is no activity", () => {
  const settings = { ...KEDA_DEFAULT, activationLagThreshold: 5 };
  assert.deepEqual(changes(settings, 200, () => 5), []);
  assert.equal(changes(settings, 200, () => 6)[0]?.[1], 1);
});
