/**
 * Broker addresses as text.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";

/**
 * Splits `host:port`, IPv6 hosts in brackets included.
 *
 * @param address `host:port`.
 * @returns Its parts.
 * @throws {TidegateError} `TG_CONFIG` if it is something else.
 */
export function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(address.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new TidegateError(
      "TG_CONFIG",
      `Cannot read KAFKA_BROKERS: a broker must be host:port, got "${address}"`,
      { next: "Name the brokers as host:port, separated by commas." },
    );
  }
  return { host, port };
}

/**
 * Joins host and port, IPv6 hosts in brackets.
 *
 * @param host Name or address.
 * @param port Port.
 * @returns `host:port`, as {@linkcode parseAddress} reads it.
 */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
