/**
 * One schedule: a scenario is played until it comes to its end, under the eyes of the audit.
 *
 * @module
 */

import type { WindowShard } from "../../core/flow/slice.ts";
import { Audit, Violation, windowKey } from "./audit.ts";
import { ClockActor } from "./clock_actor.ts";
import { DrainActor } from "./drain_actor.ts";
import type { Mutation } from "./mutations.ts";
import { Operator } from "./operator.ts";
import type { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { WindowActor } from "./window_actor.ts";
import { World } from "./world.ts";

/** A schedule that takes more steps than this has come to no end. */
const MAX_STEPS = 50_000;
/** Nor does one that takes longer than this in virtual time after its last record. */
const MAX_MS = 600_000;

/** A schedule under way. */
export class Simulation {
  readonly world: World;
  readonly audit: Audit;
  readonly clock: ClockActor;
  /** By partition; null before the drain is started. */
  readonly drains: (DrainActor | null)[];
  readonly windows = new Map<string, WindowActor>();
  /**
   * Whether an exclusion was taken back, or a fixed end was moved: then events may be late by the
   * floor in a bounded run too.
   */
  rejoined = false;
  /** Whether a slice was dropped that may have written to the side topics. */
  dropped = false;
  readonly #operator: Operator;

  constructor(readonly scenario: Scenario, random: Random, readonly without: Mutation | null) {
    const { partitions, faults, startMs, plan } = scenario;
    this.world = new World(random, faults, startMs);
    this.audit = new Audit(plan);
    this.drains = partitions.map(() => null);
    const known = partitions.flatMap(({ startAtMs }, p) => startAtMs === 0 ? [p] : []);
    this.clock = new ClockActor(this, known);
    this.#operator = new Operator(this);
  }

  /** Plays the schedule to its end; throws a `Violation` if a promise is broken on the way. */
  run(): void {
    const { world, scenario } = this;
    const appended = scenario.partitions.flatMap(({ records }) => records.map((r) => r.appendAtMs));
    const lastMs = Math.max(scenario.startMs, ...appended) + MAX_MS;
    while (!this.#operator.isOver) {
      if (world.steps >= MAX_STEPS || world.now > lastMs || !world.step()) {
        throw new Violation(`it came to no end: ${this.#standing()}`);
      }
      this.#balance();
    }
  }

  /** The end of a partition's log, as it is now. */
  endOf(partition: number): number {
    const records = this.scenario.partitions[partition]?.records ?? [];
    let end = records.length;
    while (end > 0 && (records[end - 1]?.appendAtMs ?? 0) > this.world.now) end -= 1;
    return end;
  }

  /** When a record is in the log; never if there is none. */
  appendedAtMs(partition: number, offset: number): number {
    return this.scenario.partitions[partition]?.records[offset]?.appendAtMs ?? Infinity;
  }

  /** Starts a drain. */
  startDrain(partition: number, until: number | null): void {
    const drain = new DrainActor(this, partition, until);
    this.drains[partition] = drain;
    drain.begin();
  }

  /** A window's workflow; it is started if there has been none. */
  window(window: WindowShard): WindowActor {
    const id = windowKey(window);
    const known = this.windows.get(id);
    if (known !== undefined) return known;
    const actor = new WindowActor(this, window);
    this.windows.set(id, actor);
    return actor;
  }

  /** Whether nothing is under way but waiting. */
  get isAtRest(): boolean {
    return this.drains.every((drain) => drain !== null && drain.isAtRest) &&
      this.windows.values().every((window) => window.isAtRest) && this.clock.isAtRest;
  }

  /** Whether all that was appended is read, and all windows have closed. */
  get isAllClosed(): boolean {
    return this.windows.values().every((window) => !window.isRunning) &&
      this.drains.every((drain, p) => {
        const { cursor, mode } = drain?.state.snapshot() ?? { cursor: -1, mode: "joining" };
        return mode === "excluded" ||
          (cursor === this.scenario.partitions[p]?.records.length && mode === "idle");
      });
  }

  /** Every pair that was folded is in exactly one place (I4). */
  #balance(): void {
    let assigned = 0;
    for (const drain of this.drains) {
      if (drain === null) continue;
      const { totals: t } = drain.state.snapshot();
      if (t.read !== t.aggregated + t.late + t.invalid + t.skewed + t.filtered) {
        throw new Violation(`I4: events: ${JSON.stringify(t)}`);
      }
      assigned += t.assigned - t.missed;
    }
    const { taken, onTheWay, undelivered, gone } = this.audit;
    if (assigned !== taken + onTheWay + undelivered + gone) {
      throw new Violation(
        `I4: ${assigned} pairs, but ${taken} + ${onTheWay} + ${undelivered} + ${gone}`,
      );
    }
  }

  #standing(): string {
    const { clock, drains, windows, world } = this;
    const modes = drains.map((drain) => {
      const { mode, cursor, end } = drain?.state.snapshot() ?? { mode: "-", cursor: 0, end: 0 };
      return `${mode} ${cursor}/${end}`;
    });
    const running = [...windows].flatMap(([id, window]) => window.isRunning ? [id] : []);
    return `after ${world.steps} steps, drains ${modes.join(", ")}, windows ${
      running.join(" ")
    }, ` +
      `clock ${JSON.stringify(clock.time.snapshot())} ${JSON.stringify(clock.timers.open)}`;
  }
}
