/**
 * The admin of the log in memory. Every method is async so that errors come as rejections, as they
 * do from a broker.
 *
 * @module
 */
// deno-lint-ignore-file require-await

import type { LogAdmin, TopicSpec } from "../../adapters/kafka/log.ts";
import type { FakeBroker } from "./broker.ts";
import { FakePartition } from "./partition.ts";
import { closed, offsetGone, rejected } from "../../adapters/kafka/errors.ts";

/** Manages the log in memory as `createKafkaAdmin` manages Kafka. */
export class FakeAdmin implements LogAdmin {
  readonly #broker: FakeBroker;
  #closed = false;

  /**
   * Opens an admin.
   *
   * @param broker Topics and groups.
   */
  constructor(broker: FakeBroker) {
    this.#broker = broker;
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<readonly string[]> {
    const made: string[] = [];
    for (const spec of topics) {
      const what = `create ${spec.topic}`;
      this.#check(what);
      if (this.#broker.topics.has(spec.topic)) continue;
      if (!(spec.partitions >= 1)) throw rejected(what, `${spec.partitions} partitions`);
      this.#broker.create(spec);
      made.push(spec.topic);
    }
    return made;
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    this.#check(`delete ${topics.join(", ")}`);
    for (const topic of topics) this.#broker.topics.delete(topic);
  }

  async listTopics(): Promise<readonly string[]> {
    this.#check("list topics");
    return [...this.#broker.topics.keys()];
  }

  async topicConfig(topic: string): Promise<Readonly<Record<string, string>>> {
    const what = `read the settings of ${topic}`;
    this.#check(what);
    return this.#broker.topic(what, topic).config;
  }

  async addPartitions(topic: string, count: number): Promise<void> {
    const what = `add partitions to ${topic}`;
    this.#check(what);
    const { partitions } = this.#broker.topic(what, topic);
    while (partitions.length < count) partitions.push(new FakePartition());
  }

  async deleteRecords(topic: string, partition: number, before: number): Promise<void> {
    const what = `delete records of ${topic}/${partition}`;
    this.#check(what);
    const found = this.#broker.partition(what, topic, partition);
    if (before > found.logEnd) throw offsetGone(what, before, found.range);
    found.deleteBefore(before);
  }

  async commitOffsets(
    group: string,
    topic: string,
    offsets: ReadonlyMap<number, number>,
    note = "",
  ): Promise<void> {
    const what = `commit offsets of ${group}`;
    this.#check(what);
    this.#broker.topic(what, topic);
    const topics = this.#broker.groups.get(group) ?? new Map();
    this.#broker.groups.set(group, topics);
    const stored = [...offsets].map(([partition, offset]) =>
      [partition, { offset, note }] as const
    );
    topics.set(topic, new Map([...topics.get(topic) ?? [], ...stored]));
  }

  async committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, number>> {
    this.#check(`read the offsets of ${group}`);
    const stored = this.#broker.groups.get(group)?.get(topic) ?? [];
    return new Map([...stored].map(([partition, { offset }]) => [partition, offset]));
  }

  async committedNotes(group: string, topic: string): Promise<ReadonlyMap<number, string>> {
    this.#check(`read the offsets of ${group}`);
    const stored = this.#broker.groups.get(group)?.get(topic) ?? [];
    return new Map([...stored].map(([partition, { note }]) => [partition, note]));
  }

  async deleteGroup(group: string): Promise<void> {
    this.#check(`delete the group ${group}`);
    this.#broker.groups.delete(group);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #check(what: string): void {
    if (this.#closed) throw closed(what);
    this.#broker.check(what);
  }
}
