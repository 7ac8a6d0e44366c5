/**
 * How a topic's records become work for the workers: Tidegate's paced slices, and the micro-batches
 * of Spark Structured Streaming.
 *
 * @module
 */

import type { Partition } from "./topic.ts";

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

/** Timing of Tidegate's slices, measured (design, section 9). */
export interface SliceTiming {
  /** At most one slice of a caught-up partition in this time, in ms. */
  readonly paceMs: number;
  /** The time budget of a slice, in ms. */
  readonly sliceMs: number;
  /** From the end of a slice to the beginning of the next one of its partition, in ms. */
  readonly cycleMs: number;
}

/** Tidegate's slices: a partition has one in flight, and is paced once it has caught up. */
export class Slices implements Dispatch {
  readonly #partitions: readonly Partition[];
  readonly #timing: SliceTiming;

  /**
   * Makes the dispatch.
   *
   * @param partitions The topic.
   * @param timing The timing.
   */
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

  /**
   * Makes the dispatch.
   *
   * @param partitions The topic.
   * @param overheadMs Planning and committing of a batch, in ms.
   */
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
