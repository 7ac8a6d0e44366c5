/**
 * The metrics of elasticity research (Herbst et al., "Ready for Rain? A View from SPEC Research on
 * the Future of Cloud Metrics", 2016), and what a run cost.
 *
 * Demand is the smallest whole number of workers that keeps up with the trace's rate, given that a
 * partition can keep one worker busy. Supply is, for what was missing, the ready workers; for what
 * was too much, all processes there are, starting and draining ones too.
 *
 * @module
 */

/** How long events took from their arrival until they were durably folded: `[ms, events]`. */
export type Delay = readonly [ms: number, events: number];

/** What a run is measured by. */
export interface Metrics {
  /** θ_U: the share of the demand that was missing, averaged over time. */
  readonly thetaU: number;
  /** θ_O: what was too much, as a share of the demand (of 1 worker where it is 0), over time. */
  readonly thetaO: number;
  /** τ_U: the share of the time in which some of the demand was missing. */
  readonly tauU: number;
  /** τ_O: the share of the time in which there was more than the demand. */
  readonly tauO: number;
  /** The demand's integral, in worker-seconds. */
  readonly demandSeconds: number;
  /** What was too much, in worker-seconds. */
  readonly overSeconds: number;
  /** The same as a share of the demand's worker-seconds. */
  readonly overShare: number;
  /** What all processes took, in worker-seconds. */
  readonly workerSeconds: number;
  /** The largest lag, in events. */
  readonly peakLag: number;
  /** The 99th percentile of the time from an event's arrival until it was durably folded, in ms. */
  readonly p99DelayMs: number;
  /** How often the fleet's size changed. */
  readonly changes: number;
  /** How often a change went the other way than the one before. */
  readonly reversals: number;
}

/** Sums up a run. */
export class Meter {
  #ms = 0;
  #thetaU = 0;
  #thetaO = 0;
  #under = 0;
  #over = 0;
  #demand = 0;
  #tooMuch = 0;
  #all = 0;
  #peakLag = 0;

  /** Takes a stretch of time in. */
  supply(ms: number, demand: number, ready: number, all: number): void {
    const missing = Math.max(0, demand - ready);
    const tooMuch = Math.max(0, all - demand);
    this.#ms += ms;
    this.#demand += ms * demand;
    this.#all += ms * all;
    this.#tooMuch += ms * tooMuch;
    if (missing > 0) this.#under += ms;
    if (tooMuch > 0) this.#over += ms;
    this.#thetaU += ms * missing / Math.max(1, demand);
    this.#thetaO += ms * tooMuch / Math.max(1, demand);
  }

  /** Takes a lag in. */
  lag(lag: number): void {
    this.#peakLag = Math.max(this.#peakLag, lag);
  }

  /** The metrics. */
  metrics(delays: readonly Delay[], sizes: readonly number[]): Metrics {
    return {
      thetaU: this.#thetaU / this.#ms,
      thetaO: this.#thetaO / this.#ms,
      tauU: this.#under / this.#ms,
      tauO: this.#over / this.#ms,
      demandSeconds: this.#demand / 1000,
      overSeconds: this.#tooMuch / 1000,
      overShare: this.#demand === 0 ? 0 : this.#tooMuch / this.#demand,
      workerSeconds: this.#all / 1000,
      peakLag: this.#peakLag,
      p99DelayMs: delayQuantile(delays, 0.99),
      ...turnsOf(sizes),
    };
  }
}

/**
 * A quantile of delays.
 *
 * @returns The smallest delay that at least this share of the events did not exceed; 0 without any.
 */
export function delayQuantile(delays: readonly Delay[], share: number): number {
  const sorted = [...delays].sort((a, b) => a[0] - b[0]);
  const all = sorted.reduce((sum, [, events]) => sum + events, 0);
  let count = 0;
  for (const [ms, events] of sorted) {
    count += events;
    if (count >= share * all) return ms;
  }
  return 0;
}

/** Counts changes and reversals. */
export function turnsOf(sizes: readonly number[]): { changes: number; reversals: number } {
  let reversals = 0;
  let direction = 0;
  for (let i = 1; i < sizes.length; i++) {
    const now = Math.sign((sizes[i] ?? 0) - (sizes[i - 1] ?? 0));
    if (direction !== 0 && now === -direction) reversals++;
    direction = now;
  }
  return { changes: Math.max(0, sizes.length - 1), reversals };
}
