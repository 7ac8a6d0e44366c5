/**
 * Tells windows of the watermark.
 *
 * @module
 */

import type { WindowClient } from "../adapters/temporal/window_client.ts";
import type { CloseOutcome, CloseRequest, ControlActivities } from "../workflows/activities.ts";
import { type ControlTools, named } from "./activity.ts";

/**
 * Tells some windows of the watermark, in parallel.
 *
 * @param port Calls of the Temporal server.
 * @param request The windows and the watermark.
 * @returns How it ended for each, in the order of the windows.
 */
export function closeWindows(port: WindowClient, request: CloseRequest): Promise<CloseOutcome[]> {
  return Promise.all(request.ids.map(async (id): Promise<CloseOutcome> => {
    const status = await port.close(id, request.watermark);
    return status === null ? { kind: "told" } : { kind: "lost", status };
  }));
}

/** The activity, with its span. */
export function createCloseWindows(
  { windows, observer, trace }: Pick<ControlTools, "windows" | "observer" | "trace">,
): ControlActivities["closeWindows"] {
  return async (request) => {
    const attributes = {
      "tidegate.windows": request.ids.length,
      "tidegate.watermark": new Date(request.watermark).toISOString(),
    };
    // A failure for good would end the clock, and with it the generation.
    const outcomes = await named(
      () => trace("close", attributes, () => closeWindows(windows, request)),
      { mayBeFinal: false },
    );
    observer.told(request, outcomes);
    return outcomes;
  };
}
