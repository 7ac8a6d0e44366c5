/**
 * Charts of figures over time: bars of text, and pictures (SVG).
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

/** Draws a chart; a column shows the largest of its figures. */
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

/** A line of a panel. */
export interface SvgSeries {
  /** What it shows. */
  readonly name: string;
  /** Its colour, as in CSS. */
  readonly color: string;
  /** `area`: filled steps; `step`: a line that holds each figure; `line`: from figure to figure. */
  readonly kind: "area" | "step" | "line";
  /** The figures, earliest first. */
  readonly points: readonly ChartPoint[];
}

/** A panel. */
export interface SvgPanel {
  /** What it shows. */
  readonly title: string;
  /** Its lines, the first one at the back. */
  readonly series: readonly SvgSeries[];
}

/** A picture. */
export interface SvgPicture {
  /** Its title. */
  readonly title: string;
  /** When the axis of time ends, in s. */
  readonly seconds: number;
  /** The panels. */
  readonly panels: readonly SvgPanel[];
}

const WIDTH = 960;
const LEFT = 56;
const RIGHT = 16;
const HEAD = 40;
const PANEL = 130;
const PLOT_TOP = 26;
const PLOT = 84;

/** Draws a picture. */
export function svgPicture(picture: SvgPicture): string {
  const { title, seconds, panels } = picture;
  const height = HEAD + panels.length * PANEL + 10;
  const x = (at: number) => LEFT + at / seconds * (WIDTH - LEFT - RIGHT);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" ` +
    `width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="24" font-size="15" font-weight="bold">${escaped(title)}</text>`,
    ...panels.flatMap((panel, i) => panelParts(panel, HEAD + i * PANEL, seconds, x)),
    "</svg>",
    "",
  ].join("\n");
}

function panelParts(
  panel: SvgPanel,
  top: number,
  seconds: number,
  x: (at: number) => number,
): string[] {
  const most = Math.max(1, ...panel.series.flatMap((one) => one.points.map(([, value]) => value)));
  const bottom = top + PLOT_TOP + PLOT;
  const y = (value: number) => bottom - value / most * PLOT;
  const grid = [0, most / 2, most].flatMap((value) => [
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${n(y(value))}" y2="${n(y(value))}" ` +
    `stroke="#e2e2e2"/>`,
    `<text x="${LEFT - 6}" y="${n(y(value) + 4)}" text-anchor="end" fill="#555555">` +
    `${label(value)}</text>`,
  ]);
  const times = ticksOf(seconds).map((at) =>
    `<text x="${n(x(at))}" y="${bottom + 14}" text-anchor="middle" fill="#555555">${at} s</text>`
  );
  return [
    `<text x="${LEFT}" y="${top + 16}" font-weight="bold">${escaped(panel.title)}</text>`,
    ...legend(panel.series, top + 16),
    ...grid,
    ...panel.series.map((one) => path(one, seconds, x, y)),
    ...times,
  ];
}

function legend(series: readonly SvgSeries[], y: number): string[] {
  const parts: string[] = [];
  let right = WIDTH - RIGHT;
  for (const { name, color } of series.toReversed()) {
    parts.push(
      `<text x="${right}" y="${y}" text-anchor="end" fill="${escaped(color)}">` +
        `${escaped(name)}</text>`,
    );
    right -= 7 * name.length + 14;
  }
  return parts;
}

function path(
  series: SvgSeries,
  seconds: number,
  x: (at: number) => number,
  y: (value: number) => number,
): string {
  const { kind, points, color } = series;
  const [first] = points;
  if (first === undefined) return "";
  let d = `M${n(x(first[0]))} ${n(y(first[1]))}`;
  let last = first[1];
  for (const [i, [at, value]] of points.entries()) {
    if (i === 0) continue;
    // Points on a straight stretch are left out: a picture of an hour stays small.
    if (kind !== "line" && value === last) continue;
    d += kind === "line" ? `L${n(x(at))} ${n(y(value))}` : `H${n(x(at))}V${n(y(value))}`;
    last = value;
  }
  if (kind !== "line") d += `H${n(x(seconds))}`;
  if (kind !== "area") {
    return `<path d="${d}" fill="none" stroke="${escaped(color)}" stroke-width="1.5"/>`;
  }
  return `<path d="${d}V${n(y(0))}H${n(x(first[0]))}Z" fill="${escaped(color)}" opacity="0.25"/>`;
}

/** At most a dozen round moments. */
function ticksOf(seconds: number): number[] {
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 21_600];
  const step = steps.find((one) => seconds / one <= 12) ?? Math.ceil(seconds / 12);
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, i) => i * step);
}

function label(value: number): string {
  return Number.isInteger(value) || value >= 100 ? String(Math.round(value)) : value.toFixed(1);
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
