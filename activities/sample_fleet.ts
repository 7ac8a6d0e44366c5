/**
 * Looks at the load and the fleet for the supervisor, in the control process.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { Context, heartbeat } from "@temporalio/activity";
import type { Fleet } from "../adapters/launchers/launcher.ts";
import { type FleetSlots, fleetSlotsOf } from "../core/scaling/fleet.ts";
import { takeLook } from "../core/scaling/looks.ts";
import type { FleetDecision, FleetSample, PartitionSample } from "../core/scaling/state.ts";
import type { FleetActivities, SampleAnswer, SampleRequest } from "../workflows/activities.ts";
import { OneAtATime } from "./activity.ts";
import type { PipelineObserver } from "./observer.ts";

/** How often it says that it is alive, in ms; each word is a call of Temporal. */
const BEAT_MS = 60_000;
/** How often it looks while something goes on, in ms. */
const LOOK_MS = 250;

/** What is known of the load. */
export interface Load {
  /** The partitions that workers can get on with; null is what is not known. */
  look(): Promise<PartitionSample[]>;
  /** Records folded per busy second and worker in the last seconds. */
  readonly workerRate: number | null;
  /** How many sweeps have records at hand. */
  readonly inFlight: number;
  /** Whether nothing is at hand: then the first record is told of. */
  readonly quiet: boolean;
  /** Resolves with the next thing that happens. */
  changed(): Promise<void>;
}

/** What sampling needs. */
export interface SampleDeps {
  /** What is known of the load. */
  readonly load: Load;
  /** The workers. */
  readonly fleet: Fleet;
  /** The wall clock, epoch ms. */
  readonly now: () => number;
  /** Resolves after some ms, or rejects when the signal is aborted. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Says that it goes on. */
  readonly heartbeat: () => void;
  /** Is told of each decision to stay as it is. */
  readonly decided: (decision: FleetDecision) => void;
  /** Ends the look. */
  readonly signal: AbortSignal;
}

/**
 * Looks until what it sees would change the number of workers, or the time is over; at once if the
 * launcher was not told yet what was decided. What it sees on the way is taken in as it comes.
 *
 * @param deps What it needs.
 * @param request What is known so far, and how long to look.
 * @returns What it saw last, and what all before has come to.
 */
export async function sampleFleet(
  deps: SampleDeps,
  request: SampleRequest,
): Promise<SampleAnswer> {
  const untilMs = deps.now() + request.withinMs;
  let { looks } = request;
  for (;;) {
    deps.signal.throwIfAborted();
    deps.heartbeat();
    const partitions = await deps.load.look();
    const slots = fleetSlotsOf(deps.fleet);
    const sample = sampleOf(deps, { partitions, slots, afterMs: looks.policy.atMs });
    const untold = slots.desired !== looks.policy.desired;
    if (untold || deps.now() >= untilMs) return { looks, sample, slots };
    const step = takeLook(looks, sample, request.settings);
    if (step.matters) return { looks, sample, slots };
    looks = step.looks;
    if (step.decision !== null) deps.decided(step.decision);
    await pause(deps, Math.min(untilMs, (looks.policy.atMs ?? 0) + looks.everyMs));
  }
}

function sampleOf(
  { load, fleet, now }: SampleDeps,
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
    inFlight: load.inFlight,
    workerRate: load.workerRate,
    ready: states.ready,
    starting: states.starting,
    draining: states.draining,
    startupMs: fleet.times.startupMs,
  };
}

/** While nothing goes on, the first record ends the pause; else it is short. */
async function pause({ load, delay, now, signal }: SampleDeps, untilMs: number): Promise<void> {
  const leftMs = Math.max(1, untilMs - now());
  if (!load.quiet) return await delay(Math.min(LOOK_MS, leftMs), signal);
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  try {
    await Promise.race([load.changed(), delay(leftMs, both)]);
  } finally {
    over.abort();
  }
}

/** Tells a decision once: the supervisor hands the last one to every look until there is another. */
export function tellOnce<Decision extends { readonly atMs: number }>(
  tell: (decision: Decision) => void,
): (last: Decision | null) => void {
  let toldAtMs = 0;
  return (last) => {
    if (last === null || last.atMs <= toldAtMs) return;
    toldAtMs = last.atMs;
    tell(last);
  };
}

/** The activity; observers are told of each decision, and of what was seen. */
export function createSampleFleet(
  { load, fleet, observer }: Pick<SampleDeps, "load" | "fleet"> & {
    readonly observer: Required<PipelineObserver>;
  },
): FleetActivities["sampleFleet"] {
  const decided = tellOnce(observer.decided);
  const looking = new OneAtATime();
  return async (request) => {
    decided(request.last);
    const signal = AbortSignal.any([Context.current().cancellationSignal, looking.begin()]);
    let beatAtMs = Date.now();
    const beat = () => {
      if (Date.now() < beatAtMs + BEAT_MS) return;
      beatAtMs = Date.now();
      heartbeat();
    };
    const delay = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal });
    const deps = {
      ...{ load, fleet, now: Date.now, delay, heartbeat: beat, signal },
      decided: observer.decided,
    };
    const answer = await sampleFleet(deps, request);
    observer.sampled(answer);
    return answer;
  };
}
