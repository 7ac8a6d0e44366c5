/**
 * The windows of a pipeline in memory: what the window workflows and the closing half of the clock
 * workflow do, in one process and without waiting. The test driver and the conformance runner stand
 * on it.
 *
 * @module
 */

import type { AggregateSpec } from "../../core/fold/aggregates.ts";
import { CloseTimers, type CloseTimersSnapshot } from "../../core/event_time/close_timers.ts";
import { TidegateError } from "../../core/errors.ts";
import type { PipelineClock, Report, ReportAnswer } from "../../core/flow/pipeline_clock.ts";
import type { DeliveryOutcome, WindowPartial, WindowShard } from "../../core/flow/slice.ts";
import { formatInstant } from "../../core/event_time/instants.ts";
import { type RowsDue, type WindowSnapshot, WindowState } from "../../core/flow/window_state.ts";
import { windowEnd, type Windowing } from "../../core/event_time/windows.ts";

/** The part of a plan that windows need; times in ms. */
export interface WindowsPlan {
  /** Size, slide and offset of the windows. */
  readonly windowing: Windowing;
  /** How long a window stays open after its end, in event time. */
  readonly latenessMs: number;
  /** What is computed per window and key. */
  readonly aggregates: readonly AggregateSpec[];
}

/** A slice whose partials are delivered. */
export interface DeliveredSlice {
  /** The partition. */
  readonly partition: number;
  /** First offset. */
  readonly from: number;
  /** Offset after it. */
  readonly to: number;
}

/** Rows that a window has emitted. */
export interface EmittedRows extends WindowShard, RowsDue {}

/** A window that runs. */
export interface OpenWindow extends WindowShard {
  /** Its state. */
  readonly state: WindowState;
}

/** All windows as plain data. */
export interface OpenWindowsSnapshot {
  /** Those that run. */
  readonly open: readonly (WindowShard & { readonly state: WindowSnapshot })[];
  /** `[id, [partition, to] by partition]` of those that have completed. */
  readonly ended: readonly (readonly [string, readonly (readonly [number, number])[]])[];
  /** Their timers. */
  readonly timers: CloseTimersSnapshot;
}

/** The windows of a pipeline and their timers. */
export class OpenWindows {
  /** Which windows are open, and what the closed ones add up to. */
  readonly timers: CloseTimers;
  readonly #plan: WindowsPlan;
  readonly #open = new Map<string, OpenWindow>();
  readonly #ended: Map<string, readonly (readonly [number, number])[]>;
  /** Windows that may have rows to give. */
  readonly #touched = new Set<string>();

  /**
   * @param snapshot The state to go on from; empty if left out.
   */
  constructor(plan: WindowsPlan, snapshot?: OpenWindowsSnapshot) {
    this.#plan = plan;
    this.timers = new CloseTimers(snapshot?.timers);
    this.#ended = new Map(snapshot?.ended);
    for (const { start, shard, state } of snapshot?.open ?? []) {
      this.#open.set(idOf({ start, shard }), { start, shard, state: this.#state(start, state) });
    }
  }

  /**
   * Hands a window its partial; it is opened if there has been none.
   *
   * @returns How the delivery ended.
   * @throws {TidegateError} `TG_WINDOW_FULL` or `TG_OVERLAP` if the window refused it.
   */
  deliver(slice: DeliveredSlice, partial: WindowPartial): DeliveryOutcome {
    const id = idOf(partial);
    const ended = this.#ended.get(id);
    if (ended !== undefined) {
      const taken = ended.find(([partition]) => partition === slice.partition)?.[1] ?? -1;
      return taken >= slice.to ? "delivered" : "refused";
    }
    const outcome = this.#opened(id, partial).fold({ ...slice, cells: partial.cells });
    if (outcome === "full" || outcome === "overlap") {
      const code = outcome === "full" ? "TG_WINDOW_FULL" : "TG_OVERLAP";
      const { partition, from, to } = slice;
      throw new TidegateError(
        code,
        `The window from ${formatInstant(partial.start)} refused the slice [${from}, ${to}) of ` +
          `partition ${partition}`,
        outcome === "full" ? { next: "Spread its keys: set `shards` in the definition." } : {},
      );
    }
    this.#touched.add(id);
    return "delivered";
  }

  /**
   * Takes a report to the clock, as its workflow does: the windows that were delivered to are
   * registered before the watermark moves.
   */
  report(clock: PipelineClock, report: Report): ReportAnswer {
    if (clock.isNew(report)) {
      for (const window of report.opened) this.#register(window, clock.watermark);
    }
    return clock.report(report, 0, this.timers.pendingTimes());
  }

  /**
   * Tells the windows that are due, and takes their rows.
   *
   * @returns What was emitted, in order.
   */
  settle(watermark: number | null): EmittedRows[] {
    const emitted: EmittedRows[] = [];
    if (watermark !== null) {
      for (const id of this.timers.due(watermark, 0, Infinity)) {
        this.#open.get(id)?.state.close(watermark);
        this.timers.sent(id, watermark, 0);
        this.#touched.add(id);
      }
    }
    for (const id of this.#touched) {
      const window = this.#open.get(id);
      const rows = window?.state.takeRows();
      if (window === undefined || rows === undefined) continue;
      const { start, shard, state } = window;
      emitted.push({ start, shard, ...rows });
      if (!state.completed) continue;
      const { pairs, refused, lastTo } = state;
      this.timers.closed({ id, pairs, refused, rows: rows.cells.length });
      this.#ended.set(id, lastTo);
      this.#open.delete(id);
    }
    this.#touched.clear();
    return emitted;
  }

  /** The windows that run, earliest first. */
  get open(): OpenWindow[] {
    return [...this.#open.values()].sort((a, b) => a.start - b.start || a.shard - b.shard);
  }

  /** The state as plain data; there must be nothing left to settle. */
  snapshot(): OpenWindowsSnapshot {
    return {
      open: this.open.map(({ start, shard, state }) => ({ start, shard, state: state.snapshot() })),
      ended: [...this.#ended],
      timers: this.timers.snapshot(),
    };
  }

  #opened(id: string, { start, shard }: WindowShard): WindowState {
    const known = this.#open.get(id);
    if (known !== undefined) return known.state;
    const state = this.#state(start);
    this.#open.set(id, { start, shard, state });
    return state;
  }

  #register(window: WindowShard, watermark: number | null): void {
    const { start } = window;
    const end = windowEnd(this.#plan.windowing, start);
    const final = end + this.#plan.latenessMs;
    this.timers.register({ id: idOf(window), start, end, final }, watermark);
  }

  #state(start: number, snapshot?: WindowSnapshot): WindowState {
    const { aggregates, latenessMs, windowing } = this.#plan;
    const rules = { aggregates, latenessMs, endMs: windowEnd(windowing, start) };
    return new WindowState(rules, snapshot);
  }
}

function idOf({ start, shard }: WindowShard): string {
  return `${start}/${shard}`;
}
