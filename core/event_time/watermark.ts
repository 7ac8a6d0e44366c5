/**
 * Watermarks: of a partition, and of the pipeline as the smallest of those that hold it. Pure
 * arithmetic over event times; null stands for "none yet" and comes before every time.
 *
 * @module
 */

/** How a partition takes part. */
export type PartitionMode =
  /** It holds the watermark and is read. */
  | "active"
  /** Caught up and silent: it doesn't hold the watermark; with new events it joins with a floor. */
  | "idle"
  /** At its fixed end in a bounded run: it holds the watermark, nobody waits for it. */
  | "parked"
  /** Waits for a decision about its data, and holds the watermark. */
  | "stopped"
  /** Given up by a person's choice. */
  | "excluded";

/** What the watermark needs to know of a partition. */
export interface PartitionTimes {
  /** How it takes part. */
  readonly mode: PartitionMode;
  /** Its largest event time; null before its first event. */
  readonly maxEventTime: number | null;
  /** The pipeline's watermark when it last joined; null if it never did. */
  readonly floor: number | null;
}

/** The larger of two times. */
export function later(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.max(a, b);
}

/** The smallest of some times; null if there is none or one of them is null. */
export function smallest(times: readonly (number | null)[]): number | null {
  let min: number | null = null;
  for (const time of times) {
    if (time === null) return null;
    min = min === null ? time : Math.min(min, time);
  }
  return min;
}

/** A partition's watermark: its largest event time − delay, at least its floor. */
export function partitionWatermark(
  partition: Pick<PartitionTimes, "maxEventTime" | "floor">,
  delayMs: number,
): number | null {
  const { maxEventTime, floor } = partition;
  return later(maxEventTime === null ? null : maxEventTime - delayMs, floor);
}

/** Whether a partition holds the watermark. */
export function holdsWatermark(partition: Pick<PartitionTimes, "mode">): boolean {
  return partition.mode === "active" || partition.mode === "parked" || partition.mode === "stopped";
}

/** The pipeline's watermark, and whether it may run on by confirmed silence. */
export interface PipelineWatermark {
  /** The watermark; it never goes back. */
  readonly watermark: number | null;
  /** Whether no partition holds it and some are looked at: then it runs on. */
  readonly runsOn: boolean;
}

/**
 * The pipeline's watermark: the smallest of the partitions that hold it. Where none does, the
 * largest of those that are looked at; where none is looked at either, it stands.
 */
export function pipelineWatermark(
  before: number | null,
  partitions: readonly PartitionTimes[],
  delayMs: number,
): PipelineWatermark {
  const holding = partitions.filter(holdsWatermark);
  if (holding.length > 0) {
    const min = smallest(holding.map((p) => partitionWatermark(p, delayMs)));
    return { watermark: min === null ? before : later(before, min), runsOn: false };
  }
  const idle = partitions.filter((p) => p.mode === "idle");
  const largest = (some: readonly PartitionTimes[]) =>
    some.map((p) => partitionWatermark(p, delayMs)).reduce(later, null);
  // Where nothing else has ever had an event, what was given up says where time stands.
  const watermark = later(before, largest(idle)) ?? largest(partitions);
  if (idle.length === 0) return { watermark: before, runsOn: false };
  return { watermark, runsOn: watermark !== null };
}
