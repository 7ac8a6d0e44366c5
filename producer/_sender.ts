import type { LogWriter, OutRecord } from "../adapters/kafka/log.ts";
import type { LoadHooks, SentCounts } from "./load.ts";

/** A batch is sent when it has this many records or bytes: about one request of the writer's. */
const BATCH_RECORDS = 2_000;
const BATCH_BYTES = 262_144;
/** At high rates, records wait this long for each other, so that a request carries several. */
const TICK_MS = 5;
const PROGRESS_MS = 1_000;

/** A record whose partition has been chosen. */
export interface ChosenRecord extends OutRecord {
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

  /**
   * Begins to count the time.
   *
   * @param topic Where the records go.
   * @param writer Sends them.
   * @param hooks The clock, the signal, and who is told.
   */
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
    const { sleep = sleepUntilAborted, signal } = this.#hooks;
    await sleep(ms, signal);
  }
}

function sleepUntilAborted(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}
