/**
 * Writes result rows: one content a revision, one order of writing. All rows of a process go through
 * one queue, in the order in which they were handed in; what is queued is written together. Where a
 * row can have several revisions, in transactions under an id that fences every earlier process.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "@platformatic/kafka";
import { errorText, TidegateError } from "../../core/errors.ts";
import type { ApiRanges } from "./api_versions.ts";
import { Cluster } from "./cluster.ts";
import { BrokerAnswer, closed, fromAnswer } from "./errors.ts";
import type { KafkaSettings } from "./log.ts";
import { partitionOfKey } from "./partitioner.ts";
import {
  type ProducedRecord,
  type ProducerEpoch,
  sendAddPartitions,
  sendEndTransaction,
  sendInitProducerId,
  sendProduce,
} from "./produce_wire.ts";
import { recordBytes, requests } from "./requests.ts";

/** The rows of one emission of a window. */
export interface WindowRows {
  /** Names the window, and the share of its keys. */
  readonly window: string;
  /** The emission's number, from 0. */
  readonly revision: number;
  /** The rows as records. */
  readonly records: readonly {
    /** The row's key: another revision of the row has the same one. */
    readonly key: string;
    /** The row. */
    readonly value: string;
  }[];
}

/** What became of rows. */
export type RowsEnd =
  /** They are in the topic, for readers of what is committed. */
  | "written"
  /** A larger revision of the window has been handed in before: they belong to the past. */
  | "superseded";

/** Writes rows. */
export interface RowsWriter {
  /**
   * Takes what it writes under, after the lease and before anything is written.
   *
   * @throws {TidegateError} `TG_CONTROL_LOST` if the lease has gone to somebody else meanwhile.
   */
  open(): Promise<void>;
  /**
   * Writes the rows of an emission; the same may be handed in again.
   *
   * @throws {TidegateError} `TG_CONTROL_LOST` if another process writes now; `TG_BROKER_UNREACHABLE`
   * (retryable) if they could not be written for a while; `TG_CONFIG` if the broker refuses them.
   */
  write(rows: WindowRows): Promise<RowsEnd>;
  /** Waits for what is under way and releases all connections. */
  close(): Promise<void>;
}

/** Options of {@linkcode createRowsWriter}. */
export interface RowsWriterOptions {
  /** The results topic. */
  readonly topic: string;
  /** The transactional id; null where a row has one revision only, and needs no transaction. */
  readonly transactionalId: string | null;
  /** Asks whether the lease is this process's. */
  readonly isOurs: () => Promise<boolean>;
  /** Is told that another process writes now. */
  readonly onLost: (error: TidegateError) => void;
  /**
   * How long a broker may take to answer, in ms.
   * @default {5000}
   */
  readonly answerMs?: number;
  /**
   * How long writing is tried before it is left to whoever asked for it, in ms.
   * @default {10000}
   */
  readonly giveUpMs?: number;
}

const ANSWER_MS = 5_000;
const GIVE_UP_MS = 10_000;
/** After so long a coordinator aborts a transaction: until then it holds readers up, in ms. */
const TRANSACTION_MS = 10_000;
/** About how many bytes are written together. */
const TOGETHER_BYTES = 4 * 1024 * 1024;
/** The largest revision of a window is remembered for so long after its last rows, in ms. */
const REMEMBER_MS = 600_000;
/** The protocol wraps the numbers of records at 2^31; a new epoch begins them anew before. */
const MAX_SEQUENCE = 1_000_000_000;
const PAUSES_MS = [20, 50, 100, 200, 400, 800, 1_500] as const;
/** The coordinator is busy with ending the transaction before. */
const CONCURRENT_TRANSACTIONS = 51;
/** Somebody else has taken the id, or the coordinator has: who, the lease tells. */
const FENCED: ReadonlySet<number> = new Set([
  47, // INVALID_PRODUCER_EPOCH
  49, // INVALID_PRODUCER_ID_MAPPING
  59, // UNKNOWN_PRODUCER_ID
  90, // PRODUCER_FENCED
  105, // TRANSACTIONAL_ID_NOT_FOUND
]);

/** Makes a writer of rows. It connects when it is opened. */
export function createRowsWriter(
  settings: KafkaSettings,
  options: RowsWriterOptions,
): RowsWriter {
  return new QueuedWriter(settings, options);
}

/** Rows that wait to be written. */
interface Waiting {
  readonly rows: WindowRows;
  readonly bytes: number;
  readonly end: PromiseWithResolvers<RowsEnd>;
}

const encoder = new TextEncoder();

class QueuedWriter implements RowsWriter {
  readonly #cluster: Cluster;
  readonly #options: RowsWriterOptions;
  readonly #what: string;
  readonly #queue: Waiting[] = [];
  readonly #largest = new Map<string, { readonly revision: number; readonly atMs: number }>();
  readonly #closing = new AbortController();
  #working: Promise<void> | null = null;
  #producer: ProducerEpoch | null = null;
  /** Whether a write has ended without a clear answer since the epoch was taken. */
  #unclear = false;
  /** Whether the id was found taken. */
  #isFenced = false;
  #sequences = new Map<number, number>();
  #lost: TidegateError | null = null;

  constructor(settings: KafkaSettings, options: RowsWriterOptions) {
    this.#cluster = new Cluster(settings, options.answerMs ?? ANSWER_MS);
    this.#options = options;
    this.#what = `write to ${options.topic}`;
  }

  async open(): Promise<void> {
    await this.#patiently(() => this.#take());
  }

  async write(rows: WindowRows): Promise<RowsEnd> {
    if (this.#lost !== null) throw this.#lost;
    if (this.#closing.signal.aborted) throw closed(this.#what);
    // In the tick in which it is handed in: the order of handing in is the order of writing.
    if (!this.#isNewest(rows)) return "superseded";
    const bytes = rows.records.reduce((sum, record) => sum + recordBytes(record), 0);
    const end = Promise.withResolvers<RowsEnd>();
    this.#queue.push({ rows, bytes, end });
    this.#working ??= this.#work();
    return await end.promise;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
    await this.#cluster.connections.close();
  }

  #isNewest({ window, revision }: WindowRows): boolean {
    const atMs = performance.now();
    for (const [old, known] of this.#largest) {
      if (atMs - known.atMs < REMEMBER_MS) break;
      this.#largest.delete(old);
    }
    const known = this.#largest.get(window);
    if (known !== undefined && revision < known.revision) return false;
    // Deleted first, so that the map stays in the order of time.
    this.#largest.delete(window);
    this.#largest.set(window, { revision, atMs });
    return true;
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0) {
      const together: Waiting[] = [];
      let bytes = 0;
      while (this.#queue.length > 0 && bytes < TOGETHER_BYTES) {
        const next = this.#queue.shift();
        if (next === undefined) break;
        together.push(next);
        bytes += next.bytes;
      }
      await this.#writeTogether(together);
    }
    // In the same tick as the last look at the queue: nothing is handed in between.
    this.#working = null;
  }

  /** Writes some emissions at once; what is refused for good is found by writing each alone. */
  async #writeTogether(together: readonly Waiting[]): Promise<void> {
    try {
      await this.#patiently(() => this.#writeOnce(together.map(({ rows }) => rows)));
      for (const { end } of together) end.resolve("written");
    } catch (error) {
      const isRefused = error instanceof TidegateError && !error.retryable && this.#lost === null;
      if (isRefused && together.length > 1) {
        for (const it of together) await this.#writeTogether([it]);
        return;
      }
      // A transaction that was refused holds readers up until it is aborted.
      if (isRefused) await this.#take().catch(() => undefined);
      for (const { end } of together) end.reject(this.#lost ?? error);
    }
  }

  /** Tries until it succeeds, is refused for good, or has taken too long. */
  async #patiently(work: () => Promise<void>): Promise<void> {
    const untilMs = performance.now() + (this.#options.giveUpMs ?? GIVE_UP_MS);
    for (let attempt = 0;; attempt++) {
      try {
        if (this.#lost !== null) throw this.#lost;
        return await work();
      } catch (thrown) {
        this.#unclear = true;
        const error = this.#errorOf(thrown);
        this.#forget();
        const pauseMs = PAUSES_MS[Math.min(attempt, PAUSES_MS.length - 1)] ?? 0;
        if (!error.retryable || performance.now() + pauseMs >= untilMs) throw error;
        await sleep(pauseMs);
      }
    }
  }

  /** Has an epoch under which nothing is under way. */
  async #take(): Promise<void> {
    const { transactionalId } = this.#options;
    if (this.#producer !== null && !this.#unclear) return;
    if (transactionalId === null) {
      this.#begin(
        await this.#cluster.any(
          this.#what,
          (connection, ranges) => sendInitProducerId(connection, ranges, null, TRANSACTION_MS),
        ),
      );
      return;
    }
    const own = this.#producer;
    if (own !== null) {
      try {
        this.#begin(await this.#init(transactionalId, own));
        return;
      } catch (error) {
        if (!(error instanceof BrokerAnswer) || !FENCED.has(error.code)) throw error;
        // By another process, or by the coordinator because a transaction took too long.
        this.#producer = null;
        this.#isFenced = true;
      }
    }
    // Whoever was thrown out asks before it takes the id again.
    if (this.#isFenced) await this.#confirm();
    const taken = await this.#init(transactionalId);
    await this.#confirm();
    this.#begin(taken);
  }

  #begin(producer: ProducerEpoch): void {
    this.#producer = producer;
    this.#isFenced = false;
    this.#unclear = false;
    this.#sequences = new Map();
  }

  async #init(transactionalId: string, own?: ProducerEpoch): Promise<ProducerEpoch> {
    return await this.#coordinate(
      transactionalId,
      (connection, ranges) =>
        sendInitProducerId(connection, ranges, transactionalId, TRANSACTION_MS, own),
    );
  }

  /** Whoever does not have the lease ends, and takes nothing back. */
  async #confirm(): Promise<void> {
    if (await this.#options.isOurs()) return;
    this.#lost = new TidegateError(
      "TG_CONTROL_LOST",
      `Cannot ${this.#what}: another control process writes the rows now`,
      { next: "See which one runs with status; start again if none does." },
    );
    this.#options.onLost(this.#lost);
    for (const { end } of this.#queue.splice(0)) end.reject(this.#lost);
    throw this.#lost;
  }

  async #writeOnce(emissions: readonly WindowRows[]): Promise<void> {
    const { topic, transactionalId } = this.#options;
    await this.#take();
    const producer = this.#producer;
    if (producer === null) throw new Error("there must be a producer id");
    const { leaders, partitions } = await this.#cluster.known(topic, this.#what);
    const byLeader = new Map<string, ProducedRecord[]>();
    const written = new Set<number>();
    for (const { key, value } of emissions.flatMap(({ records }) => records)) {
      const bytes = encoder.encode(key);
      const partition = partitionOfKey(bytes, partitions.length);
      const leader = leaders.get(partition);
      if (leader === undefined) throw new BrokerAnswer(5);
      const led = byLeader.get(leader) ?? [];
      byLeader.set(leader, led);
      led.push({ partition, key: bytes, value: encoder.encode(value) });
      written.add(partition);
    }
    if (written.size === 0) return;
    this.#unclear = true;
    if (transactionalId !== null) {
      await this.#coordinate(
        transactionalId,
        (connection, ranges) =>
          sendAddPartitions(connection, ranges, transactionalId, producer, topic, [...written]),
      );
    }
    await Promise.all(
      [...byLeader].map(([leader, records]) => this.#produce(leader, records, producer)),
    );
    if (transactionalId !== null) {
      await this.#coordinate(
        transactionalId,
        (connection, ranges) =>
          sendEndTransaction(connection, ranges, transactionalId, producer, true),
      );
    }
    this.#unclear = [...this.#sequences.values()].some((next) => next > MAX_SEQUENCE);
  }

  /** One request after the other, so that records stay in order. */
  async #produce(
    leader: string,
    all: readonly ProducedRecord[],
    producer: ProducerEpoch,
  ): Promise<void> {
    const { topic, transactionalId } = this.#options;
    for (const records of requests(all)) {
      const sequences = this.#sequences;
      await this.#cluster.lead(
        leader,
        this.#what,
        (connection, ranges) =>
          sendProduce(connection, ranges, {
            topic,
            records,
            producer,
            transactionalId,
            sequences,
            timeoutMs: this.#options.answerMs ?? ANSWER_MS,
          }),
      );
      for (const { partition } of records) {
        sequences.set(partition, (sequences.get(partition) ?? 0) + 1);
      }
    }
  }

  /** Asks the coordinator; waits while it ends the transaction before. */
  async #coordinate<T>(
    transactionalId: string,
    request: (connection: Connection, ranges: ApiRanges) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 0;; attempt++) {
      try {
        return await this.#cluster.coordinate(transactionalId, this.#what, request, "transaction");
      } catch (error) {
        const isBusy = error instanceof BrokerAnswer && error.code === CONCURRENT_TRANSACTIONS;
        if (!isBusy || attempt >= 50) throw error;
        // It takes a few ms as a rule, and up to the timeout of a dead one's transaction.
        await sleep(Math.min(2 ** attempt, 100));
      }
    }
  }

  #forget(): void {
    const { topic, transactionalId } = this.#options;
    this.#cluster.forget(topic);
    if (transactionalId !== null) {
      this.#cluster.forgetCoordinator(transactionalId, "transaction");
    }
  }

  #errorOf(thrown: unknown): TidegateError {
    if (thrown instanceof TidegateError) return thrown;
    if (thrown instanceof BrokerAnswer) return fromAnswer(thrown, this.#what);
    return new TidegateError(
      "TG_BROKER_UNREACHABLE",
      `Cannot ${this.#what}: ${errorText(thrown)}`,
      { retryable: true, cause: thrown },
    );
  }
}
