/**
 * The state of a pipeline in lines for people: its account, its progress, its fleet.
 *
 * @module
 */

import type { PipelineObserver } from "../activities/observer.ts";
import type { Fleet } from "../adapters/launchers/launcher.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import type { Account } from "../core/flow/account.ts";
import { type FleetSlots, fleetSlotsOf, type FleetState } from "../core/scaling/fleet.ts";
import { totalLag } from "../core/scaling/load.ts";
import type { FleetDecision } from "../core/scaling/state.ts";
import type { Snapshot } from "./account.ts";

/** The account in lines. */
export function accountLines(account: Account): string[] {
  const { events, pairs, windows } = account;
  return [
    `events: read ${events.read} = aggregated ${events.aggregated} + late ${events.late} + ` +
    `invalid ${events.invalid} + skewed ${events.skewed} + filtered ${events.filtered}`,
    `pairs:  assigned ${pairs.assigned} = closed ${pairs.closed} + open ${pairs.open} + ` +
    `in delivery ${pairs.inDelivery} + missed ${pairs.missed}`,
    `windows: ${windows.closed} closed, ${windows.open} open; refused ${account.refused}; ` +
    `late by the floor alone ${events.lateByFloor}`,
    ...account.notes.map((note) => `NOTE ${note}`),
    ...account.problems.map((problem) => `PROBLEM ${problem}`),
    account.ok ? "the account holds" : "THE ACCOUNT DOES NOT HOLD",
  ];
}

/** The state of a pipeline in a line. */
export function statusLine({ drains, clock }: Snapshot): string {
  const lag = totalLag(drains.map(({ until, end, cursor }) => ({ end: until ?? end, cursor })));
  const read = drains.reduce((sum, d) => sum + d.totals.read, 0);
  const watermark = clock.watermark === null ? "none" : formatInstant(clock.watermark);
  const stopped = drains.filter((d) => d.mode === "stopped");
  return [
    `watermark ${watermark}`,
    `read ${read}`,
    `lag ${lag}`,
    `windows ${clock.open.length} open, ${clock.totals.windows} closed`,
    ...stopped.map((d) => `PARTITION ${d.partition} STOPPED: ${d.stop?.code}`),
  ].join("  ");
}

/** The state of this process's fleet, such as `workers 2 wanted: 1 ready, 1 starting`. */
export function fleetLine(fleet: Fleet): string {
  return wantedLine(fleet.desired, fleetSlotsOf(fleet));
}

/** The state of a fleet by its supervisor, with what it was set to. */
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

/** A decision, such as `1 → 4 workers: …`. */
export function decisionLine({ previous, desired, reason }: FleetDecision): string {
  const from = previous === desired ? "" : `${previous} → `;
  return `${from}${desired} ${desired === 1 ? "worker" : "workers"}: ${reason}`;
}

/** An observer that tells every change of the number of workers, with its reason. */
export function decisionsTo(tell: (line: string) => void): PipelineObserver {
  return {
    decided(decision) {
      if (decision.desired !== decision.previous) tell(decisionLine(decision));
    },
  };
}

function wantedLine(desired: number, slots: FleetSlots | null): string {
  const states = Object.entries(slots?.states ?? {})
    .filter(([state, count]) => count > 0 && state !== "absent")
    .map(([state, count]) => `${count} ${state}`);
  return `workers ${desired} wanted: ${states.join(", ") || "none up"}`;
}
