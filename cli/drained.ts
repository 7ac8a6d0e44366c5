/**
 * Waits for the end of a bounded run. The drain tells the control process what it is like whenever that
 * changes, so that nobody is asked meanwhile.
 *
 * @module
 */

import { setTimeout } from "node:timers/promises";
import type { GenerationClient } from "../adapters/temporal/generation_client.ts";
import { TidegateError } from "../core/errors.ts";
import type { LoadModel } from "../processes/control/load.ts";
import type { GenerationView } from "../workflows/messages.ts";

/** How often what was told is looked at, in ms. */
const LOOK_MS = 100;

/** What is waited for, of a control process. */
export interface Draining {
  /** The drain, to close the windows. */
  readonly drain: Pick<GenerationClient, "flush">;
  /** What the drain has told last. */
  readonly load: Pick<LoadModel, "view">;
  /** Resolves when the control process can't go on, with the reason. */
  readonly lost: Promise<TidegateError>;
}

/** How waiting for the end goes. */
export interface DrainedOptions {
  /** Whether to close all windows at the end. */
  readonly flush: boolean;
  /** Is called now and then while it waits. */
  readonly onLook: () => void;
  /** Ends the wait; what is drained by then stays drained. */
  readonly interrupted: Promise<void>;
}

/**
 * Waits until every partition has reached its fixed end, or has stopped, and every window that the
 * watermark closes has closed. Gives the last look; null if the wait was ended early.
 *
 * @throws {TidegateError} `TG_TOO_MANY_WINDOWS`, or the reason if the control process can't go on.
 */
export async function untilDrained(
  { drain, load, lost }: Draining,
  options: DrainedOptions,
): Promise<GenerationView | null> {
  const over = options.interrupted.then(() => null);
  const ended = lost.then((why) => Promise.reject(why));
  let isFlushed = !options.flush;
  let passed: GenerationView | null = null;
  for (;;) {
    const view = load.view;
    if (view !== null && view !== passed) {
      if (view.stuckBehind !== null) throw tooManyWindows(view.stuckBehind);
      if (view.drained) {
        if (isFlushed || view.partitions.some((p) => p.mode === "stopped")) return view;
        passed = view;
        const flushed = await Promise.race([over, ended, drain.flush()]);
        if (flushed === null) return null;
        isFlushed = true;
        if (flushed.drained) return flushed;
        continue;
      }
    }
    options.onLook();
    const waited = await Promise.race([over, ended, setTimeout(LOOK_MS, undefined)]);
    if (waited === null) return null;
  }
}

function tooManyWindows(parked: readonly number[]): TidegateError {
  const which = parked.length === 1 ? `partition ${parked[0]}` : `partitions ${parked.join(", ")}`;
  const word = parked.length === 1 ? "has" : "have";
  return new TidegateError(
    "TG_TOO_MANY_WINDOWS",
    `Cannot go on: as many windows are open as there may be, and only ${which} could close them, ` +
      `which ${word} nothing more to read in this run`,
    {
      next: `Give ${parked.length === 1 ? "it" : "them"} up with deno task exclude --partition N ` +
        "and run again; --flush closes windows only when all is read.",
    },
  );
}
