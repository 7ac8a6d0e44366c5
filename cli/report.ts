/**
 * The account and the state of a pipeline in lines for people.
 *
 * @module
 */

import type { Account } from "../core/flow/account.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import { totalLag } from "../core/scaling/load.ts";
import type { Snapshot } from "./account.ts";

/**
 * The account in lines.
 *
 * @param account The account.
 * @returns The lines.
 */
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

/**
 * One line on how a pipeline stands.
 *
 * @param snapshot A look at it.
 * @returns The line.
 */
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
