/**
 * The writer of the log in memory.
 *
 * @module
 */

import type { LogWriter, OutRecord } from "../../adapters/kafka/log.ts";
import type { FakeBroker } from "./broker.ts";
import { closed } from "../../adapters/kafka/errors.ts";

/** Writes to the log in memory as `createKafkaWriter` writes to Kafka. */
export class FakeWriter implements LogWriter {
  readonly #broker: FakeBroker;
  #closed = false;

  /**
   * Opens a writer.
   *
   * @param broker Topics and groups.
   */
  constructor(broker: FakeBroker) {
    this.#broker = broker;
  }

  // deno-lint-ignore require-await -- so that errors come as rejections.
  async send(topic: string, records: readonly OutRecord[]): Promise<void> {
    const what = `write to ${topic}`;
    if (this.#closed) throw closed(what);
    this.#broker.check(what);
    for (const partition of this.#broker.append(what, topic, records, null)) partition.wake();
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}
