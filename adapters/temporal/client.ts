/**
 * Connects to a Temporal server, over the SDK's native client: for workers there is no other, and
 * grpc-js, which the SDK's `Connection` is made of, crashes Deno's HTTP/2 when the server closes a
 * connection, throws from its timers after it was closed, and obeys the proxy variables of the
 * environment even for 127.0.0.1.
 *
 * @module
 */

import { Client } from "@temporalio/client";
// By file: the package's index also loads the worker and the bundler, 0.1 s of every command.
import { NativeConnection } from "@temporalio/worker/lib/connection.js";
import { DefaultLogger } from "@temporalio/worker/lib/logger.js";
import { Runtime } from "@temporalio/worker/lib/runtime.js";
import { errorText, TidegateError } from "../../core/errors.ts";
import { deadline } from "../deadline.ts";

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

/** How long connecting may take, in ms. */
const CONNECT_MS = 5_000;

/**
 * What the SDK warns of although it is meant so: who sweeps runs no workflows, who runs the supervisor
 * has no activities.
 */
const MEANT = [
  "No workflows registered, not polling for workflow tasks",
  "No activities registered, not polling for activity tasks",
];

/** Log lines of the SDK that are about nothing a user could act on are left out. */
function quietRuntime(): void {
  const logger = new DefaultLogger("WARN", ({ level, message, meta }) => {
    if (MEANT.includes(message)) return;
    const why = meta?.error instanceof Error ? `: ${meta.error.message}` : "";
    console.error(`temporal ${level.toLowerCase()}: ${message}${why}`);
  });
  try {
    Runtime.install({
      logger,
      shutdownSignals: [],
      telemetryOptions: { logging: { filter: "ERROR", forward: {} } },
    });
  } catch {
    // Installed before in this process; one runtime serves all clients and workers.
  }
}

/**
 * Opens a connection, for a client or a worker.
 *
 * @param settings How to reach the server.
 * @returns The connection; close it when done.
 * @throws {TidegateError} `TG_TEMPORAL_UNREACHABLE`, retryable.
 */
export async function connectNative(settings: TemporalSettings): Promise<NativeConnection> {
  const { address, namespace, tls, apiKey } = settings;
  quietRuntime();
  const connecting = NativeConnection.connect({
    address,
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
    ...(apiKey === undefined ? {} : { apiKey }),
  });
  const unreachable = (why: string, cause?: unknown) =>
    new TidegateError(
      "TG_TEMPORAL_UNREACHABLE",
      `Cannot reach Temporal at ${address} (namespace ${namespace}): ${why}`,
      { cause, retryable: true, next: "Check TEMPORAL_ADDRESS, or run: deno task stack up." },
    );
  let connection: NativeConnection | undefined;
  try {
    connection = await deadline(connecting, CONNECT_MS);
  } catch (cause) {
    throw unreachable(reasonOf(cause), cause);
  }
  if (connection !== undefined) return connection;
  // The native client can't be told to give up: if it connects after all, that is undone.
  connecting.then((late) => late.close()).catch(() => undefined);
  throw unreachable(`no answer within ${CONNECT_MS} ms`);
}

/**
 * Connects a client.
 *
 * @param settings How to reach the server.
 * @returns The client; close its connection when done.
 * @throws {TidegateError} `TG_TEMPORAL_UNREACHABLE`, retryable.
 */
export async function connectTemporal(settings: TemporalSettings): Promise<Client> {
  const connection = await connectNative(settings);
  return new Client({ connection, namespace: settings.namespace });
}

function tlsOptions({ ca, cert, key }: NonNullable<TemporalSettings["tls"]>) {
  const bytes = (pem: string) => new TextEncoder().encode(pem);
  return {
    ...(ca === undefined ? {} : { serverRootCACertificate: bytes(ca) }),
    ...(cert === undefined || key === undefined
      ? {}
      : { clientCertPair: { crt: bytes(cert), key: bytes(key) } }),
  };
}

/** The native client tells its errors as Rust's debug text; the reason is the last message in it. */
function reasonOf(error: unknown): string {
  const text = errorText(error);
  return text.match(/message: "([^"]+)"/)?.[1] ?? text.match(/error: "([^"]+)"/)?.[1] ?? text;
}
