/**
 * Waits for a bounded run to come to its end.
 *
 * @module
 */

import type { Control } from "../processes/control/start.ts";
import type { TidegateError } from "../core/errors.ts";
import type { DrainView } from "../workflows/messages.ts";
import { lookAt, type Snapshot } from "./account.ts";

/** How often the run is looked at, in ms. */
const LOOK_MS = 200;

/** What waiting is told. */
export interface DrainedOptions {
  /** Whether to close all windows at the end. */
  readonly flush: boolean;
  /** Told of every look. */
  readonly onLook?: (snapshot: Snapshot) => void;
  /** Ends the wait; what is drained by then stays drained. */
  readonly interrupted: Promise<void>;
}

/**
 * Waits until every partition has reached its fixed end, or has stopped, and every window that the
 * watermark closes has closed.
 *
 * @param control The control process.
 * @param options What waiting is told.
 * @returns The last look; undefined if the wait was ended early.
 * @throws {TidegateError} The reason if the control process can't go on.
 */
export async function untilDrained(
  control: Control,
  options: DrainedOptions,
): Promise<Snapshot | undefined> {
  let ended = false;
  let lost: TidegateError | undefined;
  void options.interrupted.then(() => ended = true);
  void control.lost.then((why) => lost = why);
  let flushed = !options.flush;
  while (!ended) {
    if (lost !== undefined) throw lost;
    const snapshot = await lookAt(control.workflows, control.generation);
    options.onLook?.(snapshot);
    if (snapshot.drains.every(isAtRest)) {
      if (!flushed && snapshot.drains.every((drain) => drain.mode !== "stopped")) {
        await control.workflows.flush(control.generation);
        flushed = true;
        continue;
      }
      if (nothingDue(snapshot)) return snapshot;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return undefined;
}

function isAtRest(drain: DrainView): boolean {
  if (drain.mode === "stopped" || drain.mode === "excluded") return true;
  return (drain.mode === "parked" || drain.mode === "idle") && drain.inDelivery === 0;
}

/** No open window has a time that the watermark has passed. */
function nothingDue({ clock }: Snapshot): boolean {
  const watermark = clock.watermark ?? -Infinity;
  return clock.open.every((window) =>
    watermark < window.final && (watermark < window.end || window.fired > 0)
  );
}
