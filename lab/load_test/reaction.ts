/**
 * How soon the fleet reacted, in the figures of the design's budgets.
 *
 * @module
 */

import type { FleetDecision } from "../../core/scaling/state.ts";
import { firstTime, type PhaseSpan, processesOf, type TimelinePoint } from "./timeline.ts";

/** How soon the fleet reacted; null is what did not happen. All in ms. */
export interface Reaction {
  /** From the step of the rate to the first process that was started for it. */
  readonly stepToSpawnMs: number | null;
  /** From the first sample with pressure to that process. */
  readonly seenToSpawnMs: number | null;
  /** From the decision for the most workers until all of them were ready. */
  readonly decisionToReadyMs: number | null;
  /** From the arrival of the first record at 0 workers until it was folded. */
  readonly wakeMs: number | null;
}

/** What a reaction is read off. */
export interface ReactionSource {
  /** What was recorded, earliest first. */
  readonly points: readonly TimelinePoint[];
  /** The spike; null if there was none. */
  readonly spike: PhaseSpan | null;
  /** The decisions, earliest first. */
  readonly decisions: readonly FleetDecision[];
  /** From the arrival of the first record at 0 workers until it was folded, in ms. */
  readonly wakeMs: number | null;
}

/**
 * Reads the reaction off a run.
 *
 * @param source The run.
 * @returns How soon the fleet reacted.
 */
export function reactionOf({ points, spike, decisions, wakeMs }: ReactionSource): Reaction {
  if (spike === null) {
    return { stepToSpawnMs: null, seenToSpawnMs: null, decisionToReadyMs: null, wakeMs };
  }
  const { fromMs, toMs } = spike;
  const inside = decisions.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  const up = inside.find(({ desired, previous }) => desired > previous);
  const before = points.findLast(({ atMs }) => atMs <= fromMs);
  const had = before === undefined ? 0 : processesOf(before);
  const spawnedMs = firstTime(points, spike, (point) => processesOf(point) > had);
  const seenMs = (inside.find(({ code }) => code === "pressure") ?? up)?.atMs ?? null;
  const readyMs = up === undefined
    ? null
    : firstTime(points, { fromMs: up.atMs, toMs }, ({ ready }) => ready >= up.desired);
  return {
    stepToSpawnMs: spawnedMs === null ? null : spawnedMs - fromMs,
    seenToSpawnMs: spawnedMs === null || seenMs === null ? null : spawnedMs - seenMs,
    decisionToReadyMs: readyMs === null || up === undefined ? null : readyMs - up.atMs,
    wakeMs,
  };
}
