/**
 * The workers of a simulated run, and the work that is handed to them: they start, fold, drain and go.
 *
 * @module
 */

import type { Delay } from "./metrics.ts";
import { type Partition, Random } from "./topic.ts";

/** From the end of a worker's sweep to its next one, in ms. */
const HANDOVER_MS = 15;
/** How long the worker rate is measured over, in ms. */
const RATE_SPAN_MS = 10_000;

/** How the workers are. */
export interface FleetOptions {
  /** The seed. */
  readonly seed: number;
  /** Events that a worker folds per busy second, on average. */
  readonly workerRate: number;
  /** By how much single sweeps are slower or faster: the deviation, as a share. */
  readonly workNoise: number;
  /** From spawn to ready, in ms; each start differs by up to a fifth. */
  readonly startupMs: number;
}

/** One worker. */
interface Worker {
  readonly id: number;
  readonly speed: number;
  readonly readyAtMs: number;
  draining: boolean;
  /** Up to when its time is spent. */
  clockMs: number;
  /** Since when it has had nothing to do. */
  idleSinceMs: number;
  task: Task | null;
}

interface Task {
  readonly work: Work;
  readonly beganMs: number;
  readonly serviceMs: number;
  folded: number;
}

/** The workers. */
export class Fleet {
  /** How long folded events took. */
  readonly delays: Delay[] = [];
  readonly #options: FleetOptions;
  readonly #random: Random;
  readonly #dispatch: Dispatch;
  #workers: Worker[] = [];
  #nextId = 0;
  #done: { readonly atMs: number; readonly events: number; readonly busyMs: number }[] = [];

  /** Makes an empty fleet. */
  constructor(dispatch: Dispatch, options: FleetOptions) {
    this.#dispatch = dispatch;
    this.#options = options;
    this.#random = new Random(options.seed, 3);
  }

  /** Workers that are ready or starting. */
  get size(): number {
    return this.#workers.filter((worker) => !worker.draining).length;
  }

  /** How many workers there are of each kind. */
  census(nowMs: number): { ready: number; starting: number; draining: number } {
    let ready = 0;
    let starting = 0;
    let draining = 0;
    for (const worker of this.#workers) {
      if (worker.draining) draining++;
      else if (worker.readyAtMs <= nowMs) ready++;
      else starting++;
    }
    return { ready, starting, draining };
  }

  /** How many pieces of work are being done. */
  get running(): number {
    return this.#workers.filter((worker) => worker.task !== null).length;
  }

  /** For each ready worker without work since when it has had none. */
  idleSince(nowMs: number): number[] {
    return this.#workers
      .filter((worker) => !worker.draining && worker.readyAtMs <= nowMs && worker.task === null)
      .map((worker) => worker.idleSinceMs);
  }

  /** Events per busy second by the work that ended lately; null if none did. */
  workerRate(nowMs: number): number | null {
    this.#done = this.#done.filter((one) => one.atMs > nowMs - RATE_SPAN_MS);
    const events = this.#done.reduce((sum, one) => sum + one.events, 0);
    const busyMs = this.#done.reduce((sum, one) => sum + one.busyMs, 0);
    return busyMs === 0 ? null : events / (busyMs / 1000);
  }

  /** Starts workers, or lets some go: those that start first, then those idle for longest. */
  resize(size: number, nowMs: number): void {
    while (this.size < size) this.#spawn(nowMs);
    const order = (worker: Worker) =>
      worker.readyAtMs > nowMs ? -1 : worker.task === null ? worker.idleSinceMs : Infinity;
    while (this.size > size) {
      const [leaving] = this.#workers.filter((worker) => !worker.draining)
        .sort((a, b) => order(a) - order(b));
      if (leaving !== undefined) leaving.draining = true;
    }
    this.#leave();
  }

  /** Lets time pass. */
  run(fromMs: number, toMs: number): void {
    for (let again = true; again;) {
      again = false;
      for (const worker of this.#workers) again = this.#advance(worker, fromMs, toMs) || again;
    }
    this.#leave();
  }

  #spawn(nowMs: number): void {
    const readyAtMs = nowMs + this.#options.startupMs * (1 + 0.2 * this.#random.signed());
    this.#workers.push({
      id: this.#nextId++,
      speed: Math.max(0.5, 1 + 0.03 * this.#random.normal()),
      readyAtMs,
      draining: false,
      clockMs: readyAtMs,
      idleSinceMs: readyAtMs,
      task: null,
    });
  }

  #leave(): void {
    this.#workers = this.#workers.filter((worker) => !worker.draining || worker.task !== null);
  }

  /** Does one thing of a worker; answers whether there may be more in this stretch of time. */
  #advance(worker: Worker, fromMs: number, toMs: number): boolean {
    if (worker.task !== null) return this.#fold(worker, worker.task, fromMs, toMs);
    worker.clockMs = Math.max(worker.clockMs, fromMs);
    if (worker.draining || worker.clockMs >= toMs) return false;
    const work = this.#dispatch.next(worker.clockMs);
    if (work === undefined) return false;
    const noise = Math.max(0.2, 1 + this.#options.workNoise * this.#random.normal());
    work.partition.busy = true;
    worker.task = {
      work,
      beganMs: worker.clockMs,
      serviceMs: 1000 / (this.#options.workerRate * worker.speed) * noise,
      folded: 0,
    };
    return true;
  }

  #fold(worker: Worker, task: Task, fromMs: number, toMs: number): boolean {
    const { partition, until, budgetMs } = task.work;
    const left = Math.min(partition.end, until) - partition.taken;
    const inBudget = Math.ceil((task.beganMs + budgetMs - worker.clockMs) / task.serviceMs);
    if (left <= 0 || inBudget <= 0) {
      this.#end(worker, task);
      return true;
    }
    const inTime = Math.floor((toMs - Math.max(worker.clockMs, task.beganMs)) / task.serviceMs);
    const count = Math.min(left, inBudget, Math.max(0, inTime));
    if (count === 0) return false;
    worker.clockMs += count * task.serviceMs;
    partition.taken += count;
    task.folded += count;
    return worker.clockMs > fromMs;
  }

  #end(worker: Worker, task: Task): void {
    const { partition } = task.work;
    const atMs = worker.clockMs;
    partition.busy = false;
    partition.commit(atMs, this.delays);
    this.#dispatch.ended(task.work, task.beganMs, atMs);
    if (task.folded > 0) {
      this.#done.push({ atMs, events: task.folded, busyMs: atMs - task.beganMs });
    }
    worker.task = null;
    worker.idleSinceMs = atMs;
    worker.clockMs = atMs + HANDOVER_MS;
  }
}

/** A piece of work. */
export interface Work {
  /** The partition. */
  readonly partition: Partition;
  /** Up to which offset it goes at most. */
  readonly until: number;
  /** How long it lasts at most, in ms. */
  readonly budgetMs: number;
}

/** Gives work out. */
export interface Dispatch {
  /** Work that may begin now; undefined if there is none. */
  next(nowMs: number): Work | undefined;
  /** Notes that work has ended. */
  ended(work: Work, beganMs: number, endedMs: number): void;
  /** How many pieces of work wait for a worker. */
  pending(nowMs: number): number;
}

/** Timing of Tidegate's sweeps, as the model has them: of one partition each. */
export interface SliceTiming {
  /** At most one sweep of a caught-up partition in this time, in ms. */
  readonly paceMs: number;
  /** The time that a sweep may fold, in ms. */
  readonly sliceMs: number;
  /** From the end of a sweep to the beginning of the next one of its partition, in ms. */
  readonly cycleMs: number;
}

/** Tidegate's sweeps: a partition is in one at most, and is paced once it has caught up. */
export class Slices implements Dispatch {
  readonly #partitions: readonly Partition[];
  readonly #timing: SliceTiming;

  /** Makes the dispatch. */
  constructor(partitions: readonly Partition[], timing: SliceTiming) {
    this.#partitions = partitions;
    this.#timing = timing;
  }

  next(nowMs: number): Work | undefined {
    let first: Partition | undefined;
    for (const one of this.#partitions) {
      if (isDue(one, nowMs) && one.dueMs < (first?.dueMs ?? Infinity)) first = one;
    }
    if (first === undefined) return undefined;
    return { partition: first, until: Infinity, budgetMs: this.#timing.sliceMs };
  }

  ended({ partition }: Work, beganMs: number, endedMs: number): void {
    const { paceMs, cycleMs } = this.#timing;
    const soonest = endedMs + cycleMs;
    const caughtUp = partition.end === partition.cursor;
    partition.dueMs = caughtUp ? Math.max(soonest, beganMs + paceMs) : soonest;
  }

  pending(nowMs: number): number {
    return this.#partitions.filter((one) => isDue(one, nowMs)).length;
  }
}

function isDue(partition: Partition, nowMs: number): boolean {
  return !partition.busy && partition.end > partition.cursor && partition.dueMs <= nowMs;
}

/**
 * Micro-batches: what has arrived when a batch begins is cut into one task a partition with records,
 * and the next batch begins when all of them are done.
 */
export class MicroBatches implements Dispatch {
  readonly #partitions: readonly Partition[];
  readonly #overheadMs: number;
  #waiting: Work[] = [];
  #running = 0;
  #nextMs = 0;

  /** Makes the dispatch. */
  constructor(partitions: readonly Partition[], overheadMs: number) {
    this.#partitions = partitions;
    this.#overheadMs = overheadMs;
  }

  next(nowMs: number): Work | undefined {
    this.#plan(nowMs);
    const work = this.#waiting.shift();
    if (work !== undefined) this.#running++;
    return work;
  }

  ended(_work: Work, _beganMs: number, endedMs: number): void {
    this.#running--;
    if (this.#running === 0 && this.#waiting.length === 0) {
      this.#nextMs = endedMs + this.#overheadMs;
    }
  }

  pending(nowMs: number): number {
    this.#plan(nowMs);
    return this.#waiting.length;
  }

  #plan(nowMs: number): void {
    if (this.#running > 0 || this.#waiting.length > 0 || nowMs < this.#nextMs) return;
    this.#waiting = this.#partitions
      .filter((one) => one.end > one.cursor)
      .map((partition) => ({ partition, until: partition.end, budgetMs: Infinity }));
  }
}
