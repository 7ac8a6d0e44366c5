/**
 * Opens the Kafka adapters for one test, with a topic of its own. The adapters are imported when a
 * test runs, so that files of tests that are left out need no permissions.
 *
 * @module
 */

import type { KafkaSettings, LogAdmin, LogReader, LogWriter } from "../../../adapters/kafka/log.ts";
import type { KafkaReaderOptions } from "../../../adapters/kafka/reader.ts";
import { NO_BROKER, TEST_SETTINGS } from "./_broker.ts";

/** What a test gets. */
export interface KafkaTrial {
  /** A topic of one partition, removed after the test. */
  readonly topic: string;
  /** Reads. */
  readonly reader: LogReader;
  /** Writes. */
  readonly writer: LogWriter;
  /** Manages topics. */
  readonly admin: LogAdmin;
  /** Another reader, closed after the test. */
  openReader(settings: Partial<KafkaSettings>, options?: KafkaReaderOptions): LogReader;
}

/** Registers a test that needs the broker. */
export function testKafka(name: string, body: (trial: KafkaTrial) => Promise<void>): void {
  Deno.test({ name, ignore: NO_BROKER, fn: () => tryOut(body) });
}

async function tryOut(body: (trial: KafkaTrial) => Promise<void>): Promise<void> {
  const { createKafkaReader } = await import("../../../adapters/kafka/reader.ts");
  const { createKafkaWriter } = await import("../../../adapters/kafka/writer.ts");
  const { createKafkaAdmin } = await import("../../../adapters/kafka/admin.ts");
  const readers: LogReader[] = [];
  const openReader: KafkaTrial["openReader"] = (settings, options) => {
    const reader = createKafkaReader({ ...TEST_SETTINGS, ...settings }, options);
    readers.push(reader);
    return reader;
  };
  const topic = `tidegate-test-${crypto.randomUUID()}`;
  const writer = createKafkaWriter(TEST_SETTINGS);
  const admin = createKafkaAdmin(TEST_SETTINGS);
  try {
    await admin.createTopics([{ topic, partitions: 1, config: { "retention.ms": "-1" } }]);
    await body({ topic, reader: openReader({}), writer, admin, openReader });
  } finally {
    await admin.deleteTopics([topic]);
    await Promise.all([writer.close(), admin.close(), ...readers.map((it) => it.close())]);
  }
}
