/**
 * The Metadata, ListOffsets and FindCoordinator APIs on the wire, for one topic or group at a time.
 *
 * @module
 */

import type { Connection } from "@platformatic/kafka";
import { formatAddress } from "../../core/address.ts";
import { type ApiRanges, chooseVersion } from "./api_versions.ts";
import { kafka } from "./client.ts";
import { BrokerAnswer, KafkaCode } from "./errors.ts";
import type { TopicInfo } from "./log.ts";

/** What is known of a topic. */
export interface TopicState extends TopicInfo {
  /** `host:port` of the leader, by partition; absent where there is none at present. */
  readonly leaders: ReadonlyMap<number, string>;
  /** The leaders' epochs, by partition; absent where the broker has none. */
  readonly epochs: ReadonlyMap<number, number>;
}

/** Which offsets to ask for. */
export interface OffsetsQuery {
  /** Topic name. */
  readonly topic: string;
  /** Partition indices; all led by the broker that is asked. */
  readonly partitions: readonly number[];
  /** A time in epoch ms, -1 for the last stable offset, -2 for the first offset. */
  readonly timestamp: number;
}

/** Where the records of which epoch end. */
export interface EpochQuery {
  /** Topic name. */
  readonly topic: string;
  /** Partition index; led by the broker that is asked. */
  readonly partition: number;
  /** The epoch of a leader. */
  readonly leaderEpoch: number;
}

const METADATA = [
  kafka.metadataV7,
  kafka.metadataV8,
  kafka.metadataV9,
  kafka.metadataV10,
  kafka.metadataV11,
  kafka.metadataV12,
];
const LIST_OFFSETS = [
  kafka.listOffsetsV4,
  kafka.listOffsetsV5,
  kafka.listOffsetsV6,
  kafka.listOffsetsV7,
  kafka.listOffsetsV8,
  kafka.listOffsetsV9,
];
const EPOCH_ENDS = [
  kafka.offsetForLeaderEpochV2,
  kafka.offsetForLeaderEpochV3,
  kafka.offsetForLeaderEpochV4,
];
const READ_COMMITTED = 1;
/** Asks as a consumer does. */
const NO_REPLICA = -1;
/** Stands for a topic without an id: before Metadata 10, and on Redpanda before 25.3. */
const ZERO_ID = "00000000-0000-0000-0000-000000000000";

/**
 * Asks a broker about a topic, without making it.
 *
 * @returns The topic, or null where it does not exist.
 * @throws {BrokerAnswer} If the broker answers an error.
 */
export async function sendMetadata(
  connection: Connection,
  ranges: ApiRanges,
  topic: string,
): Promise<TopicState | null> {
  const api = pick("Metadata", METADATA, ranges);
  const answer = await tolerant(() => api.async(connection, [topic], false, false));
  const found = answer.topics[0];
  if (found === undefined || found.errorCode === KafkaCode.UNKNOWN_TOPIC_OR_PARTITION) return null;
  if (found.errorCode !== 0 && found.partitions.length === 0) {
    throw new BrokerAnswer(found.errorCode);
  }
  const addresses = new Map(
    answer.brokers.map(({ nodeId, host, port }) =>
      [nodeId, formatAddress({ host, port })] as const
    ),
  );
  const leaders = new Map<number, string>();
  const epochs = new Map<number, number>();
  for (const { partitionIndex, leaderId, leaderEpoch } of found.partitions) {
    const leader = addresses.get(leaderId);
    if (leader !== undefined) leaders.set(partitionIndex, leader);
    if (leaderEpoch >= 0) epochs.set(partitionIndex, leaderEpoch);
  }
  return {
    topic,
    topicId: found.topicId === ZERO_ID ? null : found.topicId,
    partitions: found.partitions.map((it) => it.partitionIndex).sort((a, b) => a - b),
    leaders,
    epochs,
  };
}

/** What a broker says of its cluster. */
export interface ClusterView {
  /** The cluster's id; null where the broker tells none. */
  readonly clusterId: string | null;
  /** How many brokers are registered and serving. */
  readonly brokers: number;
  /** `host:port` of the broker that changes topics; null if there is none at present. */
  readonly controller: string | null;
  /** The names of the topics, if they were asked for. */
  readonly topics: readonly string[];
}

/** Asks a broker about its cluster, with or without the names of all topics. */
export async function sendCluster(
  connection: Connection,
  ranges: ApiRanges,
  topics: "all" | "none",
): Promise<ClusterView> {
  const api = pick("Metadata", METADATA, ranges);
  const names = topics === "all" ? null : [];
  const answer = await tolerant(() => api.async(connection, names, false, false));
  const controller = answer.brokers.find(({ nodeId }) => nodeId === answer.controllerId);
  return {
    clusterId: answer.clusterId ?? null,
    brokers: answer.brokers.length,
    controller: controller === undefined ? null : formatAddress(controller),
    topics: answer.topics.flatMap(({ name }) => name ?? []),
  };
}

/**
 * Asks the leader of some partitions for an offset of each, isolation read_committed.
 *
 * @returns `[partition, offset]`, -1 if no record is that late; or the error code as a third.
 */
export async function sendListOffsets(
  connection: Connection,
  ranges: ApiRanges,
  query: OffsetsQuery,
): Promise<(readonly [partition: number, offset: number, errorCode: number])[]> {
  const api = pick("ListOffsets", LIST_OFFSETS, ranges);
  const partitions = query.partitions.map((partitionIndex) => ({
    partitionIndex,
    currentLeaderEpoch: -1,
    timestamp: BigInt(query.timestamp),
  }));
  const topics = [{ name: query.topic, partitions }];
  const answer = await tolerant(() => api.async(connection, -1, READ_COMMITTED, topics));
  return (answer.topics[0]?.partitions ?? []).map((it) =>
    [it.partitionIndex, Number(it.offset), it.errorCode] as const
  );
}

/**
 * Asks the leader of a partition where the records of an epoch end.
 *
 * @param connection A connection to the leader.
 * @param ranges The versions that this broker speaks.
 * @param query The partition, and an epoch of one of its leaders.
 * @returns The offset after the last record of that epoch or an older one; null if the leader does
 * not know.
 * @throws {BrokerAnswer} If the broker answers an error.
 */
export async function sendEpochEnd(
  connection: Connection,
  ranges: ApiRanges,
  { topic, partition, leaderEpoch }: EpochQuery,
): Promise<number | null> {
  const api = pick("OffsetForLeaderEpoch", EPOCH_ENDS, ranges);
  const partitions = [{ partitionIndex: partition, currentLeaderEpoch: -1, leaderEpoch }];
  const answer = await tolerant(() =>
    api.async(connection, NO_REPLICA, [{ name: topic, partitions }])
  );
  const found = answer.topics[0]?.partitions[0];
  if (found === undefined || found.errorCode !== 0) throw new BrokerAnswer(found?.errorCode ?? -1);
  return found.endOffset < 0n ? null : Number(found.endOffset);
}

/** The highest version of an API that both sides speak. */
export function pick<T extends { readonly key: number; readonly version: number }>(
  name: string,
  modules: readonly { readonly api: T }[],
  ranges: ApiRanges,
): T {
  const apis = modules.map(({ api }) => api);
  const key = apis[0]?.key ?? -1;
  const version = chooseVersion({ name, key }, apis.map((api) => api.version), ranges);
  const found = apis.find((api) => api.version === version);
  if (found === undefined) throw new RangeError(`Cannot pick ${name}: got version ${version}`);
  return found;
}

/** What a coordinator keeps: a group's offsets, or who may write under a transactional id. */
export type CoordinatorKind = "group" | "transaction";

const COORDINATOR_KEYS: Readonly<Record<CoordinatorKind, number>> = { group: 0, transaction: 1 };

/**
 * Asks any broker for the coordinator of a group or a transactional id.
 *
 * @returns `host:port` of the coordinator.
 * @throws {BrokerAnswer} If the broker answers an error.
 */
export async function sendFindCoordinator(
  connection: Connection,
  kind: CoordinatorKind,
  name: string,
): Promise<string> {
  const answer = await tolerant(() =>
    kafka.findCoordinatorV3.api.async(connection, COORDINATOR_KEYS[kind], [name])
  );
  const found = answer.coordinators[0];
  if (found === undefined || found.errorCode !== 0) throw new BrokerAnswer(found?.errorCode ?? -1);
  return formatAddress({ host: found.host, port: found.port });
}

/**
 * Answers a response even if parts of it carry error codes, which the client throws otherwise.
 * Its error codes are for the caller to look at.
 */
export async function tolerant<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof kafka.ResponseError) || error.response === undefined) throw error;
    const response: T = error.response;
    return response;
  }
}
