/**
 * What is measured beside each other: an engine is started on a topic as a process tree of its own,
 * and stopped.
 *
 * @module
 */

import type { BenchPipeline } from "./pipeline.ts";
import type { CpuSeconds } from "./processes.ts";

/** An engine at work. Times are ms of the benchmark's clock (`performance.now`). */
export interface RunningEngine {
  /** Where its rows go. */
  readonly resultsTopic: string;
  /** When its process was started. */
  readonly startedMs: number;
  /** When it said that it works: our worker is ready, Flink's job is running. */
  readonly readyMs: number;
  /** The root of its process tree. */
  readonly pid: number;
  /** CPU seconds so far by part, and memory. */
  usage(): Promise<EngineUsage>;
  /**
   * Opens its live page, as a person does; gives what closes it.
   * @default {undefined} there is none
   */
  readonly openPage?: () => Promise<() => Promise<void>>;
  /** Whether its own account holds; null if it keeps none. */
  holds(): Promise<boolean | null>;
  /** Ends it and removes what it has made. */
  stop(): Promise<void>;
}

/** What an engine has used, its servers apart. */
export interface EngineUsage {
  /** CPU seconds by part, its start included. */
  readonly cpuSeconds: CpuSeconds;
  /** Resident memory by part in MiB. */
  readonly rssMiB: Readonly<Record<string, number>>;
}

/** An engine that can be started. */
export interface Engine {
  /** Its name in reports. */
  readonly name: string;
  /** Whether it works on Temporal, whose CPU time is then its own. */
  readonly usesTemporal: boolean;
  /** Starts it. */
  start(pipeline: BenchPipeline): Promise<RunningEngine>;
}
