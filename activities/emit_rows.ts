/**
 * Writes result rows.
 *
 * @module
 */

import type { LogWriter } from "../adapters/kafka/log.ts";
import { rowRecordKey } from "../core/flow/row.ts";
import type { WindowClient } from "../adapters/temporal/window_client.ts";
import type { ControlActivities, EmitRequest } from "../workflows/activities.ts";
import { type ControlTools, named } from "./activity.ts";

/**
 * Writes one page of rows to the results topic. The rows are the activity's input, so that a retry
 * writes the same bytes. A window's last page tells the clock that it has closed: after the rows are
 * written, and before the window completes.
 *
 * @param writer Where to.
 * @param workflows Reaches the clock.
 * @param request The topic and the rows.
 */
export async function emitRows(
  writer: LogWriter,
  workflows: WindowClient,
  request: EmitRequest,
): Promise<void> {
  const records = request.rows.map((row) => ({
    key: rowRecordKey(row),
    value: JSON.stringify(row),
  }));
  await writer.send(request.topic, records);
  if (request.closed === null) return;
  await workflows.closed(request.closed.clockId, request.closed.window);
}

/** The activity, with its span. */
export function createEmitRows(
  { writer, windows, observer, trace }: Omit<ControlTools, "reader">,
): ControlActivities["emitRows"] {
  return async (request) => {
    const { topic, rows, closed } = request;
    const attributes = {
      "tidegate.topic": topic,
      "tidegate.rows": rows.length,
      "tidegate.window.closed": closed !== null,
    };
    await named(() =>
      trace("emit", attributes, async (tell) => {
        const [first] = rows;
        if (first !== undefined) tell({ "tidegate.window.start": first.window.start });
        await emitRows(writer, windows, request);
      })
    );
    observer.emitted(request);
  };
}
