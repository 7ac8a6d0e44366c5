/**
 * Samples of records that count nowhere, with the reason. Their content is anything, and shown as
 * text.
 *
 * @module
 */

import type { PageState, SampleView } from "../server/state.ts";
import { byId, el, filler, head, row } from "./dom.ts";
import { dateTime } from "./format.ts";

/**
 * Sets the panel up.
 *
 * @returns Shows a state.
 */
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
    head(["what", "why", "partition / offset", "value"]),
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
