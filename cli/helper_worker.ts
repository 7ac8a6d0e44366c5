/**
 * Runs a pipeline's workflow tasks where no control process does, for as long as a command asks. It
 * takes no activity: nothing is folded, settled or scaled by it. Loaded when it is needed.
 *
 * @module
 */

import { workflowBundle } from "../adapters/temporal/bundle.ts";
import {
  type ControlWorkerOptions,
  startControlWorker,
  startSupervisorWorker,
} from "../adapters/temporal/workers.ts";
import { say } from "./output.ts";
import type { Session } from "./session.ts";

/** Nobody is told of anything. */
const DEAF = {
  drain: { state: { fn: () => undefined }, swept: { fn: () => undefined } },
  supervisor: { state: { fn: () => undefined } },
} satisfies ControlWorkerOptions["sinks"];

/** Starts the workers; gives what stops them. */
export async function startHelperWorker(
  { pipeline: { plan: { pipeline } }, temporal, config }: Session,
): Promise<() => Promise<void>> {
  await using closing = new AsyncDisposableStack();
  const worker = {
    temporal,
    pipeline,
    bundlePath: await workflowBundle(config.dataDir, say),
    identity: `${pipeline}-reader-${Deno.pid}`,
    sinks: DEAF,
  };
  const supervising = await startSupervisorWorker(worker);
  closing.defer(() => supervising.stop());
  const working = await startControlWorker({ ...worker, activities: {}, remoteActivities: false });
  closing.defer(() => working.stop());
  const open = closing.move();
  return () => open.disposeAsync();
}
