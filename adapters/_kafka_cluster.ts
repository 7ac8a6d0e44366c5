/**
 * Who leads which partition, cached, and what each broker speaks.
 *
 * @module
 */

import { apiVersionsV3 } from "@platformatic/kafka";
import { TidegateError } from "../core/errors.ts";
import { type ApiRanges, chooseVersion } from "./_api_versions.ts";
import { FETCH_BY_ID, FETCH_VERSIONS } from "./_fetch_wire.ts";
import { Connections } from "./_kafka_connections.ts";
import { BrokerAnswer, KafkaCode } from "./_kafka_errors.ts";
import type { KafkaSettings } from "./log.ts";
import { topicMissing } from "./_log_errors.ts";
import { type OffsetQuery, sendListOffset, sendMetadata, type TopicState } from "./_topic_wire.ts";

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
  readonly #bootstrap: readonly string[];
  readonly #topics = new Map<string, Promise<TopicState | null>>();
  readonly #ranges = new Map<string, Promise<ApiRanges>>();

  /** @param settings How to reach the brokers. */
  constructor(settings: KafkaSettings) {
    this.#bootstrap = settings.brokers;
    // A broker that went away may come back upgraded: what it speaks is asked anew.
    this.connections = new Connections(settings, (address) => this.#ranges.delete(address));
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
    const ranges = await this.#speaks(address, what);
    // The one rule: the version of Fetch alone says whether it wants the name or the id.
    const ceiling = state.topicId === null ? FETCH_BY_ID - 1 : Infinity;
    const version = chooseVersion({ name: "Fetch", key: 1 }, FETCH_VERSIONS, ranges, ceiling);
    const byId = version >= FETCH_BY_ID && state.topicId !== null;
    return { address, version, topic: byId ? state.topicId : topic };
  }

  /** One offset of a partition; -1 if no record is that late. */
  async offset(query: OffsetQuery, what: string): Promise<number> {
    const { address } = await this.#leader(query.topic, query.partition, what);
    const ranges = await this.#speaks(address, what);
    return await this.connections.use(
      address,
      { what },
      (connection) => sendListOffset(connection, ranges, query),
    );
  }

  async #leader(
    topic: string,
    partition: number,
    what: string,
  ): Promise<{ state: TopicState; address: string }> {
    const state = await (this.#topics.get(topic) ?? this.refresh(topic, what));
    if (state === null) throw topicMissing(what, topic);
    const address = state.leaders.get(partition);
    if (address !== undefined) return { state, address };
    this.forget(topic);
    // The topic may have got partitions since it was asked about.
    const fresh = await this.refresh(topic, what);
    const leader = fresh?.leaders.get(partition);
    if (fresh !== null && leader !== undefined) return { state: fresh, address: leader };
    if (fresh?.partitions.includes(partition) === true) {
      throw new BrokerAnswer(KafkaCode.LEADER_NOT_AVAILABLE);
    }
    throw fresh === null ? topicMissing(what, topic) : topicMissing(what, topic, partition);
  }

  /** Asks the configured brokers, one after the other until one answers. */
  async #ask(topic: string, what: string): Promise<TopicState | null> {
    let failure: unknown;
    for (const address of this.#bootstrap) {
      try {
        const ranges = await this.#speaks(address, what);
        return await this.connections.use(
          address,
          { what },
          (connection) => sendMetadata(connection, ranges, topic),
        );
      } catch (error) {
        const away = error instanceof TidegateError && error.code === "TG_BROKER_UNREACHABLE";
        if (!away) throw error;
        failure = error;
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
      const { apiKeys } = await apiVersionsV3.api.async(connection, "tidegate", "0");
      return new Map(apiKeys.map((it) => [it.apiKey, [it.minVersion, it.maxVersion]] as const));
    });
    this.#ranges.set(address, asked);
    asked.catch(() => this.#ranges.delete(address));
    return asked;
  }
}
