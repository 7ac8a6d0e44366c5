/**
 * Polls many partitions over Kafka's wire protocol; the loops are in `tail_loop.ts`.
 *
 * @module
 */

import type { KafkaSettings } from "./log.ts";
import { Cluster } from "./cluster.ts";
import { BrokerAnswer } from "./errors.ts";
import { type FetchAnswer, sendFetchMany } from "./fetch_wire.ts";
import { decodeAnswer } from "./reader.ts";
import { BatchError } from "./record_batch.ts";
import type {
  LogTailer,
  TailAnswer,
  TailerOptions,
  TailPart,
  TailPoll,
  TailTopic,
  TailTransport,
} from "./tail.ts";
import { createTailer } from "./tail_loop.ts";
import type { TopicState } from "./topic_wire.ts";

/** How long a broker may take to answer beyond what it was asked to wait, in ms. */
const ANSWER_MS = 10_000;
const EARLIEST = -2;
const LATEST = -1;

/** Options of {@linkcode createKafkaTailer}. */
export interface KafkaTailerOptions extends TailerOptions {
  /**
   * How long a broker may take to answer, beyond what it was asked to wait, in ms.
   * @default {10000}
   */
  readonly answerMs?: number;
}

/** Makes a tailer of a Kafka cluster. It connects when first used. */
export function createKafkaTailer(
  settings: KafkaSettings,
  options: KafkaTailerOptions = {},
): LogTailer {
  return createTailer(new KafkaTransport(settings, options.answerMs ?? ANSWER_MS), options);
}

class KafkaTransport implements TailTransport {
  readonly #cluster: Cluster;
  readonly #asked = new Map<string, { readonly atMs: number; readonly state: TopicState | null }>();

  constructor(settings: KafkaSettings, answerMs: number) {
    this.#cluster = new Cluster(settings, answerMs);
  }

  async topic(topic: string, maxAgeMs: number): Promise<TailTopic | null> {
    const known = this.#asked.get(topic);
    const atMs = performance.now();
    if (known !== undefined && atMs - known.atMs < maxAgeMs) return known.state;
    const state = await this.#cluster.refresh(topic, `describe ${topic}`);
    this.#asked.set(topic, { atMs, state });
    return state;
  }

  async poll(leader: string, poll: TailPoll): Promise<TailAnswer> {
    const { topic: name, state, waitMs, signal } = poll;
    const what = `read ${name}`;
    const { version, topic } = await this.#cluster.fetchVia(
      leader,
      { ...state, topic: name },
      what,
    );
    const call = {
      topic,
      partitions: poll.partitions.map(({ partition, from }) => ({
        partition,
        from,
        leaderEpoch: state.epochs.get(partition) ?? -1,
      })),
      maxBytes: poll.maxBytes,
      partitionBytes: poll.partitionBytes,
      maxWaitMs: waitMs,
    };
    const answer = await this.#cluster.connections.use(
      leader,
      { what, waitMs, alone: true, signal },
      (connection) => sendFetchMany(connection, version, call),
    );
    if (answer.errorCode !== 0) throw new BrokerAnswer(answer.errorCode);
    const froms = new Map(poll.partitions.map(({ partition, from }) => [partition, from]));
    const parts = new Map<number, TailPart>();
    for (const part of answer.partitions) {
      const from = froms.get(part.partition);
      if (from !== undefined) parts.set(part.partition, partOf(part, from));
    }
    return { throttleMs: answer.throttleMs, parts };
  }

  epochEnd(leader: string, topic: string, partition: number, leaderEpoch: number) {
    const what = `check ${topic}/${partition}`;
    return this.#cluster.epochEnd(leader, { topic, partition, leaderEpoch }, what);
  }

  async offsets(topic: string, partition: number) {
    const what = `read the offsets of ${topic}/${partition}`;
    const [start, end] = await Promise.all(
      [EARLIEST, LATEST].map((timestamp) =>
        this.#cluster.offset({ topic, partition, timestamp }, what)
      ),
    );
    return { start: start ?? 0, end: end ?? 0 };
  }

  close(): Promise<void> {
    return this.#cluster.connections.close();
  }
}

function partOf(part: FetchAnswer, from: number): TailPart {
  if (part.errorCode !== 0) return { error: new BrokerAnswer(part.errorCode) };
  try {
    const { records, next, leaderEpoch, cutOff } = decodeAnswer(part, from);
    const { end, highWatermark, start } = part;
    const bytes = part.batches.byteLength;
    return { error: null, records, next, end, highWatermark, start, leaderEpoch, bytes, cutOff };
  } catch (error) {
    if (error instanceof BatchError) return { error };
    throw error;
  }
}
