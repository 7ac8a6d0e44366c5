import assert from "node:assert/strict";
import {
  Hpa,
  HPA_BEHAVIOR,
  HPA_SETTINGS,
  type HpaRules,
  replicasByMetric,
} from "../../../lab/simulator/hpa.ts";

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
