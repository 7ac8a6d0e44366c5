/**
 * Who leads which partition, cached, what each broker speaks, and how requests are repeated that
 * went to the wrong broker or too early.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "@platformatic/kafka";
import { formatAddress } from "../../core/address.ts";
import { TidegateError } from "../../core/errors.ts";
import { type ApiRanges, chooseVersion } from "./api_versions.ts";
import { kafka } from "./client.ts";
import { Connections } from "./connections.ts";
import {
  brokerAddress,
  BrokerAnswer,
  closed,
  damaged,
  fromAnswer,
  KafkaCode,
  topicMissing,
} from "./errors.ts";
import { FETCH_BY_ID, FETCH_VERSIONS } from "./fetch_wire.ts";
import type { KafkaSettings } from "./log.ts";
import { BatchError } from "./record_batch.ts";
import {
  type ClusterView,
  type CoordinatorKind,
  type EpochQuery,
  type OffsetsQuery,
  sendCluster,
  sendEpochEnd,
  sendFindCoordinator,
  sendListOffsets,
  sendMetadata,
  type TopicState,
} from "./topic_wire.ts";

/** Which offset to ask for. */
export interface OffsetQuery {
  /** Topic name. */
  readonly topic: string;
  /** Partition index. */
  readonly partition: number;
  /** A time in epoch ms, -1 for the last stable offset, -2 for the first offset. */
  readonly timestamp: number;
}

/** Where and how to fetch a partition. */
export interface FetchTarget {
  /** `host:port` of the leader. */
  readonly address: string;
  /** The Fetch version to use. */
  readonly version: number;
  /** The topic's id or name, whichever that version wants. */
  readonly topic: string;
}

/**
 * The brokers of one cluster as a client sees them. All methods take `what` is being done, for
 * messages.
 */
export class Cluster {
  /** The connections, for requests of one's own. */
  readonly connections: Connections;
  #bootstrap: readonly string[];
  readonly #topics = new Map<string, Promise<TopicState | null>>();
  readonly #coordinators = new Map<string, Promise<string>>();
  readonly #ranges = new Map<string, Promise<ApiRanges>>();

  /** Connects when first asked; a broker may take `answerMs` to answer. */
  constructor(settings: KafkaSettings, answerMs?: number) {
    this.#bootstrap = settings.brokers.map((it) => formatAddress(brokerAddress(it)));
    this.connections = new Connections(settings, {
      // A broker that went away may come back upgraded: what it speaks is asked anew.
      onLost: (address) => this.#ranges.delete(address),
      ...(answerMs === undefined ? {} : { answerMs }),
    });
  }

  /** Drops what is known of a topic. */
  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Asks the brokers about a topic, past the cache. */
  async refresh(topic: string, what: string): Promise<TopicState | null> {
    const asked = this.#ask(topic, what);
    this.#topics.set(topic, asked);
    let state: TopicState | null = null;
    try {
      state = await asked;
      return state;
    } finally {
      if (state === null && this.#topics.get(topic) === asked) this.#topics.delete(topic);
    }
  }

  /** Where and how to fetch a partition. */
  async fetchTarget(topic: string, partition: number, what: string): Promise<FetchTarget> {
    const { state, address } = await this.#leader(topic, partition, what);
    return { address, ...await this.fetchVia(address, state, what) };
  }

  /** How to fetch partitions of a topic from a broker that leads them. */
  async fetchVia(
    address: string,
    state: TopicState,
    what: string,
  ): Promise<Pick<FetchTarget, "version" | "topic">> {
    const ranges = await this.#speaks(address, what);
    // The one rule: the version of Fetch alone says whether it wants the name or the id.
    const ceiling = state.topicId === null ? FETCH_BY_ID - 1 : Infinity;
    const version = chooseVersion({ name: "Fetch", key: 1 }, FETCH_VERSIONS, ranges, ceiling);
    const byId = version >= FETCH_BY_ID && state.topicId !== null;
    return { version, topic: byId ? state.topicId : state.topic };
  }

  /** Where the records of an epoch end in a partition; null if its leader does not know. */
  async epochEnd(address: string, query: EpochQuery, what: string): Promise<number | null> {
    const ranges = await this.#speaks(address, what);
    return await this.connections.use(
      address,
      { what },
      (connection) => sendEpochEnd(connection, ranges, query),
    );
  }

  /** One offset of a partition; -1 if no record is that late. */
  async offset({ topic, partition, timestamp }: OffsetQuery, what: string): Promise<number> {
    const { address } = await this.#leader(topic, partition, what);
    const [found] = await this.#list(address, { topic, partitions: [partition], timestamp }, what);
    if (found === undefined || found[2] !== 0) throw new BrokerAnswer(found?.[2] ?? -1);
    return found[1];
  }

  /**
   * The ends of some partitions, one request to each leader; those without an answer are left out,
   * and the topic is asked about anew with the next call.
   */
  async ends(
    topic: string,
    partitions: readonly number[],
    what: string,
  ): Promise<Map<number, number>> {
    const { leaders } = await this.known(topic, what);
    const led = partitions.filter((it) => leaders.has(it));
    if (led.length < partitions.length) this.forget(topic);
    const byLeader = Map.groupBy(led, (it) => leaders.get(it) ?? "");
    const answers = await Promise.all(
      [...byLeader].map(([address, led]) =>
        this.#list(address, { topic, partitions: led, timestamp: -1 }, what)
      ),
    );
    const found = answers.flat();
    if (found.some(([, , errorCode]) => errorCode !== 0)) this.forget(topic);
    return new Map(
      found.filter(([, , errorCode]) => errorCode === 0)
        .map(([partition, offset]) => [partition, offset]),
    );
  }

  /** The partitions by their leaders, all of which must be there. */
  async leaders(
    topic: string,
    partitions: readonly number[],
    what: string,
  ): Promise<ReadonlyMap<string, readonly number[]>> {
    const found = new Map<number, string>();
    for (const partition of partitions) {
      found.set(partition, (await this.#leader(topic, partition, what)).address);
    }
    return Map.groupBy(partitions, (it) => found.get(it) ?? "");
  }

  /**
   * Runs a request on a connection to the coordinator of a group or a transactional id; no request
   * may wait there.
   */
  async coordinate<T>(
    name: string,
    what: string,
    request: (connection: Connection, ranges: ApiRanges) => Promise<T>,
    kind: CoordinatorKind = "group",
  ): Promise<T> {
    const known = this.#coordinators.get(`${kind}/${name}`);
    const address = await (known ?? this.#findCoordinator(kind, name, what));
    const ranges = await this.#speaks(address, what);
    return await this.connections.use(address, { what }, (it) => request(it, ranges));
  }

  /** Runs a request on a connection to a broker that leads partitions. */
  async lead<T>(
    address: string,
    what: string,
    request: (connection: Connection, ranges: ApiRanges) => Promise<T>,
  ): Promise<T> {
    const ranges = await this.#speaks(address, what);
    return await this.connections.use(address, { what }, (it) => request(it, ranges));
  }

  /** Runs a request on a connection to any broker. */
  async any<T>(
    what: string,
    request: (connection: Connection, ranges: ApiRanges) => Promise<T>,
  ): Promise<T> {
    return await this.#askAny(what, async (connection, address) => {
      return await request(connection, await this.#speaks(address, what));
    });
  }

  /** Drops what is known of the coordinator of a group or a transactional id. */
  forgetCoordinator(name: string, kind: CoordinatorKind = "group"): void {
    this.#coordinators.delete(`${kind}/${name}`);
  }

  /** Asks any broker about the cluster. */
  async view(topics: "all" | "none", what: string): Promise<ClusterView> {
    return await this.#askAny(what, async (connection, address) => {
      return await sendCluster(connection, await this.#speaks(address, what), topics);
    });
  }

  /** Runs a request, which may take `waitMs`, on a connection to the broker that changes topics. */
  async control<T>(
    what: string,
    waitMs: number,
    request: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const { controller } = await this.view("none", what);
    if (controller === null) throw new BrokerAnswer(KafkaCode.NOT_CONTROLLER);
    return await this.connections.use(controller, { what, waitMs, alone: true }, request);
  }

  /** What is known of a topic; it is asked about if nothing is. */
  async known(topic: string, what: string): Promise<TopicState> {
    const state = await (this.#topics.get(topic) ?? this.refresh(topic, what));
    if (state === null) throw topicMissing(what, topic);
    return state;
  }

  async #leader(
    topic: string,
    partition: number,
    what: string,
  ): Promise<{ state: TopicState; address: string }> {
    const state = await this.known(topic, what);
    const address = state.leaders.get(partition);
    if (address !== undefined) return { state, address };
    // The topic may have got partitions since it was asked about.
    this.forget(topic);
    const fresh = await this.known(topic, what);
    const leader = fresh.leaders.get(partition);
    if (leader !== undefined) return { state: fresh, address: leader };
    if (!fresh.partitions.includes(partition)) throw topicMissing(what, topic, partition);
    throw new BrokerAnswer(KafkaCode.LEADER_NOT_AVAILABLE);
  }

  async #list(address: string, query: OffsetsQuery, what: string) {
    const ranges = await this.#speaks(address, what);
    return await this.connections.use(
      address,
      { what },
      (connection) => sendListOffsets(connection, ranges, query),
    );
  }

  #findCoordinator(kind: CoordinatorKind, name: string, what: string): Promise<string> {
    const key = `${kind}/${name}`;
    const asked = this.#askAny(what, (connection) => sendFindCoordinator(connection, kind, name));
    this.#coordinators.set(key, asked);
    asked.catch(() => this.#coordinators.delete(key));
    return asked;
  }

  async #ask(topic: string, what: string): Promise<TopicState | null> {
    return await this.#askAny(what, async (connection, address) => {
      return await sendMetadata(connection, await this.#speaks(address, what), topic);
    });
  }

  /** Asks the configured brokers, one after the other until one answers. */
  async #askAny<T>(
    what: string,
    request: (connection: Connection, address: string) => Promise<T>,
  ): Promise<T> {
    let failure: unknown;
    for (const address of [...this.#bootstrap]) {
      try {
        return await this.connections.use(address, { what }, (it) => request(it, address));
      } catch (error) {
        const away = error instanceof TidegateError && error.code === "TG_BROKER_UNREACHABLE";
        if (!away) throw error;
        failure = error;
        // Asked last from now on: a broker that is away may take seconds to say nothing.
        this.#bootstrap = [...this.#bootstrap.filter((it) => it !== address), address];
      }
    }
    throw failure ?? new TidegateError(
      "TG_CONFIG",
      `Cannot ${what}: KAFKA_BROKERS must name a broker, got none`,
    );
  }

  /** The API versions that a broker speaks; asked once. */
  #speaks(address: string, what: string): Promise<ApiRanges> {
    const known = this.#ranges.get(address);
    if (known !== undefined) return known;
    const asked = this.connections.use(address, { what }, async (connection) => {
      const { apiKeys } = await kafka.apiVersionsV3.api.async(connection, "tidegate", "0");
      return new Map(apiKeys.map((it) => [it.apiKey, [it.minVersion, it.maxVersion]] as const));
    });
    this.#ranges.set(address, asked);
    asked.catch(() => this.#ranges.delete(address));
    return asked;
  }
}

/** Options of {@linkcode repeatWhilePassing}. */
export interface RepeatOptions {
  /** What is being done, for messages: "fetch clicks/0". */
  readonly what: string;
  /** Drops what may be stale, before each repetition. */
  forget(): void;
  /** Ends the pauses because the client is closed. */
  readonly closing: AbortSignal;
  /** Ends the pauses because the caller wants no more. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether a lost connection is met with as many tries as an answer that passes: for requests that
   * must not be given up lightly.
   * @default {false}
   */
  readonly patient?: boolean;
}

/** Pauses before repetitions after an answer that passes, in ms: 3.1 s together. */
const PAUSES_MS = [20, 50, 100, 200, 400, 800, 1500] as const;
/** How often batches that can't be read are fetched before they count as damaged on the broker. */
const DAMAGED_TRIES = 3;

/**
 * Runs a request; repeats it where the broker's answer or a lost connection calls for it, and throws
 * Tidegate's errors otherwise.
 */
export async function repeatWhilePassing<T>(
  options: RepeatOptions,
  once: () => Promise<T>,
): Promise<T> {
  const { what, closing, signal } = options;
  for (let attempt = 0;; attempt++) {
    try {
      return await once();
    } catch (error) {
      if (closing.aborted) throw error;
      const pause = PAUSES_MS[attempt];
      if (error instanceof BrokerAnswer) {
        options.forget();
        if (!error.isPassing || pause === undefined) throw fromAnswer(error, what);
        await pauseFor(pause, what, signal, closing);
      } else if (error instanceof BatchError) {
        // Bytes may have been damaged on the way.
        if (attempt + 1 >= DAMAGED_TRIES) throw damaged(what, error);
      } else {
        const isLost = error instanceof TidegateError && error.code === "TG_BROKER_UNREACHABLE" &&
          error.retryable;
        if (isLost) options.forget();
        // A kept connection may have died unnoticed.
        const isWaited = options.patient === true && pause !== undefined;
        if (!isLost || (attempt > 0 && !isWaited)) throw error;
        if (attempt > 0) await pauseFor(pause ?? 0, what, signal, closing);
      }
    }
  }
}

/** Waits, or rejects as soon as the caller wants no more or the client is closed. */
export async function pauseFor(
  ms: number,
  what: string,
  signal: AbortSignal | undefined,
  closing: AbortSignal,
): Promise<void> {
  const end = signal === undefined ? closing : AbortSignal.any([signal, closing]);
  try {
    await sleep(ms, undefined, { signal: end });
  } catch {
    throw signal?.aborted === true ? signal.reason : closed(what);
  }
}
