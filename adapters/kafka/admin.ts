/**
 * Makes and removes topics, and keeps a group's offsets for display, each by one request. Kafka 2.4
 * to 4.1 and Redpanda 24.1 to 26.2 all speak the versions that are used.
 *
 * @module
 */

import type { Connection } from "@platformatic/kafka";
import { kafka } from "./client.ts";
import { Cluster, pauseFor, repeatWhilePassing } from "./cluster.ts";
import { BrokerAnswer, KafkaCode, offsetGone, topicMissing, unreachable } from "./errors.ts";
import type { KafkaSettings, LogAdmin, TopicSpec } from "./log.ts";
import { tolerant, type TopicState } from "./topic_wire.ts";

/** How long the brokers may take to carry a change out, in ms. */
const CHANGE_MS = 10_000;
/** How long a change of a topic may take to show in the metadata, and between looks, in ms. */
const SEEN_MS = 10_000;
const LOOK_MS = 25;
const TOPIC = 2;
const EARLIEST = -2;
const LATEST = -1;
/** As many replicas as the broker's settings say. */
const DEFAULT_REPLICATION = -1;
/** Generation and member of a commit from outside of the group. */
const NO_GENERATION = -1;
const NO_MEMBER = "";

/** Makes an admin. It connects when first used; close it to let the process end. */
export function createKafkaAdmin(settings: KafkaSettings): LogAdmin {
  return new KafkaAdmin(settings);
}

class KafkaAdmin implements LogAdmin {
  readonly #cluster: Cluster;
  readonly #closing = new AbortController();

  constructor(settings: KafkaSettings) {
    this.#cluster = new Cluster(settings);
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<readonly string[]> {
    const made: string[] = [];
    for (const spec of topics) {
      const what = `create ${spec.topic}`;
      const isNew = await this.#repeat(
        spec.topic,
        what,
        () => this.#cluster.control(what, CHANGE_MS, (it) => sendCreateTopic(it, spec)),
      );
      if (isNew) made.push(spec.topic);
      await this.#untilSeen(what, spec.topic, (state) => (state?.leaders.size ?? 0) > 0);
    }
    return made;
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    if (topics.length === 0) return;
    const what = `delete ${topics.join(", ")}`;
    await this.#repeat(null, what, async () => {
      for (const topic of topics) this.#cluster.forget(topic);
      await this.#cluster.control(what, CHANGE_MS, (it) => sendDeleteTopics(it, topics));
    });
  }

  async listTopics(): Promise<readonly string[]> {
    const what = "list topics";
    return await this.#repeat(
      null,
      what,
      async () => (await this.#cluster.view("all", what)).topics,
    );
  }

  async topicConfig(topic: string): Promise<Readonly<Record<string, string>>> {
    const what = `read the settings of ${topic}`;
    return await this.#repeat(topic, what, async () => {
      await this.#existing(topic, what);
      return await this.#cluster.any(what, (it) => sendTopicConfig(it, topic));
    });
  }

  async addPartitions(topic: string, count: number): Promise<void> {
    const what = `add partitions to ${topic}`;
    await this.#repeat(topic, what, async () => {
      const { partitions } = await this.#existing(topic, what);
      if (partitions.length >= count) return;
      await this.#cluster.control(
        what,
        CHANGE_MS,
        (it) => sendCreatePartitions(it, topic, count),
      );
    });
    await this.#untilSeen(what, topic, (state) => (state?.leaders.size ?? 0) >= count);
  }

  async deleteRecords(topic: string, partition: number, before: number): Promise<void> {
    const what = `delete records of ${topic}/${partition}`;
    await this.#repeat(topic, what, async () => {
      const [start = 0, end = 0] = await Promise.all(
        [EARLIEST, LATEST].map((timestamp) =>
          this.#cluster.offset({ topic, partition, timestamp }, what)
        ),
      );
      if (before <= start) return; // The broker would call it out of range.
      if (before > end) throw offsetGone(what, before, { start, end });
      const [leader = ""] = (await this.#cluster.leaders(topic, [partition], what)).keys();
      const records = { topic, partition, before };
      await this.#cluster.lead(leader, what, (it) => sendDeleteRecords(it, records));
    });
  }

  async commitOffsets(
    group: string,
    topic: string,
    offsets: ReadonlyMap<number, number>,
    note = "",
  ): Promise<void> {
    const what = `commit offsets of ${group}`;
    await this.#repeatFor(group, topic, what, async () => {
      await this.#cluster.known(topic, what);
      const send = (connection: Connection): Promise<void> =>
        sendCommit(connection, group, topic, offsets, note);
      await this.#cluster.coordinate(group, what, send);
    });
  }

  async committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, number>> {
    const found = await this.#committed(group, topic);
    return new Map([...found].map(([partition, { offset }]) => [partition, offset]));
  }

  async committedNotes(group: string, topic: string): Promise<ReadonlyMap<number, string>> {
    const found = await this.#committed(group, topic);
    return new Map([...found].map(([partition, { note }]) => [partition, note]));
  }

  async #committed(group: string, topic: string): Promise<ReadonlyMap<number, Committed>> {
    const what = `read the offsets of ${group}`;
    return await this.#repeatFor(
      group,
      topic,
      what,
      () => this.#cluster.coordinate(group, what, (it) => sendCommitted(it, group, topic)),
    );
  }

  async deleteGroup(group: string): Promise<void> {
    const what = `delete the group ${group}`;
    await this.#repeatFor(
      group,
      null,
      what,
      () => this.#cluster.coordinate(group, what, (it) => sendDeleteGroup(it, group)),
    );
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#cluster.connections.close();
  }

  async #existing(topic: string, what: string): Promise<TopicState> {
    const state = await this.#cluster.refresh(topic, what);
    if (state === null) throw topicMissing(what, topic);
    return state;
  }

  /** Waits until a change of a topic shows: metadata come a moment after it was accepted. */
  async #untilSeen(
    what: string,
    topic: string,
    seen: (state: TopicState | null) => boolean,
  ): Promise<void> {
    for (let waited = 0; waited < SEEN_MS; waited += LOOK_MS) {
      const look = (): Promise<TopicState | null> => this.#cluster.refresh(topic, what);
      if (seen(await this.#repeat(topic, what, look))) return;
      await pauseFor(LOOK_MS, what, undefined, this.#closing.signal);
    }
    throw unreachable(what, "in charge", `no trace of it in ${SEEN_MS} ms`);
  }

  async #repeat<T>(topic: string | null, what: string, once: () => Promise<T>): Promise<T> {
    const forget = (): void => {
      if (topic !== null) this.#cluster.forget(topic);
    };
    return await repeatWhilePassing({ what, forget, closing: this.#closing.signal }, once);
  }

  async #repeatFor<T>(
    group: string,
    topic: string | null,
    what: string,
    once: () => Promise<T>,
  ): Promise<T> {
    return await this.#repeat(topic, what, async () => {
      try {
        return await once();
      } catch (error) {
        this.#cluster.forgetCoordinator(group);
        throw error;
      }
    });
  }
}

/** Throws what is an error; whether there was none, or one that is expected. */
function judge(
  answer:
    | { readonly errorCode: number; readonly errorMessage?: string | null | undefined }
    | undefined,
  expected?: number,
): boolean {
  const code = answer?.errorCode ?? KafkaCode.UNKNOWN_SERVER_ERROR;
  if (code !== 0 && code !== expected) throw new BrokerAnswer(code, answer?.errorMessage);
  return code === 0;
}

/** Answers whether the topic is new. */
async function sendCreateTopic(connection: Connection, spec: TopicSpec): Promise<boolean> {
  const topic = {
    name: spec.topic,
    numPartitions: spec.partitions,
    replicationFactor: DEFAULT_REPLICATION,
    assignments: [],
    configs: Object.entries(spec.config ?? {}).map(([name, value]) => ({ name, value })),
  };
  const answer = await tolerant(() =>
    kafka.createTopicsV5.api.async(connection, [topic], CHANGE_MS, false)
  );
  return judge(answer.topics[0], KafkaCode.TOPIC_ALREADY_EXISTS);
}

async function sendDeleteTopics(connection: Connection, topics: readonly string[]): Promise<void> {
  const names = topics.map((name) => ({ name }));
  const answer = await tolerant(() => kafka.deleteTopicsV4.api.async(connection, names, CHANGE_MS));
  for (const one of answer.responses) judge(one, KafkaCode.UNKNOWN_TOPIC_OR_PARTITION);
}

async function sendTopicConfig(
  connection: Connection,
  topic: string,
): Promise<Readonly<Record<string, string>>> {
  const resources = [{ resourceType: TOPIC, resourceName: topic }] as const;
  const answer = await tolerant(() =>
    kafka.describeConfigsV2.api.async(connection, [...resources], false, false)
  );
  const result = answer.results[0];
  judge(result);
  return Object.fromEntries(
    (result?.configs ?? []).flatMap(({ name, value }) =>
      typeof value === "string" ? [[name, value]] : []
    ),
  );
}

async function sendCreatePartitions(
  connection: Connection,
  topic: string,
  count: number,
): Promise<void> {
  const topics = [{ name: topic, count, assignments: null }];
  const answer = await tolerant(() =>
    kafka.createPartitionsV1.api.async(connection, topics, CHANGE_MS, false)
  );
  judge(answer.results[0]);
}

async function sendDeleteRecords(
  connection: Connection,
  { topic, partition, before }: {
    readonly topic: string;
    readonly partition: number;
    readonly before: number;
  },
): Promise<void> {
  const partitions = [{ partitionIndex: partition, offset: BigInt(before) }];
  const answer = await tolerant(() =>
    kafka.deleteRecordsV1.api.async(connection, [{ name: topic, partitions }], CHANGE_MS)
  );
  judge(answer.topics[0]?.partitions[0]);
}

async function sendDeleteGroup(connection: Connection, group: string): Promise<void> {
  const answer = await tolerant(() => kafka.deleteGroupsV1.api.async(connection, [group]));
  judge(answer.results[0], KafkaCode.GROUP_ID_NOT_FOUND);
}

/** Stores a group's offsets of one topic; the group must have no members. */
async function sendCommit(
  connection: Connection,
  group: string,
  topic: string,
  offsets: ReadonlyMap<number, number>,
  note: string,
): Promise<void> {
  const partitions = [...offsets].map(([partitionIndex, offset]) => ({
    partitionIndex,
    committedOffset: BigInt(offset),
    committedLeaderEpoch: -1,
    committedMetadata: note,
  }));
  const topics = [{ name: topic, partitions }];
  const answer = await tolerant(() =>
    kafka.offsetCommitV8.api.async(connection, group, NO_GENERATION, NO_MEMBER, null, topics)
  );
  for (const one of answer.topics.flatMap((it) => it.partitions)) judge(one);
}

/** What a group has stored of a partition. */
interface Committed {
  readonly offset: number;
  readonly note: string;
}

/** Reads what a group has stored of one topic, where something is stored. */
async function sendCommitted(
  connection: Connection,
  group: string,
  topic: string,
): Promise<ReadonlyMap<number, Committed>> {
  const answer = await tolerant(() =>
    kafka.offsetFetchV7.api.async(connection, [{ groupId: group, topics: null }], false)
  );
  judge(answer);
  const found = new Map<number, Committed>();
  for (const { name, partitions } of answer.topics) {
    if (name !== topic) continue;
    for (const one of partitions) {
      judge(one);
      if (one.committedOffset < 0n) continue;
      const { partitionIndex, committedOffset, metadata } = one;
      found.set(partitionIndex, { offset: Number(committedOffset), note: metadata ?? "" });
    }
  }
  return found;
}
