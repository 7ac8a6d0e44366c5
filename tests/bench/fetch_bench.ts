/**
 * Measures the reader: writes N records of 142 bytes, reads them back, prints records per second.
 *
 * `deno run -A tests/bench/fetch_bench.ts [--records 1000000] [--compression gzip]`; the broker is
 * `TIDEGATE_TEST_BROKER` (default 127.0.0.1:19092).
 *
 * @module
 */

import { parseArgs } from "node:util";
import process from "node:process";
import { createKafkaAdmin } from "../../adapters/kafka/admin.ts";
import { createKafkaReader } from "../../adapters/kafka/reader.ts";
import { createKafkaWriter } from "../../adapters/kafka/writer.ts";
import type { OutRecord } from "../../adapters/kafka/log.ts";

const RECORD_BYTES = 142;
const WRITE_CHUNK = 50_000;

const { values: flags } = parseArgs({
  args: Deno.args.filter((arg) => arg !== "--"),
  options: {
    records: { type: "string", default: "1000000" },
    compression: { type: "string", default: "none" },
    rounds: { type: "string", default: "3" },
  },
});
const count = Number(flags.records);
const settings = { brokers: [Deno.env.get("TIDEGATE_TEST_BROKER") ?? "127.0.0.1:19092"] };
const compression = flags.compression === "gzip" ? "gzip" : "none";
const topic = `tidegate-fetch-bench-${process.pid}`;

const admin = createKafkaAdmin(settings);
const writer = createKafkaWriter(settings, { compression });
await admin.createTopics([{ topic, partitions: 1 }]);
try {
  const writing = performance.now();
  for (let first = 0; first < count; first += WRITE_CHUNK) {
    await writer.send(topic, rows(first, Math.min(WRITE_CHUNK, count - first)));
  }
  const writeSeconds = (performance.now() - writing) / 1000;
  console.log(
    `${Deno.build.target}, Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores`,
  );
  console.log(`wrote ${count} records of ${RECORD_BYTES} B: ${rate(count, writeSeconds)}`);
  for (let round = 1; round <= Number(flags.rounds); round++) await readAll(round);
} finally {
  await writer.close();
  await admin.deleteTopics([topic]);
  await admin.close();
}

async function readAll(round: number): Promise<void> {
  const reader = createKafkaReader(settings);
  const cpu = process.cpuUsage();
  const start = performance.now();
  let next = 0;
  let records = 0;
  let bytes = 0;
  while (next < count) {
    const answer = await reader.fetch({ topic, partition: 0, from: next });
    for (const { value } of answer.records) bytes += value?.length ?? 0;
    records += answer.records.length;
    next = answer.next;
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await reader.close();
  if (records !== count || bytes !== count * RECORD_BYTES) {
    throw new Error(`Cannot measure: ${count} records must come back, got ${records}`);
  }
  console.log(
    `round ${round}: ${rate(count, seconds)}; ${rate(count, (user + system) / 1e6)} of CPU`,
  );
}

function rows(first: number, length: number): OutRecord[] {
  return Array.from({ length }, (_, i) => {
    const id = String(first + i).padStart(10, "0");
    const head =
      `{"event_time":"2026-11-22T10:00:00.000Z","student_id":"s${id}","course":"CS-101",` +
      `"lines_of_code":12,"cpu_usage_pct":41.5,"pad":"`;
    return { key: `s${id}`, value: `${head}${"x".repeat(RECORD_BYTES - head.length - 2)}"}` };
  });
}

function rate(records: number, seconds: number): string {
  return `${Math.round(records / seconds / 1000)} k records/s`;
}
