/**
 * A drain with a clock and a fleet, for tests that let its sweeps answer one after the other.
 *
 * @module
 */

import assert from "node:assert/strict";
import { tumbling } from "../../../core/event_time/windows.ts";
import { NO_SWEEP_COUNTS } from "../../../core/flow/counts.ts";
import {
  type Decision,
  Drain,
  type DrainRules,
  type DrainSnapshot,
  newDrain,
  type PartitionStart,
} from "../../../core/flow/drain.ts";
import type {
  SweepRequest,
  SweepResult,
  SweptPartition,
  SweptWindow,
} from "../../../core/flow/sweep.ts";

/** The rules of the drain. */
export const RULES: DrainRules = {
  aggregates: [{ name: "n", kind: "count", field: null }],
  windowing: tumbling(10_000),
  latenessMs: 0,
  deliverEveryMs: 5_000,
  emitEveryMs: null,
  generation: 1,
  topic: "t",
  topicId: null,
  delayMs: 0,
  idleAfterMs: 8_000,
  maxDriftMs: 100_000,
  paceMs: 5_000,
  sliceMs: 2_000,
  maxOpenWindows: 10_000,
};
/** A history in which nothing is. */
export const NOTHING = { events: 0, bytes: 0, suggested: false };

/** A drain of a few partitions, with a clock, and a fleet that has room for so many sweeps. */
export class Case {
  readonly drain: Drain;
  nowMs = 1_000;
  decision: Decision = { commands: [], wakeAtMs: null };

  constructor(
    starts: number | readonly PartitionStart[] | DrainSnapshot,
    slots = 1,
    rules: Partial<DrainRules> = {},
  ) {
    const all = typeof starts === "number"
      ? Array.from({ length: starts }, (_, partition) => ({ partition, cursor: 0 }))
      : starts;
    const state = "partitions" in all ? all : newDrain(all, "hash");
    this.drain = new Drain({ ...RULES, ...rules }, { ...state, slots });
    this.decide();
  }

  decide(afterMs = 0, history = NOTHING): Decision {
    this.nowMs += afterMs;
    this.decision = this.drain.decide(this.nowMs, history);
    return this.decision;
  }

  /** The sweeps that the last decision began. */
  get sweeps(): SweepRequest[] {
    return this.decision.commands.flatMap((c) => c.kind === "sweep" ? [c.request] : []);
  }

  /** The partitions that the last decision asks for. */
  get findings(): (readonly number[])[] {
    return this.decision.commands
      .flatMap((c) => c.kind === "findPartitions" ? [c.partitions] : []);
  }

  get kinds(): string[] {
    return this.decision.commands.map(({ kind }) => kind);
  }

  get modes(): string[] {
    return this.drain.partitions.map(({ mode }) => mode);
  }

  /** Lets the first sweep that is out answer after a time. */
  answer(
    changed: Readonly<Record<number, Partial<SweptPartition>>>,
    { windows = [], ranMs = 1_000, ...rest }: Partial<SweepResult> = {},
    lateMs = 0,
  ): Decision {
    const [request] = this.drain.sweepsOut;
    assert.ok(request !== undefined, "a sweep must be out");
    this.drain.swept(resultOf(request, changed, { windows, ranMs, ...rest }));
    return this.decide(ranMs + lateMs);
  }
}

/** What a sweep answers. */
export function resultOf(
  request: SweepRequest,
  changed: Readonly<Record<number, Partial<SweptPartition>>>,
  rest: Partial<SweepResult> = {},
): SweepResult {
  return {
    n: request.n,
    codeHash: request.codeHash,
    why: "pace",
    windows: [],
    ranMs: 1_000,
    busyMs: 0,
    attempt: 1,
    worker: "w",
    topicPartitions: null,
    ...rest,
    partitions: request.partitions.map((asked): SweptPartition => {
      const to = changed[asked.partition]?.to ?? asked.cursor;
      return {
        partition: asked.partition,
        from: asked.cursor,
        to,
        end: to,
        highWatermark: changed[asked.partition]?.end ?? to,
        maxEventTime: asked.maxEventTime,
        firstEventTime: null,
        counts: NO_SWEEP_COUNTS,
        looked: { confirmedMs: 0, moved: false },
        found: false,
        hollow: false,
        openTransaction: null,
        leaderEpoch: null,
        last: null,
        failure: null,
        ...changed[asked.partition],
      };
    }),
  };
}

/** One cell for a window. */
export function cells(start: number, partition = 0): SweptWindow {
  return { start, shard: 0, cells: [['["a"]', 1, null]], bytes: 15, spans: [[partition, 0, 1]] };
}

/** A partition in which so many records are folded. */
export const moved = (to: number, maxEventTime: number): Partial<SweptPartition> => ({
  to,
  maxEventTime,
  firstEventTime: maxEventTime,
  looked: { confirmedMs: 0, moved: true },
});
/** A partition that was silent for so long. */
export const silent = (confirmedMs: number): Partial<SweptPartition> => ({
  looked: { confirmedMs, moved: false },
});
