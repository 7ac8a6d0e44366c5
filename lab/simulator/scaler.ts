/**
 * What decides how many workers a simulated run has.
 *
 * @module
 */

/** What a scaler can see. */
export interface SimView {
  /** Now, in ms. */
  readonly nowMs: number;
  /** For each partition how many events have arrived. */
  readonly ends: readonly number[];
  /** For each partition how many events are durably folded. */
  readonly cursors: readonly number[];
  /** Their difference, summed. */
  readonly lag: number;
  /** Pieces of work that wait for a worker. */
  readonly pending: number;
  /** Pieces of work that are being done. */
  readonly running: number;
  /** Events per busy second by the work of the last seconds; null if there was none. */
  readonly workerRate: number | null;
  /** Workers that are ready. */
  readonly ready: number;
  /** Workers that are starting. */
  readonly starting: number;
  /** Workers that are draining. */
  readonly draining: number;
  /** For each ready worker without work since when it has had none, in ms. */
  readonly idleSince: readonly number[];
}

/** A scaler at work in one run. */
export interface Scaler {
  /** The workers to begin with, ready at once. */
  readonly initial: number;
  /**
   * Called at every tick; keeps its own time.
   *
   * @param view What can be seen.
   * @returns The number of workers there should be; null to leave it.
   */
  step(view: SimView): number | null;
}

/** A kind of scaler. */
export interface ScalerKind {
  /** Its name in tables. */
  readonly name: string;
  /** How records become work under it. */
  readonly dispatch: "slices" | "micro-batches";
  /**
   * Makes one for a run.
   *
   * @param seed The run's seed: timers do not beat in time with the load.
   * @returns The scaler.
   */
  readonly make: (seed: number) => Scaler;
}

/**
 * A fleet that never changes.
 *
 * @param size Its size.
 * @returns The kind.
 */
export function fixedFleet(size: number): ScalerKind {
  return {
    name: `static ${size}`,
    dispatch: "slices",
    make: () => ({ initial: size, step: () => null }),
  };
}
