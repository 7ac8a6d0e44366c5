/**
 * The state of a pipeline in lines for people: its account, its progress, its fleet.
 *
 * @module
 */

import type { PipelineObserver } from "../activities/observer.ts";
import type { Fleet } from "../adapters/launchers/launcher.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import type { Audit } from "../core/flow/audit.ts";
import { type FleetSlots, fleetSlotsOf, type FleetState } from "../core/scaling/fleet.ts";
import { totalLag } from "../core/scaling/load.ts";
import type { FleetDecision } from "../core/scaling/state.ts";
import type { LoadModel } from "../processes/control/load.ts";
import type { GenerationView } from "../workflows/messages.ts";

/** An audit in lines. */
export function auditLines(audit: Audit): string[] {
  const { events, pairs, windows, notes, unknown, problems } = audit;
  return [
    `events: read ${events.read} = aggregated ${events.aggregated} + late ${events.late} + ` +
    `invalid ${events.invalid} + skewed ${events.skewed} + filtered ${events.filtered} + ` +
    `failed ${events.failed}`,
    `pairs:  assigned ${pairs.assigned} = closed ${pairs.closed} + open ${pairs.open} + ` +
    `waiting ${pairs.waiting} + missed ${pairs.missed} + lost ${pairs.lost}`,
    `windows: ${windows.closed} closed, ${windows.open} open, ${windows.lost} lost; ` +
    `late by the floor alone ${events.lateByFloor}`,
    ...notes.map((note) => `NOTE ${note}`),
    ...unknown.map((what) => `UNKNOWN ${what}`),
    ...problems.map((problem) => `PROBLEM ${problem}`),
    audit.ok ? "the account holds" : "THE ACCOUNT DOES NOT HOLD",
  ];
}

/** What the control process knows of the load, in a line; null before it knows. */
export function loadLine({ view, pages }: Pick<LoadModel, "view" | "pages">): string | null {
  if (view === null) return null;
  const known = new Map(view.partitions.map((p) => [p.partition, p]));
  const offsets = pages.map(({ partition, cursor, end }) => ({
    cursor,
    end: end === null ? null : Math.min(end, known.get(partition)?.until ?? Infinity),
  }));
  const ahead = pages.reduce((sum, { partition, cursor }) => {
    const committed = known.get(partition)?.cursor ?? 0;
    return sum + Math.max(0, (cursor ?? 0) - committed);
  }, 0);
  return statusLine(view, { lag: totalLag(offsets), ahead });
}

/** How far a generation is beside what its drain knows. */
export interface Standing {
  /** Offsets that wait to be folded; null if that isn't known. */
  readonly lag: number | null;
  /**
   * Offsets that sweeps have folded which have not answered yet.
   * @default {0}
   */
  readonly ahead?: number;
}

/** The state of a generation in a line. */
export function statusLine(view: GenerationView, { lag, ahead = 0 }: Standing): string {
  const { watermark, partitions, openWindows, closed, lost } = view;
  const read = partitions.reduce((sum, p) => sum + p.totals.read, ahead);
  const unwritten = view.open.filter(({ unwrittenSinceMs }) => unwrittenSinceMs !== null).length;
  return [
    `watermark ${watermark === null ? "none" : formatInstant(watermark)}`,
    `read ${read}`,
    `lag ${lag ?? "unknown"}`,
    `windows ${openWindows} open, ${closed.windows} closed`,
    ...(unwritten > 0 ? [`ROWS OF ${unwritten} NOT WRITTEN YET`] : []),
    ...(lost.windows > 0 ? [`${lost.windows} WINDOWS LOST`] : []),
    ...stopLines(view),
  ].join("  ");
}

/** The partitions that have stopped, such as `PARTITION 3 STOPPED: TG_OFFSET_GONE`. */
export function stopLines({ partitions }: Pick<GenerationView, "partitions">): string[] {
  return partitions.filter((p) => p.stop !== null)
    .map((p) => `PARTITION ${p.partition} STOPPED: ${p.stop?.code}`);
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
