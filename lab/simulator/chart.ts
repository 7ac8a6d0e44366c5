/**
 * Figures over time as bars of text, for the terminal.
 *
 * @module
 */

/** A figure at a moment: `[s, value]`. */
export type ChartPoint = readonly [seconds: number, value: number];

/** A chart. */
export interface TextChart {
  /** What it shows. */
  readonly title: string;
  /** The figures, earliest first. */
  readonly points: readonly ChartPoint[];
  /** When the chart ends, in s. */
  readonly seconds: number;
  /**
   * How many columns the bars have.
   * @default {72}
   */
  readonly width?: number;
  /**
   * How many lines the bars have.
   * @default {4}
   */
  readonly height?: number;
}

const EIGHTHS = " ▁▂▃▄▅▆▇█";

/**
 * Draws a chart; a column shows the largest of its figures.
 *
 * @param chart The chart.
 * @returns Its lines: the title, the bars with their scale, and the time.
 */
export function textChart(chart: TextChart): string[] {
  const { title, points, seconds, width = 72, height = 4 } = chart;
  const columns = columnsOf(points, seconds, width);
  const top = Math.max(1, ...columns);
  const scale = Math.max(String(Math.ceil(top)).length, 4);
  const lines = Array.from({ length: height }, (_, row) => {
    const floor = height - 1 - row;
    const bars = columns.map((value) => {
      const eighths = Math.round(value / top * height * 8) - floor * 8;
      return EIGHTHS[Math.min(8, Math.max(0, eighths))] ?? " ";
    });
    const label = row === 0 ? String(Math.ceil(top)) : floor === 0 ? "0" : "";
    return `${label.padStart(scale)} ┤${bars.join("").trimEnd()}`;
  });
  const end = `${Math.round(seconds)} s`;
  const axis = `${" ".repeat(scale)} └${"─".repeat(width)}`;
  const times = `${" ".repeat(scale + 2)}0 ${end.padStart(width - 2)}`;
  return [title, ...lines, axis, times];
}

/** The largest figure of each column; without one, that of the column before. */
function columnsOf(points: readonly ChartPoint[], seconds: number, width: number): number[] {
  const columns: number[] = [];
  let next = 0;
  let last = 0;
  for (let column = 0; column < width; column++) {
    const until = (column + 1) / width * seconds;
    let most = -Infinity;
    for (let point = points[next]; point !== undefined && point[0] < until; point = points[next]) {
      most = Math.max(most, point[1]);
      last = point[1];
      next++;
    }
    columns.push(most === -Infinity ? last : most);
  }
  return columns;
}
