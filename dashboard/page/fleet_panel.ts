/**
 * The fleet: each worker, and what the fleet has cost so far against one of a fixed size.
 *
 * @module
 */

import type { FleetView, PageState, WorkerView } from "../server/state.ts";
import { byId, el, filler, head, row, setText } from "./dom.ts";
import { figure, span } from "./format.ts";

/** Sets the panel up. */
export function setUpFleet(): (state: PageState) => void {
  const table = filler<readonly WorkerView[]>(byId("fleet-table"), rows);
  return ({ fleet, about, now }) => {
    const { workers } = fleet;
    const up = workers.filter(({ state }) => state !== "absent");
    byId("fleet-empty").hidden = up.length > 0;
    byId("fleet-box").hidden = workers.length === 0;
    table(workers.map((worker) => ({
      ...worker,
      rate: Math.round(worker.rate),
      busy: Math.round(worker.busy * 100) / 100,
    })));
    setText(byId("fleet-words"), wordsOf(fleet));
    setText(
      byId("fleet-rate"),
      now.workerRate === null
        ? ""
        : `A busy worker folds ${figure(now.workerRate)} records a second. `,
    );
    showCosts(fleet, about.staticWorkers);
  };
}

function wordsOf({ desired, min, max, fixed, startupMs }: FleetView): string {
  const by = fixed === null ? `by load, from ${min} to ${max}` : "set by hand";
  const start = startupMs === null ? "" : `; a worker takes ${span(startupMs)} to start`;
  return `${desired} ${desired === 1 ? "worker" : "workers"} wanted, ${by}${start}.`;
}

function rows(workers: readonly WorkerView[]): HTMLElement[] {
  const numbers = [2, 4, 5];
  return [
    head(["worker", "state", "records/s", "utilization", "restarts", "pid", "problem"], numbers),
    el("tbody", {
      children: workers.map(({ slot, state, rate, busy, restarts, pid, problem }) =>
        row([
          String(slot),
          el("span", { class: `worker-state ${state.replace(" ", "-")}`, text: state }),
          figure(rate),
          meter(busy),
          figure(restarts),
          pid === null ? "–" : String(pid),
          problem ?? "",
        ], numbers)
      ),
    }),
  ];
}

function meter(share: number): HTMLElement {
  const text = `${Math.round(share * 100)} %`;
  const fill = el("i");
  fill.style.width = text.replace(" ", "");
  return el("span", {
    class: "meter",
    children: [
      el("span", { class: "bar", attributes: { "aria-hidden": "true" }, children: [fill] }),
      el("span", { text }),
    ],
  });
}

function showCosts({ workerSeconds, staticSeconds }: FleetView, staticWorkers: number): void {
  const share = staticSeconds === 0 ? 0 : workerSeconds / staticSeconds;
  const fill = byId("cost-fill");
  fill.style.width = `${Math.min(100, share * 100).toFixed(1)}%`;
  const saved = Math.round((1 - share) * 100);
  const words = saved >= 0 ? `${saved} % less` : `${-saved} % more`;
  setText(
    byId("cost-words"),
    `${span(workerSeconds * 1_000)} of worker time so far; a static ${staticWorkers} would have ` +
      `used ${span(staticSeconds * 1_000)}: ${words}.`,
  );
}
