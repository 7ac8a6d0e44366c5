/**
 * Folding a run of a partition: judges every record of a run of offsets, in order, decides which events are late,
 * and adds the others to the cells of their windows. This is the hot loop of a worker.
 *
 * @module
 */

import {
  type CheckResult,
  EventChecker,
  type EventProblem,
  type EventReader,
  type FoldEvent,
} from "./event.ts";
import { SliceCells, type SliceKey, type WindowCells } from "./cells.ts";
import type { AggregateSpec } from "./aggregates.ts";
import type { Decoded, InvalidReason } from "./decode.ts";
import { type DataFaults, FaultCounter, isDecadesBefore, unitMessage, unitOf } from "./judge.ts";
import { NO_COUNTS, type SliceCounts } from "../flow/counts.ts";
import { formatInstant } from "../event_time/instants.ts";
import {
  firstWindowStart,
  lastWindowStart,
  type Windowing,
  windowStarts,
} from "../event_time/windows.ts";

export { checkAdded } from "./event.ts";
export type { AddedFields, CheckResult, EventProblem, EventReader, FoldEvent } from "./event.ts";

/** The part of a plan that folding needs; times in ms. */
export interface FoldPlan {
  /** Size, slide and offset of the windows. */
  readonly windowing: Windowing;
  /** How far the watermark stays behind the largest event time seen. */
  readonly delayMs: number;
  /** How long a window stays open after its end, in event time. */
  readonly latenessMs: number;
  /** How far an event time may lie ahead of the record's timestamp. */
  readonly maxAheadMs: number;
  /** The event's fields that make the key, in this order. */
  readonly groupBy: readonly string[];
  /** What is computed per window and key. */
  readonly aggregates: readonly AggregateSpec[];
  /** How many shares of the keys there are. */
  readonly shards: number;
}

/** A record as it was fetched. */
export interface FoldRecord {
  /** Its offset. */
  readonly offset: number;
  /** Its timestamp, epoch ms; negative if it has none. */
  readonly timestampMs: number;
  /** Its value; null for a tombstone. */
  readonly value: Uint8Array | null;
}

/** Where the fold of a partition goes on from. */
export interface FoldStart {
  /**
   * Which partition it is, where that matters: to shared cells, and in samples of faults.
   * @default {0}
   */
  readonly partition?: number;
  /** The partition's largest event time before the run. */
  readonly maxEventTime: number | null;
  /** The partition's floor. */
  readonly floor: number | null;
  /**
   * The cells to add to, where several partitions share them.
   * @default {undefined}
   */
  readonly cells?: SliceCells;
}

/** A record for a side topic. */
export interface Reject {
  /** The record's offset. */
  readonly offset: number;
  /** Which count it is part of. */
  readonly kind: "late" | "invalid" | "skewed" | "failed";
  /** Why: an invalid one's reason, "skewed", "late" or "failed". */
  readonly reason: InvalidReason | "late" | "failed";
  /** The failing path inside the event; empty where none is at fault. */
  readonly path: string;
  /** What is wrong, for people. */
  readonly message: string;
  /** The partition's watermark before the record, epoch ms; null before the first event. */
  readonly bound: number | null;
  /** The starts of the windows that a late event missed. */
  readonly windows: readonly number[];
}

/** A record that is checked as far as it can be before its enrichment is there. */
export type CheckedRecord =
  | {
    /** The record. */
    readonly record: FoldRecord;
    /** The event, to be enriched. */
    readonly event: FoldEvent;
    /** Its event time, epoch ms. */
    readonly time: number;
  }
  | {
    /** The record. */
    readonly record: FoldRecord;
    /** There is none. */
    readonly event: null;
    /** Why not. */
    readonly problem: EventProblem;
  };

type Counts = { -readonly [K in keyof SliceCounts]: SliceCounts[K] };

/** The fold of one partition in a sweep. Records are handed in chunk by chunk, in the order of their offsets. */
export class SliceFold {
  readonly #plan: FoldPlan;
  readonly #checker: EventChecker;
  readonly #timeField: string;
  readonly #cells: SliceCells;
  readonly #partition: number;
  readonly #floor: number;
  /** From a window's start to the time at which it completes. */
  readonly #completesAfter: number;
  readonly #isTumbling: boolean;
  readonly #counts: Counts = { ...NO_COUNTS };
  readonly #faults: FaultCounter;
  #rejects: Reject[] = [];
  #maxEventTime: number;
  #firstEventTime: number | null = null;
  /** Largest event time − delay. */
  #ownBound: number;
  /** The partition watermark. */
  #bound: number;
  /** The last window start looked up: most events belong to the same one as the event before. */
  #lastStart = NaN;

  /** Begins with a partition whose events are read in this way, where the sweep before ended. */
  constructor(plan: FoldPlan, reader: EventReader, start: FoldStart) {
    this.#plan = plan;
    this.#checker = new EventChecker(plan, reader);
    this.#timeField = reader.eventTimeField;
    this.#cells = start.cells ?? new SliceCells(plan);
    this.#partition = start.partition ?? 0;
    this.#faults = new FaultCounter(this.#partition);
    this.#floor = start.floor ?? -Infinity;
    this.#maxEventTime = start.maxEventTime ?? -Infinity;
    this.#ownBound = this.#maxEventTime - plan.delayMs;
    this.#bound = Math.max(this.#ownBound, this.#floor);
    this.#completesAfter = plan.windowing.sizeMs + plan.latenessMs;
    this.#isTumbling = plan.windowing.sizeMs === plan.windowing.slideMs;
  }

  /**
   * Judges the next records and adds their events up.
   *
   * @param decoded Their decoded values, one each.
   * @param sourceText Gives the JSON text of the record at an index of this call; only asked where
   * a number is too large to be surely exact.
   * @returns How many records were judged: all, unless a limit of the cells was reached.
   */
  add(
    records: readonly FoldRecord[],
    decoded: readonly Decoded[],
    sourceText: (index: number) => string,
  ): number {
    for (let i = 0; i < records.length; i++) {
      const record = records[i];
      const value = decoded[i];
      if (record === undefined || value === undefined) continue;
      this.#counts.read += 1;
      const problem = this.#checker.check(value, record.timestampMs, i, sourceText);
      if (problem !== null) this.#refuse(record, problem);
      else this.#count(record, this.#checker.event, this.#checker.time);
      if (this.#cells.isFull) return i + 1;
    }
    return records.length;
  }

  /**
   * The first half of {@linkcode add} for a pipeline with an enrichment: judges all of a record that
   * depends neither on what is added nor on other records. Nothing is counted yet.
   */
  check(record: FoldRecord, decoded: Decoded, sourceText: () => string): CheckedRecord {
    const problem = this.#checker.check(decoded, record.timestampMs, 0, sourceText);
    if (problem !== null) return { record, event: null, problem };
    const { event, time } = this.#checker;
    return { record, event, time };
  }

  /**
   * The second half of {@linkcode add}: takes the fields that were added to a checked record, or why
   * there are none. In the order of offsets, whenever the enrichments were there.
   */
  addChecked(checked: CheckedRecord, added: CheckResult): void {
    this.#counts.read += 1;
    const { record } = checked;
    if (checked.event === null) return this.#refuse(record, checked.problem);
    if (!added.ok) {
      return this.#refuse(record, { reason: "enrich", path: added.path, message: added.message });
    }
    const event = { ...checked.event, ...added.event };
    const problem = this.#checker.addedProblem(event);
    if (problem !== null) this.#refuse(record, problem);
    else this.#count(record, event, checked.time);
  }

  /** How many cells there are. */
  get cellCount(): number {
    return this.#cells.cellCount;
  }

  /** How many windows there are. */
  get windowCount(): number {
    return this.#cells.windowCount;
  }

  /** The partition's largest event time, that of before the run included. */
  get maxEventTime(): number | null {
    return this.#maxEventTime === -Infinity ? null : this.#maxEventTime;
  }

  /** The event time of the run's first event that is neither invalid nor skewed. */
  get firstEventTime(): number | null {
    return this.#firstEventTime;
  }

  /** What was counted so far. */
  get counts(): SliceCounts {
    return { ...this.#counts };
  }

  /** What is wrong with the run's records, as {@linkcode judgeData} takes it. */
  get faults(): DataFaults {
    return this.#faults.among(this.#counts.read);
  }

  /** Takes the rejects since the last call, in the order of their offsets. */
  takeRejects(): Reject[] {
    const rejects = this.#rejects;
    this.#rejects = [];
    return rejects;
  }

  /** The cells by window and share, sorted by both; the cells of each sorted by key. */
  windows(): WindowCells[] {
    return this.#cells.byWindow();
  }

  /** The rest of the judging, where all is known of the event: key, filter, lateness. */
  #count(record: FoldRecord, event: FoldEvent, time: number): void {
    const key = this.#cells.keyOf(event);
    if (!key.ok) {
      return this.#refuse(record, { reason: "key", path: key.path, message: key.message });
    }
    const wanted = this.#checker.wants(event);
    if (isDecadesBefore(time, record.timestampMs)) this.#noteUnit(record, event, time);
    if (typeof wanted === "object") this.#refuse(record, wanted);
    else this.#place(record, event, time, key, wanted);
  }

  /** Moves the largest event time and adds the event to its windows. */
  #place(
    record: FoldRecord,
    event: FoldEvent,
    time: number,
    key: SliceKey,
    wanted: boolean,
  ): void {
    // An event is judged by what came before it, never by its own time.
    const bound = this.#bound;
    const ownBound = this.#ownBound;
    this.#firstEventTime ??= time;
    if (time > this.#maxEventTime) {
      this.#maxEventTime = time;
      this.#ownBound = time - this.#plan.delayMs;
      this.#bound = Math.max(this.#ownBound, this.#floor);
    }
    if (!wanted) {
      this.#counts.filtered += 1;
      return;
    }
    const { windowing: w } = this.#plan;
    let last = this.#lastStart;
    if (!(time >= last && time < last + w.slideMs)) {
      last = lastWindowStart(w, time);
      this.#lastStart = last;
    }
    const first = this.#isTumbling ? last : firstWindowStart(w, time);
    this.#counts.assigned += (last - first) / w.slideMs + 1;
    let start = first;
    for (; start <= last && start + this.#completesAfter <= bound; start += w.slideMs) {
      this.#counts.missed += 1;
    }
    // The last window it missed is the one that ends last: without the floor, was it missed too?
    const byFloor = start > first && start - w.slideMs + this.#completesAfter > ownBound;
    if (byFloor) this.#counts.lateByFloor += 1;
    if (start > last) {
      this.#counts.late += 1;
      return this.#late(record, time, bound);
    }
    this.#counts.aggregated += 1;
    this.#cells.partition = this.#partition;
    for (; start <= last; start += w.slideMs) this.#cells.add(start, key, event);
  }

  #noteUnit({ offset, timestampMs }: FoldRecord, event: FoldEvent, time: number): void {
    const path = this.#timeField;
    const unit = typeof event[path] === "number" ? unitOf(time, timestampMs) : null;
    if (unit === null) return;
    this.#faults.add("unit", unit, () => ({
      offset,
      path,
      message: unitMessage(time, timestampMs, unit),
    }));
  }

  #refuse({ offset }: FoldRecord, { reason, path, message, unit }: EventProblem): void {
    const kind = reason === "skewed" ? "skewed" : "invalid";
    this.#counts[kind] += 1;
    const sample = () => ({ offset, path, message });
    this.#faults.add(kind, reason, sample);
    if (unit !== undefined) this.#faults.add("unit", unit, sample);
    const bound = this.#bound === -Infinity ? null : this.#bound;
    this.#rejects.push({ offset, kind, reason, path, message, bound, windows: [] });
  }

  #late({ offset }: FoldRecord, time: number, bound: number): void {
    const path = this.#timeField;
    const message = `all windows of ${formatInstant(time)} ended by ${formatInstant(bound)}`;
    this.#faults.add("late", "late", () => ({ offset, path, message }));
    this.#rejects.push({
      ...{ offset, kind: "late", reason: "late", path, message },
      bound: bound === -Infinity ? null : bound,
      windows: windowStarts(this.#plan.windowing, time),
    });
  }
}
