/**
 * One simulated run: a trace, a scaler, and the model of topic and workers between them.
 *
 * @module
 */

import { totalLag } from "../../core/scaling/load.ts";
import { Arrivals, Partition } from "./topic.ts";
import { type Dispatch, Fleet, MicroBatches, Slices } from "./fleet.ts";
import { Meter, type Metrics } from "./metrics.ts";
import type { ScalerKind, SimView } from "./scaler.ts";
import type { Trace } from "./trace.ts";

/** The step of the model, in ms; within it workers keep exact time. */
const TICK_MS = 50;
/** How far apart the points of a run's picture are, in ms. */
const FRAME_MS = 1_000;

/** The model's parameters. */
export interface SimOptions {
  /**
   * The seed.
   * @default {1}
   */
  readonly seed?: number;
  /**
   * Events that a worker folds per busy second.
   * @default {12}
   */
  readonly workerRate?: number;
  /**
   * How many partitions the topic has.
   * @default {4}
   */
  readonly partitions?: number;
  /**
   * From a worker's spawn until it is ready, in ms.
   * @default {500}
   */
  readonly startupMs?: number;
  /**
   * How events arrive: evenly, or at random.
   * @default {"paced"}
   */
  readonly arrivals?: "paced" | "poisson";
  /**
   * By what share the rate of each second is off at most.
   * @default {0.15}
   */
  readonly rateNoise?: number;
  /**
   * The deviation of the workers' speed from sweep to sweep, as a share.
   * @default {0.1}
   */
  readonly workNoise?: number;
}

/** The parameters where nothing else is said: those of `SimOptions`. */
export const SIM_DEFAULTS: Required<SimOptions> = {
  seed: 1,
  workerRate: 12,
  partitions: 4,
  startupMs: 500,
  arrivals: "paced",
  rateNoise: 0.15,
  workNoise: 0.1,
};

/** A moment of a run. */
export interface Frame {
  /** Since the beginning, in s. */
  readonly atSeconds: number;
  /** Events per second, without noise. */
  readonly rate: number;
  /** Events that are not folded. */
  readonly lag: number;
  /** The workers that the rate needs. */
  readonly demand: number;
  /** Workers that are ready. */
  readonly ready: number;
  /** Worker processes of any kind. */
  readonly processes: number;
}

/** A change of the fleet's size. */
export interface SizeChange {
  /** Since the beginning, in s. */
  readonly atSeconds: number;
  /** The new size. */
  readonly size: number;
}

/** A run. */
export interface Run {
  /** The scaler's name. */
  readonly scaler: string;
  /** How long it was, in s. */
  readonly seconds: number;
  /** What it is measured by. */
  readonly metrics: Metrics;
  /** Its picture, a frame a second. */
  readonly frames: readonly Frame[];
  /** The changes of the fleet's size. */
  readonly changes: readonly SizeChange[];
}

/** Simulates a run. */
export function simulate(trace: Trace, kind: ScalerKind, options: SimOptions = {}): Run {
  const given = { ...SIM_DEFAULTS, ...options };
  const { workerRate } = given;
  const partitions = Array.from({ length: given.partitions }, () => new Partition());
  const dispatch = kind.dispatch === "slices"
    ? new Slices(partitions, {
      paceMs: Math.max(1_000, 100 * given.partitions),
      sliceMs: 1_000,
      cycleMs: 30,
    })
    : new MicroBatches(partitions, 100);
  const arrivals = new Arrivals(trace, given);
  const fleet = new Fleet(dispatch, given);
  const scaler = kind.make(given.seed);
  const view = new Outlook(partitions, dispatch, fleet);
  const meter = new Meter();
  const frames: Frame[] = [];
  const changes: SizeChange[] = [];
  // Those that are there to begin with have been started in time.
  fleet.resize(scaler.initial, -10 * given.startupMs - 1);
  const sizes = [scaler.initial];

  const endMs = trace.seconds * 1000;
  for (let nowMs = 0; nowMs < endMs; nowMs += TICK_MS) {
    for (const [i, count] of arrivals.take(nowMs, TICK_MS).entries()) {
      partitions[i]?.arrive(nowMs, count);
    }
    fleet.run(nowMs, nowMs + TICK_MS);
    view.at(nowMs);
    const wanted = scaler.step(view);
    if (wanted !== null && wanted !== fleet.size) {
      fleet.resize(wanted, nowMs);
      sizes.push(wanted);
      changes.push({ atSeconds: nowMs / 1000, size: wanted });
    }
    const rate = arrivals.rateAt(nowMs);
    const demand = demandOf(rate, arrivals.shares, workerRate);
    meter.supply(TICK_MS, demand, view.ready, view.processes);
    meter.lag(view.lag);
    if (nowMs % FRAME_MS === 0) {
      const { lag, ready, processes } = view;
      frames.push({ atSeconds: nowMs / 1000, rate, lag, demand, ready, processes });
    }
  }
  // What is left counts as folded at the end: an overload must not look fast.
  for (const one of partitions) {
    one.taken = one.end;
    one.commit(endMs, fleet.delays);
  }
  return {
    scaler: kind.name,
    seconds: trace.seconds,
    metrics: meter.metrics(fleet.delays, sizes),
    frames,
    changes,
  };
}

/** The workers that a rate needs: a partition keeps one busy at most. */
export function demandOf(rate: number, shares: readonly number[], workerRate: number): number {
  const load = shares.reduce((sum, share) => sum + Math.min(1, rate * share / workerRate), 0);
  return Math.max(0, Math.ceil(load - 1e-9));
}

/** The view; the run moves it on. */
export class Outlook implements SimView {
  nowMs = 0;
  lag = 0;
  ready = 0;
  starting = 0;
  draining = 0;
  readonly #partitions: readonly Partition[];
  readonly #dispatch: Dispatch;
  readonly #fleet: Fleet;

  /** Makes the view. */
  constructor(partitions: readonly Partition[], dispatch: Dispatch, fleet: Fleet) {
    this.#partitions = partitions;
    this.#dispatch = dispatch;
    this.#fleet = fleet;
  }

  get ends(): number[] {
    return this.#partitions.map((one) => one.end);
  }

  get cursors(): number[] {
    return this.#partitions.map((one) => one.cursor);
  }

  get pending(): number {
    return this.#dispatch.pending(this.nowMs);
  }

  get running(): number {
    return this.#fleet.running;
  }

  get workerRate(): number | null {
    return this.#fleet.workerRate(this.nowMs);
  }

  get idleSince(): number[] {
    return this.#fleet.idleSince(this.nowMs);
  }

  /** All worker processes. */
  get processes(): number {
    return this.ready + this.starting + this.draining;
  }

  /** Moves on. */
  at(nowMs: number): void {
    this.nowMs = nowMs;
    this.lag = totalLag(this.#partitions) ?? 0;
    const { ready, starting, draining } = this.#fleet.census(nowMs);
    this.ready = ready;
    this.starting = starting;
    this.draining = draining;
  }
}
