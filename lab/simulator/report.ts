/**
 * A comparison for people: a table, a chart for the terminal, and a picture.
 *
 * @module
 */

import { type ChartPoint, textChart } from "./chart.ts";
import type { Comparison } from "./compare.ts";
import type { Frame } from "./run.ts";
import { type SvgPanel, svgPicture } from "./svg.ts";

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

/**
 * Our run of the first seed as charts.
 *
 * @param lines The comparison, ours first.
 * @returns Their lines.
 */
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

/**
 * The runs of the first seed as a picture.
 *
 * @param title The picture's title.
 * @param lines The comparison, ours first.
 * @returns The SVG's text.
 */
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
