/**
 * Measures sweeps without Temporal: a topic is read and folded, all partitions side by side. Prints
 * records per second of CPU.
 *
 * `deno run -A lab/bench/sweep.ts [--records 1000000] [--partitions 4] [--rounds 3]`; the broker is
 * `KAFKA_BROKERS` (default 127.0.0.1:19092).
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { sweep } from "../../activities/sweep.ts";
import { createKafkaAdmin } from "../../adapters/kafka/admin.ts";
import { createKafkaTailer } from "../../adapters/kafka/kafka_tail.ts";
import { createKafkaReader } from "../../adapters/kafka/reader.ts";
import { createKafkaWriter } from "../../adapters/kafka/writer.ts";
import type { SweepPartition } from "../../core/flow/sweep.ts";
import { runPlanOf } from "../../core/plan.ts";
import pipeline from "../../pipelines/cs_student_logs.ts";

const { values: flags } = parseArgs({
  args: Deno.args.filter((arg) => arg !== "--"),
  options: {
    records: { type: "string", default: "1000000" },
    partitions: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
  },
});
const total = Number(flags.records);
const count = Number(flags.partitions);
const settings = { brokers: [Deno.env.get("KAFKA_BROKERS") ?? "127.0.0.1:19092"] };
const topic = `tidegate-sweep-bench-${process.pid}`;
const plan = { ...runPlanOf(pipeline.plan), topic, maxAheadMs: 1e12 };
const FIRST_MS = 1_790_000_000_000;
/** Event time that all records span: 200 windows of 10 s. */
const SPAN_MS = 2_000_000;
const WRITE_CHUNK = 20_000;

const common = {
  plan,
  events: pipeline.reader,
  identity: "bench",
  nonce: () => crypto.randomUUID(),
  stopping: () => false,
  signal: new AbortController().signal,
  attempt: 1,
};

const admin = createKafkaAdmin(settings);
const writer = createKafkaWriter(settings);
await admin.createTopics([{ topic, partitions: count }]);
try {
  await fill();
  console.log(`${total} records, ${count} partitions, Deno ${Deno.version.deno}`);
  for (let round = 1; round <= Number(flags.rounds); round++) {
    await measure(`round ${round}, sweeps`, bySweeps);
  }
} finally {
  await writer.close();
  await admin.deleteTopics([topic]);
  await admin.close();
}

async function fill(): Promise<void> {
  for (let first = 0; first < total; first += WRITE_CHUNK) {
    const length = Math.min(WRITE_CHUNK, total - first);
    await writer.send(topic, Array.from({ length }, (_, i) => recordOf(first + i)));
  }
}

function recordOf(i: number) {
  const value = JSON.stringify({
    student_id: `s-${String(i % 240).padStart(4, "0")}`,
    course: `CS-${101 + i % 8}`,
    activity: "coding",
    lines_of_code: i % 60,
    cpu_usage_pct: (i * 37 % 1_000) / 10,
    event_time: new Date(FIRST_MS + Math.floor(i / total * SPAN_MS)).toISOString(),
  });
  return { key: null, value, partition: i % count };
}

async function measure(name: string, work: () => Promise<[read: number, calls: number]>) {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const [read, calls] = await work();
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  if (read !== total) throw new Error(`Cannot measure: ${total} records must be read, got ${read}`);
  const rate = (of: number) => `${Math.round(read / of / 1_000)} k`;
  console.log(
    `${name}: ${rate(seconds)} records/s, ${
      rate((user + system) / 1e6)
    } per CPU second, ${calls} calls`,
  );
}

async function bySweeps(): Promise<[number, number]> {
  const tailer = createKafkaTailer(settings);
  const reader = createKafkaReader(settings);
  const ends = await reader.ends(topic, Array.from({ length: count }, (_, i) => i));
  await reader.close();
  let partitions = Array.from({ length: count }, (_, partition): SweepPartition => ({
    partition,
    role: "fold",
    cursor: 0,
    until: ends.get(partition) ?? 0,
    maxEventTime: null,
    floor: null,
    leaderEpoch: null,
    last: null,
  }));
  let read = 0;
  let calls = 0;
  for (; partitions.some(({ cursor, until }) => cursor < (until ?? 0)); calls++) {
    const result = await sweep({
      ...common,
      codeHash: "bench",
      tailer,
      writer,
      progress: () => undefined,
    }, {
      n: calls + 1,
      generation: 1,
      topic,
      topicId: null,
      codeHash: "bench",
      partitions,
      boundary: null,
      silentMs: null,
      paceMs: 5_000,
      quietMs: 5_000,
      sliceMs: 1_000,
      limits: { cells: 10_000, windows: 64, bytes: 512 * 1024, records: null },
      setAside: false,
    });
    partitions = partitions.map((it, i) => {
      const swept = result.partitions[i];
      if (swept === undefined) throw new Error("Cannot measure: a partition is missing");
      read += swept.counts.read;
      const { to: cursor, maxEventTime, leaderEpoch, last } = swept;
      return { ...it, cursor, maxEventTime, leaderEpoch, last };
    });
  }
  await tailer.close();
  return [read, calls];
}
