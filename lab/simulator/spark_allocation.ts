/**
 * A model of Spark's dynamic allocation (`ExecutorAllocationManager`, Spark 3.5), with its settings'
 * names. Executors are requested 1, 2, 4, … at a time while tasks wait, and are given up one by one
 * when they have been idle.
 *
 * @module
 */

import type { Scaler, ScalerKind, SimView } from "./scaler.ts";

/** Settings below `spark.`, with their last words as names. */
export interface SparkSettings {
  /** `dynamicAllocation.minExecutors`. */
  readonly minExecutors: number;
  /** `dynamicAllocation.maxExecutors`. */
  readonly maxExecutors: number;
  /** `dynamicAllocation.initialExecutors`. */
  readonly initialExecutors: number;
  /** `dynamicAllocation.schedulerBacklogTimeout`, in s: how long tasks wait before the first request. */
  readonly schedulerBacklogTimeout: number;
  /** `dynamicAllocation.sustainedSchedulerBacklogTimeout`, in s: between one request and the next. */
  readonly sustainedSchedulerBacklogTimeout: number;
  /** `dynamicAllocation.executorIdleTimeout`, in s: after which an idle executor is removed. */
  readonly executorIdleTimeout: number;
  /** `dynamicAllocation.executorAllocationRatio`: the share of full parallelism that is asked for. */
  readonly executorAllocationRatio: number;
  /** `executor.cores` divided by `task.cpus`: tasks that an executor runs at once. */
  readonly tasksPerExecutor: number;
}

/** The settings of the paper: the defaults, with 0 to 4 executors. */
export const SPARK_SETTINGS: SparkSettings = {
  minExecutors: 0,
  maxExecutors: 4,
  initialExecutors: 0,
  schedulerBacklogTimeout: 1,
  sustainedSchedulerBacklogTimeout: 1,
  executorIdleTimeout: 60,
  executorAllocationRatio: 1,
  tasksPerExecutor: 1,
};

/** The number of executors that Spark asks for. */
export class ExecutorTarget {
  readonly #settings: SparkSettings;
  /** `numExecutorsTarget`: how many executors are wanted. */
  target: number;
  /** `numExecutorsToAdd`: how many the next request adds. */
  toAdd = 1;
  /** `addTime`: when the next request is due, in s; null while no task waits. */
  addTime: number | null = null;

  /** Begins with the initial number. */
  constructor(settings: SparkSettings) {
    this.#settings = settings;
    this.target = settings.initialExecutors;
  }

  /** `maxNumExecutorsNeeded`: the executors that all tasks could fill. */
  needed(tasks: number): number {
    const { executorAllocationRatio, tasksPerExecutor } = this.#settings;
    return Math.ceil(tasks * executorAllocationRatio / tasksPerExecutor);
  }

  /** `addExecutors`: one request. */
  add(needed: number, existing: number): number {
    const { minExecutors, maxExecutors } = this.#settings;
    if (this.target >= maxExecutors) {
      this.toAdd = 1;
      return 0;
    }
    const before = this.target;
    const wanted = Math.min(Math.max(before, existing) + this.toAdd, needed);
    this.target = Math.max(Math.min(wanted, maxExecutors), minExecutors);
    const added = this.target - before;
    this.toAdd = added > 0 && added === this.toAdd ? this.toAdd * 2 : 1;
    return added;
  }

  /** `updateAndSyncNumExecutorsTarget`, called every 100 ms. */
  schedule(
    nowSeconds: number,
    tasks: { readonly pending: number; readonly running: number },
    existing: number,
  ): void {
    const { schedulerBacklogTimeout, sustainedSchedulerBacklogTimeout, minExecutors } =
      this.#settings;
    if (tasks.pending === 0) this.addTime = null;
    else this.addTime ??= nowSeconds + schedulerBacklogTimeout;
    const needed = this.needed(tasks.pending + tasks.running);
    if (needed < this.target) {
      this.target = Math.max(needed, minExecutors);
      this.toAdd = 1;
    } else if (this.addTime !== null && nowSeconds >= this.addTime) {
      this.add(needed, existing);
      this.addTime = nowSeconds + sustainedSchedulerBacklogTimeout;
    }
  }
}

/** How often Spark looks, in ms. */
const INTERVAL_MS = 100;

/** Spark's dynamic allocation, running micro-batches. */
export function sparkAllocation(settings: SparkSettings = SPARK_SETTINGS): ScalerKind {
  return {
    name: "Spark dynamic allocation",
    dispatch: "micro-batches",
    make: () => new SparkScaler(settings),
  };
}

class SparkScaler implements Scaler {
  readonly initial: number;
  readonly #settings: SparkSettings;
  readonly #target: ExecutorTarget;
  #nextMs = 0;

  constructor(settings: SparkSettings) {
    this.#settings = settings;
    this.initial = settings.initialExecutors;
    this.#target = new ExecutorTarget(settings);
  }

  step(view: SimView): number | null {
    if (view.nowMs < this.#nextMs) return null;
    this.#nextMs = view.nowMs + INTERVAL_MS;
    const existing = view.ready + view.starting;
    this.#target.schedule(view.nowMs / 1000, view, existing);
    const { target } = this.#target;
    if (target > existing) return target;
    // The target only says what is asked for; an executor that is there goes when it has been idle.
    const floor = Math.max(target, this.#settings.minExecutors);
    const timeoutMs = this.#settings.executorIdleTimeout * 1000;
    const expired = view.idleSince.filter((since) => view.nowMs - since >= timeoutMs).length;
    const left = Math.max(floor, existing - expired);
    return left < existing ? left : null;
  }
}
