/**
 * What the fleet cost, and what the paper's day would cost with the tails measured here.
 *
 * @module
 */

import type { ExpectedWorkers } from "./phases.ts";
import { integral, type PhaseSpan, processesOf, type TimelinePoint } from "./timeline.ts";

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

/**
 * Works the cost out.
 *
 * @param source The run.
 * @returns The cost.
 */
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
