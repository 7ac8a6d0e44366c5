/**
 * Connections to brokers. A broker answers the requests of one connection in order, so a fetch that
 * waits for records would hold up everything behind it: every fetch under way has a connection of
 * its own, and the short requests share one per broker.
 *
 * @module
 */

import { isIP } from "node:net";
import type { Connection, ConnectionOptions } from "@platformatic/kafka";
import { formatAddress } from "../../core/address.ts";
import type { TidegateError } from "../../core/errors.ts";
import { kafka } from "./client.ts";
import {
  brokerAddress,
  closed,
  fromClient,
  reason,
  unreachable,
  unreachableAdvertised,
} from "./errors.ts";
import type { KafkaSettings } from "./log.ts";

/** How long a broker may take to answer beyond what it was asked to wait, in ms. */
const ANSWER_MS = 15_000;
/** How long a connection may take to be made, in ms. */
const CONNECT_MS = 5_000;
/** Idle fetch connections kept per broker. */
const KEEP_IDLE = 16;
/** Short requests that may be on their way at once on a shared connection. */
const SHARED_INFLIGHT = 64;
/** Timeouts are kept here, because only here it is known how long a request may take. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/** Options of {@linkcode Connections}. */
export interface ConnectionsOptions {
  /** Called with the address of a broker that could not be reached or went away. */
  readonly onLost: (address: string) => void;
  /**
   * How long a broker may take to answer beyond what it was asked to wait, in ms.
   * @default {15000}
   */
  readonly answerMs?: number;
}

/** Options of {@linkcode Connections.use}. */
export interface UseOptions {
  /** What is being done, for messages: "fetch clicks/0". */
  readonly what: string;
  /**
   * How long the broker was asked to wait, in ms.
   * @default {0}
   */
  readonly waitMs?: number;
  /**
   * Whether to have the connection to oneself.
   * @default {false}
   */
  readonly alone?: boolean;
  /** Ends the request by closing its connection; only for those made `alone`. */
  readonly signal?: AbortSignal;
}

/** All connections of one client. */
export class Connections {
  readonly #clientId: string;
  readonly #options: ConnectionOptions;
  readonly #open = new Set<Connection>();
  readonly #idle = new Map<string, Connection[]>();
  readonly #shared = new Map<string, Promise<Connection>>();
  readonly #onLost: (address: string) => void;
  readonly #answerMs: number;
  readonly #configured: ReadonlySet<string>;
  #closed = false;

  /** Connects when first used. */
  constructor(settings: KafkaSettings, options: ConnectionsOptions) {
    this.#onLost = options.onLost;
    this.#answerMs = options.answerMs ?? ANSWER_MS;
    this.#clientId = settings.clientId ?? "tidegate";
    this.#options = wireOptions(settings, Math.min(CONNECT_MS, this.#answerMs));
    this.#configured = new Set(settings.brokers.map((it) => formatAddress(brokerAddress(it))));
  }

  /**
   * Runs a request on a connection to a broker.
   *
   * @throws {TidegateError} `TG_BROKER_UNREACHABLE` if the broker can't be reached or goes away.
   */
  async use<T>(
    address: string,
    options: UseOptions,
    request: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const { what, signal, alone = false, waitMs = 0 } = options;
    signal?.throwIfAborted();
    const connection = await this.#take(address, options);
    let ended: unknown;
    const end = (why: unknown): void => {
      ended ??= why;
      connection.socket.destroy();
    };
    const timeoutMs = waitMs + this.#answerMs;
    const timer = setTimeout(
      () => end(this.#unreachable(what, address, `nothing in ${timeoutMs} ms`)),
      timeoutMs,
    );
    const onAbort = (): void => end(signal?.reason);
    if (alone) signal?.addEventListener("abort", onAbort);
    try {
      // It may have been aborted while the connection was made.
      if (signal?.aborted === true) throw signal.reason;
      const answer = await request(connection);
      if (alone) await this.#giveBack(address, connection);
      return answer;
    } catch (error) {
      const alive = !isGone(connection) && ended === undefined;
      if (alone) await this.#drop(connection);
      if (ended !== undefined) throw ended;
      if (this.#closed) throw closed(what);
      if (alive) throw error;
      this.#onLost(address);
      throw this.#unreachable(what, address, reason(error), error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Closes all connections; requests under way fail. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#shared.values());
    await Promise.all([...this.#open].map((connection) => this.#drop(connection)));
    this.#idle.clear();
    this.#shared.clear();
  }

  async #take(address: string, options: UseOptions): Promise<Connection> {
    if (this.#closed) throw closed(options.what);
    if (options.alone !== true) return await this.#takeShared(address, options.what);
    const idle = this.#idle.get(address);
    for (let found = idle?.pop(); found !== undefined; found = idle?.pop()) {
      if (await becomesUsable(found)) return found;
    }
    return await this.#connect(address, options.what, 1);
  }

  async #takeShared(address: string, what: string): Promise<Connection> {
    while (true) {
      const made = this.#shared.get(address) ?? this.#connect(address, what, SHARED_INFLIGHT);
      this.#shared.set(address, made);
      let usable = false;
      try {
        const connection = await made;
        usable = await becomesUsable(connection);
        if (usable) return connection;
      } finally {
        if (!usable && this.#shared.get(address) === made) this.#shared.delete(address);
      }
    }
  }

  async #connect(address: string, what: string, maxInflights: number): Promise<Connection> {
    const { host, port } = brokerAddress(address);
    const named = this.#options.tls !== undefined && isIP(host) === 0;
    const connection = new kafka.Connection(this.#clientId, {
      ...this.#options,
      maxInflights,
      ...(named ? { tlsServerName: host } : {}),
    });
    // Without a listener an error would end the process; the request under way learns of it itself.
    connection.on("error", () => {});
    connection.once("close", () => {
      this.#open.delete(connection);
      // Also stops the timer that would renew its SASL session.
      connection.close(() => {});
    });
    this.#open.add(connection);
    try {
      await connection.connect(host, port);
    } catch (error) {
      await this.#drop(connection);
      if (this.#closed) throw closed(what);
      const told = fromClient(error, what, [address]);
      throw told.retryable ? this.#unreachable(what, address, reason(error), error) : told;
    }
    if (this.#closed) {
      await this.#drop(connection);
      throw closed(what);
    }
    return connection;
  }

  /** A configured address is the user's to correct, any other one the broker's own. */
  #unreachable(what: string, address: string, got: string, cause?: unknown): TidegateError {
    const tell = this.#configured.has(address) ? unreachable : unreachableAdvertised;
    return tell(what, address, got, cause);
  }

  async #giveBack(address: string, connection: Connection): Promise<void> {
    const idle = this.#idle.get(address) ?? [];
    this.#idle.set(address, idle);
    if (this.#closed || idle.length >= KEEP_IDLE) await this.#drop(connection);
    else idle.push(connection);
  }

  async #drop(connection: Connection): Promise<void> {
    this.#open.delete(connection);
    await connection.close();
    // After a failed login the client leaves the socket half open.
    if (!connection.socket?.destroyed) connection.socket?.destroy();
  }
}

/**
 * Whether requests can be sent, once a renewal of its SASL session that is under way is done: a
 * request in the middle of that would end the connection.
 */
async function becomesUsable(connection: Connection): Promise<boolean> {
  if (connection.status === "reauthenticating") await connection.ready().catch(() => {});
  return connection.isConnected();
}

function isGone(connection: Connection): boolean {
  return !connection.isConnected() && connection.status !== "reauthenticating";
}

/** The connection options of @platformatic/kafka for Tidegate's settings. */
function wireOptions(settings: KafkaSettings, connectMs: number): ConnectionOptions {
  const mechanisms = {
    "plain": "PLAIN",
    "scram-256": "SCRAM-SHA-256",
    "scram-512": "SCRAM-SHA-512",
  } as const;
  const { tls, sasl } = settings;
  return {
    connectTimeout: connectMs,
    requestTimeout: NO_TIMEOUT_MS,
    ...(tls === undefined ? {} : { tls: { ...tls } }),
    ...(sasl === undefined ? {} : {
      sasl: {
        mechanism: mechanisms[sasl.mechanism],
        username: sasl.username,
        password: sasl.password,
      },
    }),
  };
}
