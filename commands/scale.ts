/**
 * `deno task scale`: sets the number of workers, or its bounds, by hand.
 *
 * @module
 */

import { setTimeout } from "node:timers/promises";
import type { PipelineClient } from "../adapters/temporal/pipeline_client.ts";
import { TidegateError } from "../core/errors.ts";
import type { FleetState } from "../core/scaling/fleet.ts";
import { fleetLines } from "../cli/report.ts";
import { openSession } from "../cli/session.ts";
import { withWorkflows } from "../cli/workflows.ts";
import { print } from "../cli/output.ts";
import type { Args } from "./specs.ts";

/** How long the answer waits for the decision that follows, and how often it looks, in ms. */
const DECISION_MS = 5_000;
const LOOK_MS = 100;

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
    if (to !== undefined || auto) fleet = await workflows.override(to ?? null);
    return isScaling(fleet) ? await decided(workflows, fleet) : fleet;
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
  if (isScaling(fleet)) fleetLines(fleet).slice(1).forEach(print);
  else print("no control process runs; it holds as soon as one starts");
  return 0;
}

function isScaling({ config }: FleetState): boolean {
  return config !== null && config.ownerId !== null;
}

/** Waits for the decision that the change leads to: the last one was made before it. */
async function decided(workflows: PipelineClient, changed: FleetState): Promise<FleetState> {
  const before = changed.last?.atMs ?? -Infinity;
  const deadline = performance.now() + DECISION_MS;
  for (;;) {
    const { fleet } = await workflows.supervisor();
    const { last, override } = fleet;
    const isNew = last !== null && last.atMs > before &&
      (last.code === "fixed") === (override !== null);
    if (isNew) return fleet;
    // Its reason is of before the change, so it is none.
    if (performance.now() > deadline) return { ...fleet, last: null };
    await setTimeout(LOOK_MS);
  }
}
