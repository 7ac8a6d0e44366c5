/**
 * The brokers of the log in memory as a tailer asks them: many partitions in one request, filled in
 * their order up to its bytes.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { BrokerAnswer, KafkaCode } from "../../adapters/kafka/errors.ts";
import type { OffsetRange } from "../../adapters/kafka/log.ts";
import type {
  TailAnswer,
  TailerOptions,
  TailPart,
  TailPoll,
  TailTopic,
  TailTransport,
} from "../../adapters/kafka/tail.ts";
import type { FakeBroker } from "./broker.ts";

/** What the brokers do beyond the log. */
export interface FakeTailOptions extends TailerOptions {
  /**
   * Who leads a partition.
   * @default {() => "broker-1"}
   */
  readonly leaderOf?: (partition: number) => string | null;
  /**
   * The epoch of a partition's leader.
   * @default {() => 0}
   */
  readonly epochOf?: (partition: number) => number | null;
  /**
   * The topic's id.
   * @default {"the broker's"}
   */
  readonly topicId?: () => string | null;
  /**
   * Answers in place of the broker, or lets it answer.
   * @default {() => undefined}
   */
  readonly answer?: (leader: string, poll: TailPoll) => Promise<TailAnswer> | undefined;
  /**
   * Where an epoch ends.
   * @default {() => null}
   */
  readonly epochEnd?: (partition: number, leaderEpoch: number) => number | null;
}

/** Asks the log in memory as `createKafkaTailer` asks Kafka. */
export class FakeTail implements TailTransport {
  readonly #broker: FakeBroker;
  readonly #options: FakeTailOptions;

  constructor(broker: FakeBroker, options: FakeTailOptions) {
    this.#broker = broker;
    this.#options = options;
  }

  async topic(topic: string): Promise<TailTopic | null> {
    await this.#check(`describe ${topic}`);
    const found = this.#broker.topics.get(topic);
    if (found === undefined) return null;
    const { leaderOf = () => "broker-1", epochOf = () => 0, topicId = () => found.id } =
      this.#options;
    const partitions = [...found.partitions.keys()];
    const leaders = new Map<number, string>();
    const epochs = new Map<number, number>();
    for (const it of partitions) {
      const leader = leaderOf(it);
      const epoch = epochOf(it);
      if (leader !== null) leaders.set(it, leader);
      if (epoch !== null) epochs.set(it, epoch);
    }
    return { topicId: topicId(), partitions, leaders, epochs };
  }

  async poll(leader: string, poll: TailPoll): Promise<TailAnswer> {
    const instead = this.#options.answer?.(leader, poll);
    if (instead !== undefined) return await instead;
    const deadline = performance.now() + poll.waitMs;
    while (true) {
      await this.#check(`poll ${leader}`);
      poll.signal.throwIfAborted();
      const answer = this.#read(poll);
      const leftMs = deadline - performance.now();
      const isEmpty = [...answer.parts.values()].every((it) => it.error === null && it.bytes === 0);
      if (!isEmpty || leftMs <= 0) return answer;
      await this.#change(poll, leftMs);
    }
  }

  epochEnd(_leader: string, _topic: string, partition: number, leaderEpoch: number) {
    return Promise.resolve(this.#options.epochEnd?.(partition, leaderEpoch) ?? null);
  }

  async offsets(topic: string, partition: number): Promise<OffsetRange> {
    await this.#check(`read the offsets of ${topic}`);
    return this.#broker.partition("read offsets", topic, partition).range;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #read({ topic, partitions, maxBytes, partitionBytes }: TailPoll): TailAnswer {
    let left = maxBytes;
    const parts = new Map<number, TailPart>();
    for (const { partition, from } of partitions) {
      const found = this.#broker.topics.get(topic)?.partitions[partition];
      const range = found?.range;
      if (found === undefined || range === undefined) {
        parts.set(partition, refusal(KafkaCode.UNKNOWN_TOPIC_OR_PARTITION));
      } else if (from < range.start || from > found.logEnd) {
        parts.set(partition, refusal(KafkaCode.OFFSET_OUT_OF_RANGE));
      } else {
        const most = Math.min(left, partitionBytes);
        const polled = left > 0 ? found.poll(from, most) : { records: [], next: from, bytes: 0 };
        left -= polled.bytes;
        parts.set(partition, {
          error: null,
          ...polled,
          ...range,
          highWatermark: found.logEnd,
          leaderEpoch: polled.next > from ? this.#options.epochOf?.(partition) ?? 0 : null,
          cutOff: 0,
        });
      }
    }
    return { throttleMs: 0, parts };
  }

  async #change({ topic, partitions, signal }: TailPoll, ms: number): Promise<void> {
    const over = new AbortController();
    const stops = partitions.map(({ partition }) =>
      this.#broker.topics.get(topic)?.partitions[partition]?.onChange(() => over.abort())
    );
    const ended = AbortSignal.any([signal, over.signal]);
    await sleep(ms, undefined, { signal: ended }).catch(() => undefined);
    for (const stop of stops) stop?.();
  }

  // deno-lint-ignore require-await -- answers as late as a broker does: never in the same turn.
  async #check(what: string): Promise<void> {
    this.#broker.check(what);
  }
}

function refusal(code: number): TailPart {
  return { error: new BrokerAnswer(code) };
}
