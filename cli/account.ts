/**
 * Gathers the account of a generation from its workflows.
 *
 * @module
 */

import { setTimeout } from "node:timers/promises";
import type { PipelineClient } from "../adapters/temporal/pipeline_client.ts";
import { type Account, accountOf } from "../core/flow/account.ts";
import type { ClockView, DrainView, WindowView } from "../workflows/messages.ts";

/** How often a moving pipeline is looked at before its account counts as broken. */
const TRIES = 12;
const PAUSE_MS = 300;

/** A look at a whole generation. */
export interface Snapshot {
  /** All drains. */
  readonly drains: readonly DrainView[];
  /** The clock. */
  readonly clock: ClockView;
}

/**
 * Looks at a generation: first at the drains, then at the clock. In a moving pipeline the parts may
 * be of different moments.
 */
export async function lookAt(workflows: PipelineClient, generation: number): Promise<Snapshot> {
  const { partitions } = await workflows.clock(generation);
  const drains = await Promise.all(
    partitions.map(([partition]) => workflows.drain(generation, partition)),
  );
  return { drains, clock: await workflows.clock(generation) };
}

/**
 * Looks at the open windows, one query each: those that the clock knows, and those that a drain has
 * delivered to but not told of yet. Those that have completed meanwhile are left out.
 */
export async function lookAtWindows(
  workflows: PipelineClient,
  generation: number,
  { drains, clock }: Snapshot,
): Promise<WindowView[]> {
  const untold = drains.flatMap((drain) => drain.untold)
    .map((window) => workflows.windowId(generation, window));
  const ids = new Set([...clock.open.map(({ id }) => id), ...untold]);
  const windows = await Promise.all([...ids].map((id) => workflows.window(id)));
  return windows.filter((window) => window !== null);
}

/**
 * Adds the account up. In a moving pipeline a look may catch a partial between drain and window, so
 * an account that does not hold is taken again; one that is broken stays broken.
 */
export async function gatherAccount(
  workflows: PipelineClient,
  generation: number,
): Promise<Account> {
  for (let tries = 1;; tries++) {
    const snapshot = await lookAt(workflows, generation);
    const open = await lookAtWindows(workflows, generation, snapshot);
    const { drains, clock } = snapshot;
    const account = accountOf(drains, clock.totals, clock.lost, open);
    if (account.ok || tries === TRIES) return account;
    await setTimeout(PAUSE_MS);
  }
}
