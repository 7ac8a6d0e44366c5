/**
 * How long a window takes from the records that let it close until its rows are written.
 *
 * What lets a window close is the slice whose report moves the watermark past its end. Its time
 * begins when the waiting partition saw the records of that slice, or, in a backlog, when the slice
 * began. Windows that close by the run-on of an idle pipeline have no such slice and are left out.
 *
 * @module
 */

import type { Report, ReportAnswer } from "../../core/flow/pipeline_clock.ts";
import type { Histogram } from "./histogram.ts";

/** How many moves of the watermark are remembered. */
const MOVES = 500;

/** A move of the watermark. */
interface Move {
  readonly watermark: number;
  readonly sinceMs: number;
}

/** Measures how long windows take to close. */
export class CloseLatency {
  readonly #histogram: Histogram;
  readonly #turns = new Map<number, number>();
  #watermark = -Infinity;
  #moves: Move[] = [];

  /**
   * Begins with nothing known.
   *
   * @param histogram Where the times are counted.
   */
  constructor(histogram: Histogram) {
    this.#histogram = histogram;
  }

  /**
   * A partition has seen records, or begins with the next slice of a backlog.
   *
   * @param partition The partition.
   * @param nowMs When.
   */
  turn(partition: number, nowMs: number): void {
    this.#turns.set(partition, nowMs);
  }

  /**
   * A partition has reported.
   *
   * @param report The report.
   * @param answer The clock's answer.
   */
  reported({ partition, kind }: Report, { watermark }: ReportAnswer): void {
    if (watermark === null || watermark <= this.#watermark) return;
    // A first watermark, or one that a join or a run-on moved, says nothing of a slice.
    const sinceMs = this.#turns.get(partition);
    const known = this.#watermark > -Infinity && kind === "advance" && sinceMs !== undefined;
    this.#watermark = watermark;
    this.#moves = [...this.#moves, { watermark, sinceMs: known ? sinceMs : NaN }].slice(-MOVES);
  }

  /**
   * A window has written the last of its first rows.
   *
   * @param end The window's end, event time.
   * @param nowMs When.
   */
  emitted(end: number, nowMs: number): void {
    const move = this.#moves.find(({ watermark }) => watermark >= end);
    // Windows that were passed before the first remembered move can't be told.
    const first = this.#moves[0];
    if (move === undefined || Number.isNaN(move.sinceMs)) return;
    if (move === first && this.#moves.length === MOVES) return;
    this.#histogram.observe((nowMs - move.sinceMs) / 1_000);
  }
}
