/**
 * Reads a load test's topic back: when its records arrived, and what its windows come to.
 *
 * @module
 */

import type { LogReader } from "../../adapters/kafka/log.ts";
import type { Account } from "../../core/flow/account.ts";
import { type InputRecord, runPipeline } from "../../definition/testing/run_pipeline.ts";
import type { Pipeline } from "../../definition/define.ts";
import { type Arrival, compareRows, type Comparison } from "./mod.ts";
import { emittedRows } from "../../cli/rows.ts";

/** More records than this are not held in memory. */
const MOST_RECORDS = 1_000_000;

/** A topic's records. */
export interface TopicContent {
  /** When each record arrived. */
  readonly arrivals: readonly Arrival[];
  /** The records by partition, as the driver takes them. */
  readonly logs: readonly (readonly InputRecord[])[];
}

/**
 * Reads a whole topic.
 *
 * @param reader The log.
 * @param topic The topic, whose partitions begin at offset 0.
 * @param signal Ends the reading.
 * @returns Its records; null if there are too many to be held in memory.
 */
export async function readTopic(
  reader: LogReader,
  topic: string,
  signal: AbortSignal,
): Promise<TopicContent | null> {
  const partitions = (await reader.describe(topic))?.partitions ?? [];
  const ends = await Promise.all(partitions.map((partition) => reader.offsets(topic, partition)));
  if (ends.reduce((sum, { end }) => sum + end, 0) > MOST_RECORDS) return null;
  const arrivals: Arrival[] = [];
  const logs: InputRecord[][] = [];
  for (const [i, partition] of partitions.entries()) {
    const log: InputRecord[] = [];
    const end = ends[i]?.end ?? 0;
    for (let from = 0; from < end;) {
      const { records, next } = await reader.fetch({ topic, partition, from, signal });
      for (const { offset, timestampMs, value } of records) {
        arrivals.push({ partition, offset, atMs: timestampMs });
        log.push({ value: value === null ? null : parsed(value), timestampMs });
      }
      from = next;
    }
    logs.push(log);
  }
  return { arrivals, logs };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** What is no JSON is no event either way: text breaks the schema as well. */
function parsed(value: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(value));
  } catch {
    return "no JSON";
  }
}

/** What is recomputed. */
export interface Recomputed {
  /** The pipeline. */
  readonly pipeline: Pipeline;
  /** Its topic's records. */
  readonly content: TopicContent;
  /** Reads the emitted rows. */
  readonly reader: LogReader;
  /** The generation that emitted them. */
  readonly generation: number;
  /** Its account. */
  readonly account: Account;
}

/**
 * Folds a topic's records once more, without Kafka, Temporal and workers, and compares what comes of
 * it with the rows that were emitted and with the account.
 *
 * @param recomputed What is recomputed.
 * @returns The comparison.
 */
export async function recompute(recomputed: Recomputed): Promise<Comparison> {
  const { pipeline, content: { logs }, reader, generation, account } = recomputed;
  // What a lookup adds has no part in the rows of these pipelines.
  const enrich = pipeline.enrichment === null ? {} : { enrich: () => ({ faculty: "" }) };
  const { rows, account: { events } } = runPipeline(pipeline, logs, enrich);
  const emitted = await emittedRows(reader, pipeline.plan, generation);
  return compareRows({ rows: emitted, events: account.events }, { rows, events });
}
