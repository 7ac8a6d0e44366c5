/**
 * The phases of the load test, and how many workers each is expected to need.
 *
 * @module
 */

/** A phase: the paper's three, what comes before them, and the way to 0 and back. */
export type PhaseName = "warm-up" | "baseline" | "spike" | "cooldown" | "zero";

/** Producers while the load is low. */
export const LOW_PRODUCERS = 1;
/** Producers in the spike: three more at once. */
export const PEAK_PRODUCERS = 4;

/** How long the phases last. */
export interface PhaseSeconds {
  /** One producer, in s. */
  readonly baseline: number;
  /** Four producers, in s. */
  readonly spike: number;
  /** One producer again, in s. */
  readonly cooldown: number;
}

/** A phase with a fixed length. */
export interface PhasePlan {
  /** Its name. */
  readonly name: PhaseName;
  /** How long it lasts, in s. */
  readonly seconds: number;
  /** How many producers there are. */
  readonly producers: number;
}

/** The phases of fixed length, in their order. */
export function phasesOf({ baseline, spike, cooldown }: PhaseSeconds): PhasePlan[] {
  return [
    { name: "baseline", seconds: baseline, producers: LOW_PRODUCERS },
    { name: "spike", seconds: spike, producers: PEAK_PRODUCERS },
    { name: "cooldown", seconds: cooldown, producers: LOW_PRODUCERS },
  ];
}

/** What one worker must be worth for the paper's 1 and 4, in events per second. */
export const PAPER_WORKER_RATE = { from: 11.5, to: 13 } as const;

/** How busy workers may be by the policy's sizing. */
const BUSY = 0.85;

/** The number of workers that a load is expected to need. */
export interface ExpectedWorkers {
  /** With one producer. */
  readonly low: number;
  /** With four. */
  readonly peak: number;
}

/** The load and the bounds that an expectation follows from. */
export interface Expectation {
  /** Events per second of one producer. */
  readonly rate: number;
  /** Events per second that one worker folds. */
  readonly workerRate: number;
  /** The fewest workers. */
  readonly min: number;
  /** The most workers. */
  readonly max: number;
}

/**
 * How many workers the load is expected to need: at the low rate as many as keep up, at the peak as
 * many as keep up at 85 % of their time. With 10 events/s a producer and 12.5 a worker: 1 and 4.
 */
export function expectedWorkers({ rate, workerRate, min, max }: Expectation): ExpectedWorkers {
  const within = (workers: number) => Math.min(max, Math.max(min, 1, Math.ceil(workers - 1e-9)));
  return {
    low: within(rate * LOW_PRODUCERS / workerRate),
    peak: within(rate * PEAK_PRODUCERS / (BUSY * workerRate)),
  };
}
