/**
 * Reads a load test's topic back: when its records arrived, and what its windows come to, computed
 * again and compared row by row.
 *
 * @module
 */

import type { LogReader } from "../../adapters/kafka/log.ts";
import { lastRows } from "../../cli/rows.ts";
import type { Audit } from "../../core/flow/audit.ts";
import type { ResultRow } from "../../core/flow/row.ts";
import type { Pipeline } from "../../definition/define.ts";
import { type InputRecord, runPipeline } from "../../definition/testing/run_pipeline.ts";
import type { Arrival } from "./measures.ts";

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
  /** Its audit. */
  readonly audit: Audit;
}

/**
 * Folds a topic's records once more, without Kafka, Temporal and workers, and compares what comes of
 * it with the rows that were emitted and with what was counted.
 */
export async function recompute(recomputed: Recomputed): Promise<Comparison> {
  const { pipeline, content: { logs }, reader, generation, audit } = recomputed;
  // What a lookup adds has no part in the rows of these pipelines.
  const enrich = pipeline.enrichment === null ? {} : { enrich: () => ({ faculty: "" }) };
  const { rows, account: { events } } = runPipeline(pipeline, logs, enrich);
  const emitted = await lastRows(reader, pipeline.plan, generation);
  return compareRows({ rows: emitted.rows, events: audit.events }, { rows, events });
}

/** What comparing came to. */
export interface Comparison {
  /** How many windows were compared. */
  readonly windows: number;
  /** How many rows were compared. */
  readonly rows: number;
  /** Rows that differ, are missing or are too many, for people; a line each. */
  readonly differences: readonly string[];
  /** Whether all are equal, bit for bit. */
  readonly ok: boolean;
}

/** Compared is all that the topic's content decides: not when and in how many steps it was emitted. */
type Content = Pick<ResultRow, "window" | "key" | "events" | "values">;

/** Rows, and the counts of the events that they are made of. */
export interface Outcome {
  /** The last revision of every row. */
  readonly rows: readonly ResultRow[];
  /** Events by what became of them. */
  readonly events: Partial<Audit["events"]>;
}

/** Compares rows and counts exactly. */
export function compareRows(live: Outcome, again: Outcome): Comparison {
  const expected = again.rows;
  const found = new Map(live.rows.map((row) => [placeOf(row), row]));
  const wanted = new Map(expected.map((row) => [placeOf(row), row]));
  const differences = Object.entries(again.events).flatMap(([name, count]) => {
    const counted = Object.entries(live.events).find(([other]) => other === name)?.[1];
    return counted === count ? [] : [`${name} events: counted ${counted}, recomputed ${count}`];
  });
  for (const place of [...new Set([...wanted.keys(), ...found.keys()])].sort()) {
    const got = found.get(place);
    const want = wanted.get(place);
    if (got === undefined) differences.push(`${place}: was not emitted`);
    else if (want === undefined) differences.push(`${place}: is not in the topic`);
    else if (!got.final) differences.push(`${place}: is not final`);
    else if (contentOf(got) !== contentOf(want)) {
      differences.push(`${place}: emitted ${contentOf(got)}, recomputed ${contentOf(want)}`);
    }
  }
  return {
    windows: new Set(expected.map(({ window }) => window.start)).size,
    rows: wanted.size,
    differences,
    ok: differences.length === 0,
  };
}

function placeOf({ window, key }: Content): string {
  return `${window.start} ${JSON.stringify(key)}`;
}

/** JSON writes a number so that reading it gives the same bits. */
function contentOf({ events, values }: Content): string {
  const sorted = Object.entries(values).sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify({ events, values: Object.fromEntries(sorted) });
}
