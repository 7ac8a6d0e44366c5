/**
 * Load and fleet over time: the charts, the decisions in words, and the figures as a table.
 *
 * @module
 */

import uPlot from "uplot";
import type { DecisionView, PageState, Points } from "../server/state.ts";
import { byId, color, el, filler, head, row } from "./dom.ts";
import { clock, figure, short } from "./format.ts";

/** How many lines the table has. */
const LINES = 30;
/** How many decisions are listed. */
const DECISIONS = 6;

/** The panel. */
export interface LoadPanel {
  /** Shows. */
  show(state: PageState): void;
  /** Takes new colours. */
  recolor(): void;
}

/** Sets the panel up. */
export function setUpLoad(): LoadPanel {
  const charts = loadCharts(byId("chart-load"), byId("chart-workers"), byId("decision-tip"));
  const table = byId("load-table");
  const details = byId("load-details");
  let seconds = 300;
  let last: PageState | null = null;
  const ranges = [...byId("load-range").querySelectorAll("button")];
  for (const button of ranges) {
    button.addEventListener("click", () => {
      seconds = Number(button.value);
      for (const one of ranges) one.setAttribute("aria-pressed", String(one === button));
      if (last !== null) show(last);
    });
  }
  const decisions = filler<readonly DecisionView[]>(byId("decisions"), decisionItems);
  const tabulate = filler<Points>(table, tableOf);
  const isOpen = () => details instanceof HTMLDetailsElement && details.open;
  details.addEventListener("toggle", () => {
    if (last !== null && isOpen()) tabulate(last.points);
  });
  const show = (state: PageState) => {
    last = state;
    charts.draw(state.points, state.decisions, seconds);
    decisions(state.decisions.slice(-DECISIONS).toReversed());
    if (isOpen()) tabulate(state.points);
  };
  return { show, recolor: charts.rebuild };
}

function decisionItems(decisions: readonly DecisionView[]): HTMLElement[] {
  if (decisions.length === 0) {
    return [el("li", { class: "empty", text: "No decision yet: the number has not changed." })];
  }
  return decisions.map(({ atMs, previous, desired, reason }) =>
    el("li", {
      children: [
        el("time", { text: clock(atMs) }),
        el("strong", {
          text: `${previous} → ${desired}`,
          class: desired > previous ? "up" : "down",
        }),
        el("span", { text: reason }),
      ],
    })
  );
}

function tableOf({ atMs, columns }: Points): HTMLElement[] {
  const { inRate, foldedRate, lag, desired, ready, starting, draining } = columns;
  const shown = [inRate, foldedRate, lag, desired, ready, starting, draining];
  const numbers = shown.map((_, i) => i + 1);
  const names = [
    "time (UTC)",
    "in/s",
    "folded/s",
    "lag",
    "desired",
    "ready",
    "starting",
    "draining",
  ];
  const first = Math.max(0, atMs.length - LINES);
  const rows = atMs.slice(first).map((at, i) =>
    row([clock(at), ...shown.map((column) => figure(column[first + i] ?? null))], numbers)
  );
  return [head(names, numbers), el("tbody", { children: rows.toReversed() })];
}

/** The charts. */
export interface LoadCharts {
  /** Draws. */
  draw(points: Points, decisions: readonly DecisionView[], seconds: number): void;
  /** Takes new colours or a new size. */
  rebuild(): void;
}

type Row = (number | null)[];

/** Room for the labels of the axes, in rem; the same in both charts, so that their times line up. */
const AXIS_REM = 3.9;

/** Makes the charts. */
export function loadCharts(top: HTMLElement, bottom: HTMLElement, tip: HTMLElement): LoadCharts {
  let rates: uPlot | null = null;
  let workers: uPlot | null = null;
  let shown: Parameters<LoadCharts["draw"]> | null = null;

  const draw: LoadCharts["draw"] = (points, decisions, seconds) => {
    shown = [points, decisions, seconds];
    rates ??= build(ratesOptions(top), top);
    workers ??= build(workersOptions(bottom, () => shown?.[1] ?? [], tip), bottom);
    const end = (points.atMs.at(-1) ?? Date.now()) / 1_000;
    const x = { min: end - seconds, max: end };
    const at = points.atMs.map((ms) => ms / 1_000);
    const { inRate, foldedRate, lag, desired, ready, starting, draining } = points.columns;
    const sum = (...columns: (readonly (number | null)[])[]): Row =>
      at.map((_, i) => columns.reduce((total, column) => total + (column[i] ?? 0), 0));
    rates.setData([at, [...lag], [...inRate], [...foldedRate]], false);
    workers.setData([
      at,
      sum(ready, starting, draining),
      sum(ready, starting),
      [...ready],
      [...desired],
    ], false);
    for (const chart of [rates, workers]) chart.batch(() => chart.setScale("x", x));
  };
  const rebuild = () => {
    rates?.destroy();
    workers?.destroy();
    rates = workers = null;
    if (shown !== null) draw(...shown);
  };
  new ResizeObserver(() => {
    for (const [chart, box] of [[rates, top], [workers, bottom]] as const) {
      chart?.setSize({ width: box.clientWidth, height: heightOf(box) });
    }
  }).observe(top);
  return { draw, rebuild };
}

function build(options: uPlot.Options, box: HTMLElement): uPlot {
  const data: uPlot.AlignedData = [[], ...options.series.slice(1).map(() => [])];
  return new uPlot(options, data, box);
}

/** Pixels of a rem: the page grows with the screen, and its charts with it. */
function rem(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
}

function font(): string {
  return `${Math.round(rem() * 0.76)}px system-ui, sans-serif`;
}

function heightOf(box: HTMLElement): number {
  return Math.round(Number.parseFloat(getComputedStyle(box).getPropertyValue("--chart")) * rem());
}

function base(box: HTMLElement): Pick<uPlot.Options, "width" | "height" | "cursor" | "padding"> {
  return {
    width: Math.max(120, box.clientWidth),
    height: heightOf(box),
    padding: [10, 8, 0, 0],
    cursor: { sync: { key: "load" }, drag: { x: false, y: false }, points: { size: 6 } },
  };
}

function timeAxis(): uPlot.Axis {
  return {
    stroke: color("muted"),
    grid: { stroke: color("line"), width: 1 },
    ticks: { show: false },
    values: (_chart, splits) => splits.map((at) => clock(at * 1_000)),
    incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600],
    font: font(),
    space: rem() * 5,
    size: rem() * 1.8,
  };
}

function axis(scale: string, side: 1 | 3, label: string): uPlot.Axis {
  return {
    scale,
    side,
    label,
    labelSize: rem(),
    labelFont: font(),
    font: font(),
    stroke: color("muted"),
    grid: { show: side === 3, stroke: color("line"), width: 1 },
    ticks: { show: false },
    values: (_chart, splits) => splits.map((value) => short(value)),
    size: rem() * (AXIS_REM - 1),
  };
}

const TIME: uPlot.Series = {
  label: "time",
  value: (_c, at) => clock(at === null ? null : at * 1e3),
};

/** From 0 to something a bit above the largest value, and never flat. */
function fromZero(least: number): NonNullable<uPlot.Scale["range"]> {
  return (_chart, _min, max) => [0, Math.max(least, (max ?? 0) * 1.1)];
}

function ratesOptions(box: HTMLElement): uPlot.Options {
  const line = (label: string, name: string, scale: string): uPlot.Series => ({
    label,
    scale,
    stroke: color(name),
    width: 2,
    points: { show: false },
    value: (_chart, value) => figure(value),
  });
  return {
    ...base(box),
    scales: {
      x: { time: false },
      rate: { range: fromZero(10) },
      lag: { range: fromZero(10) },
    },
    axes: [timeAxis(), axis("rate", 3, "records/s"), axis("lag", 1, "lag, records")],
    series: [
      TIME,
      { ...line("lag", "lag", "lag"), fill: `${color("lag")}2e`, width: 1.5 },
      line("in/s", "input", "rate"),
      { ...line("folded/s", "folded", "rate"), dash: [7, 4] },
    ],
  };
}

function workersOptions(
  box: HTMLElement,
  decisions: () => readonly DecisionView[],
  tip: HTMLElement,
): uPlot.Options {
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const steps = stepped === undefined ? {} : { paths: stepped };
  // Stacked by hand: each area is drawn over the one that holds it too.
  const area = (label: string, name: string, value: (chart: uPlot, i: number) => number | null) =>
    ({
      label,
      scale: "workers",
      stroke: color(name),
      fill: color(name),
      width: 1,
      points: { show: false },
      value: (chart: uPlot, _v: number, _s: number, i: number | null) =>
        i === null ? "–" : figure(value(chart, i)),
      ...steps,
    }) satisfies uPlot.Series;
  const at = (chart: uPlot, series: number, i: number) => chart.data[series]?.[i] ?? 0;
  return {
    ...base(box),
    scales: { x: { time: false }, workers: { range: fromZero(4) } },
    axes: [timeAxis(), {
      ...axis("workers", 3, "workers"),
      incrs: [1, 2, 4, 8, 16, 32],
    }, { ...axis("workers", 1, ""), values: () => [], grid: { show: false } }],
    series: [
      TIME,
      area("draining", "draining", (c, i) => at(c, 1, i) - at(c, 2, i)),
      area("starting", "starting", (c, i) => at(c, 2, i) - at(c, 3, i)),
      area("ready", "ready", (c, i) => at(c, 3, i)),
      {
        label: "desired",
        scale: "workers",
        stroke: color("ink"),
        width: 1.5,
        dash: [4, 3],
        points: { show: false },
        value: (_chart: uPlot, value: number | null) => figure(value),
        ...steps,
      },
    ],
    hooks: {
      draw: [(chart) => drawDecisions(chart, decisions())],
      setCursor: [(chart) => tellDecision(chart, decisions(), tip)],
    },
  };
}

/** A line and a triangle where the number of workers was changed: up or down. */
function drawDecisions(chart: uPlot, decisions: readonly DecisionView[]): void {
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const { atMs, desired, previous } of decisions) {
    const x = chart.valToPos(atMs / 1_000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = color("decision");
    ctx.lineWidth = ratio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const size = 5 * ratio;
    const [tipY, baseY] = desired > previous ? [0, size * 1.6] : [size * 1.6, 0];
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + tipY);
    ctx.lineTo(x - size, bbox.top + baseY);
    ctx.lineTo(x + size, bbox.top + baseY);
    ctx.fill();
  }
  ctx.restore();
}

function tellDecision(chart: uPlot, decisions: readonly DecisionView[], tip: HTMLElement): void {
  const { left = -1 } = chart.cursor;
  const near = left < 0 ? undefined : decisions
    .map((decision) => ({ decision, x: chart.valToPos(decision.atMs / 1_000, "x") }))
    .filter(({ x }) => Math.abs(x - left) < 12)
    .sort((a, b) => Math.abs(a.x - left) - Math.abs(b.x - left))[0];
  tip.hidden = near === undefined;
  if (near === undefined) return;
  const { atMs, previous, desired, reason } = near.decision;
  tip.textContent = `${clock(atMs)}  ${previous} → ${desired} workers: ${reason}`;
  const right = near.x > chart.over.clientWidth / 2;
  tip.style.left = right ? "auto" : `${near.x + rem() * AXIS_REM + 8}px`;
  tip.style.right = right ? `${chart.over.clientWidth - near.x + rem() * AXIS_REM + 8}px` : "auto";
}
