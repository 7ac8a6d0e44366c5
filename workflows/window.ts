/**
 * The window workflow: holds the cells of one window until the watermark has passed its times, and
 * emits its rows. It may not do anything but carry messages to and from a `WindowState`.
 *
 * @module
 */

import {
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  proxyActivities,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { ClosedWindow } from "../core/event_time/close_timers.ts";
import { clockId, drainId } from "../core/ids.ts";
import { type ResultRow, rowsOf } from "../core/flow/row.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import { type RowsDue, WindowState } from "../core/flow/window_state.ts";
import { windowEnd } from "../core/event_time/windows.ts";
import { isLong, keepTrying } from "./durable.ts";
import { workflowNow } from "./time.ts";
import { showDetails, showState } from "./details.ts";
import { hear, type Heard, windowDetails } from "./window_details.ts";
import {
  cellsQuery,
  closeSignal,
  foldSignal,
  stopSignal,
  type WindowInput,
  type WindowResult,
} from "./messages.ts";
import type { ControlActivities } from "./activities.ts";

/** Rows of one emit activity. */
const PAGE_ROWS = 500;
/** A result larger than this holds the counts only. */
const RESULT_MAX_BYTES = 256 * 1024;

/**
 * One window of a pipeline.
 *
 * @param input The window and the state to go on from.
 * @returns What the window came to.
 */
export async function window(input: WindowInput): Promise<WindowResult> {
  const { plan, generation, start } = input;
  const end = windowEnd(plan.windowing, start);
  const { aggregates, latenessMs } = plan;
  const state = new WindowState({ aggregates, endMs: end, latenessMs }, input.state);
  const { workflowId: id } = workflowInfo();
  const stops: { partition: number; code: string; message: string }[] = [];
  let lastRows: readonly ResultRow[] = [];

  const heard: Heard = { pipeline: null, partitions: new Map() };
  showDetails(() => windowDetails({ input, state, end, heard }));
  setHandler(foldSignal, (partial) => {
    const outcome = state.fold(partial);
    const { partition, from, to } = partial;
    hear(heard, partial);
    if (outcome === "full" || outcome === "overlap") {
      stops.push({
        partition,
        code: outcome === "full" ? "TG_WINDOW_FULL" : "TG_OVERLAP",
        message: `window ${id} refused the slice [${from}, ${to}) of partition ${partition}`,
      });
    }
  });
  setHandler(closeSignal, ({ watermark }) => state.close(watermark));
  setHandler(cellsQuery, () => ({
    start,
    shard: input.shard,
    cells: state.cells(),
    pairs: state.pairs,
    refused: state.refused,
    emissions: state.revision,
    watermark: state.watermark,
    lastTo: state.lastTo,
  }));

  const full = () => isLong(input);
  while (!state.completed || stops.length > 0) {
    await condition(() => state.rowsDue || stops.length > 0 || full());
    const stop = stops.shift();
    const rows = stop === undefined ? state.takeRows() : undefined;
    if (stop !== undefined) {
      const drain = getExternalWorkflowHandle(drainId(plan.pipeline, generation, stop.partition));
      await keepTrying("stop a partition", () => drain.signal(stopSignal, stop));
    } else if (rows !== undefined) {
      lastRows = await emit(
        input,
        rows,
        () => ({ id, pairs: state.pairs, refused: state.refused }),
      );
    } else {
      await continueAsNew<typeof window>({ ...input, state: state.snapshot() });
    }
  }
  if (input.searchAttributes) showState("closed", state.pairs);
  const small = JSON.stringify(lastRows).length <= RESULT_MAX_BYTES;
  return {
    start: formatInstant(start),
    end: formatInstant(end),
    pairs: state.pairs,
    refused: state.refused,
    emissions: state.revision,
    rowCount: lastRows.length,
    rows: small ? lastRows : null,
    lastTo: state.lastTo,
  };
}

/** Writes the rows page by page; the last page of the last emission tells the clock, rows or not. */
async function emit(
  input: WindowInput,
  due: RowsDue,
  counts: () => Omit<ClosedWindow, "rows">,
): Promise<readonly ResultRow[]> {
  const { plan, generation, start } = input;
  const emission = { generation, windowStart: start, emittedAtMs: workflowNow(), ...due };
  const rows = rowsOf(plan, emission, due.cells);
  const { emitRows } = proxyActivities<ControlActivities>({
    startToCloseTimeout: "30s",
    retry: { initialInterval: 200, maximumInterval: "10s" },
    summary: `revision ${due.revision}${due.final ? " (final)" : ""}: ${rows.length} rows`,
  });
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  for (let page = 0; page < pages; page++) {
    const isLast = due.final && page === pages - 1;
    const request = {
      topic: plan.resultsTopic,
      rows: rows.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS),
      closed: isLast
        ? {
          clockId: clockId(plan.pipeline, generation),
          window: { ...counts(), rows: rows.length },
        }
        : null,
    };
    await keepTrying("emit rows", () => emitRows(request));
  }
  return rows;
}
