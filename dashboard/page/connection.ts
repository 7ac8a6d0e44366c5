/**
 * The line to the server: it comes back by itself, and says how it stands.
 *
 * @module
 */

import type { PageChange, PageState } from "../server/state.ts";

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

/**
 * Connects, and stays connected.
 *
 * @param hooks What is told.
 */
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
