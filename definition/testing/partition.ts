/**
 * One partition of the test driver: its records, folded as a sweep does.
 *
 * @module
 */

import { errorText } from "../../core/errors.ts";
import { formatInstant } from "../../core/event_time/instants.ts";
import type { SweepPartition, SweptPartition } from "../../core/flow/sweep.ts";
import type { SliceCells } from "../../core/fold/cells.ts";
import type { Decoded } from "../../core/fold/decode.ts";
import {
  checkAdded,
  type CheckResult,
  type EventReader,
  type FoldEvent,
  type FoldRecord,
  type Reject,
  SliceFold,
} from "../../core/fold/fold.ts";
import { addFaults, type DataFaults, NO_FAULTS } from "../../core/fold/judge.ts";
import type { RunPlan } from "../../core/plan.ts";

/** An event with its record's timestamp. */
export interface TimedRecord {
  /** The event. */
  readonly value: unknown;
  /** The record's timestamp, epoch ms; it bounds how far ahead the event time may be. */
  readonly timestampMs: number;
}

/**
 * A record: an event, or one with its record's timestamp (an object with the two fields of
 * {@linkcode TimedRecord} and no other). Without a timestamp no event is skewed. Null is a tombstone.
 */
export type InputRecord =
  | TimedRecord
  | Readonly<Record<string, unknown>>
  | string
  | number
  | boolean
  | null;

/** A record for a side topic. */
export interface SideEvent {
  /** The partition. */
  readonly partition: number;
  /** The record's place in its partition. */
  readonly offset: number;
  /** The event as it was given. */
  readonly event: unknown;
  /** Which count it is part of. */
  readonly kind: Reject["kind"];
  /** Why. */
  readonly reason: Reject["reason"];
  /** The failing path; empty where none is at fault. */
  readonly path: string;
  /** What is wrong, for people. */
  readonly message: string;
  /** The starts of the windows that a late event missed, ISO. */
  readonly windows: readonly string[];
}

/** What the partitions of a run share. */
export interface DriverContext {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** How events are read. */
  readonly reader: EventReader;
  /** Stands in for the enrichment; null where there is none. */
  readonly enrich: ((event: FoldEvent) => unknown) | null;
  /** How many records are folded at a time. */
  readonly sliceRecords: number;
}

/** One partition. */
export class DriverPartition {
  /** How many records it has. */
  readonly end: number;
  /** Its late, invalid and skewed records. */
  readonly side: SideEvent[] = [];
  /** What is wrong with its records. */
  faults: DataFaults = NO_FAULTS;
  readonly #context: DriverContext;
  readonly #partition: number;
  readonly #records: readonly FoldRecord[];
  readonly #events: readonly unknown[];
  readonly #texts: readonly (string | undefined)[];

  /** Begins before the first record of a log. */
  constructor(context: DriverContext, partition: number, log: readonly InputRecord[]) {
    this.#context = context;
    this.#partition = partition;
    this.end = log.length;
    const timed = log.map((record) =>
      isTimed(record) ? record : { value: record, timestampMs: -1 }
    );
    this.#events = timed.map(({ value }) => value);
    this.#texts = timed.map(({ value }) => value === null ? undefined : JSON.stringify(value));
    // The fold looks at the decoded values; the bytes only tell tombstones from the rest.
    this.#records = timed.map(({ timestampMs }, offset) => ({ offset, timestampMs, value: null }));
  }

  /** Folds the next records into cells, and answers what the drain is told of the partition. */
  sweep(asked: SweepPartition, cells: SliceCells): SweptPartition {
    const { plan, reader, sliceRecords } = this.#context;
    const { cursor: from, maxEventTime, floor, leaderEpoch } = asked;
    const partition = this.#partition;
    const fold = new SliceFold(plan, reader, { partition, maxEventTime, floor, cells });
    const most = Math.min(from + sliceRecords, this.end);
    const texts = this.#texts.slice(from, most);
    const decoded = texts.map((text) =>
      text === undefined ? TOMBSTONE : { ok: true, value: JSON.parse(text) } as const
    );
    const records = this.#records.slice(from, most);
    const to = from + this.#add(fold, cells, records, decoded, (index) => texts[index] ?? "");
    for (const reject of fold.takeRejects()) this.side.push(this.#sideEvent(reject));
    this.faults = addFaults(this.faults, fold.faults);
    return {
      ...{ partition, from, to, end: this.end, highWatermark: this.end },
      maxEventTime: fold.maxEventTime,
      firstEventTime: fold.firstEventTime,
      counts: { ...fold.counts, failed: 0 },
      looked: { confirmedMs: 0, moved: true },
      found: false,
      hollow: false,
      openTransaction: null,
      leaderEpoch,
      last: null,
      failure: null,
    };
  }

  /** Adds records up until there is no room for more; answers how many. */
  #add(
    fold: SliceFold,
    cells: SliceCells,
    records: readonly FoldRecord[],
    decoded: readonly Decoded[],
    textOf: (index: number) => string,
  ): number {
    const { enrich, reader } = this.#context;
    if (cells.isFull) return 0;
    if (enrich === null) return fold.add(records, decoded, textOf);
    for (const [i, record] of records.entries()) {
      const checked = fold.check(record, decoded[i] ?? TOMBSTONE, () => textOf(i));
      fold.addChecked(checked, addedBy(enrich, reader, checked.event));
      if (cells.isFull) return i + 1;
    }
    return records.length;
  }

  #sideEvent({ offset, kind, reason, path, message, windows }: Reject): SideEvent {
    return {
      partition: this.#partition,
      offset,
      event: this.#events[offset],
      kind,
      reason,
      path,
      message,
      windows: windows.map(formatInstant),
    };
  }
}

/** What the enrichment's stand-in gives for an event. */
function addedBy(
  enrich: (event: FoldEvent) => unknown,
  { adds }: EventReader,
  event: FoldEvent | null,
): CheckResult {
  if (event === null || adds === undefined) return { ok: true, event: {} };
  try {
    return checkAdded(adds, enrich({ ...event }));
  } catch (error) {
    const message = errorText(error);
    return { ok: false, path: "", message };
  }
}

const TOMBSTONE = {
  ok: false,
  reason: "null-value",
  path: "",
  message: "the record has no value (a tombstone)",
} as const;

function isTimed(record: InputRecord): record is TimedRecord {
  return typeof record === "object" && record !== null &&
    Object.keys(record).length === 2 && "value" in record && "timestampMs" in record &&
    typeof record.timestampMs === "number";
}
