/**
 * Asking a broker whether it is ready, by talking to it.
 *
 * @module
 */
import type { ClusterView } from "../adapters/kafka/topic_wire.ts";
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
 * @param list `KAFKA_BROKERS`.
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
