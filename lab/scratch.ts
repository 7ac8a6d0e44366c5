/**
 * A pipeline of a command's own, such as the demo's: waited for, and removed without a trace.
 *
 * @module
 */

import { setTimeout } from "node:timers/promises";
import { createKafkaAdmin } from "../adapters/kafka/admin.ts";
import { connectTemporal } from "../adapters/temporal/client.ts";
import { createPipelineClient } from "../adapters/temporal/pipeline_client.ts";
import type { Control } from "../processes/control/start.ts";
import { groupId } from "../core/ids.ts";
import { topicsOf } from "../definition/define.ts";
import type { Session } from "../cli/session.ts";

/** How often it looks whether all windows have closed, in ms. */
const LOOK_MS = 250;

/** Ends a pipeline's workflows and removes its topics and its group. */
export async function removePipeline(
  { pipeline: { plan }, kafka, temporal }: Pick<Session, "pipeline" | "kafka" | "temporal">,
  why: string,
): Promise<void> {
  const client = await connectTemporal(temporal);
  const admin = createKafkaAdmin(kafka);
  try {
    await createPipelineClient(client, plan).terminateAll(why);
    await admin.deleteTopics(topicsOf(plan));
    await admin.deleteGroup(groupId(plan.pipeline));
  } finally {
    await Promise.all([client.connection.close(), admin.close()]);
  }
}

/** Waits until the partitions are idle and all windows have closed. */
export async function allClosed(
  { load }: Pick<Control, "load">,
  withinMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!signal.aborted && performance.now() < deadline) {
    const { view } = load;
    if (view?.openWindows === 0 && view.partitions.every(({ mode }) => mode === "idle")) {
      return true;
    }
    await setTimeout(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
  return false;
}
