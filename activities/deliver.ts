/**
 * Hands windows their partials.
 *
 * @module
 */

import type { WindowClient } from "../adapters/temporal/window_client.ts";
import type { DeliveryOutcome, WindowPartial } from "../core/flow/slice.ts";
import type { DeliverRequest, LocalActivities } from "../workflows/activities.ts";
import { type ControlTools, named } from "./activity.ts";

/**
 * Delivers one slice's partials to some windows, in parallel. A window that has completed is asked
 * how far it took the partition: that may cover the partial, which had been delivered then.
 *
 * @param port Calls of the Temporal server.
 * @param request The slice and its partials.
 * @returns How each delivery ended, in the order of the partials.
 */
export function deliver(port: WindowClient, request: DeliverRequest): Promise<DeliveryOutcome[]> {
  return Promise.all(request.windows.map((window) => deliverOne(port, request, window)));
}

async function deliverOne(
  port: WindowClient,
  request: DeliverRequest,
  window: WindowPartial,
): Promise<DeliveryOutcome> {
  const { plan, generation, searchAttributes, partition, from, to, heard } = request;
  const { start, shard, cells } = window;
  const target = { plan, generation, start, shard, searchAttributes };
  const partial = { partition, from, to, cells, ...(heard === undefined ? {} : { heard }) };
  if (await port.foldIntoWindow(target, partial)) return "delivered";
  const end = await port.windowEnd(target);
  if (end.kind === "running") return deliverOne(port, request, window);
  if (end.kind === "lost") return "lost";
  const taken = end.lastTo.find(([p]) => p === partition)?.[1] ?? -1;
  return taken >= to ? "delivered" : "refused";
}

/** The activity, with its span. */
export function createDeliver(
  { windows, observer, trace }: Pick<ControlTools, "windows" | "observer" | "trace">,
): LocalActivities["deliver"] {
  return async (request) => {
    const attributes = {
      "tidegate.partition": request.partition,
      "tidegate.from": request.from,
      "tidegate.to": request.to,
      "tidegate.windows": request.windows.length,
    };
    const outcomes = await named(() =>
      trace("deliver", attributes, () => deliver(windows, request))
    );
    observer.delivered(request, outcomes);
    return outcomes;
  };
}
