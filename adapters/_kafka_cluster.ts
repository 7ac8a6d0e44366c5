/**
 * Who leads which partition, cached, and the versions of the requests to a broker.
 *
 * @module
 */

import {
  listOffsetsV4,
  listOffsetsV5,
  listOffsetsV6,
  listOffsetsV7,
  listOffsetsV8,
  listOffsetsV9,
  metadataV10,
  metadataV11,
  metadataV12,
  metadataV7,
  metadataV8,
  metadataV9,
  ResponseError,
} from "@platformatic/kafka";
import { TidegateError } from "../core/errors.ts";
import type { KafkaSettings, TopicInfo } from "./log.ts";
import { type ApiRanges, Connections } from "./_kafka_connections.ts";
import { BrokerAnswer, KafkaCode } from "./_kafka_errors.ts";
import { topicMissing } from "./_log_errors.ts";
import { FETCH_BY_ID, FETCH_VERSIONS } from "./_fetch_wire.ts";

const METADATA = [metadataV7, metadataV8, metadataV9, metadataV10, metadataV11, metadataV12];
const LIST_OFFSETS = [
  listOffsetsV4,
  listOffsetsV5,
  listOffsetsV6,
  listOffsetsV7,
  listOffsetsV8,
  listOffsetsV9,
];
const READ_COMMITTED = 1;
const ZERO_ID = "00000000-0000-0000-0000-000000000000";
const API = { fetch: 1, listOffsets: 2, metadata: 3 } as const;

/** What is known of a topic. */
export interface TopicState extends TopicInfo {
  /** `host:port` of the leader, by partition; absent where there is none at present. */
  readonly leaders: ReadonlyMap<number, string>;
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

/** The brokers of one cluster as a client sees them. */
export class Cluster {
  /** The connections, for requests of one's own. */
  readonly connections: Connections;
  readonly #bootstrap: readonly string[];
  readonly #topics = new Map<string, Promise<TopicState | null>>();

  /** @param settings How to reach the brokers. */
  constructor(settings: KafkaSettings) {
    this.connections = new Connections(settings);
    this.#bootstrap = settings.brokers;
  }

  /** Drops what is known of a topic. */
  forget(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Asks the brokers about a topic, past the cache. */
  async refresh(topic: string, what: string): Promise<TopicState | null> {
    const asked = this.#ask(topic, what);
    this.#topics.set(topic, asked);
    const drop = (): void => {
      if (this.#topics.get(topic) === asked) this.#topics.delete(topic);
    };
    try {
      const state = await asked;
      if (state === null) drop();
      return state;
    } catch (error) {
      drop();
      throw error;
    }
  }

  /** The leader of a partition. */
  async leader(topic: string, partition: number, what: string): Promise<string> {
    const { address } = await this.#lead(topic, partition, what);
    return address;
  }

  /** Where and how to fetch a partition. */
  async fetchTarget(topic: string, partition: number, what: string): Promise<FetchTarget> {
    const { state, address } = await this.#lead(topic, partition, what);
    const ranges = await this.connections.ranges(address, what);
    // The one rule: the version of Fetch alone says whether it wants the name or the id.
    const ceiling = state.topicId === null ? FETCH_BY_ID - 1 : Infinity;
    const version = choose("Fetch", API.fetch, FETCH_VERSIONS, ranges, ceiling);
    const byId = version >= FETCH_BY_ID && state.topicId !== null;
    return { address, version, topic: byId ? state.topicId : topic };
  }

  /**
   * One ListOffsets request, isolation read_committed.
   *
   * @param topic Topic name.
   * @param partition Partition index.
   * @param timestamp A time in epoch ms, -1 for the last stable offset, -2 for the first offset.
   * @param what What it is for, for messages.
   * @returns The offset, or -1 if no record is that late.
   */
  async listOffset(
    topic: string,
    partition: number,
    timestamp: number,
    what: string,
  ): Promise<number> {
    const address = await this.leader(topic, partition, what);
    const ranges = await this.connections.ranges(address, what);
    const version = choose(
      "ListOffsets",
      API.listOffsets,
      LIST_OFFSETS.map(({ api }) => api.version),
      ranges,
    );
    const api = LIST_OFFSETS.find((it) => it.api.version === version)?.api ?? listOffsetsV4.api;
    const query = {
      partitionIndex: partition,
      currentLeaderEpoch: -1,
      timestamp: BigInt(timestamp),
    };
    const answer = await this.connections.use(
      address,
      { what },
      (connection) =>
        tolerant(() =>
          api.async(connection, -1, READ_COMMITTED, [{ name: topic, partitions: [query] }])
        ),
    );
    const found = answer.topics[0]?.partitions[0];
    if (found === undefined || found.errorCode !== 0) {
      throw new BrokerAnswer(found?.errorCode ?? -1);
    }
    return Number(found.offset);
  }

  async #lead(
    topic: string,
    partition: number,
    what: string,
  ): Promise<{ state: TopicState; address: string }> {
    const state = await (this.#topics.get(topic) ?? this.refresh(topic, what));
    if (state === null) throw topicMissing(what, topic);
    const address = state.leaders.get(partition);
    if (address !== undefined) return { state, address };
    this.forget(topic);
    if (!state.partitions.includes(partition)) throw topicMissing(what, topic, partition);
    throw new BrokerAnswer(KafkaCode.LEADER_NOT_AVAILABLE);
  }

  async #ask(topic: string, what: string): Promise<TopicState | null> {
    let failure: unknown;
    for (const address of this.#bootstrap) {
      try {
        return await this.#askOne(address, topic, what);
      } catch (error) {
        if (!(error instanceof TidegateError) || error.code !== "TG_BROKER_UNREACHABLE") {
          throw error;
        }
        failure = error;
      }
    }
    throw failure ?? new TidegateError(
      "TG_CONFIG",
      "Cannot reach Kafka: KAFKA_BROKERS must name a broker, got none",
    );
  }

  async #askOne(address: string, topic: string, what: string): Promise<TopicState | null> {
    const ranges = await this.connections.ranges(address, what);
    const version = choose(
      "Metadata",
      API.metadata,
      METADATA.map(({ api }) => api.version),
      ranges,
    );
    const api = METADATA.find((it) => it.api.version === version)?.api ?? metadataV7.api;
    const answer = await this.connections.use(
      address,
      { what },
      (connection) => tolerant(() => api.async(connection, [topic], false, false)),
    );
    const found = answer.topics[0];
    if (found === undefined) return null;
    if (found.errorCode === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION) return null;
    if (found.errorCode !== 0 && found.partitions.length === 0) {
      throw new BrokerAnswer(found.errorCode);
    }
    const addresses = new Map(
      answer.brokers.map(({ nodeId, host, port }) => {
        const name = host.includes(":") ? `[${host}]` : host;
        return [nodeId, `${name}:${port}`] as const;
      }),
    );
    const leaders = new Map<number, string>();
    for (const { partitionIndex, leaderId } of found.partitions) {
      const leader = addresses.get(leaderId);
      if (leader !== undefined) leaders.set(partitionIndex, leader);
    }
    return {
      topic,
      topicId: found.topicId === ZERO_ID ? null : found.topicId,
      partitions: found.partitions.map((it) => it.partitionIndex).sort((a, b) => a - b),
      leaders,
    };
  }
}

/** The highest version that both sides speak. */
function choose(
  name: string,
  key: number,
  ours: readonly number[],
  ranges: ApiRanges,
  ceiling = Infinity,
): number {
  const [low, high] = ranges.get(key) ?? [0, -1];
  const version = ours.findLast((it) => it >= low && it <= high && it <= ceiling);
  if (version === undefined) {
    throw new TidegateError(
      "TG_CONFIG",
      `Cannot talk to the broker: ${name} must be one of versions ${ours.join()}, got ${low}-${high}`,
      { next: "Use Apache Kafka 2.4 or later, or Redpanda 24.1 or later." },
    );
  }
  return version;
}

/** Answers the response even if parts of it carry error codes, which the caller looks at. */
async function tolerant<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof ResponseError) || error.response === undefined) throw error;
    const response: T = error.response;
    return response;
  }
}
