/**
 * What a load test measures: how long events took, how soon the fleet reacted, and what it cost.
 *
 * @module
 */

import type { FleetDecision } from "../../core/scaling/state.ts";
import { type Delay, delayQuantile } from "../simulator/metrics.ts";
import type { ExpectedWorkers } from "./plan.ts";
import {
  firstTime,
  integral,
  type PhaseSpan,
  processesOf,
  type Span,
  type TimelinePoint,
} from "./record.ts";

/** A record's arrival. */
export interface Arrival {
  /** Its partition. */
  readonly partition: number;
  /** Its offset. */
  readonly offset: number;
  /** The record's timestamp, by the broker's clock, epoch ms. */
  readonly atMs: number;
}

/** A moment at which everything of a partition before an offset was known to be folded. */
export interface FoldedMark {
  /** The partition. */
  readonly partition: number;
  /** The offset. */
  readonly before: number;
  /** The moment, by the control process's clock, epoch ms. */
  readonly atMs: number;
}

/** Delays in figures. */
export interface DelaySummary {
  /** How many events. */
  readonly events: number;
  /** Half of them took no longer than this, in ms. */
  readonly p50Ms: number;
  /** 99 of 100 took no longer than this, in ms. */
  readonly p99Ms: number;
  /** The longest, in ms. */
  readonly maxMs: number;
}

/** What an event's delay was. */
export interface EventDelay {
  /** When it arrived, epoch ms. */
  readonly atMs: number;
  /** How long it took, in ms. */
  readonly delayMs: number;
}

/**
 * Finds each event's delay: from its arrival to the first moment at which it was known to be folded.
 */
export function delaysOf(
  arrivals: readonly Arrival[],
  marks: readonly FoldedMark[],
): EventDelay[] {
  const byPartition = new Map<number, FoldedMark[]>();
  for (const mark of marks) {
    const known = byPartition.get(mark.partition) ?? [];
    // Only what is news: the offsets of a partition's marks ascend strictly then.
    if (mark.before > (known.at(-1)?.before ?? 0)) known.push(mark);
    byPartition.set(mark.partition, known);
  }
  return arrivals.flatMap(({ partition, offset, atMs }) => {
    const mark = firstAfter(byPartition.get(partition) ?? [], offset);
    return mark === undefined ? [] : [{ atMs, delayMs: Math.max(0, mark.atMs - atMs) }];
  });
}

function firstAfter(marks: readonly FoldedMark[], offset: number): FoldedMark | undefined {
  let low = 0;
  let high = marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((marks[middle]?.before ?? 0) > offset) high = middle;
    else low = middle + 1;
  }
  return marks[low];
}

/**
 * Sums the delays of a stretch of time up.
 *
 * @returns The figures; null if there were none.
 */
export function summarize(delays: readonly EventDelay[], span?: Span): DelaySummary | null {
  const inside = span === undefined
    ? delays
    : delays.filter(({ atMs }) => atMs >= span.fromMs && atMs < span.toMs);
  if (inside.length === 0) return null;
  const all = inside.map(({ delayMs }): Delay => [delayMs, 1]);
  return {
    events: inside.length,
    p50Ms: delayQuantile(all, 0.5),
    p99Ms: delayQuantile(all, 0.99),
    maxMs: delayQuantile(all, 1),
  };
}

/** How soon the fleet reacted; null is what did not happen. All in ms. */
export interface Reaction {
  /** From the step of the rate to the first process that was started for it. */
  readonly stepToSpawnMs: number | null;
  /** From the first sample with pressure to that process. */
  readonly seenToSpawnMs: number | null;
  /** From the decision for the most workers until all of them were ready. */
  readonly decisionToReadyMs: number | null;
  /** From the arrival of the first record at 0 workers until it was folded. */
  readonly wakeMs: number | null;
}

/** What a reaction is read off. */
export interface ReactionSource {
  /** What was recorded, earliest first. */
  readonly points: readonly TimelinePoint[];
  /** The spike; null if there was none. */
  readonly spike: PhaseSpan | null;
  /** The decisions, earliest first. */
  readonly decisions: readonly FleetDecision[];
  /** From the arrival of the first record at 0 workers until it was folded, in ms. */
  readonly wakeMs: number | null;
}

/** Reads the reaction off a run. */
export function reactionOf({ points, spike, decisions, wakeMs }: ReactionSource): Reaction {
  if (spike === null) {
    return { stepToSpawnMs: null, seenToSpawnMs: null, decisionToReadyMs: null, wakeMs };
  }
  const { fromMs, toMs } = spike;
  const inside = decisions.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const up = inside.find(({ desired, previous }) => desired > previous);
  const before = points.findLast(({ atMs }) => atMs <= fromMs);
  const had = before === undefined ? 0 : processesOf(before);
  const spawnedMs = firstTime(points, spike, (point) => processesOf(point) > had);
  const seenMs = (inside.find(({ code }) => code === "pressure") ?? up)?.atMs ?? null;
  const readyMs = up === undefined
    ? null
    : firstTime(points, { fromMs: up.atMs, toMs }, ({ ready }) => ready >= up.desired);
  return {
    stepToSpawnMs: spawnedMs === null ? null : spawnedMs - fromMs,
    seenToSpawnMs: spawnedMs === null || seenMs === null ? null : spawnedMs - seenMs,
    decisionToReadyMs: readyMs === null || up === undefined ? null : readyMs - up.atMs,
    wakeMs,
  };
}

/** The paper's instance: a worker takes one. */
export const INSTANCE = { name: "m5.xlarge", vcpus: 4, memoryMiB: 16 * 1024 } as const;
/** The paper's day. */
export const PAPER_DAY = { lowHours: 20, peakHours: 4 } as const;

/** What a process used on average. */
export interface ProcessUse {
  /** Cores. */
  readonly cores: number;
  /** Memory in MiB. */
  readonly memoryMiB: number;
}

/** Who runs beside the workers; null where it is not this machine's, or could not be measured. */
export interface Overhead {
  /** The control process; the producers of the test and the lookup service run in it, too. */
  readonly control: ProcessUse | null;
  /** The Temporal server. */
  readonly temporal: ProcessUse | null;
  /** The broker. */
  readonly broker: ProcessUse | null;
}

/** A line of the day's bill. */
export interface DayLine {
  /** What is counted. */
  readonly name: string;
  /** Instance-hours a day. */
  readonly hours: number;
  /** The share that is saved against a static fleet. */
  readonly saved: number;
  /** The price of the hours; null without an instance's price. */
  readonly price: number | null;
}

/** What a run cost, and what a day would. */
export interface Cost {
  /** Worker-hours of this run: of all processes, starting and ending ones too. */
  readonly workerHours: number;
  /** What a static fleet of the peak's size would have spent in this run, in worker-hours. */
  readonly staticHours: number;
  /** Workers that were missing after the step up until they were ready, in worker-seconds. */
  readonly missingSeconds: number;
  /** Workers that were too many after the step down, in worker-seconds. */
  readonly tailSeconds: number;
  /** What ran beside the workers. */
  readonly overhead: Overhead;
  /** Whether the workers were as few as needed by the end of the cooldown: else there is more. */
  readonly tailOver: boolean;
  /** The share of an instance that each of them takes. */
  readonly shares: Readonly<Record<keyof Overhead, number | null>>;
  /** What a static fleet takes in the paper's day, in instance-hours. */
  readonly staticDay: number;
  /** The paper's day, line by line; without those that would need what was not measured. */
  readonly day: readonly DayLine[];
  /** How the lines come about. */
  readonly formula: string;
}

/** What a cost is worked out from. */
export interface CostSource {
  /** What was recorded, earliest first. */
  readonly points: readonly TimelinePoint[];
  /** When the phases were. */
  readonly phases: readonly PhaseSpan[];
  /** How many workers the load needs. */
  readonly expected: ExpectedWorkers;
  /** Who ran beside the workers. */
  readonly overhead: Overhead;
  /** The price of an instance-hour; null if it was not given. */
  readonly price: number | null;
}

/** Works the cost out. */
export function costOf(source: CostSource): Cost {
  const { points, phases, expected: { low, peak }, overhead, price } = source;
  const spike = phases.find(({ name }) => name === "spike");
  const cooldown = phases.find(({ name }) => name === "cooldown");
  const run = { fromMs: phases[0]?.fromMs ?? 0, toMs: phases.at(-1)?.toMs ?? 0 };
  const missingSeconds = spike === undefined
    ? 0
    : integral(points, spike, ({ ready }) => Math.max(0, peak - ready));
  const tailSeconds = cooldown === undefined
    ? 0
    : integral(points, cooldown, (point) => Math.max(0, processesOf(point) - low));
  const { lowHours, peakHours } = PAPER_DAY;
  const staticDay = peak * (lowHours + peakHours);
  const shares = {
    control: shareOf(overhead.control),
    temporal: shareOf(overhead.temporal),
    broker: shareOf(overhead.broker),
  };
  const workers = low * lowHours + peak * peakHours + (tailSeconds - missingSeconds) / 3600;
  const { control, temporal, broker } = shares;
  const line = (name: string, hours: number): DayLine => ({
    name,
    hours,
    saved: 1 - hours / staticDay,
    price: price === null ? null : hours * price,
  });
  return {
    workerHours: integral(points, run, processesOf) / 3600,
    staticHours: peak * (run.toMs - run.fromMs) / 3_600_000,
    missingSeconds,
    tailSeconds,
    overhead,
    tailOver: cooldown === undefined ||
      processesOf(points.findLast(({ atMs }) => atMs < cooldown.toMs) ?? NOBODY) <= low,
    shares,
    staticDay,
    day: [
      line("worker-hours only, the paper's sum", workers),
      ...(control === null ? [] : [line("and the control process", workers + 24 * control)]),
      ...(control === null || temporal === null || broker === null ? [] : [
        line(
          "and Temporal and the broker, where they run only for this",
          workers + 24 * (control + temporal + broker),
        ),
      ]),
    ],
    formula: `${low} × ${lowHours} h + ${peak} × ${peakHours} h + one spike's tail − what was ` +
      `missing at its step; others: 24 h × max(cores ÷ ${INSTANCE.vcpus}, MiB ÷ ` +
      `${INSTANCE.memoryMiB}) of an ${INSTANCE.name} (${INSTANCE.vcpus} vCPU, ` +
      `${INSTANCE.memoryMiB / 1024} GiB)`,
  };
}

/** Nobody works. */
const NOBODY = { starting: 0, ready: 0, draining: 0 };

/** An instance is used up by what is scarcer. */
function shareOf(use: ProcessUse | null): number | null {
  if (use === null) return null;
  const { vcpus, memoryMiB } = INSTANCE;
  return Math.max(use.cores / vcpus, use.memoryMiB / memoryMiB);
}
