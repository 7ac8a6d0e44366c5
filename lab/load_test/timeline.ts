/**
 * What is recorded while the load test runs, and what can be read off it.
 *
 * @module
 */

import { lagOf as lagOfOffsets } from "../../core/scaling/load.ts";
import type { PhaseName } from "./phases.ts";

/** How things stood at a moment; they stand so until the next one. */
export interface TimelinePoint {
  /** When, epoch ms. */
  readonly atMs: number;
  /** Records that the broker has acknowledged. */
  readonly sent: number;
  /** Records whose slices are durable. */
  readonly folded: number;
  /** Workers that are wanted. */
  readonly desired: number;
  /** Workers that are starting. */
  readonly starting: number;
  /** Workers that fold. */
  readonly ready: number;
  /** Workers that are ending. */
  readonly draining: number;
  /** How far the watermark is behind the wall clock, in ms; null before the first. */
  readonly watermarkDelayMs: number | null;
}

/** When a phase was. */
export interface PhaseSpan {
  /** Its name. */
  readonly name: PhaseName;
  /** Its begin, epoch ms. */
  readonly fromMs: number;
  /** Its end, epoch ms. */
  readonly toMs: number;
  /** How many producers there were. */
  readonly producers: number;
}

/** A stretch of time. */
export type Span = Pick<PhaseSpan, "fromMs" | "toMs">;

/** Records that are in the topic and not folded. */
export function lagOf({ sent, folded }: Pick<TimelinePoint, "sent" | "folded">): number {
  return lagOfOffsets({ end: sent, cursor: folded }) ?? 0;
}

/** All worker processes there are. */
export function processesOf(
  { starting, ready, draining }: Pick<TimelinePoint, "starting" | "ready" | "draining">,
): number {
  return starting + ready + draining;
}

/**
 * The points of a stretch of time; the first one is how things stood when it began.
 *
 * @param points All points, earliest first.
 * @param span The stretch.
 * @returns Its points.
 */
export function within(points: readonly TimelinePoint[], { fromMs, toMs }: Span): TimelinePoint[] {
  const before = points.findLast(({ atMs }) => atMs <= fromMs);
  const inside = points.filter(({ atMs }) => atMs > fromMs && atMs < toMs);
  return before === undefined ? inside : [{ ...before, atMs: fromMs }, ...inside];
}

/**
 * Adds a figure up over time.
 *
 * @param points All points, earliest first.
 * @param span The stretch of time.
 * @param figure The figure of a point.
 * @returns The figure times seconds.
 */
export function integral(
  points: readonly TimelinePoint[],
  span: Span,
  figure: (point: TimelinePoint) => number,
): number {
  const inside = within(points, span);
  return inside.reduce((sum, point, i) => {
    const untilMs = inside[i + 1]?.atMs ?? span.toMs;
    return sum + figure(point) * (untilMs - point.atMs) / 1000;
  }, 0);
}

/**
 * The share of a stretch of time in which something held.
 *
 * @param points All points, earliest first.
 * @param span The stretch of time.
 * @param test Whether it holds at a point.
 * @returns From 0 to 1; 0 for no time.
 */
export function shareOfTime(
  points: readonly TimelinePoint[],
  span: Span,
  test: (point: TimelinePoint) => boolean,
): number {
  const seconds = (span.toMs - span.fromMs) / 1000;
  return seconds <= 0 ? 0 : integral(points, span, (point) => test(point) ? 1 : 0) / seconds;
}

/**
 * The first moment of a stretch of time at which something holds.
 *
 * @param points All points, earliest first.
 * @param span The stretch of time.
 * @param test Whether it holds at a point.
 * @returns The moment, epoch ms; null if there is none.
 */
export function firstTime(
  points: readonly TimelinePoint[],
  span: Span,
  test: (point: TimelinePoint) => boolean,
): number | null {
  return within(points, span).find(test)?.atMs ?? null;
}

/**
 * The values that a figure took, one after the other, without repeats.
 *
 * @param points All points, earliest first.
 * @param figure The figure of a point.
 * @returns The values.
 */
export function stepsOf(
  points: readonly TimelinePoint[],
  figure: (point: TimelinePoint) => number,
): number[] {
  return points.map(figure).filter((value, i, all) => value !== all[i - 1]);
}
