/**
 * Worker processes as the control process sees them: it wants a number of them, and is told how
 * they fare. Another way of realising the number (a cluster's scheduler) is another launcher.
 *
 * @module
 */

/** How a slot stands. */
export type SlotState = "absent" | "starting" | "ready" | "draining" | "backing off";

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
}

/** Realises a number of workers. */
export interface Launcher {
  /** Sets how many workers there should be; returns at once. */
  want(desired: number): void;
  /** The slots, by number. */
  readonly slots: readonly WorkerSlot[];
  /** Ends all workers and waits until they have ended. */
  stop(): Promise<void>;
}
