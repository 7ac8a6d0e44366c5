/**
 * When the fleet must grow, and to how many workers.
 *
 * @module
 */

import { backlogsOf, loadOf, sum, workersFor } from "./load.ts";
import { arrivalsSince, LEAST_SPAN_MS, NOISE_SIGMAS, type View } from "./view.ts";
import type { PolicySettings } from "./state.ts";

/** Workers are sized so that arrivals take this share of their time. */
const TARGET_UTILIZATION = 0.85;
/** A load of less than this beyond whole workers is not worth another one. */
const WORTHLESS_LOAD = 0.1;
/** Arrivals over 3 s beyond this share of the capacity are pressure. */
const ARRIVAL_PRESSURE = 1.1;
/** Arrivals over 10 s beyond this share of the capacity are pressure, if there is a backlog. */
const BACKLOG_PRESSURE = 0.97;
/** A backlog that the fleet would need longer for than this is pressure, in s. */
const SLOW_CATCH_UP_SECONDS = 30;
/** A backlog of less than this much of the fleet's capacity is no pressure, in s. */
const LEAST_BACKLOG_SECONDS = 1;
/** Pressure that has lasted is sized by the arrivals of this time, in ms. */
const LONGEST_SINCE_MS = 3_000;
/** One partition's backlog counts as that of so many workers at most. */
const ONE_PARTITION = 1.5;
/** For so long after a wake the records since then are a rate of their own, in ms. */
export const WAKE_MS = 3_000;

/** Why the fleet should grow. */
export type Pressure = "arrival" | "lag";

/** Why a fleet of that size should grow; empty if it fits. */
export function pressuresOn(view: View, workerRate: number, workers: number): Pressure[] {
  const pressures: Pressure[] = [];
  const woke = ratesSinceWake(view);
  const flooded = isFlood(view.rates3, view.seconds3, workerRate, workers) ||
    (woke !== null && isFlood(woke.rates, woke.seconds, workerRate, workers));
  if (flooded) pressures.push("arrival");
  if (isBehind(view, workerRate, workers)) pressures.push("lag");
  return pressures;
}

/** Whether there is a backlog that the fleet does not catch up with, or not soon. */
function isBehind({ rates10, backlogs }: View, workerRate: number, workers: number): boolean {
  // However far one partition is behind, it can have only one worker.
  const most = workerRate * LEAST_BACKLOG_SECONDS * ONE_PARTITION;
  const useful = sum(backlogs.map((backlog) => Math.min(backlog, most)));
  if (useful <= workers * workerRate * LEAST_BACKLOG_SECONDS) return false;
  const full = loadOf({ rates: rates10, workerRate });
  const catchUp = loadOf({ rates: rates10, backlogs, workerRate }, {
    catchUpSeconds: SLOW_CATCH_UP_SECONDS,
  });
  return full > BACKLOG_PRESSURE * workers || catchUp > workers;
}

/**
 * Whether arrivals exceed the capacity by more than a tenth, and by more than random arrivals do by
 * chance: at 10 a second a span of 3 s is off by 18 % often, at 10,000 a second never.
 */
function isFlood(
  rates: readonly number[],
  seconds: number,
  workerRate: number,
  workers: number,
): boolean {
  const useful = sum(rates.map((rate) => Math.min(rate, workerRate))) * seconds;
  const capacity = workers * workerRate * seconds;
  return useful > ARRIVAL_PRESSURE * capacity &&
    useful > capacity + NOISE_SIGMAS * Math.sqrt(capacity);
}

/** The rates since the records that ended a rest at 0 workers, if that was just now. */
function ratesSinceWake(view: View): { rates: number[]; seconds: number } | null {
  const { wokeAtMs, atMs } = view.state;
  if (wokeAtMs === null || atMs === null) return null;
  const span = atMs - wokeAtMs;
  if (span < LEAST_SPAN_MS || span > WAKE_MS) return null;
  return { rates: ratesFrom(view, wokeAtMs), seconds: span / 1000 };
}

/** The rates since a sample; by what arrived from then on, without the calm before. */
function ratesFrom(view: View, sinceMs: number): number[] {
  const { points } = view.state;
  const from = points.findLast((point) => point.atMs <= sinceMs) ?? points[0];
  return arrivalsSince(points, from, LEAST_SPAN_MS);
}

/** A step up, and what it was sized by. */
export interface Sizing {
  /** The workers that are needed, before any bounds. */
  readonly workers: number;
  /** Arrivals per second. */
  readonly arrival: number;
  /** The backlog by the time that new workers are ready. */
  readonly backlog: number;
}

/** What a step up is sized for. */
export interface SizingOptions {
  /** Why the fleet grows; each reason has a size, and the larger one counts. */
  readonly pressures: readonly Pressure[];
  /** Offsets per busy second and worker. */
  readonly workerRate: number;
  /** The size of the fleet now. */
  readonly workers: number;
  /** Since when the load has been another one, epoch ms; null where this is its first sample. */
  readonly sinceMs: number | null;
  /** How long a worker takes to start, in ms; null where it is not known. */
  readonly startupMs: number | null;
  /** The settings. */
  readonly settings: PolicySettings;
}

/**
 * Sizes a step up: so that arrivals take 85 % of the workers' time and the backlog, with what is
 * added to it until they are ready, is caught up with in 10 s.
 */
export function sizeUp(view: View, options: SizingOptions): Sizing {
  const { pressures, sinceMs } = options;
  const newest = (view.state.atMs ?? 0) - LONGEST_SINCE_MS;
  const [first, ...others] = pressures.map((pressure) => {
    if (pressure === "lag") return sizeFor(view, view.rates10, options);
    const rates = sinceMs === null ? view.rates3 : ratesFrom(view, Math.max(sinceMs, newest));
    return sizeFor(view, rates, options);
  });
  return others.reduce<Sizing>(
    (most, one) => one.workers > most.workers ? one : most,
    first ?? { workers: 0, arrival: 0, backlog: 0 },
  );
}

function sizeFor(view: View, rates: readonly number[], options: SizingOptions): Sizing {
  const { workerRate, workers, startupMs, settings } = options;
  const { lags, rates10 } = view;
  const arrival = sum(rates);
  // What a caught-up topic has in circulation depends on the rate that it has had for a while, or
  // has now, whichever is more: a backlog is what neither explains.
  const calm = rates.map((rate, i) => Math.max(rate, rates10[i] ?? 0));
  const excess = Math.max(0, arrival - workers * workerRate) * (startupMs ?? 0) / 1000;
  const backlogs = backlogsOf(lags, calm, settings.circulationMs)
    .map((backlog, i) => backlog + (arrival > 0 ? excess * (rates[i] ?? 0) / arrival : 0));
  return {
    workers: workersFor(
      loadOf({ rates, backlogs, workerRate }, { utilization: TARGET_UTILIZATION }) - WORTHLESS_LOAD,
    ),
    arrival,
    backlog: sum(backlogs),
  };
}

/**
 * Sizes the fleet for the first records after a rest, 1 worker at least: what has come in an instant
 * is a backlog, and no rate yet. A second later there is one.
 */
export function sizeWake({ lags, state: { workerRate } }: View): number {
  if (workerRate === null) return 1;
  return Math.max(1, workersFor(loadOf({ rates: [], backlogs: lags, workerRate })));
}
