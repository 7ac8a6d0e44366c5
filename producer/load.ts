/**
 * What the two kinds of load, `produce` and `replay`, have in common.
 *
 * @module
 */

/** What a load is given beside its options. */
export interface LoadHooks {
  /**
   * Told of the progress, once a second, and of what is odd; a line of text without line break.
   * @default nobody is told
   */
  readonly say?: (line: string) => void;
  /**
   * The wall clock, epoch ms.
   * @default {Date.now}
   */
  readonly now?: () => number;
  /**
   * Waits some ms, or until the signal is aborted.
   * @default a timer
   */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Ends the load cleanly: what was sent so far is reported. */
  readonly signal?: AbortSignal;
}

/** What was sent: records that the broker has acknowledged. */
export interface SentCounts {
  /** How many records. */
  readonly sent: number;
  /**
   * How many of them by partition. The load chooses each record's partition itself, by the rule of
   * Kafka's Java client for the record's key, in turn where there is none: so this is what was
   * written, not an estimate.
   */
  readonly perPartition: Readonly<Record<string, number>>;
  /** How long it took. */
  readonly seconds: number;
  /** Records per second. */
  readonly rate: number;
}
