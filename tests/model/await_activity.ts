/**
 * `awaitRecords` of the model.
 *
 * @module
 */

import type { AwaitAnswer } from "../../core/flow/slice.ts";
import type { Simulation } from "./simulation.ts";

/** What is waited for. */
export interface LookOrder {
  /** The next offset to fold. */
  readonly cursor: number;
  /** The pace. */
  readonly notBeforeMs: number;
  /** Early moments. */
  readonly earlyAtMs: readonly number[];
  /** How long to look. */
  readonly quietMs: number;
}

/**
 * Looks at the log until there are records, or it was long enough; attempts may fail, and the next
 * one begins its look afresh.
 *
 * @param sim The simulation.
 * @param partition The partition.
 * @param order What is waited for.
 * @param found Takes the answer, once.
 */
export function lookAtLog(
  sim: Simulation,
  partition: number,
  order: LookOrder,
  found: (answer: AwaitAnswer) => void,
): void {
  const { world } = sim;
  const { random, faults } = world;
  const look = (attempt: number) => {
    const startedMs = world.now;
    const moment = Math.min(order.earlyAtMs[0] ?? Infinity, order.notBeforeMs);
    const quietAtMs = Math.max(startedMs + order.quietMs, order.notBeforeMs);
    const recordAtMs = sim.appendedAtMs(partition, order.cursor);
    const readyAtMs = Math.max(moment, recordAtMs, startedMs);
    if (random.chance(faults.failure)) {
      const failsAtMs = Math.min(readyAtMs, quietAtMs, startedMs + random.int(0, 200));
      world.after(failsAtMs - world.now + random.int(1, 100), () => look(attempt + 1));
      return;
    }
    const isQuiet = readyAtMs > quietAtMs;
    world.after((isQuiet ? quietAtMs : readyAtMs) - world.now + world.latency(), () => {
      const lookedMs = world.now - startedMs;
      if (isQuiet) return found({ kind: "quiet", lookedMs, attempt });
      const end = sim.endOf(partition);
      found({ kind: "records", end, lookedMs, early: world.now < order.notBeforeMs, attempt });
    });
  };
  look(1);
}
