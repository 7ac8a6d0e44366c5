/**
 * The paper's Table II with what was measured beside it.
 *
 * @module
 */

import { type Judged, seconds, timeToLow, timeToPeak } from "./judge.ts";
import type { PhaseName } from "./phases.ts";
import {
  integral,
  lagOf,
  type PhaseSpan,
  type Span,
  type TimelinePoint,
  within,
} from "./timeline.ts";

/** What the paper's table says of a phase. */
export interface PaperRow {
  /** The phase, as the paper calls it. */
  readonly phase: string;
  /** The input rate. */
  readonly rate: string;
  /** The executors. */
  readonly workers: number;
  /** What was seen. */
  readonly observation: string;
}

/** The paper's Table II. */
export const TABLE_II: readonly PaperRow[] = [
  { phase: "Baseline", rate: "~10 ev/s", workers: 1, observation: "Stable processing." },
  { phase: "Spike (0–10 s)", rate: "~40 ev/s", workers: 1, observation: "Backlog grows." },
  { phase: "Scaling up", rate: "~40 ev/s", workers: 4, observation: "3 new executors added." },
  { phase: "Cooldown", rate: "~10 ev/s", workers: 1, observation: "Scale down after timeout." },
];

/** A row of the paper's table with ours beside it. */
export interface TableRow {
  /** What the paper says. */
  readonly paper: PaperRow;
  /** Events per second, measured; null if there was no such time. */
  readonly rate: number | null;
  /** Workers that were ready most of the time; at the end, for the cooldown. */
  readonly workers: number | null;
  /** What was seen. */
  readonly observation: string;
}

/**
 * Makes the table.
 *
 * @param judged What was recorded.
 * @returns A row for each of the paper's.
 */
export function tableTwo(judged: Judged): TableRow[] {
  const { points, phases, rate } = judged;
  const span = (name: PhaseName) => phases.find((phase) => phase.name === name);
  const [baseline, spike, cooldown] = [span("baseline"), span("spike"), span("cooldown")];
  const upMs = spike === undefined ? null : timeToPeak(judged, spike);
  const stepMs = spike === undefined ? 0 : spike.fromMs + (upMs ?? spike.toMs - spike.fromMs);
  const parts: Record<string, [Span | undefined, (part: Span) => string]> = {
    "Baseline": [baseline, (part) => `Lag at most ${peakLag(points, part)}.`],
    "Spike (0–10 s)": [
      spike && { fromMs: spike.fromMs, toMs: stepMs },
      (part) => `${seconds(part.toMs - part.fromMs)}: lag grows to ${peakLag(points, part)}.`,
    ],
    "Scaling up": [
      upMs === null ? undefined : spike && { fromMs: stepMs, toMs: spike.toMs },
      (part) => scalingUp(judged, part, upMs ?? 0, rate),
    ],
    "Cooldown": [cooldown, () => cooldown === undefined ? "" : coolingDown(judged, cooldown)],
  };
  return TABLE_II.map((paper): TableRow => {
    const [part, observe] = parts[paper.phase] ?? [];
    if (part === undefined || observe === undefined || part.toMs <= part.fromMs) {
      return { paper, rate: null, workers: null, observation: "Did not happen." };
    }
    const workers = part === cooldown ? lastReady(points, part) : usualReady(points, part);
    return { paper, rate: rateOf(points, part), workers, observation: observe(part) };
  });
}

function scalingUp(judged: Judged, part: Span, upMs: number, rate: number): string {
  const { points, phases, expected } = judged;
  const producers = phases.find(({ name }) => name === "spike")?.producers ?? 1;
  const back = within(points, part).find((point) => lagOf(point) < rate * producers);
  const added = expected.peak - expected.low;
  return `${added} ${added === 1 ? "worker" : "workers"} added within ${seconds(upMs)}` +
    (back === undefined
      ? "; lag stays above 1 s of input."
      : `; lag under 1 s of input ${seconds(back.atMs - part.fromMs + upMs)} after the step.`);
}

function coolingDown(judged: Judged, span: PhaseSpan): string {
  const downMs = timeToLow(judged, span);
  const { low } = judged.expected;
  return downMs === null
    ? `Not down to ${low} by the end.`
    : `${low} again ${seconds(downMs)} after the step down.`;
}

/** Events per second that arrived in a stretch of time. */
function rateOf(points: readonly TimelinePoint[], { fromMs, toMs }: Span): number {
  const sentBy = (ms: number) => points.findLast(({ atMs }) => atMs <= ms)?.sent ?? 0;
  return (sentBy(toMs) - sentBy(fromMs)) / ((toMs - fromMs) / 1000);
}

function peakLag(points: readonly TimelinePoint[], span: Span): number {
  return Math.max(0, ...within(points, span).map(lagOf));
}

function lastReady(points: readonly TimelinePoint[], span: Span): number {
  return within(points, span).at(-1)?.ready ?? 0;
}

/** The number of ready workers that there was for the longest time. */
function usualReady(points: readonly TimelinePoint[], span: Span): number {
  const numbers = [...new Set(within(points, span).map(({ ready }) => ready))];
  const time = (number: number) => integral(points, span, ({ ready }) => ready === number ? 1 : 0);
  return numbers.sort((a, b) => time(b) - time(a))[0] ?? 0;
}
