/**
 * The live view of the load test: a few lines that are drawn again and again on a terminal, or one
 * line now and then in a pipe.
 *
 * @module
 */

import type { PhaseName } from "./phases.ts";
import { lagOf, type TimelinePoint } from "./timeline.ts";

/** What the live view shows. */
export interface FrameState {
  /** The phase; `end` after the last one. */
  readonly phase: PhaseName | "end";
  /** What the phase is waiting for or about; empty where its name says it. */
  readonly note: string;
  /** How long it has lasted, in s. */
  readonly elapsed: number;
  /** How long it will last, in s; null if that is not known. */
  readonly seconds: number | null;
  /** How many producers there are. */
  readonly producers: number;
  /** Events per second over the last seconds. */
  readonly rate: number;
  /** How things stand. */
  readonly point: TimelinePoint;
  /** The last decision; empty before the first. */
  readonly decision: string;
  /** Which window closed last; empty before the first. */
  readonly closed: string;
  /** Its rows as a table. */
  readonly rows: readonly string[];
}

/**
 * The view for a terminal.
 *
 * @param state What to show.
 * @param width The terminal's columns.
 * @returns Lines, none longer than the terminal is wide.
 */
export function frameLines(state: FrameState, width: number): string[] {
  const { phase, note, elapsed, seconds, producers, rate, point, decision, closed, rows } = state;
  const time = seconds === null
    ? `${Math.round(elapsed)} s`
    : `${Math.round(elapsed)} of ${seconds} s`;
  const lines = [
    `── ${phase}, ${time}, ${people(producers)}${note === "" ? "" : `: ${note}`} `
      .padEnd(Math.min(width, 78), "─"),
    `input ${rate.toFixed(1).padStart(6)} ev/s   lag ${String(lagOf(point)).padStart(5)}   ` +
    `folded ${String(point.folded).padStart(6)}   ${watermark(point)}`,
    `workers ${"■".repeat(point.ready)}${"◧".repeat(point.starting)}${"□".repeat(point.draining)}` +
    `  ${workers(point)}`,
    ...(decision === "" ? [] : [`decided ${decision}`]),
    ...(closed === "" ? [] : [`closed  ${closed}`]),
    ...rows.map((row) => `  ${row}`),
  ];
  return lines.map((line) => cut(line, width));
}

/**
 * The view in a line, for a pipe.
 *
 * @param state What to show.
 * @returns The line.
 */
export function frameLine(state: FrameState): string {
  const { phase, elapsed, rate, point } = state;
  return `${phase} ${Math.round(elapsed)} s  input ${rate.toFixed(1)} ev/s  lag ${lagOf(point)}  ` +
    `${workers(point)}  ${watermark(point)}`;
}

function workers({ desired, ready, starting, draining }: TimelinePoint): string {
  const more = [
    ...(starting > 0 ? [`${starting} starting`] : []),
    ...(draining > 0 ? [`${draining} ending`] : []),
  ];
  return [`${desired} wanted`, `${ready} ready`, ...more].join(", ");
}

function watermark({ watermarkDelayMs }: TimelinePoint): string {
  return watermarkDelayMs === null
    ? "no watermark yet"
    : `watermark ${(watermarkDelayMs / 1000).toFixed(1)} s behind`;
}

function people(producers: number): string {
  return producers === 1 ? "1 producer" : `${producers} producers`;
}

function cut(line: string, width: number): string {
  const letters = [...line];
  return letters.length <= width ? line : `${letters.slice(0, Math.max(0, width - 1)).join("")}…`;
}
