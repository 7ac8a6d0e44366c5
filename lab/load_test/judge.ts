/**
 * Whether a load test passed, phase by phase, and the paper's Table II with the measured values.
 *
 * @module
 */

import type { ExpectedWorkers, PhaseName } from "./plan.ts";
import {
  firstTime,
  integral,
  lagOf,
  type PhaseSpan,
  shareOfTime,
  type Span,
  type TimelinePoint,
  within,
} from "./record.ts";

/** How long the baseline may take to settle, in ms; of a short one, at most its half. */
const SETTLE_MS = 15_000;
/** The share of the rest of the baseline in which the number of workers must be right. */
const STABLE_SHARE = 0.9;
/** The spike's workers must be ready within this time of the rate's step, in ms. */
const UP_MS = 5_000;
/** A record at 0 workers must be folded within this time, in ms. */
const WAKE_MS = 2_000;

/** What a phase came to. */
export interface Verdict {
  /** The phase. */
  readonly phase: PhaseName;
  /** Whether it has passed. */
  readonly passed: boolean;
  /** Why, for people, with the figures. */
  readonly text: string;
}

/** The way to 0 workers and back. */
export interface ZeroOutcome {
  /** How long after the producers' end the last worker had ended, in ms; null if it had not. */
  readonly toZeroMs: number | null;
  /** From the arrival of the one record until it was folded, in ms; null if it was not. */
  readonly wakeMs: number | null;
}

/** What is judged. */
export interface Judged {
  /** What was recorded, earliest first. */
  readonly points: readonly TimelinePoint[];
  /** When the phases were. */
  readonly phases: readonly PhaseSpan[];
  /** How many workers are expected. */
  readonly expected: ExpectedWorkers;
  /** Events per second of one producer. */
  readonly rate: number;
  /** The way to 0 and back; null if it was not gone. */
  readonly zero: ZeroOutcome | null;
}

/** Judges the phases. */
export function judge(judged: Judged): Verdict[] {
  const { phases, zero } = judged;
  return phases.flatMap((span): Verdict[] => {
    switch (span.name) {
      case "baseline":
        return [judgeBaseline(judged, span)];
      case "spike":
        return [judgeSpike(judged, span)];
      case "cooldown":
        return [judgeCooldown(judged, span)];
      case "zero":
        return zero === null ? [] : [judgeZero(zero)];
      case "warm-up":
        return [];
    }
  });
}

function judgeBaseline({ points, expected: { low } }: Judged, span: PhaseSpan): Verdict {
  const settleMs = Math.min(SETTLE_MS, (span.toMs - span.fromMs) / 2);
  const settled = { ...span, fromMs: span.fromMs + settleMs };
  const share = shareOfTime(points, settled, ({ ready }) => ready === low);
  return {
    phase: "baseline",
    passed: share >= STABLE_SHARE,
    text: `${low} ready ${percent(share)} of the time after the first ${seconds(settleMs)} ` +
      `(at least ${percent(STABLE_SHARE)})`,
  };
}

function judgeSpike(judged: Judged, span: PhaseSpan): Verdict {
  const { points, expected: { low, peak }, rate } = judged;
  const upMs = timeToPeak(judged, span);
  const second = rate * span.producers;
  const backMs = upMs === null ? null : firstTime(
    points,
    { ...span, fromMs: span.fromMs + upMs },
    (point) => lagOf(point) < second,
  );
  const up = upMs === null
    ? `never ${peak} ready`
    : `${peak} ready ${seconds(upMs)} after the step (at most ${seconds(UP_MS)})`;
  const back = backMs === null
    ? `lag not back under 1 s of input (${Math.round(second)})`
    : `lag under 1 s of input (${Math.round(second)}) ${seconds(backMs - span.fromMs)} after it`;
  return {
    phase: "spike",
    passed: upMs !== null && upMs <= UP_MS && backMs !== null,
    text: low === peak ? `nothing to scale: ${peak} can do it; ${back}` : `${up}; ${back}`,
  };
}

/**
 * How long after the step of the rate the workers of the spike were ready.
 *
 * @returns The time in ms; null if they never were.
 */
export function timeToPeak(
  { points, expected: { peak } }: Pick<Judged, "points" | "expected">,
  span: PhaseSpan,
): number | null {
  const atMs = firstTime(points, span, ({ ready }) => ready >= peak);
  return atMs === null ? null : atMs - span.fromMs;
}

/**
 * How long after the step down the workers were as few as the low rate needs, for good.
 *
 * @returns The time in ms; null if they were not at the end of the phase.
 */
export function timeToLow(
  { points, expected: { low } }: Pick<Judged, "points" | "expected">,
  span: PhaseSpan,
): number | null {
  const last = points.findLast(({ atMs, ready }) => atMs < span.toMs && ready !== low);
  if (last === undefined) return 0;
  const next = points.find(({ atMs }) => atMs > last.atMs);
  return next === undefined || next.atMs >= span.toMs ? null : Math.max(0, next.atMs - span.fromMs);
}

function judgeCooldown(judged: Judged, span: PhaseSpan): Verdict {
  const { low } = judged.expected;
  const downMs = timeToLow(judged, span);
  const left = judged.points.findLast(({ atMs }) => atMs < span.toMs)?.ready ?? 0;
  return {
    phase: "cooldown",
    passed: downMs !== null,
    text: downMs === null
      ? `${left} ready at the end (${low} wanted)`
      : `${low} ready ${seconds(downMs)} after the step down`,
  };
}

function judgeZero({ toZeroMs, wakeMs }: ZeroOutcome): Verdict {
  const down = toZeroMs === null
    ? "never 0 workers"
    : `0 workers ${seconds(toZeroMs)} after the last record`;
  const wake = wakeMs === null
    ? "the one record was not folded"
    : `the one record folded after ${Math.round(wakeMs)} ms (at most ${WAKE_MS} ms)`;
  return {
    phase: "zero",
    passed: toZeroMs !== null && wakeMs !== null && wakeMs <= WAKE_MS,
    text: toZeroMs === null ? down : `${down}; ${wake}`,
  };
}

/**
 * A time for people.
 *
 * @returns Such as `3.2 s`.
 */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).replace(/\.0$/, "")} s`;
}

/**
 * A share for people.
 *
 * @returns Such as `97 %`.
 */
export function percent(share: number): string {
  const value = share * 100;
  return `${
    value >= 99.95 || value < 10 ? value.toFixed(1).replace(/\.0$/, "") : Math.floor(value)
  } %`;
}

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

/** Makes the table. */
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
