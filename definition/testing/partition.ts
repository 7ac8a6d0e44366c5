/**
 * One partition of the test driver: carries out the steps of a `DrainState`, as the drain workflow
 * and its activities do.
 *
 * @module
 */

import { errorText } from "../../core/errors.ts";
import type { DrainAccount } from "../../core/flow/account.ts";
import { DrainState, newDrain } from "../../core/flow/drain_state.ts";
import type { Decoded } from "../../core/fold/decode.ts";
import { addFaults, type DataFaults, NO_FAULTS } from "../../core/fold/judge.ts";
import {
  checkAdded,
  type CheckResult,
  type EventReader,
  type FoldEvent,
  type FoldRecord,
  type Reject,
  SliceFold,
} from "../../core/fold/fold.ts";
import type { OpenWindows } from "./open_windows.ts";
import type { PipelineClock } from "../../core/flow/pipeline_clock.ts";
import type { RunPlan } from "../../core/plan.ts";
import type { SliceResult, WindowShard } from "../../core/flow/slice.ts";
import { formatInstant } from "../../core/event_time/instants.ts";

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
  /** How many records a slice has at most. */
  readonly sliceRecords: number;
  /** The windows. */
  readonly windows: OpenWindows;
  /** The clock. */
  readonly clock: PipelineClock;
}

/** One partition. */
export class DriverPartition {
  /** Its late, invalid and skewed records. */
  readonly side: SideEvent[] = [];
  /** What is wrong with its records. */
  faults: DataFaults = NO_FAULTS;
  readonly #context: DriverContext;
  readonly #state: DrainState;
  readonly #records: readonly FoldRecord[];
  readonly #events: readonly unknown[];
  readonly #texts: readonly (string | undefined)[];

  /** Begins before the first record of a log. */
  constructor(context: DriverContext, partition: number, log: readonly InputRecord[]) {
    this.#context = context;
    const { windowing, delayMs, latenessMs, idleAfterMs, maxDriftMs } = context.plan;
    const rules = { windowing, delayMs, latenessMs, idleAfterMs, maxDriftMs, paceMs: 0 };
    this.#state = new DrainState(rules, newDrain(partition, 0, log.length));
    const timed = log.map((record) =>
      isTimed(record) ? record : { value: record, timestampMs: -1 }
    );
    this.#events = timed.map(({ value }) => value);
    this.#texts = timed.map(({ value }) => value === null ? undefined : JSON.stringify(value));
    // The fold looks at the decoded values; the bytes only tell tombstones from the rest.
    this.#records = timed.map(({ timestampMs }, offset) => ({ offset, timestampMs, value: null }));
  }

  /** Takes the next step, and says whether there was one. */
  step(): boolean {
    const state = this.#state;
    const { windows, clock } = this.#context;
    const step = state.next(0);
    switch (step.kind) {
      case "await":
      case "wait":
        return false;
      case "hold":
        state.onHeld();
        return true;
      case "fold": {
        const { cursor, maxEventTime } = state.snapshot();
        const to = Math.min(cursor + this.#context.sliceRecords, this.#records.length);
        state.onSlice(this.#fold(cursor, to, maxEventTime));
        return true;
      }
      case "deliver": {
        const { partition, inDelivery } = state.snapshot();
        const slice = { partition, from: inDelivery?.from ?? 0, to: inDelivery?.to ?? 0 };
        state.onDelivered(
          step.windows.map((window) => [window, windows.deliver(slice, window)] as const),
        );
        return true;
      }
      case "refold": {
        const delivery = state.snapshot().inDelivery;
        if (delivery === null) return true;
        const { from, to, maxEventTimeBefore } = delivery;
        const { moved } = this.#fold(from, to, maxEventTimeBefore, step.refused);
        state.onRefold(moved ?? { events: 0, pairs: 0 });
        return true;
      }
      case "report":
        state.onAnswer(windows.report(clock, step.report));
        return true;
    }
  }

  /** Its part of the account. */
  account(): DrainAccount {
    const { partition, totals, lostPairs, skippedOffsets, stop } = this.#state.snapshot();
    const inDelivery = this.#state.pairsInDelivery;
    return { partition, totals, lostPairs, skippedOffsets, stop, inDelivery };
  }

  #fold(
    from: number,
    to: number,
    maxEventTime: number | null,
    refused?: readonly WindowShard[],
  ): SliceResult {
    const { plan, reader } = this.#context;
    const { floor, partition } = this.#state.snapshot();
    const start = { partition, maxEventTime, floor, ...(refused === undefined ? {} : { refused }) };
    const fold = new SliceFold(plan, reader, start);
    const texts = this.#texts.slice(from, to);
    const decoded = texts.map((text) =>
      text === undefined ? TOMBSTONE : { ok: true, value: JSON.parse(text) } as const
    );
    this.#add(fold, this.#records.slice(from, to), decoded, (index) => texts[index] ?? "");
    for (const reject of fold.takeRejects()) this.side.push(this.#sideEvent(reject));
    if (refused === undefined) this.faults = addFaults(this.faults, fold.faults);
    const { counts, firstEventTime, moved } = fold;
    return {
      from,
      to,
      end: this.#records.length,
      maxEventTime: fold.maxEventTime,
      firstEventTime,
      windows: fold.windows(),
      counts,
      moved,
      busyMs: 0,
      attempt: 1,
      readAtMs: 0,
      endedAtMs: 0,
      worker: "driver",
    };
  }

  #add(
    fold: SliceFold,
    records: readonly FoldRecord[],
    decoded: readonly Decoded[],
    textOf: (index: number) => string,
  ): void {
    const { enrich, reader } = this.#context;
    if (enrich === null) {
      fold.add(records, decoded, textOf);
      return;
    }
    records.forEach((record, i) => {
      const checked = fold.check(record, decoded[i] ?? TOMBSTONE, () => textOf(i));
      fold.addChecked(checked, addedBy(enrich, reader, checked.event));
    });
  }

  #sideEvent({ offset, kind, reason, path, message, windows }: Reject): SideEvent {
    return {
      partition: this.#state.snapshot().partition,
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
