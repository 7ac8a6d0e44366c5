/**
 * Health: which servers answer, and what is wrong, in words and since when.
 *
 * @module
 */

import type { HealthView, PageState, ProblemView, ServerView } from "../server/state.ts";
import { byId, el, filler } from "./dom.ts";
import { clock } from "./format.ts";

type Shown = HealthView & { readonly life: string };

/** Sets the panel up. */
export function setUpHealth(): (state: PageState) => void {
  const servers = filler<Shown>(byId("servers"), serverItems);
  const problems = filler<readonly ProblemView[]>(byId("problems"), problemItems);
  return ({ health, about }) => {
    servers({ ...health, problems: [], life: clock(about.sinceMs) });
    problems(health.problems);
  };
}

function serverItems({ broker, temporal, phase, life }: Shown): HTMLElement[] {
  return [
    item(phase === "live" ? "good" : "pending", "control process", `${phase}, since ${life}`),
    server("broker", broker),
    server("Temporal", temporal),
  ];
}

function server(name: string, { ok, sinceMs }: ServerView): HTMLElement {
  if (ok === null) return item("pending", name, "not asked yet");
  return ok
    ? item("good", name, `reachable since ${clock(sinceMs)}`)
    : item("bad", name, `unreachable since ${clock(sinceMs)}`);
}

function item(state: "good" | "bad" | "pending", name: string, text: string): HTMLElement {
  const sign = { good: "✓", bad: "✗", pending: "…" }[state];
  return el("li", {
    class: state,
    children: [
      el("span", { class: "sign", text: sign, attributes: { "aria-hidden": "true" } }),
      el("strong", { text: name }),
      el("span", { text }),
    ],
  });
}

function problemItems(problems: readonly ProblemView[]): HTMLElement[] {
  if (problems.length === 0) return [el("li", { class: "none", text: "Nothing is wrong." })];
  return problems.map(({ level, text, sinceMs }) =>
    el("li", {
      class: level,
      children: [
        el("strong", { text: level }),
        el("span", { text }),
        el("span", { class: "since", text: `since ${clock(sinceMs)}` }),
      ],
    })
  );
}
