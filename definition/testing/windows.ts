/**
 * The windows of a pipeline in memory: what the window workflows and the settle activity do, in one
 * process and without waiting. The test driver and the conformance runner stand on it.
 *
 * @module
 */

import { windowEnd } from "../../core/event_time/windows.ts";
import type { EmissionHead, SettleOutcome, WindowCall } from "../../core/flow/delivery.ts";
import { mergeCells } from "../../core/flow/held.ts";
import type { OpenWindowsSnapshot } from "../../core/flow/open_windows.ts";
import type { WindowShard } from "../../core/flow/counts.ts";
import { Window, type WindowSnapshot } from "../../core/flow/window.ts";
import type { CellWire } from "../../core/fold/aggregates.ts";
import type { Plan } from "../../core/plan.ts";

/** The part of a plan that windows need. */
export type WindowsPlan = Pick<Plan, "windowing" | "latenessMs" | "aggregates">;

/** Cells that a window has emitted. */
export interface EmittedCells extends WindowShard {
  /** What the rows share. */
  readonly head: EmissionHead;
  /** The cells, sorted by key. */
  readonly cells: readonly CellWire[];
}

/** A window that runs. */
export interface RunningWindow extends WindowShard {
  /** Its state. */
  readonly state: Window;
}

/** The cells of an open window. */
export interface OpenCells extends WindowShard {
  /** The cells, sorted by key. */
  readonly cells: readonly CellWire[];
  /** The revision of its next rows. */
  readonly revision: number;
}

/** The windows that run as plain data. */
export type WindowsSnapshot = readonly (WindowShard & { readonly state: WindowSnapshot })[];

/** The windows of a pipeline. */
export class TestWindows {
  readonly #plan: WindowsPlan;
  readonly #running = new Map<string, RunningWindow>();

  /** Begins with none, or goes on from a state. */
  constructor(plan: WindowsPlan, snapshot: WindowsSnapshot = []) {
    this.#plan = plan;
    for (const { start, shard, state } of snapshot) {
      this.#running.set(idOf({ start, shard }), { start, shard, state: this.#new(start, state) });
    }
  }

  /** The windows that run, earliest first. */
  get running(): RunningWindow[] {
    return [...this.#running.values()].sort((a, b) => a.start - b.start || a.shard - b.shard);
  }

  /** The cells of all open windows, earliest first: those they have, and those that wait for them. */
  cells({ windows, held }: OpenWindowsSnapshot): OpenCells[] {
    const waiting = new Map(held.map(([index, { cells }]) => [index, cells]));
    return windows.map(([start, shard], index) => {
      const state = this.#running.get(idOf({ start, shard }))?.state;
      const had = state?.cells() ?? [];
      const cells = mergeCells(this.#plan.aggregates, had, waiting.get(index) ?? []);
      return { start, shard, cells, revision: (state?.emitted?.head.revision ?? -1) + 1 };
    }).sort((a, b) => a.start - b.start || a.shard - b.shard);
  }

  /** The state as plain data. */
  snapshot(): WindowsSnapshot {
    return this.running.map(({ start, shard, state }) => ({
      start,
      shard,
      state: state.snapshot(),
    }));
  }

  /** Makes a call; answers what the drain is told, and what was emitted. */
  call({ start, shard, call }: WindowCall): [SettleOutcome, EmittedCells | null] {
    const id = idOf({ start, shard });
    const window = this.#running.get(id) ?? { start, shard, state: this.#new(start) };
    const answer = window.state.call(call);
    if (window.state.isComplete) this.#running.delete(id);
    else this.#running.set(id, window);
    const emitted = answer.kind === "emitted" ? answer : null;
    const { pairs, bytes } = answer;
    const outcome: SettleOutcome = {
      ...{ start, shard, n: call.n, pairs, bytes },
      end: answer.kind === "emitted" || answer.kind === "taken" ? "written" : answer.kind,
      revision: emitted?.head.revision ?? null,
      final: emitted?.head.final ?? false,
      rows: emitted?.cells.length ?? 0,
      problem: null,
    };
    return [
      outcome,
      emitted === null ? null : { start, shard, head: emitted.head, cells: emitted.cells },
    ];
  }

  #new(start: number, snapshot?: WindowSnapshot): Window {
    const { aggregates, latenessMs, windowing } = this.#plan;
    return new Window({ aggregates, latenessMs, endMs: windowEnd(windowing, start) }, snapshot);
  }
}

function idOf({ start, shard }: WindowShard): string {
  return `${start}/${shard}`;
}
