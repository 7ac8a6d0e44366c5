/**
 * Connects to a Temporal server.
 *
 * @module
 */

import { Client, Connection, type ConnectionOptions } from "@temporalio/client";
import { TidegateError } from "../../core/errors.ts";

export type { Client };

/** How to reach the Temporal server. */
export interface TemporalSettings {
  /** `host:port` of its frontend. */
  readonly address: string;
  /** The namespace. */
  readonly namespace: string;
  /** TLS material as PEM text; plain text connections if left out. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** API key. */
  readonly apiKey?: string;
}

/** What connecting needs, for clients and workers alike. */
export interface CommonConnectionOptions {
  /** `host:port`. */
  readonly address: string;
  /** TLS material; plain text if left out. */
  readonly tls?: {
    /** The authority's certificate. */
    readonly serverRootCACertificate?: Uint8Array;
    /** The client's certificate and its key. */
    readonly clientCertPair?: { readonly crt: Uint8Array; readonly key: Uint8Array };
  };
  /** API key. */
  readonly apiKey?: string;
}

/**
 * The connection options that clients and workers share.
 *
 * @param settings How to reach the server.
 * @returns Options for a client's or a worker's connection.
 */
export function connectionOptions(settings: TemporalSettings): CommonConnectionOptions {
  const { address, tls, apiKey } = settings;
  const bytes = (pem: string) => new TextEncoder().encode(pem);
  const pair = tls?.cert !== undefined && tls.key !== undefined
    ? { clientCertPair: { crt: bytes(tls.cert), key: bytes(tls.key) } }
    : {};
  const root = tls?.ca === undefined ? {} : { serverRootCACertificate: bytes(tls.ca) };
  return {
    address,
    ...(tls === undefined ? {} : { tls: { ...root, ...pair } }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

/**
 * Connects a client.
 *
 * @param settings How to reach the server.
 * @returns The client; close its connection when done.
 * @throws {TidegateError} `TG_TEMPORAL_UNREACHABLE`, retryable.
 */
export async function connectTemporal(settings: TemporalSettings): Promise<Client> {
  const options: ConnectionOptions = { ...connectionOptions(settings), connectTimeout: "5s" };
  try {
    const connection = await Connection.connect(options);
    return new Client({ connection, namespace: settings.namespace });
  } catch (cause) {
    throw new TidegateError(
      "TG_TEMPORAL_UNREACHABLE",
      `Cannot reach Temporal at ${settings.address} (namespace ${settings.namespace})`,
      { cause, retryable: true, next: "Check TEMPORAL_ADDRESS, or run: deno task stack up." },
    );
  }
}
