/**
 * What a person sees of the supervisor in the Temporal Web UI.
 *
 * @module
 */

import type { FleetState } from "../core/scaling/fleet.ts";
import type { SupervisorState } from "../core/flow/lease.ts";
import type { DecisionInputs } from "../core/scaling/state.ts";
import { instant, table, text } from "./markdown.ts";

/**
 * The fleet in a word, the value of `TidegateFleet`.
 *
 * @param fleet The fleet.
 * @returns Such as `2/4`: two workers wanted, four allowed.
 */
export function fleetWord({ policy, bounds }: FleetState): string {
  return `${policy.desired}/${bounds.max}`;
}

/**
 * The details.
 *
 * @param state The lease and the generation.
 * @param fleet The fleet.
 * @returns Markdown.
 */
export function supervisorDetails(state: SupervisorState, fleet: FleetState): string {
  const { lease, generation } = state;
  const holder = lease === null
    ? "none"
    : `${text(lease.owner.host)}, pid ${lease.owner.pid}, since ${instant(lease.sinceMs)}`;
  const { policy, bounds, override, last, slots, noProgress, decisions } = fleet;
  const set = override === null
    ? `${bounds.min} to ${bounds.max} by load`
    : `${override.workers}, set by ${override.by === "start" ? "`--workers`" : "a person"}`;
  const states = Object.entries(slots?.states ?? {}).filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${text(name)}`);
  return [
    `**Generation ${generation}**; control process: ${holder}`,
    `**Workers: ${policy.desired} wanted** (${set}); ${states.join(", ") || "none up"}`,
    ...(last === null ? [] : [`${instant(last.atMs)}: ${text(last.reason)}`]),
    ...(slots?.problems ?? []).map((problem) => `PROBLEM: ${text(problem)}`),
    ...noProgress.map(({ partition, sinceMs }) =>
      `PROBLEM: partition ${partition} makes no progress since ${instant(sinceMs)}`
    ),
    table(
      ["time", "workers", "why", "arrivals/s (3, 10, 30 s)", "lag", "worker rate", "ready"],
      decisions.toReversed().map(({ atMs, previous, desired, reason, inputs }) => [
        instant(atMs),
        previous === desired ? desired : `${previous} → ${desired}`,
        reason,
        rates(inputs),
        inputs.lag ?? "–",
        figure(inputs.workerRate),
        inputs.ready,
      ]),
    ),
  ].join("\n\n");
}

function rates({ arrival3, arrival10, arrival30 }: DecisionInputs): string {
  return [arrival3, arrival10, arrival30].map(figure).join(", ");
}

function figure(value: number | null): string {
  if (value === null) return "–";
  return value < 100 ? value.toFixed(1) : String(Math.round(value));
}
