/**
 * What goes between page and server: the stream, which comes back by itself, and the presenter's button.
 *
 * @module
 */

import type { PageChange, PageState } from "../server/state.ts";
import { byId, setText } from "./dom.ts";

/** The first pause before another try, in ms; it doubles. */
const FIRST_PAUSE_MS = 500;
/** The longest pause, in ms. */
const LONGEST_PAUSE_MS = 5_000;
/** A server that says nothing for so long is away, in ms; it speaks every second. */
const SILENCE_MS = 12_000;

/** What is told. */
export interface ConnectionHooks {
  /** All that the page shows. */
  readonly snapshot: (state: PageState) => void;
  /** What has changed. */
  readonly change: (change: PageChange) => void;
  /** The line is up, or has been down since a moment (epoch ms). */
  readonly state: (downSinceMs: number | null) => void;
}

/** Connects, and stays connected. */
export function connect(hooks: ConnectionHooks): void {
  let source: EventSource | null = null;
  let heardMs = Date.now();
  let downSinceMs: number | null = null;
  let pauseMs = FIRST_PAUSE_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const heard = () => {
    heardMs = Date.now();
    pauseMs = FIRST_PAUSE_MS;
    if (downSinceMs !== null) hooks.state(downSinceMs = null);
  };
  const lost = () => {
    source?.close();
    source = null;
    if (downSinceMs === null) hooks.state(downSinceMs = Date.now());
    clearTimeout(timer);
    // Many pages must not all come back in the same moment.
    timer = setTimeout(open, pauseMs * (0.75 + Math.random() / 2));
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
  };
  const open = () => {
    source?.close();
    heardMs = Date.now();
    source = new EventSource("/events");
    source.addEventListener("snapshot", (event) => {
      heard();
      // Written by the server that this page came from, so it is of this shape.
      hooks.snapshot(JSON.parse(event.data) as PageState);
    });
    source.addEventListener("change", (event) => {
      heard();
      hooks.change(JSON.parse(event.data) as PageChange);
    });
    // The browser's own way of coming back gives up after some kinds of failure.
    source.addEventListener("error", lost);
  };
  setInterval(() => {
    if (source !== null && Date.now() - heardMs > SILENCE_MS) lost();
  }, 1_000);
  addEventListener("online", open);
  open();
}

/** Sets the button up. */
export function setUpPresenter(): (demo: boolean, loading: boolean) => void {
  const button = byId("presenter");
  const note = byId("presenter-note");
  let on = false;
  let asked: boolean | null = null;
  button.addEventListener("click", () => {
    asked = !on;
    setText(note, "");
    void fetch(`/api/load?on=${asked}`, {
      method: "POST",
      headers: { "x-tidegate-presenter": "1" },
    }).then(async (response) => {
      if (!response.ok) throw new Error(await response.text());
    }).catch((error: Error) => {
      asked = null;
      setText(note, `That did not work: ${error.message}`);
    });
  });
  return (demo, loading) => {
    button.hidden = !demo;
    on = loading;
    if (asked === on) asked = null;
    button.setAttribute("aria-pressed", String(on));
    const busy = asked === null ? "" : "…";
    setText(button, `${on ? "Stop the spike" : "Start a spike"}${busy}`);
  };
}
