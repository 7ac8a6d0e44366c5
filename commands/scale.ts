/**
 * `deno task scale`: sets the number of workers, or its bounds, by hand.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import type { FleetState } from "../core/scaling/fleet.ts";
import { fleetLines } from "../cli/report.ts";
import { openSession } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";
import { print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** What the command does. */
export async function action({ flags, settings }: Args<"scale">): Promise<number> {
  const { to, auto, min, max } = flags;
  if (to === undefined && !auto && min === undefined && max === undefined) {
    throw new TidegateError("TG_USAGE", "Cannot scale: nothing to set was given", {
      next: "Give --to N, --auto, --min N or --max N; deno task status shows the fleet.",
    });
  }
  if (to !== undefined && auto) {
    throw new TidegateError("TG_USAGE", "Cannot scale: --to and --auto exclude each other");
  }
  const session = await openSession(settings, "ask");
  const fleet = await withWorkflows(session, async ({ workflows, supervisor }) => {
    let fleet: FleetState = supervisor.fleet;
    if (min !== undefined || max !== undefined) {
      const bounds = { min: min ?? fleet.bounds.min, max: max ?? fleet.bounds.max };
      fleet = await workflows.setBounds(bounds);
    }
    return to === undefined && !auto ? fleet : await workflows.override(to ?? null);
  });
  if (flags.json) {
    const { bounds, override, policy } = fleet;
    print(JSON.stringify({ ...bounds, override, desired: policy.desired }));
    return 0;
  }
  const { bounds, override } = fleet;
  print(
    override === null
      ? `the load decides: ${bounds.min} to ${bounds.max} workers`
      : `${override.workers} workers, whatever the load`,
  );
  if (fleet.config === null || fleet.config.ownerId === null) {
    print("no control process runs; it holds as soon as one starts");
  } else fleetLines(fleet).slice(1).forEach(print);
  return 0;
}
