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
import type { CellWire } from "../core/aggregates.ts";
import type { ClosedWindow } from "../core/close_timers.ts";
import { clockId, drainId } from "../core/ids.ts";
import { type ResultRow, rowsOf } from "../core/row.ts";
import { formatInstant } from "../core/time.ts";
import { type RowsDue, WindowState } from "../core/window_state.ts";
import { windowEnd } from "../core/windows.ts";
import { isLong } from "./_continue.ts";
import { keepTrying } from "./_keep_trying.ts";
import { instant, table } from "./_markdown.ts";
import { workflowNow } from "./_time.ts";
import { showDetails, showState } from "./_visible.ts";
import {
  cellsQuery,
  closeSignal,
  foldSignal,
  stopSignal,
  type WindowInput,
  type WindowResult,
} from "./messages.ts";
import type { ControlActivities } from "./ports.ts";

/** Rows of one emit activity. */
const PAGE_ROWS = 500;
/** A result larger than this holds the counts only. */
const RESULT_MAX_BYTES = 256 * 1024;
/** Rows shown in the Web UI. */
const SHOWN_ROWS = 50;

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

  showDetails(() => details(input, state, end));
  setHandler(foldSignal, (partial) => {
    const outcome = state.fold(partial);
    const { partition, from, to } = partial;
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

function details(input: WindowInput, state: WindowState, end: number): string {
  const { plan, start } = input;
  const cells: CellWire[] = state.cells();
  const rows = rowsOf(plan, {
    generation: input.generation,
    windowStart: start,
    revision: state.revision,
    final: state.completed,
    watermark: state.watermark ?? start,
    emittedAtMs: workflowNow(),
  }, cells.slice(0, SHOWN_ROWS));
  const names = plan.aggregates.map((aggregate) => aggregate.name);
  const heard = state.lastTo.map(([partition, to]) => `${partition} up to ${to}`).join(", ");
  const why = state.completed
    ? `Completed at watermark ${instant(state.watermark)}.`
    : state.revision > 0
    ? `Emitted; open for late events until the watermark passes ${instant(end + plan.latenessMs)}.`
    : `Open: waits for the watermark to pass ${instant(end)}.`;
  const more = cells.length > rows.length ? `\n\n… and ${cells.length - rows.length} more` : "";
  return [
    `**[${instant(start)}, ${instant(end)})**, ${state.pairs} events in ${cells.length} cells`,
    why,
    `Partitions heard from: ${heard || "none"}.`,
    table(
      [...plan.groupBy, "events", ...names],
      rows.map((row) => [
        ...plan.groupBy.map((field) => row.key[field]),
        row.events,
        ...names.map((name) => row.values[name]),
      ]),
    ) + more,
  ].join("\n\n");
}
