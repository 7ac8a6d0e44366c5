/**
 * What reading many partitions of a topic side by side is asked, and what it tells. The loops are in
 * `tail_loop.ts`; the brokers are Kafka's (`kafka_tail.ts`) or in memory, for tests.
 *
 * @module
 */

import type { TidegateError } from "../../core/errors.ts";
import type { BrokerAnswer } from "./errors.ts";
import type { LogRecord, OffsetRange } from "./log.ts";
import type { BatchError } from "./record_batch.ts";

/** A partition to read. */
export interface TailPartition {
  /** Partition index. */
  readonly partition: number;
  /** The first offset wanted. */
  readonly cursor: number;
  /** Offset not to go beyond; null for none. */
  readonly until: number | null;
  /** The leader's epoch when the last record was read; null where none is known. */
  readonly leaderEpoch: number | null;
  /** The record before the cursor that was read last, by which another log is told. */
  readonly last: { readonly offset: number; readonly timestamp: number } | null;
}

/** What to read, and how patiently. */
export interface TailRequest {
  /** Topic name. */
  readonly topic: string;
  /** The topic's id; null where it is not known. */
  readonly topicId: string | null;
  /** The partitions, at most once each. */
  readonly partitions: readonly TailPartition[];
  /** How long the reading will go on, in ms: no poll waits longer than a third of it. */
  readonly leftMs: () => number;
  /** How far apart two polls of a broker are sent where no backlog is read, in ms. */
  readonly spacingMs: () => number;
  /**
   * About how many bytes one answer may have.
   * @default {1048576}
   */
  readonly maxBytes?: number;
  /**
   * How old what is known of the topic may be before it is asked anew, in ms.
   * @default {5000}
   */
  readonly metadataMs?: number;
}

/** A partition's part of a poll that went well. */
export interface TailRead {
  /** Tells it from the other events. */
  readonly kind: "read";
  /** Partition index. */
  readonly partition: number;
  /** `host:port` of its leader. */
  readonly leader: string;
  /** When the poll was sent and answered, by a clock that only goes forward, in ms. */
  readonly sentMs: number;
  /** See `sentMs`. */
  readonly answeredMs: number;
  /** How long the broker was asked to wait, in ms. */
  readonly waitMs: number;
  /** The cursor before. */
  readonly from: number;
  /** Committed records from the cursor on, before `until`. */
  readonly records: readonly LogRecord[];
  /** The cursor from now on: past everything that was seen. */
  readonly next: number;
  /** The last stable offset. */
  readonly end: number;
  /** The high watermark. */
  readonly highWatermark: number;
  /** The leader's epoch when the last record was written; null where none was read. */
  readonly leaderEpoch: number | null;
  /** A transaction that is open: from which offset, and for how long that is known, in ms. */
  readonly openTransaction: { readonly offset: number; readonly forMs: number } | null;
  /** Whether answers below `end` have been empty for so long that it counts as caught up there. */
  readonly hollow: boolean;
}

/** A partition from which there is no clean answer. */
export interface TailTrouble {
  /**
   * `passing`: it is tried again. `throttled`: the broker waits because of a quota. `stopped`: it
   * needs a decision and is read no more.
   */
  readonly kind: "passing" | "throttled" | "stopped";
  /** Partition index. */
  readonly partition: number;
  /** What is wrong. */
  readonly error: TidegateError;
}

/** What a poll came to for one partition. */
export type TailEvent = TailRead | TailTrouble;

/** A reading of many partitions. */
export interface Tail {
  /** How many partitions the topic has by the newest answer; null before the first. */
  readonly topicPartitions: number | null;
  /** The topic's id by the newest answer; null before the first or where the broker has no ids. */
  readonly topicId: string | null;
  /** The events of the next poll that is answered; none once the time is over. */
  next(waitMs: number): Promise<readonly TailEvent[]>;
  /** Reads a partition no more. */
  drop(partition: number): void;
  /** What keeps partitions from being read at the moment. */
  troubles(): ReadonlyMap<number, TidegateError>;
  /**
   * Ends it: the polls that are out are waited for, for so many ms at most.
   *
   * @returns Events that came too late; their records are not part of anything.
   */
  end(graceMs: number): Promise<readonly TailEvent[]>;
}

/** Follows partitions; kept over many readings, since it remembers what it has checked. */
export interface LogTailer {
  /** Begins to read. */
  follow(request: TailRequest): Tail;
  /** Releases all connections. */
  close(): Promise<void>;
}

/** What is known of a topic. */
export interface TailTopic {
  /** Its id; null where the broker has none. */
  readonly topicId: string | null;
  /** Its partitions. */
  readonly partitions: readonly number[];
  /** `host:port` of the leaders; absent where there is none at present. */
  readonly leaders: ReadonlyMap<number, string>;
  /** The leaders' epochs; absent where the broker has none. */
  readonly epochs: ReadonlyMap<number, number>;
}

/** One poll of a broker. */
export interface TailPoll {
  /** Topic name. */
  readonly topic: string;
  /** What is known of the topic. */
  readonly state: TailTopic;
  /** The partitions; the broker fills its answer in this order. */
  readonly partitions: readonly { readonly partition: number; readonly from: number }[];
  /** About how many bytes the answer may have. */
  readonly maxBytes: number;
  /** About how many bytes one partition's part of it may have. */
  readonly partitionBytes: number;
  /** How long the broker may wait for the first record, in ms. */
  readonly waitMs: number;
  /** Ends the poll. */
  readonly signal: AbortSignal;
}

/** A partition's part of a broker's answer. */
export type TailPart =
  | {
    /** Kafka's error code, or what could not be decoded. */
    readonly error: BrokerAnswer | BatchError;
  }
  | {
    /** There is none. */
    readonly error: null;
    /** Committed records at or after `from`. */
    readonly records: readonly LogRecord[];
    /** The offset after the last batch seen; `from` if none was. */
    readonly next: number;
    /** The last stable offset. */
    readonly end: number;
    /** The high watermark. */
    readonly highWatermark: number;
    /** The first offset still held. */
    readonly start: number;
    /** The leader's epoch of the last batch; null if none was seen. */
    readonly leaderEpoch: number | null;
    /** How many bytes came. */
    readonly bytes: number;
    /** How many bytes the first batch has, if it was cut off; else 0. */
    readonly cutOff: number;
  };

/** A broker's answer. */
export interface TailAnswer {
  /** For how long the broker takes nothing because of a quota, in ms. */
  readonly throttleMs: number;
  /** The parts by partition; none where it is throttled. */
  readonly parts: ReadonlyMap<number, TailPart>;
}

/** How the brokers are asked: over the wire, or in memory. */
export interface TailTransport {
  /** What is known of a topic, not older than `maxAgeMs`; null where it does not exist. */
  topic(topic: string, maxAgeMs: number): Promise<TailTopic | null>;
  /** Polls a broker. */
  poll(leader: string, poll: TailPoll): Promise<TailAnswer>;
  /** Where the records of an epoch end in a partition; null if the leader does not know. */
  epochEnd(
    leader: string,
    topic: string,
    partition: number,
    leaderEpoch: number,
  ): Promise<number | null>;
  /** The offsets of a partition. */
  offsets(topic: string, partition: number): Promise<OffsetRange>;
  /** Releases all connections. */
  close(): Promise<void>;
}

/** How a tailer judges what it is answered. */
export interface TailerOptions {
  /**
   * A clock that only goes forward, in ms.
   * @default {performance.now}
   */
  readonly now?: () => number;
  /**
   * How long answers below the end must stay empty before a partition counts as caught up, in ms.
   * @default {10000}
   */
  readonly hollowMs?: number;
}
