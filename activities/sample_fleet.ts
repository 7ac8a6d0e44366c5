/**
 * Looks at the load and the fleet for the supervisor, in the control process.
 *
 * @module
 */

import type { Fleet } from "../adapters/launchers/launcher.ts";
import { type FleetSlots, fleetSlotsOf } from "../core/scaling/fleet.ts";
import { isMaterial } from "../core/scaling/policy.ts";
import type { FleetSample } from "../core/scaling/state.ts";
import type { SampleAnswer, SampleRequest } from "../workflows/activities.ts";
import type { FleetBook } from "./fleet_book.ts";

/** How often it looks while something goes on, in ms. */
const LOOK_MS = 250;

/** What sampling needs. */
export interface SampleDeps {
  /** What is known of the load. */
  readonly book: Pick<FleetBook, "look" | "workerRate" | "inFlight" | "quiet" | "changed">;
  /** The workers. */
  readonly fleet: Fleet;
  /** The wall clock, epoch ms. */
  readonly now: () => number;
  /** Resolves after some ms, or rejects when the signal is aborted. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Says that it goes on. */
  readonly heartbeat: () => void;
  /** Ends the look. */
  readonly signal: AbortSignal;
}

/**
 * Looks until what it sees would change the number of workers, or the time is over; at once if the
 * launcher was not told yet what was decided.
 *
 * @param deps What it needs.
 * @param request The policy's state, and how long to look.
 * @returns What it saw last.
 */
export async function sampleFleet(
  deps: SampleDeps,
  { state, settings, withinMs }: SampleRequest,
): Promise<SampleAnswer> {
  const untilMs = deps.now() + withinMs;
  for (;;) {
    deps.signal.throwIfAborted();
    deps.heartbeat();
    const partitions = await deps.book.look();
    const slots = fleetSlotsOf(deps.fleet);
    const sample = sampleOf(deps, { partitions, slots, afterMs: state.atMs });
    const untold = slots.desired !== state.desired;
    if (untold || deps.now() >= untilMs || isMaterial(state, sample, settings)) {
      return { sample, slots };
    }
    await pause(deps, untilMs);
  }
}

function sampleOf(
  { book, fleet, now }: SampleDeps,
  { partitions, slots: { states }, afterMs }: {
    readonly partitions: FleetSample["partitions"];
    readonly slots: FleetSlots;
    readonly afterMs: number | null;
  },
): FleetSample {
  return {
    // A clock that was set back must not make all samples stale.
    atMs: Math.max(now(), (afterMs ?? -1) + 1),
    partitions,
    inFlight: book.inFlight,
    workerRate: book.workerRate,
    ready: states.ready,
    starting: states.starting,
    draining: states.draining,
    startupMs: fleet.times.startupMs,
  };
}

/** While nothing goes on, the first record ends the pause; else it is short. */
async function pause({ book, delay, now, signal }: SampleDeps, untilMs: number): Promise<void> {
  const leftMs = Math.max(1, untilMs - now());
  if (!book.quiet) return await delay(Math.min(LOOK_MS, leftMs), signal);
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  try {
    await Promise.race([book.changed(), delay(leftMs, both)]);
  } finally {
    over.abort();
  }
}
