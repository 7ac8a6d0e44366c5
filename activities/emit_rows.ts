/**
 * Writes result rows.
 *
 * @module
 */

import type { LogWriter } from "../adapters/log.ts";
import { rowRecordKey } from "../core/row.ts";
import type { EmitRequest } from "../workflows/ports.ts";

/**
 * Writes one page of rows to the results topic. The rows are the activity's input, so that a retry
 * writes the same bytes.
 *
 * @param writer Where to.
 * @param request The topic and the rows.
 */
export async function emitRows(writer: LogWriter, request: EmitRequest): Promise<void> {
  const records = request.rows.map((row) => ({
    key: rowRecordKey(row),
    value: JSON.stringify(row),
  }));
  await writer.send(request.topic, records);
}
