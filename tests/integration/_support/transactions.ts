/**
 * Transactions, which Tidegate's own writer has none of.
 *
 * @module
 */

import { KAFKA } from "./servers.ts";

/**
 * Writes values in one transaction.
 *
 * @param topic The topic.
 * @param partition The partition.
 * @param values The values.
 * @param how How the transaction ends.
 */
export async function writeInTransaction(
  topic: string,
  partition: number,
  values: readonly string[],
  how: "commit" | "abort",
): Promise<void> {
  const { Kafka, logLevel } = (await import("kafkajs")).default;
  const kafka = new Kafka({ brokers: [...KAFKA.brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({
    transactionalId: `${topic}-${crypto.randomUUID()}`,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  try {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: values.map((value) => ({ value, partition })) });
    await transaction[how]();
  } finally {
    await producer.disconnect();
  }
}
