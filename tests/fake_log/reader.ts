/**
 * The reader of the log in memory.
 *
 * @module
 */

import type {
  FetchRequest,
  FetchResult,
  LogReader,
  OffsetRange,
  TopicInfo,
} from "../../adapters/kafka/log.ts";
import type { FakeBroker } from "./broker.ts";
import type { FakePartition } from "./partition.ts";
import { closed, offsetGone, topicMissing } from "../../adapters/kafka/errors.ts";

const DEFAULT_MAX_BYTES = 4_194_304;

/** Reads the log in memory as `createKafkaReader` reads Kafka. */
export class FakeReader implements LogReader {
  readonly #broker: FakeBroker;
  readonly #closing = new AbortController();

  /**
   * Opens a reader.
   *
   * @param broker Topics and groups.
   */
  constructor(broker: FakeBroker) {
    this.#broker = broker;
  }

  async describe(topic: string): Promise<TopicInfo | null> {
    await this.#check(`describe ${topic}`);
    const found = this.#broker.topics.get(topic);
    if (found === undefined) return null;
    return { topic, topicId: found.id, partitions: [...found.partitions.keys()] };
  }

  async offsets(topic: string, partition: number): Promise<OffsetRange> {
    const what = `read the offsets of ${topic}/${partition}`;
    await this.#check(what);
    return this.#broker.partition(what, topic, partition).range;
  }

  async ends(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const what = `read the ends of ${topic}`;
    await this.#check(what);
    const found = this.#broker.topics.get(topic);
    if (found === undefined) throw topicMissing(what, topic);
    return new Map(partitions.flatMap((partition) => {
      const range = found.partitions[partition]?.range;
      return range === undefined ? [] : [[partition, range.end]];
    }));
  }

  async offsetAt(topic: string, partition: number, timeMs: number): Promise<number> {
    const what = `find the offset of ${topic}/${partition} at a time`;
    await this.#check(what);
    return this.#broker.partition(what, topic, partition).offsetAt(timeMs);
  }

  async fetch(request: FetchRequest): Promise<FetchResult> {
    const { topic, partition: index, from, signal } = request;
    const what = `fetch ${topic}/${index}`;
    signal?.throwIfAborted();
    await this.#check(what);
    const partition = this.#broker.partition(what, topic, index);
    const check = (): void => {
      const range = partition.range;
      if (from < range.start || from > range.end) {
        throw offsetGone(what, from, range, from > range.end && from <= partition.logEnd);
      }
    };
    check();
    if (partition.range.end === from && (request.maxWaitMs ?? 0) > 0) {
      await this.#wait(partition, from, request.maxWaitMs ?? 0, signal);
      await this.#check(what);
      this.#broker.partition(what, topic, index);
      check();
    }
    const { records, next } = partition.read(from, request.maxBytes ?? DEFAULT_MAX_BYTES);
    return { records, next, ...partition.range };
  }

  close(): Promise<void> {
    this.#closing.abort(closed("go on"));
    return Promise.resolve();
  }

  // deno-lint-ignore require-await -- answers as late as a broker does: never in the same turn.
  async #check(what: string): Promise<void> {
    if (this.#closing.signal.aborted) throw closed(what);
    this.#broker.check(what);
  }

  #wait(
    partition: FakePartition,
    from: number,
    ms: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (finish: () => void): void => {
        clearTimeout(timer);
        stopWatching();
        signal?.removeEventListener("abort", onAbort);
        this.#closing.signal.removeEventListener("abort", onAbort);
        finish();
      };
      const onAbort = (): void =>
        end(() => reject(signal?.aborted === true ? signal.reason : this.#closing.signal.reason));
      const timer = setTimeout(() => end(resolve), ms);
      const stopWatching = partition.onChange(() => {
        const { start, end: stable } = partition.range;
        if (stable > from || start > from) end(resolve);
      });
      signal?.addEventListener("abort", onAbort);
      this.#closing.signal.addEventListener("abort", onAbort);
    });
  }
}
