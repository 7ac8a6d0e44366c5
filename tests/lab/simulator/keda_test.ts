import assert from "node:assert/strict";
import {
  Hpa,
  HPA_BEHAVIOR,
  HPA_SETTINGS,
  type HpaRules,
  keda,
  KEDA_DEFAULT,
  kedaLag,
  type KedaSettings,
  replicasByMetric,
} from "../../../lab/simulator/keda.ts";
import type { SimView } from "../../../lab/simulator/scaler.ts";

Deno.test("HPA: the examples of kubernetes' replica_calculator_test.go", () => {
  // TestReplicaCalcScaleUpPerPodCMExternal, …ScaleDownPerPodCMExternal, …TolerancePerPodCMExternal.
  const cases: [current: number, averageValue: number, expected: number][] = [
    [3, 2150, 4],
    [5, 2867, 3],
    [3, 2900, 3],
  ];
  for (const [current, averageValue, expected] of cases) {
    const replicas = replicasByMetric(current, 8600, { averageValue, tolerance: 0.1 });
    assert.equal(replicas, expected);
  }
});

Deno.test("HPA: the doc's example: twice the target doubles the replicas, half of it halves them", () => {
  // kubernetes.io, Horizontal Pod Autoscaling, Algorithm details: 200m and 50m for a target of 100m.
  const options = { averageValue: 100, tolerance: 0.1 };
  assert.equal(replicasByMetric(4, 4 * 200, options), 8);
  assert.equal(replicasByMetric(4, 4 * 50, options), 2);
});

/** Syncs until nothing changes any more, 60 s apart. */
function path(hpa: Hpa, from: number, byMetric: number): number[] {
  const sizes = [from];
  for (let at = 0;; at += 60) {
    const current = sizes.at(-1) ?? from;
    const next = hpa.sync(at, current, byMetric);
    if (next === current) return sizes;
    sizes.push(next);
  }
}

Deno.test("HPA: the doc's scaling policies: 80 replicas to 10 by 10 % or 4 a minute", () => {
  // Scaling policies: 8 replicas of 80 at first, 8 of 72 (7.2, rounded up), 4 at a time below 40.
  const scaleDown: HpaRules = {
    stabilizationWindowSeconds: 0,
    policies: [
      { type: "Pods", value: 4, periodSeconds: 60 },
      { type: "Percent", value: 10, periodSeconds: 60 },
    ],
    selectPolicy: "Max",
  };
  const hpa = new Hpa({
    ...HPA_SETTINGS,
    maxReplicas: 100,
    behavior: { ...HPA_BEHAVIOR, scaleDown },
  });
  const sizes = path(hpa, 80, 10);
  assert.deepEqual(sizes.slice(0, 3), [80, 72, 64]);
  const small = sizes.filter((size) => size < 40);
  assert.ok(small.every((size, i) => i === 0 || (small[i - 1] ?? 0) - size === 4 || size === 10));
  assert.equal(sizes.at(-1), 10);
});

Deno.test("HPA: selectPolicy Min takes the policy that changes least", () => {
  // The doc's example "limit scale down rate": 10 % a minute, and no more than 5 pods.
  const scaleDown: HpaRules = {
    stabilizationWindowSeconds: 0,
    policies: [
      { type: "Percent", value: 10, periodSeconds: 60 },
      { type: "Pods", value: 5, periodSeconds: 60 },
    ],
    selectPolicy: "Min",
  };
  const settings = { ...HPA_SETTINGS, maxReplicas: 100 };
  const hpa = new Hpa({ ...settings, behavior: { ...HPA_BEHAVIOR, scaleDown } });
  assert.deepEqual(path(hpa, 80, 70).slice(0, 3), [80, 75, 70]);
});

Deno.test("HPA: by default up at once, by 4 pods or 100 % in 15 s", () => {
  const hpa = new Hpa({ ...HPA_SETTINGS, maxReplicas: 100 });
  assert.equal(hpa.sync(0, 1, 50), 5);
  // Within the period nothing more is allowed; after it, 100 % of what there is.
  assert.equal(hpa.sync(5, 5, 50), 5);
  assert.equal(hpa.sync(15, 5, 50), 10);
  assert.equal(hpa.sync(30, 10, 50), 20);
});

Deno.test("HPA: by default down to the largest recommendation of the last 5 minutes", () => {
  const hpa = new Hpa({ ...HPA_SETTINGS, maxReplicas: 10 });
  const sizes: number[] = [];
  let current = 8;
  for (let at = 0; at <= 330; at += 15) {
    current = hpa.sync(at, current, at === 0 ? 8 : at === 150 ? 5 : 2);
    sizes.push(current);
  }
  assert.deepEqual(sizes.slice(0, 20), Array.from({ length: 20 }, () => 8));
  assert.deepEqual(sizes.slice(20), [5, 5, 5]);
});

Deno.test("HPA: never outside of minReplicas and maxReplicas", () => {
  const hpa = new Hpa(HPA_SETTINGS);
  assert.equal(hpa.sync(0, 1, 40), 4);
  assert.equal(hpa.sync(600, 4, 0), 1);
});

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
