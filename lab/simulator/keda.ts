/**
 * A model of KEDA's Kafka scaler: KEDA itself between 0 and 1, the autoscaler that it sets up from 1
 * on, with their settings' names.
 *
 * @module
 */

import { Hpa, HPA_BEHAVIOR, HPA_SETTINGS, type HpaSettings, replicasByMetric } from "./hpa.ts";
import { Random } from "./random.ts";
import type { Scaler, ScalerKind, SimView } from "./scaler.ts";

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
 *
 * @param lag The lag of all partitions.
 * @param partitions How many there are.
 * @param settings The settings.
 * @returns The metric.
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

/**
 * KEDA.
 *
 * @param name Its name in tables.
 * @param settings The settings.
 * @returns The kind.
 */
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
