/**
 * Makes and removes topics, and keeps a group's offsets for display.
 *
 * @module
 */

import type { Connection } from "@platformatic/kafka";
import { type Admin as TopicAdmin, ConfigResourceTypes, type Kafka } from "kafkajs";
import type { KafkaSettings, LogAdmin, TopicSpec } from "./log.ts";
import { createKafkaJs } from "./kafkajs.ts";
import { kafka as wire } from "./client.ts";
import { Cluster, pauseFor, repeatWhilePassing } from "./cluster.ts";
import {
  BrokerAnswer,
  closed,
  fromClient,
  KafkaCode,
  offsetGone,
  topicMissing,
  unreachable,
} from "./errors.ts";
import { tolerant, type TopicState } from "./topic_wire.ts";

/** How long a change of a topic may take to show in the metadata, and between looks, in ms. */
const SEEN_MS = 10_000;
const LOOK_MS = 25;

/**
 * Makes an admin. It connects when first used.
 *
 * Topics go through kafkajs; group offsets are one request on the wire each, because kafkajs's
 * `setOffsets` joins the group as a consumer for it and takes 5 s.
 *
 * @param settings How to reach the brokers.
 * @returns The admin; close it to let the process end.
 */
export function createKafkaAdmin(settings: KafkaSettings): LogAdmin {
  return new KafkaAdmin(settings);
}

class KafkaAdmin implements LogAdmin {
  readonly #settings: KafkaSettings;
  #kafka: Kafka | undefined;
  #topics: Promise<TopicAdmin> | undefined;
  readonly #cluster: Cluster;
  readonly #closing = new AbortController();

  constructor(settings: KafkaSettings) {
    this.#settings = settings;
    this.#cluster = new Cluster(settings);
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<readonly string[]> {
    const made: string[] = [];
    for (const { topic, partitions, config } of topics) {
      const isNew = await this.#run(`create ${topic}`, topic, (admin) =>
        admin.createTopics({
          waitForLeaders: false,
          topics: [{
            topic,
            numPartitions: partitions,
            replicationFactor: -1,
            configEntries: Object.entries(config ?? {}).map(([name, value]) => ({ name, value })),
          }],
        }));
      if (isNew) made.push(topic);
      await this.#untilSeen(`create ${topic}`, topic, (state) => (state?.leaders.size ?? 0) > 0);
    }
    return made;
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    const existing = new Set(await this.listTopics());
    const doomed = topics.filter((topic) => existing.has(topic));
    if (doomed.length === 0) return;
    await this.#run(
      `delete ${doomed.join(", ")}`,
      undefined,
      (admin) => admin.deleteTopics({ topics: doomed }),
    );
  }

  async listTopics(): Promise<readonly string[]> {
    return await this.#run("list topics", undefined, (admin) => admin.listTopics());
  }

  async topicConfig(topic: string): Promise<Readonly<Record<string, string>>> {
    const { resources } = await this.#run(
      `read the settings of ${topic}`,
      topic,
      (admin) =>
        admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
        }),
    );
    const entries = resources[0]?.configEntries ?? [];
    return Object.fromEntries(
      entries.flatMap(({ configName, configValue }) =>
        configValue === null ? [] : [[configName, configValue]]
      ),
    );
  }

  async addPartitions(topic: string, count: number): Promise<void> {
    await this.#run(`add partitions to ${topic}`, topic, async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      if ((topics[0]?.partitions.length ?? 0) >= count) return;
      await admin.createPartitions({ topicPartitions: [{ topic, count }] });
    });
    const what = `add partitions to ${topic}`;
    await this.#untilSeen(what, topic, (state) => (state?.leaders.size ?? 0) >= count);
  }

  async deleteRecords(topic: string, partition: number, before: number): Promise<void> {
    const what = `delete records of ${topic}/${partition}`;
    await this.#run(what, topic, async (admin) => {
      const offsets = await admin.fetchTopicOffsets(topic);
      const held = offsets.find((it) => it.partition === partition);
      if (held === undefined) throw topicMissing(what, topic, partition);
      const range = { start: Number(held.low), end: Number(held.high) };
      if (before <= range.start) return; // The broker would call it out of range.
      if (before > range.end) throw offsetGone(what, before, range);
      await admin.deleteTopicRecords({
        topic,
        partitions: [{ partition, offset: String(before) }],
      });
    });
  }

  async commitOffsets(
    group: string,
    topic: string,
    offsets: ReadonlyMap<number, number>,
  ): Promise<void> {
    const what = `commit offsets of ${group}`;
    await this.#repeat(group, topic, what, async () => {
      await this.#cluster.known(topic, what);
      const send = (connection: Connection): Promise<void> =>
        sendCommit(connection, group, topic, offsets);
      await this.#cluster.coordinate(group, what, send);
    });
  }

  async committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, number>> {
    const what = `read the offsets of ${group}`;
    return await this.#repeat(
      group,
      topic,
      what,
      () => this.#cluster.coordinate(group, what, (it) => sendCommitted(it, group, topic)),
    );
  }

  async deleteGroup(group: string): Promise<void> {
    const what = `delete the group ${group}`;
    const closing = this.#closing.signal;
    const forget = (): void => this.#cluster.forgetCoordinator(group);
    await repeatWhilePassing({ what, forget, closing }, async () => {
      const admin = await this.#topicAdmin(what);
      try {
        await admin.deleteGroups([group]);
      } catch (error) {
        const code = groupErrorOf(error);
        if (code === undefined) throw fromClient(error, what, this.#settings.brokers);
        // On a fresh broker the coordinator comes up with the first request for one.
        if (code !== KafkaCode.GROUP_ID_NOT_FOUND) throw new BrokerAnswer(code);
      }
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const admin = await this.#topics?.catch(() => undefined);
    await Promise.all([admin?.disconnect(), this.#cluster.connections.close()]);
  }

  /**
   * Waits until a change of a topic shows: a broker's metadata come a moment after the change was
   * accepted, and kafkajs's own wait for them fails if they are late.
   */
  async #untilSeen(
    what: string,
    topic: string,
    seen: (state: TopicState | null) => boolean,
  ): Promise<void> {
    const closing = this.#closing.signal;
    const forget = (): void => this.#cluster.forget(topic);
    for (let waited = 0; waited < SEEN_MS; waited += LOOK_MS) {
      const look = (): Promise<TopicState | null> => this.#cluster.refresh(topic, what);
      if (seen(await repeatWhilePassing({ what, forget, closing }, look))) return;
      await pauseFor(LOOK_MS, what, undefined, closing);
    }
    throw unreachable(what, "in charge", `no trace of it in ${SEEN_MS} ms`);
  }

  async #repeat<T>(
    group: string,
    topic: string,
    what: string,
    once: () => Promise<T>,
  ): Promise<T> {
    const forget = (): void => {
      this.#cluster.forgetCoordinator(group);
      this.#cluster.forget(topic);
    };
    return await repeatWhilePassing({ what, forget, closing: this.#closing.signal }, once);
  }

  async #run<T>(
    what: string,
    topic: string | undefined,
    call: (admin: TopicAdmin) => Promise<T>,
  ): Promise<T> {
    try {
      return await call(await this.#topicAdmin(what));
    } catch (error) {
      throw fromClient(error, what, this.#settings.brokers, topic);
    }
  }

  #topicAdmin(what: string): Promise<TopicAdmin> {
    if (this.#closing.signal.aborted) return Promise.reject(closed(what));
    this.#kafka ??= createKafkaJs(this.#settings);
    const kafka = this.#kafka;
    const made = this.#topics ?? (async () => {
      const admin = kafka.admin();
      try {
        await admin.connect();
        return admin;
      } catch (error) {
        this.#topics = undefined;
        await admin.disconnect();
        throw error;
      }
    })();
    this.#topics = made;
    return made;
  }
}

/** The broker's answer for the group in an error of `deleteGroups`. */
function groupErrorOf(error: unknown): number | undefined {
  const groups: unknown = error instanceof Error ? Reflect.get(error, "groups") : undefined;
  if (!Array.isArray(groups)) return undefined;
  const codes = groups.map((it: { readonly errorCode?: unknown }) => it.errorCode);
  return codes.find((code) => typeof code === "number");
}

/** Generation and member of a commit from outside of the group. */
const NO_GENERATION = -1;
const NO_MEMBER = "";

/**
 * Stores a group's offsets of one topic.
 */
async function sendCommit(
  connection: Connection,
  group: string,
  topic: string,
  offsets: ReadonlyMap<number, number>,
): Promise<void> {
  const partitions = [...offsets].map(([partitionIndex, offset]) => ({
    partitionIndex,
    committedOffset: BigInt(offset),
    committedLeaderEpoch: -1,
    committedMetadata: "",
  }));
  const answer = await tolerant(() =>
    wire.offsetCommitV8.api.async(connection, group, NO_GENERATION, NO_MEMBER, null, [
      { name: topic, partitions },
    ])
  );
  for (const { errorCode } of answer.topics.flatMap((it) => it.partitions)) {
    if (errorCode !== 0) throw new BrokerAnswer(errorCode);
  }
}

/**
 * Reads a group's stored offsets of one topic.
 */
async function sendCommitted(
  connection: Connection,
  group: string,
  topic: string,
): Promise<ReadonlyMap<number, number>> {
  const answer = await tolerant(() =>
    wire.offsetFetchV7.api.async(connection, [{ groupId: group, topics: null }], false)
  );
  if (answer.errorCode !== 0) throw new BrokerAnswer(answer.errorCode);
  const found = new Map<number, number>();
  for (const { name, partitions } of answer.topics) {
    if (name !== topic) continue;
    for (const { partitionIndex, committedOffset, errorCode } of partitions) {
      if (errorCode !== 0) throw new BrokerAnswer(errorCode);
      if (committedOffset >= 0n) found.set(partitionIndex, Number(committedOffset));
    }
  }
  return found;
}
