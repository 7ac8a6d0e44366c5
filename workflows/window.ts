/**
 * The window workflow: takes the drain's numbered calls and answers them. All
 * it decides is when its run ends; the rules are those of `Window`.
 *
 * @module
 */

import { condition, continueAsNew, setHandler } from "@temporalio/workflow";
import { windowEnd } from "../core/event_time/windows.ts";
import { rowsOf } from "../core/flow/row.ts";
import { Window } from "../core/flow/window.ts";
import { isLong } from "./durable.ts";
import { callUpdate, type WindowInput, windowQuery, type WindowResult } from "./messages.ts";
import { instant, showDetails, table } from "./details.ts";
import { workflowNow } from "./time.ts";

/** Temporal takes 2,000 updates in a run. */
const CALLS_A_RUN = 1_500;
/** Rows shown to people. */
const SHOWN_ROWS = 50;

/** One window (and shard) of a pipeline. */
export async function window(input: WindowInput): Promise<WindowResult> {
  const { plan, start, shard } = input;
  const endMs = windowEnd(plan.windowing, start);
  const { aggregates, latenessMs } = plan;
  const state = new Window({ aggregates, endMs, latenessMs }, input.state);
  const emissions = () => (state.emitted?.head.revision ?? -1) + 1;
  let calls = 0;
  showDetails(() => details(input, state, endMs));
  // It awaits nothing and has no validator: an update can't be accepted and not completed, and a
  // rejected one would have started the workflow all the same.
  setHandler(callUpdate, (call) => {
    calls += 1;
    return state.call(call);
  });
  setHandler(windowQuery, () => ({
    start,
    shard,
    n: state.n,
    cells: state.cells(),
    pairs: state.pairs,
    emissions: emissions(),
    spans: state.spans,
    held: state.held,
  }));
  const isLost = () => calls > 0 && state.isNew;
  await condition(() =>
    state.isComplete || isLost() || calls >= CALLS_A_RUN || (calls > 0 && isLong(input))
  );
  if (!state.isComplete && !isLost()) {
    await continueAsNew<typeof window>({ ...input, state: state.snapshot() });
  }
  return {
    pairs: state.pairs,
    rows: state.size,
    emissions: emissions(),
    end: state.isComplete ? "complete" : "lost",
  };
}

/** What people see in the Temporal Web UI: the rows, and why the window is open. */
function details(input: WindowInput, state: Window, endMs: number): string {
  const { plan, start, generation } = input;
  const cells = state.cells();
  const { revision = 0, final = false, watermark = start } = state.emitted?.head ?? {};
  const rows = rowsOf(plan, {
    generation,
    windowStart: start,
    revision,
    final,
    watermark,
    emittedAtMs: workflowNow(),
  }, cells.slice(0, SHOWN_ROWS));
  const names = plan.aggregates.map((aggregate) => aggregate.name);
  const more = cells.length > rows.length ? `\n\n… and ${cells.length - rows.length} more` : "";
  const from = state.spans.map(([p, first, to]) => `${p} (offsets ${first} to ${to - 1})`);
  const until = state.emitted === null ? endMs : endMs + plan.latenessMs;
  return [
    `**[${instant(start)}, ${instant(endMs)})**, ${state.pairs} events in ${cells.length} cells`,
    state.isComplete
      ? `Completed at watermark ${instant(watermark)}.`
      : `Open until the watermark passes ${instant(until)}; the drain of the generation says ` +
        "which partition holds it.",
    `Partitions heard from: ${from.join(", ") || "none"}; ${state.n} calls taken.`,
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
