/**
 * What windows came to: their rows by key and revision; and the records that count nowhere, with the
 * reason. Their content is anything, and shown as text.
 *
 * @module
 */

import type { About, PageState, ResultView, RowView, SampleView } from "../server/state.ts";
import { byId, el, filler, head, row } from "./dom.ts";
import { aggregate, clock, dateTime, figure, short } from "./format.ts";

/** How many keys have a picture. */
const KEYS = 12;
/** How many windows a picture has. */
const WINDOWS = 16;
/** How many windows the table has. */
const TABLE_WINDOWS = 3;
/** How many aggregates have a picture. */
const PICTURES = 3;

type Shown = Pick<PageState, "results" | "about">;

/** Sets the panel up. */
export function setUpResults(): (state: PageState) => void {
  const empty = byId("results-empty");
  const box = byId("results-box");
  const multiples = filler<Shown>(byId("multiples"), cards);
  const table = filler<Shown>(byId("results-table"), bodies);
  return ({ results, about }) => {
    empty.hidden = results.length > 0;
    box.hidden = results.length === 0;
    const { life: _life, sinceMs: _since, ...rest } = about;
    const shown = { results, about: { ...rest, life: "", sinceMs: 0 } };
    multiples(shown);
    table(shown);
  };
}

function cards({ results, about }: Shown): HTMLElement[] {
  const windows = results.slice(-WINDOWS);
  const events = new Map<string, { key: readonly string[]; events: number }>();
  for (const { rows } of windows) {
    for (const { key, events: count } of rows) {
      const id = JSON.stringify(key);
      events.set(id, { key, events: (events.get(id)?.events ?? 0) + count });
    }
  }
  const keys = [...events].sort((a, b) => b[1].events - a[1].events).slice(0, KEYS)
    .sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const found = (window: ResultView, id: string) =>
    window.rows.find((known) => JSON.stringify(known.key) === id);
  // One scale for all keys: what is larger looks larger.
  const scales = about.aggregates.map((_, i) =>
    Math.max(
      ...windows.flatMap(({ rows }) => rows.map(({ values }) => Math.abs(values[i] ?? 0))),
      0,
    )
  );
  return keys.map(([id, { key }]) =>
    el("article", {
      class: "card",
      children: [
        el("h3", { text: keyText(key) }),
        ...about.aggregates.slice(0, PICTURES).map((name, i) =>
          picture(name, windows.map((window) => [window, found(window, id)]), i, scales[i] ?? 0)
        ),
      ],
    })
  );
}

function picture(
  name: string,
  cells: readonly (readonly [ResultView, RowView | undefined])[],
  index: number,
  scale: number,
): HTMLElement {
  const last = cells.findLast(([, found]) => found !== undefined)?.[1]?.values[index] ?? null;
  const bars = el("div", {
    class: `bars series-${index}`,
    attributes: { "aria-hidden": "true" },
    children: cells.map(([window, found]) => {
      const value = found?.values[index] ?? null;
      const bar = el("i", {
        attributes: { title: `${clock(window.start)}: ${name} ${aggregate(value)}` },
      });
      const share = value === null || scale === 0 ? 0 : Math.abs(value) / scale;
      bar.style.height = `${Math.max(value === null ? 0 : 3, share * 100).toFixed(1)}%`;
      return bar;
    }),
  });
  return el("div", {
    class: "picture",
    children: [
      el("p", {
        children: [
          el("span", { text: name, class: "name" }),
          el("strong", { text: last === null ? "–" : shortValue(last) }),
        ],
      }),
      bars,
    ],
  });
}

function shortValue(value: number): string {
  return Math.abs(value) < 10_000 ? aggregate(value) : short(value);
}

function bodies({ results, about }: Shown): HTMLElement[] {
  const numbers = about.aggregates.map((_, i) => about.groupBy.length + 1 + i)
    .concat(about.groupBy.length);
  const names = [...about.groupBy, "events", ...about.aggregates, "revision"];
  return [
    head(names, [...numbers, names.length - 1]),
    ...results.slice(-TABLE_WINDOWS).toReversed().map((window) =>
      el("tbody", {
        children: [
          windowHead(window, about, names.length),
          ...window.rows.map(({ key, events, values, revision }) =>
            row(
              [...key, figure(events), ...values.map(aggregate), String(revision)],
              [...numbers, names.length - 1],
            )
          ),
          ...(window.rowCount > window.rows.length
            ? [el("tr", {
              children: [el("td", {
                text: `… and ${figure(window.rowCount - window.rows.length)} rows more`,
                attributes: { colspan: String(names.length) },
              })],
            })]
            : []),
        ],
      })
    ),
  ];
}

function windowHead(window: ResultView, about: About, columns: number): HTMLElement {
  const last = window.revisions.at(-1);
  const what = last?.final === true ? "closed" : "emitted, open for late events";
  const cell = el("th", {
    class: "window-head",
    attributes: { scope: "rowgroup", colspan: String(columns) },
    children: [
      el("strong", { text: `${clock(window.start)} – ${clock(window.end)}` }),
      el("span", { text: what }),
    ],
  });
  if (about.workflowUrl !== null) {
    const url = about.workflowUrl + encodeURIComponent(window.id);
    cell.append(link(url, "workflow", `Workflow of ${window.id} in the Temporal Web UI`));
  }
  cell.append(revisionsOf(window));
  return el("tr", { children: [cell] });
}

function link(url: string, text: string, label: string): HTMLElement {
  return el("a", {
    text,
    attributes: { href: url, "aria-label": label, rel: "noreferrer", target: "_blank" },
  });
}

function revisionsOf({ revisions }: ResultView): HTMLElement {
  const count = revisions.length;
  return el("details", {
    class: "revisions",
    children: [
      el("summary", { text: `${count} ${count === 1 ? "revision" : "revisions"}` }),
      el("ol", {
        children: revisions.map(({ revision, final, emittedAtMs, watermark, rows }) =>
          el("li", {
            text: `revision ${revision}${final ? ", final" : ""}: ${figure(rows)} rows at ` +
              `${dateTime(emittedAtMs)}, watermark ${dateTime(watermark)}`,
          })
        ),
      }),
    ],
  });
}

function keyText(key: readonly string[]): string {
  return key.length === 0 ? "all events" : key.join(" · ");
}

/** Sets the panel up. */
export function setUpSamples(): (state: PageState) => void {
  const table = filler<readonly SampleView[]>(byId("samples-table"), rows);
  const empty = byId("samples-empty");
  const box = byId("samples-box");
  return ({ samples }) => {
    empty.hidden = samples.length > 0;
    box.hidden = samples.length === 0;
    table(samples);
  };
}

function rows(samples: readonly SampleView[]): HTMLElement[] {
  return [
    head(["kind", "reason", "partition / offset", "value"]),
    el("tbody", {
      children: samples.map((sample) =>
        row([
          el("span", { class: `kind ${sample.kind}`, text: sample.kind }),
          why(sample),
          `${sample.partition} / ${sample.offset}`,
          el("code", { text: sample.value }),
        ])
      ),
    }),
  ];
}

function why({ kind, reason, path, message, eventTime, watermark }: SampleView): string {
  if (kind === "late") {
    return `event time ${dateTime(eventTime)}, when the watermark was ${
      after(watermark, eventTime)
    }` +
      (reason === "late" ? "" : ` (${reason})`);
  }
  const where = path === "" ? "" : ` at ${path}`;
  return `${reason}${where}${message === "" ? "" : `: ${message}`}`;
}

/** A time; without its date if it is of the same day as another one. */
function after(ms: number | null, other: number | null): string {
  const text = dateTime(ms);
  return text.slice(0, 10) === dateTime(other).slice(0, 10) ? text.slice(11) : text;
}
