/**
 * Asking a broker or a Temporal server whether it is ready, by talking to it.
 *
 * @module
 */
import { deadline } from "../adapters/deadline.ts";
import type { ClusterView } from "../adapters/kafka/topic_wire.ts";
import type { connectNative } from "../adapters/temporal/client.ts";
import { type Address, formatAddress, parseAddress } from "../core/address.ts";

/**
 * Asks one broker about its cluster, in plain text.
 *
 * @param timeoutMs Time limit of everything together.
 * @returns The cluster as it sees it, or null if nothing ready answers there (TLS and SASL
 * listeners don't answer this either).
 */
export async function probeBroker(
  address: Address,
  timeoutMs = 2_000,
): Promise<ClusterView | null> {
  // Loaded when it is needed: commands that start nothing need no client.
  const { Cluster } = await import("../adapters/kafka/cluster.ts");
  const cluster = new Cluster({ brokers: [formatAddress(address)] }, timeoutMs);
  const { connections } = cluster;
  const limit = setTimeout(() => void connections.close(), timeoutMs);
  try {
    const view = await cluster.view("none", "ask the broker");
    return view.brokers > 0 ? view : null;
  } catch (error) {
    // Refused, reset, timed out, a name that does not resolve: all mean that nothing is there yet.
    for (let it = error; it instanceof Error; it = it.cause) {
      if (it instanceof Deno.errors.NotCapable) throw it;
    }
    return null;
  } finally {
    clearTimeout(limit);
    await connections.close();
  }
}

/**
 * Asks the first brokers of a comma-separated list.
 *
 * @returns The answer of the first one that is ready, or null.
 */
export async function probeBrokers(list: string): Promise<ClusterView | null> {
  for (const entry of list.split(",")) {
    const address = parseAddress(entry);
    const view = address === null ? null : await probeBroker(address);
    if (view !== null) return view;
  }
  return null;
}

/** What of Temporal's API is asked. */
type Service = Awaited<ReturnType<typeof connectNative>>["workflowService"];

/**
 * Asks a Temporal server something, in plain text (a TLS listener does not answer this).
 *
 * @returns What was answered, or null if there is no answer in time.
 */
async function askTemporal<T>(
  address: string,
  timeoutMs: number,
  ask: (service: Service) => Promise<T>,
): Promise<T | null> {
  // Loaded when it is needed, and outside of what may fail: a missing permission must be seen.
  const { connectNative } = await import("../adapters/temporal/client.ts");
  const asked = async () => {
    const connection = await connectNative({ address, namespace: NAMESPACE });
    try {
      return await ask(connection.workflowService);
    } finally {
      await connection.close();
    }
  };
  try {
    return await deadline(asked(), timeoutMs) ?? null;
  } catch {
    // Refused, of another protocol, not ready: all mean that nothing is there yet.
    return null;
  }
}

/** The namespace that must be served. */
const NAMESPACE = "default";

/** A Temporal server's answer. */
export interface TemporalView {
  /** The server's version, or `unknown`. */
  readonly version: string;
}

/** Asks a Temporal server for its version; null if none answers. */
export async function probeTemporal(
  address: string,
  timeoutMs = 2_000,
): Promise<TemporalView | null> {
  return await askTemporal(address, timeoutMs, async (service) => {
    const { serverVersion } = await service.getSystemInfo({});
    return { version: serverVersion || "unknown" };
  });
}

/**
 * Asks whether the server can serve workflows of the namespace `default`. Its frontend answers
 * before its history service has taken the shards; looking for a workflow that does not exist goes
 * through both and changes nothing.
 *
 * @returns Whether the search came back with "not found".
 */
export async function temporalServes(address: string, timeoutMs = 2_000): Promise<boolean> {
  const { statusOf } = await import("../adapters/temporal/errors.ts");
  const execution = { workflowId: "tidegate-readiness" };
  const served = await askTemporal(address, timeoutMs, async (service) => {
    try {
      await service.describeWorkflowExecution({ namespace: NAMESPACE, execution });
      return false;
    } catch (error) {
      return statusOf(error) === "NOT_FOUND";
    }
  });
  return served === true;
}
