/**
 * Models of KEDA's Kafka scaler and of Kubernetes' HorizontalPodAutoscaler (`autoscaling/v2`) behind it.
 *
 * @module
 */

import { Random } from "./topic.ts";
import type { Scaler, ScalerKind, SimView } from "./scaler.ts";

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

/** `GetExternalPerPodMetricReplicas`: the replicas by the metric alone. */
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

  /** Makes one. */
  constructor(settings: HpaSettings) {
    this.#settings = settings;
  }

  /** One sync. */
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

/** Settings of a `ScaledObject` with one `kafka` trigger. */
export interface KedaSettings {
  /** `pollingInterval`, in s: how often KEDA looks whether the trigger is active. */
  readonly pollingInterval: number;
  /** `cooldownPeriod`, in s: from the last activity until it scales to 0. */
  readonly cooldownPeriod: number;
  /** `lagThreshold`: the lag that one replica is for. */
  readonly lagThreshold: number;
  /** `activationLagThreshold`: a larger lag is activity. */
  readonly activationLagThreshold: number;
  /** `allowIdleConsumers`: whether there may be more replicas than partitions. */
  readonly allowIdleConsumers: boolean;
  /** The autoscaler's settings. */
  readonly hpa: HpaSettings;
}

/** KEDA's and the autoscaler's defaults, with 0 to 4 replicas. */
export const KEDA_DEFAULT: KedaSettings = {
  pollingInterval: 30,
  cooldownPeriod: 300,
  lagThreshold: 10,
  activationLagThreshold: 0,
  allowIdleConsumers: false,
  hpa: HPA_SETTINGS,
};

/**
 * Tuned for this load by what a `ScaledObject` can set: polled every 5 s, a replica for each lag of
 * 2 s of a worker's work, 30 s of stabilization on the way down, 60 s to 0. The autoscaler's sync
 * period is the cluster's.
 */
export const KEDA_TUNED: KedaSettings = {
  ...KEDA_DEFAULT,
  pollingInterval: 5,
  cooldownPeriod: 60,
  lagThreshold: 24,
  hpa: {
    ...HPA_SETTINGS,
    behavior: {
      ...HPA_BEHAVIOR,
      scaleDown: { ...HPA_BEHAVIOR.scaleDown, stabilizationWindowSeconds: 30 },
    },
  },
};

/**
 * The lag as KEDA's Kafka scaler reports it: no more than what the partitions have replicas for.
 */
export function kedaLag(
  lag: number,
  partitions: number,
  settings: Pick<KedaSettings, "lagThreshold" | "allowIdleConsumers">,
): number {
  const { lagThreshold, allowIdleConsumers } = settings;
  const most = partitions * lagThreshold;
  return !allowIdleConsumers && Math.floor(lag / lagThreshold) > partitions ? most : lag;
}

/** KEDA. */
export function keda(name: string, settings: KedaSettings): ScalerKind {
  return { name, dispatch: "slices", make: (seed) => new KedaScaler(settings, seed) };
}

class KedaScaler implements Scaler {
  readonly initial = 0;
  readonly #settings: KedaSettings;
  readonly #hpa: Hpa;
  #pollAt: number;
  #syncAt: number;
  #lastActive = -Infinity;

  constructor(settings: KedaSettings, seed: number) {
    const random = new Random(seed, 4);
    this.#settings = settings;
    this.#hpa = new Hpa(settings.hpa);
    this.#pollAt = random.next() * settings.pollingInterval;
    this.#syncAt = random.next() * settings.hpa.syncPeriod;
  }

  step(view: SimView): number | null {
    const now = view.nowMs / 1000;
    const replicas = view.ready + view.starting;
    return this.#poll(now, replicas, view) ?? this.#sync(now, replicas, view);
  }

  #poll(now: number, replicas: number, { lag }: SimView): number | null {
    const { pollingInterval, cooldownPeriod, activationLagThreshold } = this.#settings;
    if (now < this.#pollAt) return null;
    this.#pollAt += pollingInterval;
    if (lag > activationLagThreshold) {
      this.#lastActive = now;
      if (replicas > 0) return null;
      this.#hpa.reset();
      return this.#settings.hpa.minReplicas;
    }
    return replicas > 0 && now - this.#lastActive > cooldownPeriod ? 0 : null;
  }

  #sync(now: number, replicas: number, view: SimView): number | null {
    const { lagThreshold, hpa } = this.#settings;
    if (now < this.#syncAt) return null;
    this.#syncAt += hpa.syncPeriod;
    // An autoscaler whose target has 0 replicas is switched off.
    if (replicas === 0) return null;
    const metric = kedaLag(view.lag, view.ends.length, this.#settings);
    const byMetric = replicasByMetric(replicas, metric, {
      averageValue: lagThreshold,
      tolerance: hpa.tolerance,
    });
    return this.#hpa.sync(now, replicas, byMetric);
  }
}
