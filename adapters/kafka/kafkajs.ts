/**
 * kafkajs made quiet: its settings from Tidegate's, no logging, and without its idle timer.
 *
 * @module
 */

import { connect, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { type ISocketFactory, Kafka, type KafkaConfig, logLevel, type SASLOptions } from "kafkajs";
import requestQueueModule from "kafkajs/src/network/requestQueue/index.js";
import { brokerAddress } from "./errors.ts";
import type { KafkaSettings } from "./log.ts";

/**
 * A kafkajs client for Tidegate's settings, which prints nothing.
 * It connects when its parts do.
 */
export function createKafkaJs(settings: KafkaSettings): Kafka {
  stopIdleTimer();
  const { tls } = settings;
  const names = new Map<string, string>();
  const brokers = settings.brokers.map((text, i) => {
    const { host, port } = brokerAddress(text);
    // kafkajs takes what stands before the first colon as the host.
    if (!host.includes(":")) return `${host}:${port}`;
    names.set(`ipv6-${i}`, host);
    return `ipv6-${i}:${port}`;
  });
  const sasl = saslOptions(settings.sasl);
  const config: KafkaConfig = {
    clientId: settings.clientId ?? "tidegate",
    brokers,
    socketFactory: connectTo(names),
    connectionTimeout: 5_000,
    requestTimeout: 20_000,
    logLevel: logLevel.NOTHING,
    logCreator: () => () => {},
    retry: { initialRetryTime: 100, retries: 5, maxRetryTime: 2_000 },
    ...(tls === undefined ? {} : { ssl: { ...tls } }),
    ...(sasl === undefined ? {} : { sasl }),
  };
  return new Kafka(config);
}

/** kafkajs's own way of connecting, but for names that stand for an address. */
function connectTo(names: ReadonlyMap<string, string>): ISocketFactory {
  return ({ host: name, port, ssl, onConnect }) => {
    const host = names.get(name) ?? name;
    const socket = ssl
      ? connectTls(
        { host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl },
        onConnect,
      )
      : connect({ host, port }, onConnect);
    return socket.setKeepAlive(true, 60_000);
  };
}

function saslOptions(sasl: KafkaSettings["sasl"]): SASLOptions | undefined {
  if (sasl === undefined) return undefined;
  const { username, password } = sasl;
  switch (sasl.mechanism) {
    case "plain":
      return { mechanism: "plain", username, password };
    case "scram-256":
      return { mechanism: "scram-sha-256", username, password };
    case "scram-512":
      return { mechanism: "scram-sha-512", username, password };
  }
}

/** The part of kafkajs's request queue that matters here. */
interface RequestQueue {
  readonly pending: { readonly length: number };
  readonly throttledUntil: number;
}

let idleTimerStopped = false;

/**
 * kafkajs 2.2.4 re-arms a timer after every request with a negative time, although nothing waits:
 * a wake-up each millisecond for as long as the connection lives, and a `TimeoutNegativeWarning` on
 * the user's screen. The timer is needed only while requests wait or the broker throttles.
 */
function stopIdleTimer(): void {
  if (idleTimerStopped) return;
  idleTimerStopped = true;
  const module: unknown = requestQueueModule;
  if (typeof module !== "function") return;
  const prototype: unknown = module.prototype;
  if (typeof prototype !== "object" || prototype === null) return;
  const original: unknown = Reflect.get(prototype, "scheduleCheckPendingRequests");
  if (typeof original !== "function") return;
  Reflect.set(prototype, "scheduleCheckPendingRequests", function (this: RequestQueue): void {
    if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return;
    Reflect.apply(original, this, []);
  });
}
