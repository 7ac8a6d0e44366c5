/**
 * Compares scalers over many seeds: medians in a table, the first run in charts.
 *
 * @module
 */

import { type ChartPoint, type SvgPanel, svgPicture, textChart } from "./charts.ts";
import { keda, KEDA_DEFAULT, KEDA_TUNED } from "./keda.ts";
import type { Metrics } from "./metrics.ts";
import { type Frame, type Run, SIM_DEFAULTS, type SimOptions, simulate } from "./run.ts";
import { fixedFleet, type ScalerKind, tidegate } from "./scaler.ts";
import { sparkAllocation } from "./spark_allocation.ts";
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

/** Runs every scaler on every seed's load. */
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

/** Columns of the table: the heading, and the figure of a line. */
const COLUMNS: readonly (readonly [heading: string, cell: (line: Comparison) => string])[] = [
  ["", (line) => line.scaler],
  ["θ_U", (line) => percent(line.median.thetaU, 2)],
  ["θ_O", (line) => percent(line.median.thetaO)],
  ["τ_U", (line) => percent(line.median.tauU)],
  ["τ_O", (line) => percent(line.median.tauO)],
  ["over", (line) => percent(line.median.overShare)],
  ["worker-s", (line) => String(Math.round(line.median.workerSeconds))],
  ["saved", (line) => percent(line.saved)],
  ["peak lag", (line) => String(line.median.peakLag)],
  ["p99 delay", (line) => `${(line.median.p99DelayMs / 1000).toFixed(1)} s`],
  ["changes", (line) => String(line.median.changes)],
  ["reversals", (line) => String(line.median.reversals)],
];

/** What the table's words mean. */
export const LEGEND: readonly string[] = [
  "θ_U, θ_O: the share of the demand missing or too much, averaged over time; τ_U, τ_O: the share of",
  "time with some missing or too much; over: too much, as a share of the demand's worker-seconds;",
  "saved: against a static fleet of 4. Starting and draining workers count as cost, not as supply.",
  "All start their workers equally fast: a pod's or an executor's longer start is left out.",
];

/** The cells of the table, the head first; all but the first column are figures. */
export function comparisonRows(lines: readonly Comparison[]): string[][] {
  return [
    COLUMNS.map(([heading]) => heading),
    ...lines.map((line) => COLUMNS.map(([, cell]) => cell(line))),
  ];
}

/** Our run of the first seed as charts. */
export function chartLines(lines: readonly Comparison[]): string[] {
  const [ours] = lines;
  if (ours === undefined) return [];
  const { frames, seconds } = ours.first;
  const chart = (title: string, value: (frame: Frame) => number) =>
    textChart({ title, seconds, points: pointsOf(frames, value) });
  return [
    ...chart("events/s", (frame) => frame.rate),
    ...chart(`lag under ${ours.scaler}, events`, (frame) => frame.lag),
    ...chart(`workers of ${ours.scaler}`, (frame) => frame.processes),
  ];
}

const OURS = "#0b6e4f";
const OTHERS = ["#b3541e", "#7a3b9c", "#c2185b", "#666666"];
const DEMAND = "#3b82c4";

/** The runs of the first seed as a picture. */
export function comparisonPicture(title: string, lines: readonly Comparison[]): string {
  const [ours] = lines;
  if (ours === undefined) throw new RangeError("Cannot draw a comparison: it must have a line");
  const { frames, seconds } = ours.first;
  const color = (i: number) => i === 0 ? OURS : OTHERS[i - 1] ?? "#000000";
  const panels: SvgPanel[] = [
    {
      title: "Events per second",
      series: [{
        name: "arriving",
        color: DEMAND,
        kind: "step",
        points: pointsOf(frames, (frame) => frame.rate),
      }],
    },
    {
      title: "Lag, events",
      series: lines.map((line, i) => ({
        name: line.scaler,
        color: color(i),
        kind: "line" as const,
        points: pointsOf(line.first.frames, (frame) => frame.lag),
      })).reverse(),
    },
    ...lines.map((line, i): SvgPanel => ({
      title: `Workers: ${line.scaler}`,
      series: [
        {
          name: "demand",
          color: DEMAND,
          kind: "area",
          points: pointsOf(line.first.frames, (frame) => frame.demand),
        },
        {
          name: "processes",
          color: color(i),
          kind: "step",
          points: pointsOf(line.first.frames, (frame) => frame.processes),
        },
      ],
    })),
  ];
  return svgPicture({ title, seconds, panels });
}

function pointsOf(frames: readonly Frame[], value: (frame: Frame) => number): ChartPoint[] {
  return frames.map((frame) => [frame.atSeconds, value(frame)]);
}

function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)} %`;
}
