/**
 * Worker processes as the rest sees them: a desired number of workers, and how these fare. The
 * number is kept apart from how it is realised: by child processes of this machine
 * (`process.ts`), by the Deployment of a cluster (`kubernetes.ts`), or by somebody
 * else who is only told of it (`external.ts`).
 *
 * @module
 */

import type { SlotState } from "../../core/scaling/slot.ts";

export type { SlotState } from "../../core/scaling/slot.ts";

/** One worker process, or the place of one. */
export interface WorkerSlot {
  /** The slot's number, from 0. */
  readonly slot: number;
  /** How it stands. */
  readonly state: SlotState;
  /** The process id; null if there is no process. */
  readonly pid: number | null;
  /** How Temporal knows the process; null if there is none. */
  readonly identity: string | null;
  /** How often it was started again after a failure. */
  readonly restarts: number;
  /** What the last failure was, for people; null once a process is ready again. */
  readonly problem: string | null;
}

/** How long workers take, as measured: medians of the last ones. */
export interface WorkerTimes {
  /** From the start of a process until it is ready, in ms; null before the first. */
  readonly startupMs: number | null;
  /** From telling a ready process to end until its end, in ms; null before the first. */
  readonly drainMs: number | null;
}

/** The fleet, to look at: all that anybody but its one writer needs. */
export interface Fleet {
  /** How many workers there are to be. */
  readonly desired: number;
  /** The slots used so far, by number; where somebody else keeps the workers, those known of. */
  readonly slots: readonly WorkerSlot[];
  /** How long workers take. */
  readonly times: WorkerTimes;
}

/**
 * Realises a number of workers. It has one writer, who alone calls `want` and `replace`; whoever
 * only looks is given a {@linkcode Fleet}. Where something else scales the same processes, such as
 * an autoscaler of a cluster, that is the writer, and this must not be used beside it.
 */
export interface Launcher extends Fleet {
  /**
   * Sets how many workers there are to be. Returns at once; after `stop` it does nothing.
   *
   * @param desired The number.
   * @throws {RangeError} If it is not a whole number from 0 on.
   */
  want(desired: number): void;
  /**
   * Ends a worker that makes no progress and starts another one in its stead. Which one, and that
   * it is replaced only once, is for the caller to decide.
   *
   * @param slot The slot's number.
   * @returns Whether there was a worker to replace: one that starts or is ready.
   */
  replace(slot: number): boolean;
  /**
   * Ends the workers that it has started itself, and waits until they have ended. Workers that
   * somebody else keeps stay: they hold no state, and wait for the next control process.
   */
  stop(): Promise<void>;
}

/**
 * Checks a number of workers.
 *
 * @param desired The number.
 * @returns The number.
 * @throws {RangeError} If it is not a whole number from 0 on.
 */
export function workerCount(desired: number): number {
  if (Number.isSafeInteger(desired) && desired >= 0) return desired;
  throw new RangeError(
    `Cannot want workers: their number must be a whole number from 0 on, got ${desired}`,
  );
}
