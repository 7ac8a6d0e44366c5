/**
 * What a person sees of a window in the Temporal Web UI: its rows, and why it is still open.
 *
 * @module
 */

import type { CellWire } from "../core/fold/aggregates.ts";
import { clockId } from "../core/ids.ts";
import { rowsOf } from "../core/flow/row.ts";
import type { Partial, WindowState } from "../core/flow/window_state.ts";
import { instant, table, text } from "./details.ts";
import { workflowNow } from "./time.ts";
import type { WindowInput } from "./messages.ts";

/** Rows shown. */
const SHOWN_ROWS = 50;

/** Watermarks as the drains told them with their partials: only for people who look. */
export interface Heard {
  /** The pipeline's, the largest that was told; null if none was. */
  pipeline: number | null;
  /** The partitions' own. */
  readonly partitions: Map<number, number>;
}

/**
 * Takes in what a partial tells of watermarks.
 *
 * @param heard What is known; changed.
 * @param partial The partial.
 */
export function hear(heard: Heard, { partition, heard: news }: Partial): void {
  if (news === undefined) return;
  const { pipeline, partition: own } = news;
  if (pipeline !== null) heard.pipeline = Math.max(heard.pipeline ?? pipeline, pipeline);
  if (own !== null) heard.partitions.set(partition, own);
}

/** What is shown of a window. */
export interface ShownWindow {
  /** What its workflow was started with. */
  readonly input: WindowInput;
  /** Its state. */
  readonly state: WindowState;
  /** Its end, epoch ms. */
  readonly end: number;
  /** Watermarks as the drains told them. */
  readonly heard: Heard;
}

/**
 * The details.
 *
 * @param shown The window.
 * @returns Markdown.
 */
export function windowDetails(shown: ShownWindow): string {
  const { input, state, end } = shown;
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
  const more = cells.length > rows.length ? `\n\n… and ${cells.length - rows.length} more` : "";
  return [
    `**[${instant(start)}, ${instant(end)})**, ${state.pairs} events in ${cells.length} cells`,
    whyOpen(shown),
    heardFrom(shown),
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

function heardFrom({ state, heard }: ShownWindow): string {
  const all = state.lastTo.map(([partition, to]) => {
    const watermark = heard.partitions.get(partition);
    const then = watermark === undefined ? "" : ` (its watermark then: ${instant(watermark)})`;
    return `${partition} up to offset ${to}${then}`;
  });
  return `Partitions heard from: ${all.join(", ") || "none"}.`;
}

function whyOpen({ input, state, end, heard }: ShownWindow): string {
  const { plan, generation } = input;
  if (state.completed) return `Completed at watermark ${instant(state.watermark)}.`;
  const known = [state.watermark, heard.pipeline].filter((watermark) => watermark !== null);
  const watermark = known.length === 0 ? null : Math.max(...known);
  const clock = text(clockId(plan.pipeline, generation));
  const last = `the watermark was ${instant(watermark)} when it was last heard of here; the ` +
    `workflow ${clock} tells where it is now, and which partition holds it`;
  if (state.revision > 0) {
    const until = instant(end + plan.latenessMs);
    return `Emitted; **open for late events** until the watermark passes ${until}. ` +
      `${capital(last)}.`;
  }
  const slowest = [...heard.partitions].sort((a, b) => a[1] - b[1])[0];
  const held = slowest === undefined || slowest[1] >= end
    ? ""
    : ` Of the partitions heard from, ${slowest[0]} is the furthest behind.`;
  return `**Open**: it waits for the watermark to pass ${instant(end)}; ${last}.${held}`;
}

function capital(sentence: string): string {
  return sentence.slice(0, 1).toUpperCase() + sentence.slice(1);
}
