/**
 * The drain as people, the page and `audit` see it: one consistent look at a whole generation.
 *
 * @module
 */

import { type OpenPairs, openPairsOf } from "./audit.ts";
import type { DrainPartition } from "./dealing.ts";
import type { Drain, SweepLook } from "./drain.ts";
import type { BrokenWindow, ClosedWindows, OpenWindowLook } from "./open_windows.ts";

/** One consistent look at a generation. */
export interface GenerationView {
  /** The pipeline's watermark. */
  readonly watermark: number | null;
  /** The partitions, in their order. */
  readonly partitions: readonly DrainPartition[];
  /** `[partition, why]` of those that are held back. */
  readonly held: readonly (readonly [partition: number, by: "drift" | "budget"])[];
  /** The open windows; the earliest only where a sink is told. */
  readonly open: readonly OpenWindowLook[];
  /** How many windows and shares of windows are open. */
  readonly openWindows: number;
  /** What all open ones hold together, also where only the earliest are in `open`. */
  readonly openPairs: OpenPairs;
  /** What the closed ones add up to. */
  readonly closed: ClosedWindows;
  /** Windows that did not complete as they should. */
  readonly lost: {
    readonly windows: number;
    readonly pairs: number;
    readonly named: readonly BrokenWindow[];
  };
  /** How many sweeps the fleet has room for; with 0 the control process looks. */
  readonly slots: number;
  /** Sweeps that are out. */
  readonly sweeps: readonly SweepLook[];
  /** Whether a bounded run has come to its end. */
  readonly drained: boolean;
  /** The parked partitions behind which a bounded run can't go on; null if it can. */
  readonly stuckBehind: readonly number[] | null;
  /** Events that missed a window by the floor alone, by what the floor came from. */
  readonly lateByFloor: Readonly<Record<string, number>>;
  /** Results that were not taken, by why. */
  readonly refused: Readonly<Record<string, number>>;
}

/**
 * Looks at a drain.
 *
 * @param most How many open windows are shown, the earliest; all if left out.
 */
export function viewOf(drain: Drain, most?: number): GenerationView {
  const open = drain.windows.look();
  return {
    watermark: drain.watermark,
    partitions: drain.partitions,
    held: [...drain.held],
    open: most === undefined ? open : open.slice(0, most),
    openWindows: open.length,
    openPairs: openPairsOf(open),
    closed: drain.windows.closed,
    lost: drain.windows.lost,
    slots: drain.slots,
    sweeps: drain.sweeps,
    drained: drain.isDrained,
    stuckBehind: drain.stuckBehind,
    lateByFloor: drain.lateByFloor,
    refused: drain.refused,
  };
}
