/**
 * Writes records by kafkajs, idempotently and with acks from all replicas: the writer of the load
 * (`producer/`). Tidegate's own results go by `writer.ts`, which renews SASL sessions when the broker
 * says so; kafkajs renews them {@linkcode REAUTHENTICATE_BEFORE_MS} before their end.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { connect, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import {
  CompressionTypes,
  type ICustomPartitioner,
  type ISocketFactory,
  Kafka,
  type KafkaConfig,
  logLevel,
  type Message,
  type Producer,
  type SASLOptions,
} from "kafkajs";
import requestQueueModule from "kafkajs/src/network/requestQueue/index.js";
import { brokerAddress, closed, fromClient, topicMissing } from "./errors.ts";
import type { KafkaSettings, LogWriter, OutRecord } from "./log.ts";
import { createPartitioner } from "./partitioner.ts";
import { requests, type WriterOptions } from "./requests.ts";

/** How long the broker may take to have a request on all replicas, in ms. */
const ANSWER_MS = 15_000;
/**
 * Records after which a new producer id is taken: kafkajs does not wrap sequence numbers at 2^31 as
 * the protocol wants.
 */
const MAX_SEQUENCE = 1_000_000_000;

/**
 * Makes a writer. It connects when first used.
 *
 * Calls are carried out one after the other, so records stay in order across calls too. When a call
 * fails, part of its records may have been written.
 *
 * `close` lets the calls under way end, and refuses later ones.
 */
export function createKafkaJsWriter(
  settings: KafkaSettings,
  options: WriterOptions = {},
): LogWriter {
  return new KafkaJsWriter(settings, options);
}

class KafkaJsWriter implements LogWriter {
  readonly #settings: KafkaSettings;
  readonly #compression: CompressionTypes;
  readonly #maxBytes: number | undefined;
  #producer: Producer | undefined;
  #sent = 0;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(settings: KafkaSettings, options: WriterOptions) {
    this.#settings = settings;
    this.#compression = options.compression === "gzip"
      ? CompressionTypes.GZIP
      : CompressionTypes.None;
    this.#maxBytes = options.maxRequestBytes;
  }

  async send(topic: string, records: readonly OutRecord[]): Promise<void> {
    if (this.#closed) throw closed(`write to ${topic}`);
    const turn = this.#tail.then(() => this.#sendAll(topic, records));
    this.#tail = turn.catch(() => {});
    await turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#tail;
    await this.#dropProducer();
  }

  async #sendAll(topic: string, records: readonly OutRecord[]): Promise<void> {
    const what = `write to ${topic}`;
    try {
      for (const some of requests(records, this.#maxBytes)) {
        let left = await this.#sendOnce(topic, some.map(toMessage));
        if (left.length > 0) {
          // Stale metadata: the topic was made anew, or has got partitions, since it was looked at.
          await this.#dropProducer();
          left = await this.#sendOnce(topic, left);
        }
        if (left.length > 0) throw topicMissing(what, topic, left[0]?.partition);
      }
    } catch (error) {
      // The broker may or may not have written the failed batch. kafkajs would give its sequence
      // numbers to the next, different records, which the broker would then take for the failed
      // batch come again, and drop: so a producer never survives a failure.
      await this.#dropProducer();
      throw fromClient(error, what, this.#settings.brokers, topic);
    }
  }

  /**
   * Sends one request and answers the messages that were not sent: kafkajs passes over messages for
   * partitions that it does not know, and calls that success.
   */
  async #sendOnce(topic: string, messages: Message[]): Promise<Message[]> {
    const producer = await this.#connected();
    const answers = await producer.send({
      topic,
      messages,
      acks: -1,
      timeout: ANSWER_MS,
      compression: this.#compression,
    });
    this.#sent += messages.length;
    const written = new Set(answers.map(({ partition }) => partition));
    return messages.filter(({ partition }) => partition === undefined || !written.has(partition));
  }

  async #connected(): Promise<Producer> {
    if (this.#sent >= MAX_SEQUENCE) await this.#dropProducer();
    if (this.#producer !== undefined) return this.#producer;
    const producer = createKafkaJs(this.#settings).producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      maxInFlightRequests: 1,
      createPartitioner: createKafkaJsPartitioner,
      retry: { initialRetryTime: 100, retries: 5, maxRetryTime: 2_000 },
    });
    this.#producer = producer;
    await producer.connect();
    return producer;
  }

  async #dropProducer(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    this.#sent = 0;
    // A connection that is lost anyway must not hide why.
    await producer?.disconnect().catch(() => {});
  }
}

function toMessage(record: OutRecord): Message {
  return {
    key: toBuffer(record.key),
    value: toBuffer(record.value),
    ...(record.partition === undefined ? {} : { partition: record.partition }),
    ...(record.timestampMs === undefined ? {} : { timestamp: String(record.timestampMs) }),
  };
}

function toBuffer(data: string | Uint8Array | null): Buffer | null {
  if (data === null) return null;
  return typeof data === "string"
    ? Buffer.from(data)
    : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Chooses partitions as every writer does. The choice is noted in the message: kafkajs asks again
 * when it repeats a request, and a record that changed its partition then could be written twice.
 */
export function createKafkaJsPartitioner(): ReturnType<ICustomPartitioner> {
  const choose = createPartitioner();
  return ({ message, partitionMetadata }) =>
    message.partition ??= choose(message, partitionMetadata.length);
}

/**
 * How long before its end a session of SASL is renewed, in ms. kafkajs's own 10 s would renew
 * shorter sessions at every request, which Kafka refuses.
 */
const REAUTHENTICATE_BEFORE_MS = 1_000;

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
    reauthenticationThreshold: REAUTHENTICATE_BEFORE_MS,
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
