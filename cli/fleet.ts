/**
 * The fleet in lines for people.
 *
 * @module
 */

import type { Fleet } from "../adapters/launchers/launcher.ts";
import type { PipelineWatch } from "../activities/observer.ts";
import { type FleetSlots, fleetSlotsOf, type FleetState } from "../core/scaling/fleet.ts";
import type { FleetDecision } from "../core/scaling/state.ts";

/**
 * How a fleet of this process stands.
 *
 * @param fleet The fleet.
 * @returns Such as `workers 2 wanted: 1 ready, 1 starting`.
 */
export function fleetLine(fleet: Fleet): string {
  return wantedLine(fleet.desired, fleetSlotsOf(fleet));
}

/**
 * How a fleet stands by its supervisor, with what it was set to.
 *
 * @param fleet The supervisor's fleet.
 * @returns Lines.
 */
export function fleetLines(
  { policy, bounds, override, slots, last, noProgress }: FleetState,
): string[] {
  const set = override === null
    ? `${bounds.min} to ${bounds.max} by load`
    : override.by === "start"
    ? "fixed by --workers"
    : "set by a person: deno task scale --auto lets the load decide";
  return [
    `${wantedLine(policy.desired, slots)} (${set})`,
    ...(last === null ? [] : [`  ${decisionLine(last)}`]),
    ...(slots?.problems ?? []).map((problem) => `  PROBLEM ${problem}`),
    ...noProgress.map(({ partition, sinceMs }) =>
      `  PROBLEM partition ${partition} makes no progress since ${new Date(sinceMs).toISOString()}`
    ),
  ];
}

/**
 * A decision in a line.
 *
 * @param decision The decision.
 * @returns Such as `1 → 4 workers: …`.
 */
export function decisionLine({ previous, desired, reason }: FleetDecision): string {
  const from = previous === desired ? "" : `${previous} → `;
  return `${from}${desired} ${desired === 1 ? "worker" : "workers"}: ${reason}`;
}

/**
 * Tells every change of the number of workers, with its reason.
 *
 * @param tell Told a line each.
 * @returns Somebody who watches.
 */
export function decisionsTo(tell: (line: string) => void): PipelineWatch {
  let toldAtMs = 0;
  return {
    sampling({ last }) {
      if (last === null || last.atMs <= toldAtMs || last.desired === last.previous) return;
      toldAtMs = last.atMs;
      tell(decisionLine(last));
    },
  };
}

function wantedLine(desired: number, slots: FleetSlots | null): string {
  const states = Object.entries(slots?.states ?? {})
    .filter(([state, count]) => count > 0 && state !== "absent")
    .map(([state, count]) => `${count} ${state}`);
  return `workers ${desired} wanted: ${states.join(", ") || "none up"}`;
}
