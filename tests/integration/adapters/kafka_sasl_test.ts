/** Logins: sessions that end are renewed when the broker says so; wrong ones are told as such. */

import assert from "node:assert/strict";
import { numbered, numbers, readAll, text } from "../../adapters/kafka/log_contract.ts";
import { NO_BROKER } from "./_broker.ts";
import { startSaslBroker } from "./_sasl_broker.ts";

/** Short, and longer than the second that Kafka wants between two renewals. */
const SESSION_MS = 2_500;

Deno.test({
  name: "sessions of SASL are renewed as the broker wants it, whatever is under way",
  ignore: NO_BROKER || Deno.permissions.querySync({ name: "run" }).state !== "granted",
  fn: async (test) => {
    const { createKafkaReader } = await import("../../../adapters/kafka/reader.ts");
    const { createKafkaWriter } = await import("../../../adapters/kafka/writer.ts");
    const { createKafkaAdmin } = await import("../../../adapters/kafka/admin.ts");
    await using broker = await startSaslBroker(SESSION_MS);
    const settings = { brokers: [broker.address], sasl: broker.sasl };

    await test.step("over several sessions nothing fails and all is read", async () => {
      const reader = createKafkaReader(settings);
      const writer = createKafkaWriter(settings);
      const admin = createKafkaAdmin(settings);
      const topic = "renewed";
      try {
        await admin.createTopics([{ topic, partitions: 1 }]);
        const endMs = performance.now() + 3.5 * SESSION_MS;
        let written = 0;
        const work = [
          async () => {
            await writer.send(topic, numbered(written, written + 1));
            written += 1;
          },
          () => admin.commitOffsets(topic, topic, new Map([[0, written]])),
          () => admin.topicConfig(topic),
          () => reader.offsets(topic, 0),
          // A long poll is out while its session ends.
          () =>
            reader.fetch({ topic, partition: 0, from: written, maxWaitMs: 1_000 })
              .catch(({ code }) => assert.equal(code, "TG_OFFSET_GONE")),
        ];
        await Promise.all(work.map(async (once) => {
          while (performance.now() < endMs) await once();
        }));
        const read = await readAll(reader, topic);
        assert.deepEqual(read.map(({ value }) => text(value)), numbers(0, written));
      } finally {
        await Promise.all([reader.close(), writer.close(), admin.close()]);
      }
    });

    await test.step("a wrong password is refused, no login at all is hinted at", async () => {
      const wrong = { ...settings, sasl: { ...broker.sasl, password: "wrong" } };
      const anonymous = { brokers: settings.brokers };
      const cases = [
        [wrong, { code: "TG_CONFIG", retryable: false, next: /KAFKA_PASSWORD/ }],
        [anonymous, { code: "TG_BROKER_UNREACHABLE", retryable: true, next: /KAFKA_SASL/ }],
      ] as const;
      for (const [given, expected] of cases) {
        const reader = createKafkaReader(given);
        const admin = createKafkaAdmin(given);
        try {
          await assert.rejects(reader.describe("renewed"), expected);
          await assert.rejects(admin.listTopics(), expected);
        } finally {
          await Promise.all([reader.close(), admin.close()]);
        }
      }
    });
  },
});
