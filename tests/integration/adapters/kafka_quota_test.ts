/** A broker that throttles: the reader is slower, and reads all. */

import assert from "node:assert/strict";
import { TEST_SETTINGS } from "./_broker.ts";
import { testKafka } from "./_kafka.ts";

const RECORDS = 8_000;
const BYTES_PER_SECOND = 60_000;

testKafka("under a quota of bytes the reader waits, and all is read", async (trial) => {
  const { topic, writer, openReader } = trial;
  const value = "-".repeat(450);
  await writer.send(topic, Array.from({ length: RECORDS }, (_, i) => ({ key: `${i}`, value })));
  const clientId = `tidegate-quota-${crypto.randomUUID()}`;
  await setQuota(clientId, BYTES_PER_SECOND);
  const reader = openReader({ clientId });
  const from = performance.now();
  let next = 0;
  let throttledMs = 0;
  let fetches = 0;
  const keys: string[] = [];
  while (next < RECORDS) {
    // A second's worth: a larger answer would be paid for with a longer wait.
    const answer = await reader.fetch({ topic, partition: 0, from: next, maxBytes: 300_000 });
    keys.push(...answer.records.map(({ key }) => new TextDecoder().decode(key ?? undefined)));
    throttledMs += answer.throttledMs ?? 0;
    next = answer.next;
    fetches += 1;
    // What is shown is enough: the rest without the quota.
    if (throttledMs > 0) await setQuota(clientId, null);
  }
  assert.deepEqual(keys, Array.from({ length: RECORDS }, (_, i) => `${i}`));
  assert.ok(throttledMs > 0, `not throttled in ${fetches} fetches`);
  assert.ok(performance.now() - from >= throttledMs);
});

/** Sets or removes the quota of a client's fetches. */
async function setQuota(clientId: string, bytesPerSecond: number | null): Promise<void> {
  const { Admin } = await import("@platformatic/kafka");
  const admin = new Admin({
    clientId: "tidegate-test",
    bootstrapBrokers: [...TEST_SETTINGS.brokers],
  });
  const key = "consumer_byte_rate" as const;
  const op = bytesPerSecond === null
    ? { key, remove: true as const }
    : { key, value: bytesPerSecond, remove: false as const };
  const entities = [{ entityType: "client-id" as const, entityName: clientId }];
  try {
    await admin.alterClientQuotas({ entries: [{ entities, ops: [op] }] });
  } finally {
    await admin.close();
  }
}
