/**
 * Several scalers on one load: the medians over many seeds.
 *
 * @module
 */

import { keda, KEDA_DEFAULT, KEDA_TUNED } from "./keda.ts";
import type { Metrics } from "./metrics.ts";
import { type Run, SIM_DEFAULTS, type SimOptions, simulate } from "./run.ts";
import { fixedFleet, type ScalerKind } from "./scaler.ts";
import { sparkAllocation } from "./spark_allocation.ts";
import { tidegate } from "./tidegate.ts";
import type { Trace } from "./trace.ts";

/** The static fleet that savings are reckoned against. */
export const STATIC_SIZE = 4;

/** One scaler's line. */
export interface Comparison {
  /** The scaler's name. */
  readonly scaler: string;
  /** The median of each metric over the seeds. */
  readonly median: Metrics;
  /** The largest value of each metric over the seeds. */
  readonly worst: Metrics;
  /** The share of a static fleet's worker-seconds that the median saves. */
  readonly saved: number;
  /** The run of the first seed, for the picture. */
  readonly first: Run;
}

/** The scalers that are compared: ours first, a static fleet last. */
export function scalers(startupMs: number = SIM_DEFAULTS.startupMs): ScalerKind[] {
  return [
    tidegate({ startupMs }),
    sparkAllocation(),
    keda("KEDA default", KEDA_DEFAULT),
    keda("KEDA tuned", KEDA_TUNED),
    fixedFleet(STATIC_SIZE),
  ];
}

/**
 * Runs every scaler on every seed's load.
 *
 * @param traceOf The load of a seed.
 * @param seeds The seeds, at least one.
 * @param options The model's parameters.
 * @returns A line for each scaler.
 */
export function compare(
  traceOf: (seed: number) => Trace,
  seeds: readonly number[],
  options: Omit<SimOptions, "seed"> = {},
): Comparison[] {
  return scalers(options.startupMs).map((kind) => {
    const runs = seeds.map((seed) => simulate(traceOf(seed), kind, { ...options, seed }));
    const [first] = runs;
    if (first === undefined) throw new RangeError("Cannot compare: there must be a seed");
    const all = runs.map((run) => run.metrics);
    return {
      scaler: kind.name,
      median: combined(all, middle),
      worst: combined(all, (values) => Math.max(...values)),
      saved: 1 - middle(runs.map((run) => run.metrics.workerSeconds / (STATIC_SIZE * run.seconds))),
      first,
    };
  });
}

/** The middle one of some values; of two, the smaller. */
function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? 0;
}

/** One figure for each metric. */
function combined(
  all: readonly Metrics[],
  pick: (values: readonly number[]) => number,
): Metrics {
  const of = (metric: keyof Metrics) => pick(all.map((one) => one[metric]));
  return {
    thetaU: of("thetaU"),
    thetaO: of("thetaO"),
    tauU: of("tauU"),
    tauO: of("tauO"),
    demandSeconds: of("demandSeconds"),
    overSeconds: of("overSeconds"),
    overShare: of("overShare"),
    workerSeconds: of("workerSeconds"),
    peakLag: of("peakLag"),
    p99DelayMs: of("p99DelayMs"),
    changes: of("changes"),
    reversals: of("reversals"),
  };
}
