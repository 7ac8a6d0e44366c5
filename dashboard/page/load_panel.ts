/**
 * Load and fleet over time: the charts, the decisions in words, and the figures as a table.
 *
 * @module
 */

import type { DecisionView, PageState, Points } from "../server/state.ts";
import { byId, el, filler, head, row } from "./dom.ts";
import { clock, figure } from "./format.ts";
import { loadCharts } from "./load_charts.ts";

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

/**
 * Sets the panel up.
 *
 * @returns The panel.
 */
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
