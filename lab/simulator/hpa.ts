/**
 * A model of Kubernetes' HorizontalPodAutoscaler (`autoscaling/v2`) for one external metric with an
 * average value as its target, with its settings' names.
 *
 * @module
 */

/** A scaling policy: by how much the replicas may change within a period. */
export interface HpaPolicy {
  /** `Pods`: by a number; `Percent`: by a percentage of the replicas at the period's beginning. */
  readonly type: "Pods" | "Percent";
  /** By how much. */
  readonly value: number;
  /** The period, in s. */
  readonly periodSeconds: number;
}

/** The behaviour in one direction. */
export interface HpaRules {
  /** Up: the smallest, down: the largest recommendation of this time is taken. */
  readonly stabilizationWindowSeconds: number;
  /** The policies. */
  readonly policies: readonly HpaPolicy[];
  /** Which of the policies counts: the one that allows most (`Max`) or least (`Min`). */
  readonly selectPolicy: "Max" | "Min";
}

/** Settings of the autoscaler. */
export interface HpaSettings {
  /** `--horizontal-pod-autoscaler-sync-period`, in s. */
  readonly syncPeriod: number;
  /** `--horizontal-pod-autoscaler-tolerance`. */
  readonly tolerance: number;
  /** `minReplicas`. */
  readonly minReplicas: number;
  /** `maxReplicas`. */
  readonly maxReplicas: number;
  /** `behavior`. */
  readonly behavior: { readonly scaleUp: HpaRules; readonly scaleDown: HpaRules };
}

/** The default behaviour. */
export const HPA_BEHAVIOR: HpaSettings["behavior"] = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    policies: [
      { type: "Percent", value: 100, periodSeconds: 15 },
      { type: "Pods", value: 4, periodSeconds: 15 },
    ],
    selectPolicy: "Max",
  },
  scaleDown: {
    stabilizationWindowSeconds: 300,
    policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
    selectPolicy: "Max",
  },
};

/** The default settings, with 1 to 4 replicas. */
export const HPA_SETTINGS: HpaSettings = {
  syncPeriod: 15,
  tolerance: 0.1,
  minReplicas: 1,
  maxReplicas: 4,
  behavior: HPA_BEHAVIOR,
};

/**
 * `GetExternalPerPodMetricReplicas`: the replicas by the metric alone.
 *
 * @param current The replicas there are.
 * @param metric The metric's total.
 * @param options The target for each replica, and the tolerance.
 * @returns The replicas.
 */
export function replicasByMetric(
  current: number,
  metric: number,
  options: { readonly averageValue: number; readonly tolerance: number },
): number {
  const { averageValue, tolerance } = options;
  const usageRatio = metric / (averageValue * current);
  return Math.abs(1 - usageRatio) > tolerance ? Math.ceil(metric / averageValue) : current;
}

/** One autoscaler. */
export class Hpa {
  readonly #settings: HpaSettings;
  #recommendations: { readonly at: number; readonly replicas: number }[] = [];
  #events: { readonly at: number; readonly change: number }[] = [];

  /**
   * Makes one.
   *
   * @param settings The settings.
   */
  constructor(settings: HpaSettings) {
    this.#settings = settings;
  }

  /**
   * One sync.
   *
   * @param nowSeconds Now.
   * @param current The replicas there are, at least 1.
   * @param byMetric The replicas by the metric.
   * @returns The replicas there should be.
   */
  sync(nowSeconds: number, current: number, byMetric: number): number {
    const { minReplicas, maxReplicas } = this.#settings;
    const stable = this.#stabilized(nowSeconds, current, byMetric);
    const limited = this.#limited(nowSeconds, current, stable);
    const next = Math.min(Math.max(limited, minReplicas), maxReplicas);
    if (next !== current) this.#events.push({ at: nowSeconds, change: next - current });
    return next;
  }

  /** Forgets what was before the target was scaled to 0 and back by somebody else. */
  reset(): void {
    this.#recommendations = [];
    this.#events = [];
  }

  /** `stabilizeRecommendationWithBehaviors`. */
  #stabilized(now: number, current: number, recommended: number): number {
    const { scaleUp, scaleDown } = this.#settings.behavior;
    const longest = Math.max(
      scaleUp.stabilizationWindowSeconds,
      scaleDown.stabilizationWindowSeconds,
    );
    this.#recommendations = this.#recommendations.filter((one) => one.at > now - longest);
    let up = recommended;
    let down = recommended;
    for (const { at, replicas } of this.#recommendations) {
      if (at > now - scaleUp.stabilizationWindowSeconds) up = Math.min(up, replicas);
      if (at > now - scaleDown.stabilizationWindowSeconds) down = Math.max(down, replicas);
    }
    this.#recommendations.push({ at: now, replicas: recommended });
    let stable = current;
    if (stable < up) stable = up;
    if (stable > down) stable = down;
    return stable;
  }

  /** `convertDesiredReplicasWithBehaviorRate`. */
  #limited(now: number, current: number, desired: number): number {
    const { scaleUp, scaleDown } = this.#settings.behavior;
    if (desired > current) return Math.min(desired, this.#limit(now, current, scaleUp, 1));
    if (desired < current) return Math.max(desired, this.#limit(now, current, scaleDown, -1));
    return desired;
  }

  /** `calculateScaleUpLimitWithScalingRules` and `calculateScaleDownLimitWithBehaviors`. */
  #limit(now: number, current: number, rules: HpaRules, direction: 1 | -1): number {
    const limits = rules.policies.map(({ type, value, periodSeconds }) => {
      const changed = this.#events
        .filter((one) => one.at > now - periodSeconds && Math.sign(one.change) === direction)
        .reduce((sum, one) => sum + one.change, 0);
      const start = current - changed;
      if (type === "Pods") return start + direction * value;
      const share = start * (1 + direction * value / 100);
      return direction === 1 ? Math.ceil(share) : Math.trunc(share);
    });
    const most = (rules.selectPolicy === "Max") === (direction === 1);
    return most ? Math.max(...limits) : Math.min(...limits);
  }
}
