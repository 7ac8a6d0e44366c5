/**
 * The event clock of a pipeline: the watermark as the smallest of its active partitions'
 * watermarks, and what the drains report to it. Time is handed in; nothing is read from outside.
 *
 * @module
 */

import type { WindowShard } from "./slice.ts";

/** What a drain says of its partition. */
export type ReportKind =
  /** The partition takes part (again); the answer's watermark is its floor. */
  | "join"
  /** The partition's watermark moved, or the drain asks for the present watermark. */
  | "advance"
  /** Caught up and still: the partition leaves the minimum. */
  | "idle"
  /** At its fixed end (`run --until-drained`): holds the watermark, but nobody waits for it. */
  | "park"
  /** Given up by a person's choice: the partition leaves the minimum. */
  | "exclude";

/** A report of a drain. */
export interface Report {
  /** The partition. */
  readonly partition: number;
  /** Grows from report to report of the drain; a repeated call repeats its number. */
  readonly seq: number;
  /** What is said. */
  readonly kind: ReportKind;
  /** The partition's watermark, epoch ms; null before its first event. */
  readonly watermark: number | null;
  /** The event time of the first event the drain saw, epoch ms. */
  readonly firstEventTime: number | null;
  /**
   * The windows that partials were delivered to since the last report: the clock registers their
   * times before it moves the watermark.
   */
  readonly opened: readonly WindowShard[];
}

/** The clock's answer to a report. */
export interface ReportAnswer {
  /** The pipeline's watermark, epoch ms. */
  readonly watermark: number | null;
  /**
   * What the drift of a partition in a backlog is measured from: the smallest watermark of those
   * that still move, or the smallest first event time before there is a watermark.
   */
  readonly driftBase: number | null;
  /**
   * Set if the clock has taken a newer report of the partition: the one answered came to nothing.
   * @default {undefined}
   */
  readonly overtaken?: true;
}

/** How a partition takes part. */
export type PartitionMode = "active" | "idle" | "parked" | "excluded";

/** What the clock knows of a partition. */
export interface PartitionClock {
  /** How it takes part. */
  readonly mode: PartitionMode;
  /** Its watermark, epoch ms. */
  readonly watermark: number | null;
  /** The number of its last report. */
  readonly seq: number;
  /** The event time of the first event its drain saw. */
  readonly firstEventTime: number | null;
}

/** The clock's state as plain data. */
export interface PipelineClockSnapshot {
  /** `[partition, what is known of it]`. */
  readonly partitions: readonly (readonly [number, PartitionClock])[];
  /** The pipeline's watermark. */
  readonly watermark: number | null;
  /** Set while no partition is active: since when (wall clock) and from which watermark it runs on. */
  readonly allIdle: { readonly sinceMs: number; readonly base: number } | null;
}

const NEVER: PartitionClock = { mode: "active", watermark: null, seq: 0, firstEventTime: null };

/** The event clock of a pipeline. The watermark never goes back. */
export class PipelineClock {
  readonly #partitions: Map<number, PartitionClock>;
  #watermark: number | null;
  #allIdle: { readonly sinceMs: number; readonly base: number } | null;

  /**
   * Begins with all partitions, or goes on from a state.
   *
   * @param partitions All partitions at the start; all count as active until they say otherwise.
   * @param snapshot The state to go on from.
   */
  constructor(partitions: readonly number[], snapshot?: PipelineClockSnapshot) {
    this.#partitions = new Map(partitions.map((p) => [p, NEVER]));
    for (const [partition, known] of snapshot?.partitions ?? []) {
      this.#partitions.set(partition, known);
    }
    this.#watermark = snapshot?.watermark ?? null;
    this.#allIdle = snapshot?.allIdle ?? null;
  }

  /** The pipeline's watermark; null before the first. */
  get watermark(): number | null {
    return this.#watermark;
  }

  /** What is known of the partitions, in their order. */
  get partitions(): (readonly [number, PartitionClock])[] {
    return [...this.#partitions].sort((a, b) => a[0] - b[0]);
  }

  /** Whether a report is newer than all before it of its partition (the `seq` fence). */
  isNew(report: Report): boolean {
    return report.seq > (this.#partitions.get(report.partition) ?? NEVER).seq;
  }

  /**
   * Takes a report in. A number that is not newer changes nothing and is answered again, so that a
   * retried call is harmless; an older one is told so.
   *
   * @param report The report.
   * @param nowMs The wall clock.
   * @param pendingTimes The registered times that are not fired yet, for the run-on of an idle
   * pipeline.
   * @returns The answer.
   */
  report(report: Report, nowMs: number, pendingTimes: Iterable<number> = []): ReportAnswer {
    this.runOn(nowMs, pendingTimes);
    const known = this.#partitions.get(report.partition) ?? NEVER;
    if (!this.isNew(report)) {
      return report.seq === known.seq ? this.answer() : { ...this.answer(), overtaken: true };
    }
    this.#partitions.set(report.partition, this.#after(known, report));
    this.#recompute(nowMs);
    return this.answer();
  }

  /** The answer to a report, as things stand. */
  answer(): ReportAnswer {
    return { watermark: this.#watermark, driftBase: this.#driftBase() };
  }

  /**
   * While all partitions are idle the watermark runs on at the speed of the wall clock, as far as
   * the registered times need it, so that the last windows close too.
   *
   * @param nowMs The wall clock.
   * @param pendingTimes The registered times that are not fired yet.
   */
  runOn(nowMs: number, pendingTimes: Iterable<number>): void {
    if (this.#allIdle === null) return;
    const reach = this.#allIdle.base + Math.max(0, nowMs - this.#allIdle.sinceMs);
    for (const time of pendingTimes) {
      if (time <= reach && time > (this.#watermark ?? -Infinity)) this.#watermark = time;
    }
  }

  /**
   * When the run-on reaches the next registered time.
   *
   * @param pendingTimes The registered times that are not fired yet.
   * @returns The wall clock time in epoch ms; undefined if the watermark waits for reports.
   */
  nextRunOnMs(pendingTimes: Iterable<number>): number | undefined {
    if (this.#allIdle === null) return undefined;
    let next = Infinity;
    for (const time of pendingTimes) {
      if (time > (this.#watermark ?? -Infinity)) next = Math.min(next, time);
    }
    return next === Infinity ? undefined : this.#allIdle.sinceMs + (next - this.#allIdle.base);
  }

  /** Whether some partition is active: then a flush must wait. */
  get hasActive(): boolean {
    return [...this.#partitions.values()].some((p) => p.mode === "active");
  }

  /**
   * Moves the watermark past all open windows by a person's choice (`run --flush`).
   *
   * @param watermark The new watermark, -Infinity where no window is open; a smaller one than the
   * present watermark changes nothing.
   */
  flush(watermark: number): void {
    if (watermark !== -Infinity) this.#watermark = larger(this.#watermark, watermark);
  }

  /** The state as plain data. */
  snapshot(): PipelineClockSnapshot {
    return {
      partitions: this.partitions,
      watermark: this.#watermark,
      allIdle: this.#allIdle,
    };
  }

  #after(known: PartitionClock, report: Report): PartitionClock {
    const seen = {
      seq: report.seq,
      watermark: larger(known.watermark, report.watermark),
      firstEventTime: known.firstEventTime ?? report.firstEventTime,
    };
    switch (report.kind) {
      case "join":
        return { ...seen, mode: "active", watermark: larger(seen.watermark, this.#watermark) };
      case "advance":
        return { ...seen, mode: known.mode };
      case "idle":
        return { ...seen, mode: "idle" };
      case "park":
        return { ...seen, mode: "parked" };
      case "exclude":
        return { ...seen, mode: "excluded" };
    }
  }

  #recompute(nowMs: number): void {
    const all = [...this.#partitions.values()];
    const taking = all.filter((p) => p.mode === "active" || p.mode === "parked");
    if (taking.length > 0) {
      this.#allIdle = null;
      const min = smallest(taking.map((p) => p.watermark));
      if (min !== null) this.#watermark = larger(this.#watermark, min);
      return;
    }
    const largest = all.reduce<number | null>((max, p) => larger(max, p.watermark), null);
    this.#watermark = larger(this.#watermark, largest);
    if (this.#watermark !== null) {
      this.#allIdle ??= { sinceMs: nowMs, base: this.#watermark };
    }
  }

  #driftBase(): number | null {
    const moving = [...this.#partitions.values()].filter((p) => p.mode === "active");
    if (moving.length === 0) return null;
    const min = smallest(moving.map((p) => p.watermark));
    if (min !== null) return min;
    return [...this.#partitions.values()].reduce<number | null>(
      (first, p) =>
        p.firstEventTime === null ? first : Math.min(first ?? Infinity, p.firstEventTime),
      null,
    );
  }
}

/** The larger of two times, null being before all. */
function larger(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.max(a, b);
}

/** The smallest of some times; null if one of them is null. */
function smallest(times: readonly (number | null)[]): number | null {
  let min = Infinity;
  for (const time of times) {
    if (time === null) return null;
    min = Math.min(min, time);
  }
  return min;
}
