/**
 * What the two kinds of load, `produce` and `replay`, have in common: records sent in batches, at
 * their time.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import type { LogWriter, OutRecord } from "../adapters/kafka/log.ts";

/** A batch is sent when it has this many records or bytes: about one request of the writer's. */
const BATCH_RECORDS = 2_000;
const BATCH_BYTES = 262_144;
/** At high rates, records wait this long for each other, so that a request carries several. */
const TICK_MS = 5;
const PROGRESS_MS = 1_000;

/** What a load is given beside its options. */
export interface LoadHooks {
  /**
   * Told of the progress, once a second, and of what is odd; a line of text without line break.
   * @default nobody is told
   */
  readonly say?: (line: string) => void;
  /**
   * The wall clock, epoch ms.
   * @default {Date.now}
   */
  readonly now?: () => number;
  /**
   * Waits some ms, or until the signal is aborted.
   * @default a timer
   */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Ends the load cleanly: what was sent so far is reported. */
  readonly signal?: AbortSignal;
}

/** What was sent: records that the broker has acknowledged. */
export interface SentCounts {
  /** How many records. */
  readonly sent: number;
  /**
   * How many of them by partition. The load chooses each record's partition itself, by the rule of
   * Kafka's Java client for the record's key, in turn where there is none: so this is what was
   * written, not an estimate.
   */
  readonly perPartition: Readonly<Record<string, number>>;
  /** How long it took. */
  readonly seconds: number;
  /** Records per second. */
  readonly rate: number;
}

/** A record whose partition has been chosen. */
export interface ChosenRecord extends OutRecord {
  /** Which. */
  readonly partition: number;
}

/**
 * Sends records in batches: the next one is gathered while the last one is under way, and only what
 * was acknowledged counts as sent.
 */
export class Sender {
  readonly #topic: string;
  readonly #writer: LogWriter;
  readonly #hooks: LoadHooks;
  readonly #now: () => number;
  readonly #perPartition = new Map<number, number>();
  readonly #startMs: number;
  #sent = 0;
  #batch: ChosenRecord[] = [];
  #batchBytes = 0;
  #underWay: Promise<void> = Promise.resolve();
  #progressMs: number;
  #progressSent = 0;

  /** Begins to count the time. */
  constructor(topic: string, writer: LogWriter, hooks: LoadHooks) {
    this.#topic = topic;
    this.#writer = writer;
    this.#hooks = hooks;
    this.#now = hooks.now ?? Date.now;
    this.#startMs = this.#now();
    this.#progressMs = this.#startMs;
  }

  /** Whether one was asked to stop. */
  get stopped(): boolean {
    return this.#hooks.signal?.aborted === true;
  }

  /** Takes a record; sends the batch once it is full. */
  async add(record: ChosenRecord): Promise<void> {
    this.#batch.push(record);
    this.#batchBytes += (record.value?.length ?? 0) + (record.key?.length ?? 0);
    if (this.#batch.length >= BATCH_RECORDS || this.#batchBytes >= BATCH_BYTES) await this.#flush();
  }

  /** Waits until it is time for a record; what is gathered goes off before. */
  async until(dueMs: number): Promise<void> {
    while (!this.stopped && this.#now() < dueMs) {
      await this.#flush();
      const leftMs = dueMs - this.#now();
      if (leftMs > 0) {
        await this.#sleep(Math.min(Math.max(leftMs, TICK_MS), PROGRESS_MS));
        this.#sayProgress();
      }
    }
  }

  /** Sends what is left, and waits until all is acknowledged. */
  async finish(): Promise<SentCounts> {
    await this.#flush();
    await this.#underWay;
    const seconds = (this.#now() - this.#startMs) / 1000;
    return {
      sent: this.#sent,
      perPartition: Object.fromEntries([...this.#perPartition].sort(([a], [b]) => a - b)),
      seconds,
      rate: seconds > 0 ? this.#sent / seconds : 0,
    };
  }

  async #flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    await this.#underWay;
    this.#underWay = this.#send(batch);
    // Whoever waits for it next gets the failure; until then it must not count as unhandled.
    this.#underWay.catch(() => {});
    this.#sayProgress();
  }

  async #send(batch: readonly ChosenRecord[]): Promise<void> {
    try {
      await this.#writer.send(this.#topic, batch);
    } catch (error) {
      this.#hooks.say?.(`stopped by a failure after ${this.#sent} acknowledged records`);
      throw error;
    }
    this.#sent += batch.length;
    for (const { partition } of batch) {
      this.#perPartition.set(partition, (this.#perPartition.get(partition) ?? 0) + 1);
    }
  }

  #sayProgress(): void {
    const nowMs = this.#now();
    if (nowMs - this.#progressMs < PROGRESS_MS) return;
    const rate = (this.#sent - this.#progressSent) * 1000 / (nowMs - this.#progressMs);
    this.#hooks.say?.(`sent ${this.#sent} records, ${Math.round(rate)}/s`);
    this.#progressMs = nowMs;
    this.#progressSent = this.#sent;
  }

  async #sleep(ms: number): Promise<void> {
    const { sleep, signal } = this.#hooks;
    if (sleep !== undefined) await sleep(ms, signal);
    // Whether one was asked to stop is seen by whoever waits.
    else await delay(ms, undefined, { ...(signal && { signal }) }).catch(() => {});
  }
}
