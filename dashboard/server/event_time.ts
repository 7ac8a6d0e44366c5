/**
 * Event time and the account as the page shows them, out of what the drain tells of itself: one look,
 * so that all of it is of the same moment.
 *
 * @module
 */

import { accountOf } from "../../core/flow/audit.ts";
import type { DrainPartition } from "../../core/flow/dealing.ts";
import { windowTimes } from "../../core/event_time/timers.ts";
import { partitionWatermark } from "../../core/event_time/watermark.ts";
import { windowId } from "../../core/ids.ts";
import type { RunPlan } from "../../core/plan.ts";
import type { GenerationView } from "../../workflows/messages.ts";
import { sumOf, type Tick } from "./monitor.ts";
import type {
  AccountView,
  EventTimeView,
  FoldedPartitions,
  Mark,
  OpenWindowView,
  PartitionState,
  PartitionView,
  SampleView,
} from "./state.ts";

/** So many partitions are shown one by one. */
const LANES = 12;
/** Where there are more: how many of those that don't go on, of the slowest and of the fastest. */
const NOTED = 8;
const SLOWEST = 4;
const FASTEST = 4;
/** Open windows that are drawn at most, the earliest. */
const WINDOWS = 60;
/** Marks that are drawn at most. */
const MARKS = 40;
/** A transaction that is open for so long keeps a partition waiting, in ms. */
export const LONG_TRANSACTION_MS = 10_000;

/** States of partitions that don't go on, the worst first. */
const NOT_GOING_ON: readonly PartitionState[] = [
  "stopped",
  "trouble",
  "transaction",
  "held",
  "excluded",
];

/** What event time is drawn from. */
export interface TimeSource {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of its state. */
  readonly generation: number;
  /** What the drain told last. */
  readonly view: GenerationView;
  /** How far the partitions are by now; null before the first look. */
  readonly tick: Tick | null;
  /** Windows that closed a moment ago. */
  readonly closed: EventTimeView["closed"];
  /** Records set aside lately. */
  readonly samples: readonly SampleView[];
  /** For how long of event time late and skewed events are marked, in ms. */
  readonly recentMs: number;
  /** The time, epoch ms. */
  readonly nowMs: number;
}

/** Event time. */
export function eventTimeOf(source: TimeSource): EventTimeView {
  const { view, closed, samples, recentMs } = source;
  const { shown, folded } = foldUp(partitionsOf(source));
  return {
    watermark: view.watermark,
    partitions: shown,
    folded,
    ...windowsOf(source),
    closed,
    marks: marksOf(samples, (view.watermark ?? -Infinity) - recentMs),
  };
}

/** How a partition is doing. */
export function stateOf(p: DrainPartition, isHeld: boolean, nowMs: number): PartitionState {
  const { mode, trouble, openTransaction } = p;
  if (mode !== "active" && mode !== "idle") return mode;
  if (trouble !== null) return "trouble";
  if (openTransaction !== null && nowMs - openTransaction.sinceMs >= LONG_TRANSACTION_MS) {
    return "transaction";
  }
  return isHeld ? "held" : mode;
}

function partitionsOf({ plan, view, tick, nowMs }: TimeSource): PartitionView[] {
  const held = new Set(view.held.map(([partition]) => partition));
  return view.partitions.map((p) => ({
    partition: p.partition,
    state: stateOf(p, held.has(p.partition), nowMs),
    watermark: partitionWatermark(p, plan.delayMs),
    maxEventTime: p.maxEventTime,
    lag: tick?.lags.get(p.partition) ?? null,
  }));
}

/**
 * Which partitions are shown one by one: all, if they are few; else those that don't go on, the
 * slowest and the fastest of those that hold the watermark, in the order of their watermarks.
 */
export function foldUp(
  all: readonly PartitionView[],
): { readonly shown: readonly PartitionView[]; readonly folded: FoldedPartitions | null } {
  if (all.length <= LANES) return { shown: all, folded: null };
  const noted = all.filter(({ state }) => NOT_GOING_ON.includes(state))
    .sort((a, b) => NOT_GOING_ON.indexOf(a.state) - NOT_GOING_ON.indexOf(b.state) || byTime(a, b))
    .slice(0, NOTED);
  const others = all.filter((view) => !noted.includes(view)).sort(byTime);
  const holding = others.filter(({ state }) => state !== "idle" && state !== "excluded");
  const ranked = holding.length > 0 ? holding : others;
  const ends = new Set([...ranked.slice(0, SLOWEST), ...ranked.slice(-FASTEST)]);
  const shown = [...noted, ...ends].sort(byTime);
  const rest = others.filter((view) => !ends.has(view));
  return { shown, folded: rest.length === 0 ? null : foldedOf(rest) };
}

function byTime(a: PartitionView, b: PartitionView): number {
  const [first, second] = [a.watermark ?? -Infinity, b.watermark ?? -Infinity];
  return first === second ? a.partition - b.partition : first - second;
}

function foldedOf(rest: readonly PartitionView[]): FoldedPartitions {
  const times = rest.map(({ watermark }) => watermark).filter((time) => time !== null);
  const newest = rest.map(({ maxEventTime }) => maxEventTime).filter((time) => time !== null);
  return {
    count: rest.length,
    idle: rest.filter(({ state }) => state === "idle").length,
    from: times.length === 0 ? null : Math.min(...times),
    to: times.length === 0 ? null : Math.max(...times),
    maxEventTime: newest.length === 0 ? null : Math.max(...newest),
    lag: sumOf(rest.map(({ lag }) => lag)),
  };
}

/** The open windows, shares of one window together. */
function windowsOf(
  { plan, generation, view }: TimeSource,
): Pick<EventTimeView, "open" | "moreOpen"> {
  const { pipeline, windowing, latenessMs, shards } = plan;
  const open = new Map<number, OpenWindowView>();
  let told = 0;
  for (const { start, shard, pairs, waiting, emitted, broken } of view.open) {
    const known = open.get(start);
    if (known === undefined && open.size === WINDOWS) break;
    told += 1;
    open.set(start, {
      start,
      ...windowTimes(windowing, latenessMs, start),
      events: (known?.events ?? 0) + pairs + waiting,
      waiting: (known?.waiting ?? 0) + waiting,
      emitted: emitted && (known?.emitted ?? true),
      broken: known?.broken ?? broken,
      id: known?.id ?? windowId(pipeline, generation, start, shard, shards),
    });
  }
  return { open: [...open.values()], moreOpen: view.openWindows - told };
}

/** Late and skewed events that came when the watermark was not long ago. */
function marksOf(samples: readonly SampleView[], since: number): Mark[] {
  return samples.flatMap(({ kind, eventTime, partition, watermark }): Mark[] => {
    if ((kind !== "late" && kind !== "skewed") || eventTime === null) return [];
    return watermark !== null && watermark < since ? [] : [{ eventTime, kind, partition }];
  }).slice(0, MARKS);
}

/** The account, by the same look. */
export function accountViewOf(view: GenerationView, atMs: number, lag: number): AccountView {
  const account = accountOf(view);
  const state = account.problems.length === 0 ? "holds" : "broken";
  return { atMs, account, state, notes: notesOf(view, account.events.failed), lag };
}

/** What people should know of the account, and is not wrong. */
function notesOf({ partitions, lateByFloor }: GenerationView, failed: number): string[] {
  const skipped = partitions.reduce((sum, p) => sum + p.skippedOffsets, 0);
  const excluded = partitions.filter((p) => p.mode === "excluded")
    .map((p) => `partition ${p.partition} is excluded from offset ${p.cursor} on`);
  return [
    ...excluded,
    ...(skipped > 0 ? [`${skipped} offsets were skipped by a person's choice`] : []),
    ...Object.entries(lateByFloor).filter(([, events]) => events > 0).map(([cause, events]) =>
      `${events} events missed a window by the floor alone (${cause})`
    ),
    ...(failed > 0 ? [`${failed} records are set aside as failed: the rows are without them`] : []),
  ];
}
