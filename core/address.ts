/**
 * `host:port`, as settings and servers write it.
 *
 * @module
 */

/** A host and a port. */
export interface Address {
  /** Host name or IP address, an IPv6 one without its brackets. */
  readonly host: string;
  /** Port. */
  readonly port: number;
}

/**
 * Reads `host:port` or `[ipv6]:port`.
 *
 * @param text The text.
 * @returns The address, or null if it is none.
 */
export function parseAddress(text: string): Address | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port > 0 && port < 65_536 ? { host, port } : null;
}

/** Writes `host:port`, with brackets around an IPv6 address. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
