/**
 * Connections to brokers. A broker answers the requests of one connection in order, so a fetch that
 * waits for records would hold up everything behind it: every fetch under way has a connection of
 * its own, and the short requests share one per broker.
 *
 * @module
 */

import { isIP } from "node:net";
import { apiVersionsV3, Connection, type ConnectionOptions } from "@platformatic/kafka";
import { TidegateError } from "../core/errors.ts";
import type { KafkaSettings } from "./log.ts";
import { fromClient, reason } from "./_kafka_errors.ts";
import { closed, unreachable } from "./_log_errors.ts";

/** The versions of each API (by key) that a broker speaks, `[lowest, highest]`. */
export type ApiRanges = ReadonlyMap<number, readonly [number, number]>;

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
  readonly #ranges = new Map<string, Promise<ApiRanges>>();
  #closed = false;

  /** @param settings How to reach the brokers. */
  constructor(settings: KafkaSettings) {
    this.#clientId = settings.clientId ?? "tidegate";
    this.#options = wireOptions(settings);
  }

  /**
   * Runs a request on a connection to a broker.
   *
   * @param address `host:port`.
   * @param options What for, how long, and with which rights to the connection.
   * @param request Sends the request and answers its response.
   * @returns What `request` answered.
   * @throws {TidegateError} `TG_BROKER_UNREACHABLE` if the broker can't be reached or goes away.
   */
  async use<T>(
    address: string,
    options: UseOptions,
    request: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    options.signal?.throwIfAborted();
    const connection = await this.#take(address, options);
    let ended: unknown;
    const end = (why: unknown): void => {
      ended ??= why;
      connection.socket.destroy();
    };
    const timeoutMs = (options.waitMs ?? 0) + ANSWER_MS;
    const timer = setTimeout(
      () => end(unreachable(options.what, address, `no answer in ${timeoutMs} ms`)),
      timeoutMs,
    );
    const onAbort = (): void => end(options.signal?.reason);
    if (options.alone === true) options.signal?.addEventListener("abort", onAbort);
    try {
      const answer = await request(connection);
      if (options.alone === true) await this.#giveBack(address, connection);
      return answer;
    } catch (error) {
      if (options.alone === true) await this.#drop(connection);
      if (ended !== undefined) throw ended;
      if (this.#closed) throw closed(options.what);
      if (connection.isConnected()) throw error;
      this.#forget(address);
      throw unreachable(options.what, address, reason(error), error);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
    }
  }

  /** The API versions that a broker speaks; asked once. */
  ranges(address: string, what: string): Promise<ApiRanges> {
    const known = this.#ranges.get(address);
    if (known !== undefined) return known;
    const asked = this.use(address, { what }, async (connection) => {
      const answer = await apiVersionsV3.api.async(connection, "tidegate", "0");
      return new Map(
        answer.apiKeys.map((api) => [api.apiKey, [api.minVersion, api.maxVersion]] as const),
      );
    });
    this.#ranges.set(address, asked);
    asked.catch(() => this.#ranges.delete(address));
    return asked;
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
      if (found.isConnected()) return found;
    }
    return await this.#connect(address, options.what, 1);
  }

  async #takeShared(address: string, what: string): Promise<Connection> {
    const known = await this.#shared.get(address);
    if (known?.isConnected() === true) return known;
    // Another caller may have begun to connect while this one waited for the dead connection.
    const current = this.#shared.get(address);
    if (current !== undefined && await current !== known) {
      return await this.#takeShared(address, what);
    }
    const made = this.#connect(address, what, SHARED_INFLIGHT);
    this.#shared.set(address, made);
    made.catch(() => {
      if (this.#shared.get(address) === made) this.#shared.delete(address);
    });
    return await made;
  }

  async #connect(address: string, what: string, maxInflights: number): Promise<Connection> {
    const { host, port } = parseAddress(address);
    const named = this.#options.tls !== undefined && isIP(host) === 0;
    const connection = new Connection(this.#clientId, {
      ...this.#options,
      maxInflights,
      ...(named ? { tlsServerName: host } : {}),
    });
    // Without a listener an error would end the process; the request under way learns of it itself.
    connection.on("error", () => {});
    connection.once("close", () => this.#open.delete(connection));
    this.#open.add(connection);
    try {
      await connection.connect(host, port);
    } catch (error) {
      await this.#drop(connection);
      if (this.#closed) throw closed(what);
      throw fromClient(error, what, [address]);
    }
    if (this.#closed) {
      await this.#drop(connection);
      throw closed(what);
    }
    return connection;
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
  }

  /** What was learnt of a broker is asked anew after it went away: it may return upgraded. */
  #forget(address: string): void {
    this.#ranges.delete(address);
  }
}

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

/** The connection options of @platformatic/kafka for Tidegate's settings. */
export function wireOptions(settings: KafkaSettings): ConnectionOptions {
  const mechanisms = {
    "plain": "PLAIN",
    "scram-256": "SCRAM-SHA-256",
    "scram-512": "SCRAM-SHA-512",
  } as const;
  const { tls, sasl } = settings;
  return {
    connectTimeout: CONNECT_MS,
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
