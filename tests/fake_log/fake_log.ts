/**
 * The log in memory: same interfaces, same answers and same errors as Kafka's, for tests without a
 * broker. One contract test runs against both.
 *
 * @module
 */

import type { LogAdmin, LogReader, LogWriter } from "../../adapters/kafka/log.ts";
import { FakeAdmin } from "./admin.ts";
import { FakeBroker, type FakeTransaction } from "./broker.ts";
import { FakeReader } from "./reader.ts";
import { FakeTail, type FakeTailOptions } from "./tail.ts";
import { FakeWriter } from "./writer.ts";
import type { LogTailer } from "../../adapters/kafka/tail.ts";
import { createTailer } from "../../adapters/kafka/tail_loop.ts";

export type { FakeTransaction } from "./broker.ts";

/** Options of {@linkcode createFakeLog}. */
export interface FakeLogOptions {
  /**
   * The clock for records without a timestamp, in epoch ms.
   * @default {Date.now}
   */
  readonly now?: () => number;
}

/** A log in memory, with what a test may want beyond the interfaces. */
export interface FakeLog {
  /** Reads as `createKafkaReader` does. */
  readonly reader: LogReader;
  /** Writes as `createKafkaWriter` does. */
  readonly writer: LogWriter;
  /** Manages topics as `createKafkaAdmin` does. */
  readonly admin: LogAdmin;
  /** Another reader of the same log, to be closed by itself. */
  openReader(): LogReader;
  /** Opens a tailer; what its brokers do beyond the log is for the test to say. */
  openTailer(options?: FakeTailOptions): LogTailer;
  /** Begins a transaction: the last stable offset stays before it until it ends. */
  begin(): FakeTransaction;
  /** Deletes single records, as compaction does: their offsets stay gaps. */
  compactAway(topic: string, partition: number, offsets: Iterable<number>): void;
  /** While true, every call fails with `TG_BROKER_UNREACHABLE`. */
  outage: boolean;
}

/**
 * Makes an empty log in memory.
 *
 * @example A record written and read
 * ```ts
 * import { createFakeLog } from "./fake_log.ts";
 * const log = createFakeLog();
 * await log.admin.createTopics([{ topic: "clicks", partitions: 1 }]);
 * await log.writer.send("clicks", [{ key: null, value: "{}" }]);
 * const { records } = await log.reader.fetch({ topic: "clicks", partition: 0, from: 0 });
 * if (records.length !== 1) throw new Error("the record is missing");
 * ```
 *
 * @param options The clock.
 * @returns The log with its reader, writer and admin.
 */
export function createFakeLog(options: FakeLogOptions = {}): FakeLog {
  const broker = new FakeBroker(options.now ?? Date.now);
  return {
    reader: new FakeReader(broker),
    writer: new FakeWriter(broker),
    admin: new FakeAdmin(broker),
    openReader: () => new FakeReader(broker),
    openTailer: (options = {}) => createTailer(new FakeTail(broker, options), options),
    begin: () => broker.begin(),
    compactAway: (topic, partition, offsets) =>
      broker.partition("compact", topic, partition).compactAway(new Set(offsets)),
    get outage() {
      return broker.outage;
    },
    set outage(on) {
      broker.outage = on;
    },
  };
}
