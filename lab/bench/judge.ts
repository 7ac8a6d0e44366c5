/**
 * How measurements are judged: medians of pairs, what counts as an engine's own, and what makes a
 * part noisy.
 *
 * @module
 */

import type { BacklogRun } from "./backlog.ts";
import type { Engine } from "./engine.ts";
import type { CpuSeconds, Quiet } from "./processes.ts";

/** The machine must have been so idle before each part, or the row is marked. */
const IDLE_SHARE = 0.95;
/** Others must not have used more cores meanwhile. */
const OTHERS_CORES = 0.1;

/** A part, as far as it says how quiet it was. */
export interface Part {
  /** How the machine was before. */
  readonly quiet: Quiet;
  /**
   * Cores that others used meanwhile.
   * @default {0}
   */
  readonly othersCores?: number;
}

/** Whether others were at work before or during a part. */
export function isNoisy({ quiet, othersCores = 0 }: Part): boolean {
  return quiet.idleShare < IDLE_SHARE || othersCores > OTHERS_CORES;
}

/** A median with its range. */
export interface Spread {
  /** The median. */
  readonly median: number;
  /** The smallest. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
}

/** The median of some numbers, with their range. */
export function spreadOf(numbers: readonly number[]): Spread {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const at = (i: number) => sorted[i] ?? NaN;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

/** The quotient of two series, pair by pair. */
export function ratiosOf(
  of: readonly BacklogRun[],
  by: readonly BacklogRun[],
  figure: (run: BacklogRun) => number,
): Spread {
  return spreadOf(of.map((run, i) => {
    const other = by[i];
    return other === undefined ? NaN : figure(run) / figure(other);
  }));
}

/** CPU seconds that are the engine's own. */
export function engineCpu({ usesTemporal }: Pick<Engine, "usesTemporal">, cpu: CpuSeconds): number {
  return Object.entries(cpu)
    .filter(([name]) => name !== "broker" && (name !== "temporal" || usesTemporal))
    .reduce((sum, [, seconds]) => sum + seconds, 0);
}

/** A run in one line. */
export function backlogLine(run: BacklogRun): string {
  const cpu = Object.entries(run.cpuSeconds).map(([name, s]) => {
    const start = run.startCpuSeconds[name];
    return `${name} ${s.toFixed(1)}${
      start === undefined ? "" : `, of it start ${start.toFixed(1)}`
    }`;
  });
  const rss = Object.entries(run.rssMiB).map(([name, mib]) => `${name} ${mib}`);
  return [
    `${run.engine}: ${run.seconds.toFixed(2)} s after ${run.startSeconds.toFixed(1)} s of start`,
    `${thousands(run.eventsPerSecond)}/s`,
    `${thousands(run.eventsPerCpuSecond)} per CPU s (${cpu.join("; ")})`,
    `${run.windowsPerSecond.toFixed(0)} windows/s`,
    `MiB ${rss.join(", ")}`,
    `idle before ${(run.quiet.idleShare * 100).toFixed(0)} %, others ${run.othersCores.toFixed(2)}`,
    run.rowsDiffer === 0 ? "rows equal" : `${run.rowsDiffer} ROWS DIFFER`,
    ...(run.holds === false ? ["ACCOUNT DOES NOT HOLD"] : []),
  ].join("; ");
}

function thousands(n: number): string {
  return `${Math.round(n / 1000)} k`;
}
