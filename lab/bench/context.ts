/**
 * What every row of the benchmark works with: servers of its own, clients of the log, and topics
 * filled with records.
 *
 * @module
 */

import { join } from "node:path";
import { createKafkaAdmin } from "../../adapters/kafka/admin.ts";
import type { KafkaSettings, LogAdmin, LogReader, LogWriter } from "../../adapters/kafka/log.ts";
import { createKafkaReader } from "../../adapters/kafka/reader.ts";
import { createKafkaWriter } from "../../adapters/kafka/writer.ts";
import type { TemporalSettings } from "../../adapters/temporal/client.ts";
import type { Config } from "../../cli/config.ts";
import { say } from "../../cli/output.ts";
import { stackReset, stackUp } from "../../devstack/stack.ts";
import type { Stack, StackOptions } from "../../devstack/types.ts";
import { isNoisy } from "./judge.ts";
import { howQuiet, type Quiet } from "./processes.ts";
import { benchRecord, type BenchRecordOptions } from "./record.ts";
import { metricsOf } from "./temporal_counts.ts";

/** What a row works with. */
export interface BenchContext {
  /** The servers. */
  readonly stack: Stack;
  /** How to reach the broker. */
  readonly kafka: KafkaSettings;
  /** How to reach Temporal. */
  readonly temporal: TemporalSettings;
  /** Where Temporal serves its metrics; null if that is not known. */
  readonly metrics: string | null;
  /** Makes topics. */
  readonly admin: LogAdmin;
  /** Reads them, committed records only. */
  readonly reader: LogReader;
  /** Fills them. */
  readonly writer: LogWriter;
  /** Folder for what a row keeps while it runs. */
  readonly folder: string;
  /** Where what is built once is kept. */
  readonly cacheDir: string;
  /** How often each engine is measured. */
  readonly pairs: number;
  /** How long a part of a row with live events lasts, in s. */
  readonly seconds: number;
  /** Waits a while for a quiet machine, and says how quiet it is, before a part. */
  quiet(): Promise<Quiet>;
  /** Takes progress, in lines for people. */
  readonly say: (line: string) => void;
}

/** How long the machine is looked at before each part, in ms. */
const QUIET_MS = 10_000;

/** How a row is measured. */
export interface BenchOptions extends Pick<BenchContext, "pairs" | "seconds"> {
  /** How long each part waits at most for a quiet machine, in s. */
  readonly patience: number;
}

/** Runs a row with servers of its own, which begin empty and are removed afterwards. */
export async function withServers<T>(
  config: Pick<Config, "dataDir" | "cacheDir">,
  { pairs, seconds, patience }: BenchOptions,
  work: (context: BenchContext) => Promise<T>,
): Promise<T> {
  const folder = join(config.dataDir, "bench");
  const options: StackOptions = {
    dataDir: folder,
    cacheDir: config.cacheDir,
    brokerPort: 0,
    temporalPort: 0,
    uiPort: 0,
    sources: ["path", "built"],
    say: () => undefined,
  };
  await stackReset(options);
  const stack = await stackUp(options);
  const kafka = { brokers: [stack.broker.address] };
  const clients = {
    admin: createKafkaAdmin(kafka),
    reader: createKafkaReader(kafka),
    writer: createKafkaWriter(kafka),
  };
  try {
    return await work({
      ...clients,
      stack,
      kafka,
      temporal: { address: stack.temporal.address, namespace: "default" },
      metrics: await metricsOf(stack.temporal.pid),
      folder,
      cacheDir: config.cacheDir,
      pairs,
      seconds,
      quiet: () => untilQuiet(patience * 1000),
      say,
    });
  } finally {
    await Promise.all(Object.values(clients).map((client) => client.close()));
    await stackReset(options);
  }
}

/** Looks until the machine is quiet, for a time at most; gives the last look. */
async function untilQuiet(withinMs: number): Promise<Quiet> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const quiet = await howQuiet(QUIET_MS);
    if (!isNoisy({ quiet }) || performance.now() >= deadline) return quiet;
  }
}

/** Records of one send. */
const SEND = 20_000;

/** A topic filled with records. */
export interface Backlog extends BenchRecordOptions {
  /** Its name. */
  readonly topic: string;
  /** How many partitions; the records go round. */
  readonly partitions: number;
  /** How many events count. */
  readonly events: number;
  /**
   * Event time after the last event that counts at which one more record stands in each partition,
   * in ms: it lets all windows before it close.
   */
  readonly tailMs: number;
}

/** Makes a topic and fills it. Its records carry the broker's clock. */
export async function fillTopic(
  { admin, writer, say }: Pick<BenchContext, "admin" | "writer" | "say">,
  { topic, partitions, events, tailMs, ...options }: Backlog,
): Promise<void> {
  const config = { "message.timestamp.type": "LogAppendTime" };
  await admin.createTopics([{ topic, partitions, config }]);
  const startedMs = performance.now();
  const place = (i: number) => ({ ...benchRecord(i, options), partition: i % partitions });
  for (let first = 0; first < events; first += SEND) {
    const length = Math.min(SEND, events - first);
    await writer.send(topic, Array.from({ length }, (_, i) => place(first + i)));
    if (first % (SEND * 50) === 0) say(`  ${first} of ${events} events produced`);
  }
  const last = benchRecord(events - 1, options).eventTimeMs;
  const tail = benchRecord(0, { ...options, fromMs: last + tailMs });
  await writer.send(
    topic,
    Array.from({ length: partitions }, (_, partition) => ({ ...tail, partition })),
  );
  say(`  ${events} events produced in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}
