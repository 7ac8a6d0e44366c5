/**
 * The log as Tidegate sees it: partitions of records with offsets. Implemented over Kafka's wire
 * protocol by this folder and in memory for tests; one contract test runs against both.
 *
 * @module
 */

/** One record of a partition, as the broker holds it. */
export interface LogRecord {
  /** Position in the partition. */
  readonly offset: number;
  /** The record's Kafka timestamp in epoch ms, or -1 if the record carries none. */
  readonly timestampMs: number;
  /** The record's key, or null. */
  readonly key: Uint8Array | null;
  /** The record's value; null is a tombstone. */
  readonly value: Uint8Array | null;
}

/** What to read. */
export interface FetchRequest {
  /** Topic name. */
  readonly topic: string;
  /** Partition index. */
  readonly partition: number;
  /** The first offset wanted; records before it are never returned. */
  readonly from: number;
  /**
   * About how many bytes to read; at least one whole batch is returned even above it.
   * @default {4194304}
   */
  readonly maxBytes?: number;
  /**
   * How long the broker may wait for the first record, in ms.
   * @default {0}
   */
  readonly maxWaitMs?: number;
  /** Ends the wait early. */
  readonly signal?: AbortSignal;
}

/** What was read: committed records only (isolation read_committed). */
export interface FetchResult {
  /** Records in offset order; may be empty although `next` moved (aborted or compacted ranges). */
  readonly records: readonly LogRecord[];
  /** The offset to go on from: past everything that this answer covers, gaps included. */
  readonly next: number;
  /** The last stable offset of the partition at that moment. */
  readonly end: number;
  /** The first offset still held. */
  readonly start: number;
  /** How long the broker made the reader wait for its quota, in ms, if it did. */
  readonly throttledMs?: number;
}

/** The offsets of a partition. */
export interface OffsetRange {
  /** The first offset still held. */
  readonly start: number;
  /** The last stable offset (read_committed): the offset after the last committed record. */
  readonly end: number;
}

/** What the broker says of a topic. */
export interface TopicInfo {
  /** Topic name. */
  readonly topic: string;
  /** The topic's id where the broker has one (KIP-516), else null. */
  readonly topicId: string | null;
  /** Partition indices, ascending from 0. */
  readonly partitions: readonly number[];
}

/**
 * Reads partitions from any offset, without group membership. All calls may run concurrently.
 *
 * Errors: `TG_OFFSET_GONE` when `from` lies before `start` or after `end`, `TG_TOPIC_MISSING`,
 * `TG_LOG_DAMAGED`, `TG_BROKER_UNREACHABLE` (retryable).
 */
export interface LogReader {
  /** Describes a topic, or answers null where it does not exist. Never creates it. */
  describe(topic: string): Promise<TopicInfo | null>;
  /** The present offsets of one partition. */
  offsets(topic: string, partition: number): Promise<OffsetRange>;
  /**
   * The present ends of some partitions, with one request a broker. Partitions that no broker can
   * answer for at the moment are left out.
   */
  ends(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** The first offset whose timestamp is at or after `timeMs`, or the end if there is none. */
  offsetAt(topic: string, partition: number, timeMs: number): Promise<number>;
  /** Reads on from an offset. */
  fetch(request: FetchRequest): Promise<FetchResult>;
  /** Releases all connections; calls under way fail. */
  close(): Promise<void>;
}

/** One record to write. */
export interface OutRecord {
  /** The record's key, or null. */
  readonly key: string | Uint8Array | null;
  /** The record's value; null writes a tombstone. */
  readonly value: string | Uint8Array | null;
  /** Which partition; by the hash of the key (murmur2, as Java's client) if left out. */
  readonly partition?: number;
  /** CreateTime in epoch ms; now if left out. */
  readonly timestampMs?: number;
}

/** Writes records with acks from all replicas, idempotently. */
export interface LogWriter {
  /** Writes all records in order; resolves when every one is acknowledged. */
  send(topic: string, records: readonly OutRecord[]): Promise<void>;
  /** Waits for what is under way and releases all connections. */
  close(): Promise<void>;
}

/** A topic to make. */
export interface TopicSpec {
  /** Topic name. */
  readonly topic: string;
  /** Number of partitions. */
  readonly partitions: number;
  /**
   * Topic settings such as `cleanup.policy`.
   * @default {{}}
   */
  readonly config?: Readonly<Record<string, string>>;
}

/** Makes and removes topics, and keeps a group's offsets for display. */
export interface LogAdmin {
  /** Makes the topics that do not exist; answers the names of those it made. */
  createTopics(topics: readonly TopicSpec[]): Promise<readonly string[]>;
  /** Removes topics; those that do not exist are passed over. */
  deleteTopics(topics: readonly string[]): Promise<void>;
  /** All topic names. */
  listTopics(): Promise<readonly string[]>;
  /** A topic's settings that have a value, by name. */
  topicConfig(topic: string): Promise<Readonly<Record<string, string>>>;
  /** Adds partitions until the topic has `count`. */
  addPartitions(topic: string, count: number): Promise<void>;
  /** Removes records before an offset (DeleteRecords). */
  deleteRecords(topic: string, partition: number, before: number): Promise<void>;
  /**
   * Stores a group's offsets as a non-member (one OffsetCommit; the group must have no members).
   *
   * @param note Is stored with each of them, empty if left out.
   */
  commitOffsets(
    group: string,
    topic: string,
    offsets: ReadonlyMap<number, number>,
    note?: string,
  ): Promise<void>;
  /** A group's stored offsets of a topic, by partition; absent where none is stored. */
  committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, number>>;
  /** What was stored with a group's offsets of a topic, by partition; absent where none is stored. */
  committedNotes(group: string, topic: string): Promise<ReadonlyMap<number, string>>;
  /** Removes a group; passed over where it does not exist. */
  deleteGroup(group: string): Promise<void>;
  /** Releases all connections. */
  close(): Promise<void>;
}

/** How to reach the broker. */
export interface KafkaSettings {
  /** `host:port` of one or more brokers. */
  readonly brokers: readonly string[];
  /** TLS material as PEM text; plain text connections if left out. */
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
  };
  /** SASL credentials. */
  readonly sasl?: {
    readonly mechanism: "plain" | "scram-256" | "scram-512";
    readonly username: string;
    readonly password: string;
  };
  /** Name shown in the broker's logs. */
  readonly clientId?: string;
}
