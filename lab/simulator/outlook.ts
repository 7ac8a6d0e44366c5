/**
 * A scaler's view of a run. Figures are reckoned only where they are asked for: most ticks are
 * nobody's turn.
 *
 * @module
 */

import { totalLag } from "../../core/scaling/load.ts";
import type { Dispatch } from "./dispatch.ts";
import type { Fleet } from "./fleet.ts";
import type { SimView } from "./scaler.ts";
import type { Partition } from "./topic.ts";

/** The view; the run moves it on. */
export class Outlook implements SimView {
  nowMs = 0;
  lag = 0;
  ready = 0;
  starting = 0;
  draining = 0;
  readonly #partitions: readonly Partition[];
  readonly #dispatch: Dispatch;
  readonly #fleet: Fleet;

  /**
   * Makes the view.
   *
   * @param partitions The topic.
   * @param dispatch The work.
   * @param fleet The workers.
   */
  constructor(partitions: readonly Partition[], dispatch: Dispatch, fleet: Fleet) {
    this.#partitions = partitions;
    this.#dispatch = dispatch;
    this.#fleet = fleet;
  }

  get ends(): number[] {
    return this.#partitions.map((one) => one.end);
  }

  get cursors(): number[] {
    return this.#partitions.map((one) => one.cursor);
  }

  get pending(): number {
    return this.#dispatch.pending(this.nowMs);
  }

  get running(): number {
    return this.#fleet.running;
  }

  get workerRate(): number | null {
    return this.#fleet.workerRate(this.nowMs);
  }

  get idleSince(): number[] {
    return this.#fleet.idleSince(this.nowMs);
  }

  /** All worker processes. */
  get processes(): number {
    return this.ready + this.starting + this.draining;
  }

  /**
   * Moves on.
   *
   * @param nowMs The time.
   */
  at(nowMs: number): void {
    this.nowMs = nowMs;
    this.lag = totalLag(this.#partitions) ?? 0;
    const { ready, starting, draining } = this.#fleet.census(nowMs);
    this.ready = ready;
    this.starting = starting;
    this.draining = draining;
  }
}
