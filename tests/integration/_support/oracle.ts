/**
 * Asks the oracle (`tests/oracle`, Python) and compares its answers with what Tidegate made.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { LogReader } from "../../../adapters/kafka/log.ts";
import type { Audit } from "../../../core/flow/audit.ts";
import type { ResultRow } from "../../../core/flow/row.ts";
import { javaProgram, KAFKA, KAFKA_LIBS } from "./servers.ts";
import { sideRecords } from "./side_records.ts";
import type { TestPipeline } from "./test_pipeline.ts";

/** A place in a topic: `[partition, offset]`. */
export type Position = readonly [partition: number, offset: number];

/** A row without what depends on the course of a run. */
export type ExpectedRow = Pick<ResultRow, "window" | "key" | "events" | "values">;

/** What the oracle says of a topic's records. */
export interface Expected {
  /** The counts that don't depend on a floor. */
  readonly counts: Readonly<
    Record<
      | "read"
      | "aggregated"
      | "late"
      | "invalid"
      | "skewed"
      | "filtered"
      | "assigned"
      | "missed",
      number
    >
  >;
  /** Where the records are that count nowhere. */
  readonly positions: Readonly<Record<"late" | "invalid" | "skewed", readonly Position[]>>;
  /** `[partition, largest event time]`. */
  readonly largest: readonly (readonly [number, number])[];
  /** One row per window and key. */
  readonly rows: readonly ExpectedRow[];
}

/** A record that the oracle is handed, instead of reading it from the broker. */
export type GivenRecord = readonly [
  partition: number,
  offset: number,
  timestampMs: number | null,
  value: Uint8Array | null,
];

/**
 * What a pipeline's topic comes to, of its records as Kafka's own consumer reads them.
 *
 * @param pipeline The pipeline.
 * @returns What is expected.
 */
export async function expectedOf(pipeline: TestPipeline): Promise<Expected> {
  const { topic } = pipeline.plan;
  return await ask<Expected>([
    ...["expect", ...toolArguments(), "--topic", topic],
    ...planArguments(pipeline),
  ]);
}

/**
 * What given records come to.
 *
 * @param pipeline The pipeline.
 * @param records The records.
 * @returns What is expected.
 */
export async function judged(
  pipeline: TestPipeline,
  records: readonly GivenRecord[],
): Promise<Expected> {
  const lines = records.map(([partition, offset, timestampMs, value]) =>
    `${JSON.stringify([partition, offset, timestampMs, value?.toBase64() ?? null])}\n`
  );
  return await ask<Expected>(["judge", ...planArguments(pipeline)], lines.join(""));
}

/**
 * The last revision of every row, as Kafka's own consumer reads them; of all generations.
 *
 * @param pipeline The pipeline.
 * @returns The rows.
 */
export async function resultsOf(pipeline: TestPipeline): Promise<readonly ResultRow[]> {
  const { resultsTopic } = pipeline.plan;
  const answer = await ask<{ readonly rows: readonly ResultRow[] }>(
    ["results", ...toolArguments(), "--topic", resultsTopic],
  );
  return answer.rows;
}

/** What is compared. */
export interface CheckOptions {
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** Its account. */
  readonly account: Audit;
  /** Reads the side topics. */
  readonly reader: LogReader;
  /** The oracle's answer, where it is known; it is asked otherwise. */
  readonly expected?: Expected;
}

/**
 * Compares a pipeline whose windows are all closed with the oracle: the account, the last revisions
 * of all rows, and the records of the side topics.
 *
 * @param pipeline The pipeline.
 * @param options What is compared.
 * @returns What the oracle said.
 */
export async function checkAgainstOracle(
  pipeline: TestPipeline,
  options: CheckOptions,
): Promise<Expected> {
  const { generation, account, reader } = options;
  const [expected, rows] = await Promise.all([
    options.expected ?? expectedOf(pipeline),
    resultsOf(pipeline),
  ]);
  assert.deepEqual(countsOf(account), expected.counts);
  assert.equal(account.ok, true, account.problems.join("\n"));
  const mine = rows.filter((row) => row.generation === generation);
  assertRows(pipeline, generation, mine, expected.rows);
  await assertSideTopics(reader, pipeline, expected);
  return expected;
}

/** The counts of an account that the oracle knows too. */
export function countsOf({ events, pairs }: Audit): Expected["counts"] {
  const { lateByFloor: _, failed: _failed, ...counts } = events;
  return { ...counts, assigned: pairs.assigned, missed: pairs.missed };
}

/**
 * Asserts that rows are what is expected, bit for bit, in all but revision, watermark and time of
 * emission; and that they are final.
 *
 * @param pipeline The pipeline.
 * @param generation Its generation.
 * @param rows The last revisions.
 * @param expected What the oracle says.
 */
export function assertRows(
  pipeline: TestPipeline,
  generation: number,
  rows: readonly ResultRow[],
  expected: readonly ExpectedRow[],
): void {
  const shared = { pipeline: pipeline.plan.pipeline, generation, final: true };
  const wanted = new Map(expected.map((row) => [idOf(row), { ...shared, ...row }]));
  const found = new Map(rows.map((row) => {
    const { revision: _r, watermark: _w, emittedAt: _e, ...rest } = row;
    return [idOf(row), rest];
  }));
  assert.equal(found.size, rows.length, "two rows of one window and key");
  const different = [...new Set([...wanted.keys(), ...found.keys()])].sort().filter((id) => {
    try {
      assert.deepEqual(found.get(id), wanted.get(id));
      return false;
    } catch {
      return true;
    }
  });
  const [first] = different;
  if (first === undefined) return;
  const message = `${different.length} of ${wanted.size} rows differ, the first:`;
  assert.deepEqual(found.get(first), wanted.get(first), `${message} ${first}`);
}

/**
 * Asserts that the late and the invalid topic hold exactly the records that they should.
 *
 * @param reader Reads them.
 * @param pipeline The pipeline.
 * @param expected What the oracle says.
 */
export async function assertSideTopics(
  reader: LogReader,
  { plan }: TestPipeline,
  { positions }: Pick<Expected, "positions">,
): Promise<void> {
  const keys = (kind: keyof Expected["positions"]) =>
    positions[kind].map(([partition, offset]) => `${plan.topic}/${partition}/${offset}`).sort();
  const [late, invalid] = await Promise.all([
    sideRecords(reader, plan.lateTopic),
    sideRecords(reader, plan.invalidTopic),
  ]);
  const found = (records: typeof late, kind: string) =>
    [...records].filter(([, record]) => record.kind === kind).map(([key]) => key).sort();
  assert.deepEqual(found(late, "late"), keys("late"));
  assert.deepEqual(found(invalid, "invalid"), keys("invalid"));
  assert.deepEqual(found(invalid, "skewed"), keys("skewed"));
  assert.equal(late.size, positions.late.length);
  assert.equal(invalid.size, positions.invalid.length + positions.skewed.length);
}

function idOf(row: ExpectedRow): string {
  return JSON.stringify([row.window.start, Object.entries(row.key).sort()]);
}

function toolArguments(): string[] {
  const [broker = ""] = KAFKA.brokers;
  return ["--broker", broker, "--libs", KAFKA_LIBS ?? "", "--java", javaProgram()];
}

function planArguments({ plan, oracle }: TestPipeline): string[] {
  return ["--plan", JSON.stringify({ ...plan, ...oracle })];
}

async function ask<T>(args: readonly string[], input = ""): Promise<T> {
  const child = new Deno.Command("python3", {
    // -B: no compiled files beside the sources.
    args: ["-B", new URL("../../oracle/oracle.py", import.meta.url).pathname, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writing = new Blob([input]).stream().pipeTo(child.stdin).catch(() => undefined);
  const { success, stdout, stderr } = await child.output();
  await writing;
  if (!success) throw new Error(`the oracle failed: ${new TextDecoder().decode(stderr)}`);
  // Written by oracle.py, so it is of this shape.
  return JSON.parse(new TextDecoder().decode(stdout)) as T;
}
