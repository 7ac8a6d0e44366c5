/**
 * Uses all three adapters, in failure too, closes them, and must then end by itself without having
 * printed anything. Started by kafka_quiet_test.ts with the broker as its argument.
 *
 * @module
 */

import { createKafkaAdmin } from "../../../adapters/kafka/admin.ts";
import { createKafkaReader } from "../../../adapters/kafka/reader.ts";
import { createKafkaWriter } from "../../../adapters/kafka/writer.ts";

const settings = { brokers: [Deno.args[0] ?? ""] };
const topic = `tidegate-test-${crypto.randomUUID()}`;
const reader = createKafkaReader(settings);
const writer = createKafkaWriter(settings);
const admin = createKafkaAdmin(settings);

await failing(writer.send(topic, [{ key: null, value: "nowhere" }]));
await admin.createTopics([{ topic, partitions: 1 }]);
await writer.send(topic, [{ key: null, value: "somewhere" }]);
await reader.fetch({ topic, partition: 0, from: 0 });
await admin.commitOffsets(topic, topic, new Map([[0, 1]]));
const waiting = failing(reader.fetch({ topic, partition: 0, from: 1, maxWaitMs: 60_000 }));
await reader.offsets(topic, 0);
await admin.deleteGroup(topic);
await admin.deleteTopics([topic]);

const nobody = { brokers: ["127.0.0.1:1"] };
const lost = createKafkaReader(nobody);
await failing(lost.describe(topic));
const lostAdmin = createKafkaAdmin(nobody);
await failing(lostAdmin.listTopics());

await Promise.all([reader, writer, admin, lost, lostAdmin].map((it) => it.close()));
await waiting;

/** Waits for a call that must fail. */
async function failing(call: Promise<unknown>): Promise<void> {
  const failed = await call.then(() => false, () => true);
  if (!failed) throw new Error("Cannot go on: the call must fail, got an answer");
}
