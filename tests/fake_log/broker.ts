/**
 * The topics and groups in memory that the fake's reader, writer and admin share.
 *
 * @module
 */

import type { OutRecord, TopicSpec } from "../../adapters/kafka/log.ts";
import { FakePartition, type TransactionMark } from "./partition.ts";
import { topicMissing, unreachable } from "../../adapters/kafka/errors.ts";
import { createPartitioner } from "../../adapters/kafka/partitioner.ts";

/** A transaction that a test writes, ends, or leaves open. */
export interface FakeTransaction {
  /** Writes records as part of the transaction; readers do not see them yet. */
  append(topic: string, records: readonly OutRecord[]): void;
  /** Makes its records visible; adds a control record to each partition it wrote to. */
  commit(): void;
  /** Takes its records back; adds a control record to each partition it wrote to. */
  abort(): void;
}

/** Settings that every topic has unless it was made with others. */
const TOPIC_DEFAULTS = {
  "cleanup.policy": "delete",
  "message.timestamp.type": "CreateTime",
} as const;

/** A topic in memory. */
export interface FakeTopic {
  /** Its id, another one each time that it is made. */
  readonly id: string;
  /** Its settings, defaults included. */
  readonly config: Readonly<Record<string, string>>;
  /** Its partitions by index. */
  readonly partitions: FakePartition[];
}

/** What reader, writer and admin share. */
export class FakeBroker {
  /** Topics by name. */
  readonly topics = new Map<string, FakeTopic>();
  /** Group offsets: group, topic, partition. */
  readonly groups = new Map<string, Map<string, Map<number, { offset: number; note: string }>>>();
  /** The clock, in epoch ms. */
  readonly now: () => number;
  /** Whether every call fails. */
  outage = false;
  readonly #partitioner = createPartitioner();
  readonly #encoder = new TextEncoder();
  #topicsMade = 0;

  /**
   * Makes a broker without topics.
   *
   * @param now The clock, in epoch ms.
   */
  constructor(now: () => number) {
    this.now = now;
  }

  /** Throws in an outage. */
  check(what: string): void {
    if (this.outage) throw unreachable(what, "in memory", "an outage");
  }

  /** A topic, or `TG_TOPIC_MISSING`. */
  topic(what: string, name: string): FakeTopic {
    const topic = this.topics.get(name);
    if (topic === undefined) throw topicMissing(what, name);
    return topic;
  }

  /** A partition, or `TG_TOPIC_MISSING`. */
  partition(what: string, name: string, index: number): FakePartition {
    const partition = this.topic(what, name).partitions[index];
    if (partition === undefined) throw topicMissing(what, name, index);
    return partition;
  }

  /** Makes a topic that does not exist. */
  create(spec: TopicSpec): void {
    const serial = String(++this.#topicsMade).padStart(12, "0");
    this.topics.set(spec.topic, {
      id: `00000000-0000-4000-8000-${serial}`,
      config: { ...TOPIC_DEFAULTS, ...spec.config },
      partitions: Array.from({ length: spec.partitions }, () => new FakePartition()),
    });
  }

  /** Adds records and answers the partitions that got some. */
  append(
    what: string,
    name: string,
    records: readonly OutRecord[],
    transaction: TransactionMark | null,
  ): Set<FakePartition> {
    const { partitions, config } = this.topic(what, name);
    const logAppendTime = config["message.timestamp.type"] === "LogAppendTime";
    const now = this.now();
    const touched = new Set<FakePartition>();
    for (const record of records) {
      const key = this.#bytes(record.key);
      const index = record.partition ?? this.#partitioner({ key }, partitions.length);
      const partition = partitions[index];
      if (partition === undefined) throw topicMissing(what, name, index);
      const timestampMs = logAppendTime ? now : record.timestampMs ?? now;
      partition.append({ timestampMs, key, value: this.#bytes(record.value) }, transaction);
      touched.add(partition);
    }
    return touched;
  }

  /** Begins a transaction. */
  begin(): FakeTransaction {
    const mark: TransactionMark = { state: "open" };
    const touched = new Set<FakePartition>();
    const end = (state: "committed" | "aborted"): void => {
      if (mark.state !== "open") throw new Error(`Cannot end a transaction: it is ${mark.state}`);
      mark.state = state;
      for (const partition of touched) {
        partition.append({ timestampMs: this.now(), key: null, value: null }, mark, true);
        partition.wake();
      }
    };
    return {
      append: (topic, records) => {
        for (const it of this.append(`write to ${topic}`, topic, records, mark)) touched.add(it);
      },
      commit: () => end("committed"),
      abort: () => end("aborted"),
    };
  }

  #bytes(data: string | Uint8Array | null): Uint8Array | null {
    return typeof data === "string" ? this.#encoder.encode(data) : data?.slice() ?? null;
  }
}
