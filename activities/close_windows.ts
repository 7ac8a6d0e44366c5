/**
 * Tells windows of the watermark.
 *
 * @module
 */

import type { WindowClient } from "../adapters/temporal/window_client.ts";
import type { CloseOutcome, CloseRequest } from "../workflows/activities.ts";

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
