/**
 * Looks at the load between two decisions: as long as none changes the number of workers, they are
 * taken in where they are made, and cost the supervisor nothing.
 *
 * @module
 */

import { decide } from "./policy.ts";
import { followProgress, type ProgressState } from "./progress.ts";
import type { FleetDecision, FleetSample, PolicySettings, PolicyState } from "./state.ts";

/** What looks go on from. */
export interface Looks {
  /** The policy's state. */
  readonly policy: PolicyState;
  /** What is known of partitions that wait. */
  readonly progress: ProgressState;
  /** How soon the policy wants the next sample, in ms after the last. */
  readonly everyMs: number;
}

/** What a look comes to. */
export interface LookStep {
  /** What the next one goes on from: the same unless the sample was taken in. */
  readonly looks: Looks;
  /** Whether it changes something that somebody has to do: then the supervisor takes the sample in. */
  readonly matters: boolean;
  /** What was decided where the sample was taken in: to stay as it is. */
  readonly decision: FleetDecision | null;
}

/**
 * Takes a look in: at the pace that the policy wants, and at the first sign of pressure, for which
 * the policy wants a second one.
 */
export function takeLook(looks: Looks, sample: FleetSample, settings: PolicySettings): LookStep {
  const { policy, everyMs } = looks;
  const { state, decision } = decide(policy, sample, settings);
  const progress = followProgress(looks.progress, sample);
  if (decision.desired !== policy.desired || progress.replace.length > 0) {
    return { looks, matters: true, decision: null };
  }
  const isDue = policy.atMs === null || sample.atMs >= policy.atMs + everyMs;
  const isSign = state.pressureSinceMs !== null && policy.pressureSinceMs === null;
  if (!isDue && !isSign) return { looks, matters: false, decision: null };
  const next = { policy: state, progress: progress.state, everyMs: decision.sampleWithinMs };
  return { looks: next, matters: false, decision };
}
