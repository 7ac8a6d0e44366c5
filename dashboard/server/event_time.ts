/**
 * Event time as the page draws it, out of a look.
 *
 * @module
 */

import { lagOf } from "../../core/scaling/load.ts";
import type { Look } from "./looker.ts";
import type { EventTimeView, Mark, OpenWindowView, PartitionView, SampleView } from "./state.ts";

/** Partitions that are drawn at most: those that hold the watermark, if there are more. */
const LANES = 64;
/** Open windows that are drawn at most, the earliest. */
const WINDOWS = 60;
/** Marks that are drawn at most. */
const MARKS = 40;

/**
 * Event time out of a look.
 *
 * @param look The look.
 * @param before What was shown before: windows that were not asked this time keep their figures.
 * @param extra Windows that closed lately, and late and skewed records.
 * @returns What is drawn.
 */
export function eventTimeOf(
  look: Look,
  before: EventTimeView | null,
  { closed, samples, ends, recentMs }: {
    readonly recentMs: number;
    readonly closed: EventTimeView["closed"];
    readonly samples: readonly SampleView[];
    readonly ends: ReadonlyMap<number, number>;
  },
): EventTimeView {
  return {
    atMs: look.atMs,
    watermark: look.clock.watermark,
    partitions: partitionsOf(look, ends),
    open: windowsOf(look, before),
    closed,
    marks: marksOf(samples, (look.clock.watermark ?? -Infinity) - recentMs),
  };
}

function partitionsOf({ drains }: Look, ends: ReadonlyMap<number, number>): PartitionView[] {
  const views = drains.map((drain): PartitionView => ({
    partition: drain.partition,
    state: drain.held ? "held" : drain.mode,
    watermark: drain.watermark,
    maxEventTime: drain.maxEventTime,
    lag: lagOf({ end: Math.max(drain.end, ends.get(drain.partition) ?? 0), cursor: drain.cursor }),
  }));
  if (views.length <= LANES) return views;
  return views.sort((a, b) => (a.watermark ?? -Infinity) - (b.watermark ?? -Infinity))
    .slice(0, LANES).sort((a, b) => a.partition - b.partition);
}

function windowsOf({ clock, windows }: Look, before: EventTimeView | null): OpenWindowView[] {
  const known = new Map((before?.open ?? []).map((window) => [window.start, window]));
  const asked = new Map<number, { events: number; cells: number }>();
  for (const { start, cells, pairs } of windows ?? []) {
    const sum = asked.get(start) ?? { events: 0, cells: 0 };
    asked.set(start, { events: sum.events + pairs, cells: sum.cells + cells.length });
  }
  const open = new Map<number, OpenWindowView>();
  for (const { id, start, end, final, fired } of clock.open) {
    if (open.has(start)) continue;
    const { events, cells } = asked.get(start) ?? known.get(start) ?? { events: 0, cells: 0 };
    open.set(start, { start, end, final, events, cells, emitted: fired > 0, id });
  }
  return [...open.values()].sort((a, b) => a.start - b.start).slice(0, WINDOWS);
}

/** Late and skewed events that came when the watermark was not long ago. */
function marksOf(samples: readonly SampleView[], since: number): Mark[] {
  return samples.flatMap(({ kind, eventTime, partition, watermark }) => {
    if (kind === "invalid" || eventTime === null) return [];
    return watermark !== null && watermark < since ? [] : [{ eventTime, kind, partition }];
  }).slice(0, MARKS);
}
