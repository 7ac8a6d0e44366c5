/**
 * Plays schedules: each is a function of a seed and a number.
 *
 * @module
 */

import { Violation } from "./audit.ts";
import { checkEnd } from "./end_checks.ts";
import type { Mutation } from "./mutations.ts";
import { Random } from "./random.ts";
import { randomScenario } from "./scenario.ts";
import { Simulation } from "./simulation.ts";

/** How a schedule came out. */
export interface ScheduleResult {
  /** The promise that was broken; null if none was. */
  readonly violation: string | null;
  /** How many records the topic had. */
  readonly records: number;
  /** Whether no event missed a window by the floor alone. */
  readonly reproducible: boolean;
  /** What happened how often. */
  readonly tally: ReadonlyMap<string, number>;
}

/**
 * Plays one schedule.
 *
 * @param seed The seed of the run.
 * @param index Which schedule of it.
 * @param mutation A rule to be taken out; null for none.
 * @returns How it came out.
 */
export function playSchedule(
  seed: number,
  index: number,
  mutation: Mutation | null = null,
): ScheduleResult {
  const random = new Random(seed, index);
  const simulation = new Simulation(randomScenario(random), random, mutation);
  const { scenario, drains, world } = simulation;
  const violation = violationOf(() => {
    simulation.run();
    checkEnd(simulation);
  });
  return {
    violation,
    records: scenario.partitions.reduce((sum, { records }) => sum + records.length, 0),
    reproducible: drains.every((drain) => drain?.state.snapshot().totals.lateByFloor === 0),
    tally: world.tally,
  };
}

/**
 * Plays schedules until one breaks a promise.
 *
 * @param seed The seed of the run.
 * @param most How many at most.
 * @param mutation A rule to be taken out; null for none.
 * @returns How many it took, and what was broken; undefined if nothing was.
 */
export function firstViolation(
  seed: number,
  most: number,
  mutation: Mutation | null = null,
): { readonly schedules: number; readonly violation: string } | undefined {
  for (let index = 0; index < most; index++) {
    const { violation } = playSchedule(seed, index, mutation);
    if (violation !== null) return { schedules: index + 1, violation };
  }
  return undefined;
}

function violationOf(run: () => void): string | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof Violation) return error.message;
    throw error;
  }
}
