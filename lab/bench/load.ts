/**
 * A live load: records at a steady rate whose event time is now, and when each window could close:
 * when the broker had acknowledged the last of the records that let it.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { LogWriter } from "../../adapters/kafka/log.ts";
import { benchRecord } from "./record.ts";

/** A live load. */
export interface LiveLoad {
  /** The topic. */
  readonly topic: string;
  /** How many partitions; the records go round. */
  readonly partitions: number;
  /** Records per second. */
  readonly rate: number;
  /** The windows' size in ms. */
  readonly windowMs: number;
  /** How far the watermark stays behind, in ms. */
  readonly delayMs: number;
}

/** One send in so many ms. */
const TICK_MS = 10;

/** When windows could close. Records must come in the order of their times within a partition. */
export class Closings {
  readonly #windowMs: number;
  readonly #delayMs: number;
  /** By partition: the end of the next window that it has not let close. */
  readonly #next: number[];
  readonly #passed = new Map<number, { partitions: number; lastMs: number }>();
  readonly #partitions: number;

  /** Begins with the window that holds a time. */
  constructor(
    { partitions, windowMs, delayMs }: Omit<LiveLoad, "topic" | "rate">,
    firstTime: number,
  ) {
    const end = Math.floor(firstTime / windowMs) * windowMs + windowMs;
    this.#next = Array.from({ length: partitions }, () => end);
    this.#partitions = partitions;
    this.#windowMs = windowMs;
    this.#delayMs = delayMs;
  }

  /** Takes a record that the broker has acknowledged. */
  acknowledged(partition: number, time: number, atMs: number): void {
    let end = this.#next[partition] ?? Infinity;
    for (; time - this.#delayMs >= end; end += this.#windowMs) {
      const { partitions = 0 } = this.#passed.get(end) ?? {};
      this.#passed.set(end, { partitions: partitions + 1, lastMs: atMs });
    }
    this.#next[partition] = end;
  }

  /** When each window could close, by its start; those that all partitions have passed. */
  get all(): ReadonlyMap<number, number> {
    return new Map(
      [...this.#passed].filter(([, { partitions }]) => partitions === this.#partitions)
        .map(([end, { lastMs }]) => [end - this.#windowMs, lastMs]),
    );
  }
}

/** A load that runs. */
export interface RunningLoad {
  /** When windows could close, ms of the benchmark's clock. */
  readonly closings: Closings;
  /** Records sent. */
  readonly sent: () => number;
  /** The longest time from a send to its acknowledgement, in ms. */
  readonly slowestMs: () => number;
  /** Ends it, and waits for what is under way. */
  stop(): Promise<void>;
}

/** Starts a live load. */
export function startLoad(writer: LogWriter, load: LiveLoad): RunningLoad {
  const { topic, partitions, rate } = load;
  const startedMs = performance.now();
  const now = () => Math.floor(performance.timeOrigin + performance.now());
  const closings = new Closings(load, now());
  const stop = new AbortController();
  const pending = new Set<Promise<void>>();
  let sent = 0;
  let slowestMs = 0;
  let failure: unknown;
  const send = async (first: number, count: number) => {
    const fromMs = now();
    const records = Array.from({ length: count }, (_, i) => ({
      ...benchRecord(first + i, { fromMs, stepMs: 0 }),
      partition: (first + i) % partitions,
    }));
    const beganMs = performance.now();
    await writer.send(topic, records);
    const atMs = performance.now();
    slowestMs = Math.max(slowestMs, atMs - beganMs);
    for (const { partition } of records) closings.acknowledged(partition, fromMs, atMs);
  };
  const running = (async () => {
    while (!stop.signal.aborted && failure === undefined) {
      const due = Math.floor((performance.now() - startedMs) / 1000 * rate) - sent;
      if (due > 0) {
        const work = send(sent, due).catch((error: unknown) => void (failure = error));
        sent += due;
        pending.add(work);
        void work.finally(() => pending.delete(work));
      }
      await sleep(TICK_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    closings,
    sent: () => sent,
    slowestMs: () => slowestMs,
    async stop() {
      stop.abort();
      await running;
      await Promise.all(pending);
      if (failure !== undefined) throw failure;
    },
  };
}
