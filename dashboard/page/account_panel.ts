/**
 * The account: both equations, by one look at the drain.
 *
 * @module
 */

import type { AccountView, PageState } from "../server/state.ts";
import { byId, el, filler, setText } from "./dom.ts";
import { clock, figure } from "./format.ts";

const WORDS: Readonly<Record<AccountView["state"], string>> = {
  holds: "✓ both equations hold",
  broken: "✗ does not hold",
};

/** A term of an equation. */
type Term = readonly [name: string, value: number, hint: string];

/** Sets the panel up. */
export function setUpAccount(): (state: PageState) => void {
  const events = filler<readonly Term[]>(byId("account-events"), equation);
  const pairs = filler<readonly Term[]>(byId("account-pairs"), equation);
  const notes = filler<readonly string[]>(
    byId("account-notes"),
    (all) => all.map((text) => el("li", { text })),
  );
  const state = byId("account-state");
  const empty = byId("account-empty");
  const box = byId("account-box");
  return ({ account: view, now }) => {
    empty.hidden = view !== null;
    box.hidden = view === null;
    if (view === null) return;
    const { account } = view;
    const lag = now.lag ?? view.lag;
    state.className = `verdict ${view.state}`;
    setText(state, WORDS[view.state]);
    setText(byId("account-time"), `as of ${clock(view.atMs)} UTC`);
    const { read, aggregated, late, invalid, skewed, filtered, failed } = account.events;
    events([
      ["read", read, "Events that workers have read"],
      ["aggregated", aggregated, "Events that count in at least one window"],
      ["late", late, "Events that missed every window they belong to"],
      ["invalid", invalid, "Events that break the schema"],
      ["skewed", skewed, "Events too far ahead of their record's timestamp"],
      ["filtered", filtered, "Events that the definition leaves out"],
      ["failed", failed, "Records set aside because folding them fails or ends the process"],
    ]);
    const { assigned, closed, open, waiting, missed, lost } = account.pairs;
    pairs([
      ["assigned", assigned, "Pairs of an event and a window it belongs to"],
      ["in closed windows", closed, "Their rows are final"],
      ["in open windows", open, "Their windows wait for the watermark"],
      ["waiting", waiting, "With the drain, or on their way to a window"],
      ["missed", missed, "Their window may have been closed"],
      ["lost", lost, "Lost with a window"],
    ]);
    notes([
      `${figure(lag)} records have arrived and are not read yet`,
      `windows: ${figure(account.windows.closed)} closed, ${figure(account.windows.open)} open` +
      (account.windows.lost > 0 ? `, ${figure(account.windows.lost)} lost` : ""),
      ...view.notes,
      ...account.problems,
    ]);
  };
}

function equation([left, ...right]: readonly Term[]): HTMLElement[] {
  return [
    ...(left === undefined ? [] : [term(left)]),
    ...right.flatMap(([name, value, hint], i) => [
      operator(i === 0 ? "=" : value < 0 ? "−" : "+"),
      term([name, Math.abs(value), hint]),
    ]),
  ];
}

function operator(sign: string): HTMLElement {
  return el("span", { class: "operator", text: sign });
}

function term([name, value, hint]: Term): HTMLElement {
  return el("span", {
    class: value === 0 ? "term zero" : "term",
    attributes: { title: hint },
    children: [el("strong", { text: figure(value) }), el("span", { text: name })],
  });
}
