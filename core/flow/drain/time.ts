/**
 * The drain's watermark: the smallest of the partitions that hold it; it runs on by confirmed silence
 * where none does, and is flushed by a person's choice.
 *
 * @module
 */

import { holdsWatermark, later, pipelineWatermark } from "../../event_time/watermark.ts";
import { type DrainPartition, isAtEnd } from "../dealing.ts";
import type { DrainState } from "./state.ts";

/** Partitions of a bounded run that are at their fixed ends are parked. */
export function park(state: DrainState): void {
  for (const p of state.partitions) {
    if (p.mode !== "active" || !isAtEnd(p)) continue;
    state.set({ ...p, mode: p.maxEventTime === null ? "idle" : "parked", ranOnMs: 0 });
  }
}

/** Moves the watermark as far as partitions and silence allow; never while new partitions are awaited. */
export function moveWatermark(state: DrainState): void {
  if (state.addsPartitions) return;
  const runOnFrom = state.interrupted ? null : state.s.runOnFrom;
  const { watermark, runsOn } = pipelineWatermark(
    state.s.watermark,
    state.partitions,
    state.rules.delayMs,
  );
  if (!runsOn) {
    state.change({ watermark, runOnFrom: null });
  } else if (runOnFrom === null) {
    for (const p of state.partitions) state.set({ ...p, ranOnMs: 0 });
    state.change({ watermark, runOnFrom: watermark });
    // What looks since before would hold the run-on until it answers, and doesn't count for it.
    state.strikeLooking();
  } else if (watermark !== null && state.looked) {
    state.change({ watermark: ranOn(state, watermark, runOnFrom) });
  }
  if (state.s.flushing) flush(state);
}

/**
 * How far the run-on is confirmed by those partitions that are looked at. What is not fresh has
 * only added its time.
 */
function ranOn(state: DrainState, watermark: number, runOnFrom: number): number {
  const looked = state.partitions.filter((p) => p.mode === "idle");
  if (!looked.every((p) => p.seen)) return watermark;
  const reach = runOnFrom + Math.min(...looked.map((p) => p.ranOnMs));
  return state.windows.ranOnTo(watermark, reach);
}

/** Closes what is open, once no partition is waited for; then no sweep that is out folds one. */
function flush(state: DrainState): void {
  if (state.partitions.some(isWaitedFor)) return;
  state.strikeLooking();
  state.change({
    watermark: later(state.s.watermark, state.windows.lastTime()),
    flushing: false,
  });
}

/** Whether a flush waits for a partition. */
function isWaitedFor(p: DrainPartition): boolean {
  return holdsWatermark(p) && p.mode !== "parked";
}
