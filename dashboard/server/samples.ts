/**
 * The last records of the late and the invalid topic, read from their ends backwards.
 *
 * @module
 */

import type { LogReader } from "../../adapters/kafka/log.ts";
import type { RunPlan } from "../../core/plan.ts";
import type { ResultRow } from "../../core/flow/row.ts";
import { parseInstant } from "../../core/event_time/instants.ts";
import type { SampleView } from "./state.ts";

/** How many samples are shown of each topic. */
const SAMPLES = 12;
/** How many offsets are read of each topic. */
const OFFSETS = 50;
/** How much of a value is shown. */
const VALUE_CHARS = 400;
/** How many rows of results are read, to have something to show after a restart. */
const ROWS = 1_000;
/** At most so many bytes of one topic. */
const MAX_BYTES = 512 * 1024;

const KINDS = ["late", "invalid", "skewed", "failed"] as const;

/** Reads the last records set aside of a generation. */
export async function readSamples(
  reader: LogReader,
  plan: RunPlan,
  generation: number,
): Promise<SampleView[]> {
  const tails = await Promise.all(
    [plan.lateTopic, plan.invalidTopic].map((topic) => tailOf(reader, topic, OFFSETS)),
  );
  return tails.flatMap((texts) =>
    texts.toReversed()
      .map((text) => sampleOf(text, plan, generation))
      .filter((sample) => sample !== null)
      .slice(0, SAMPLES)
  );
}

/** Reads the last rows of the results topic. */
export async function readRows(
  reader: LogReader,
  plan: RunPlan,
  generation: number,
): Promise<ResultRow[]> {
  const texts = await tailOf(reader, plan.resultsTopic, ROWS);
  // Written by Tidegate, so they are of this shape.
  return texts.map((text) => JSON.parse(text) as ResultRow)
    .filter((row) => row.generation === generation);
}

async function tailOf(reader: LogReader, topic: string, count: number): Promise<string[]> {
  const { start, end } = await reader.offsets(topic, 0);
  const texts: string[] = [];
  let bytes = 0;
  for (let from = Math.max(start, end - count); from < end && bytes < MAX_BYTES;) {
    const found = await reader.fetch({ topic, partition: 0, from, maxBytes: MAX_BYTES });
    for (const { value } of found.records) {
      if (value === null) continue;
      bytes += value.length;
      texts.push(new TextDecoder().decode(value));
    }
    if (found.next <= from) break;
    from = found.next;
  }
  return texts;
}

/**
 * Makes a sample of a side topic's record.
 *
 * @returns The sample; null if it is none, or of another generation.
 */
export function sampleOf(
  text: string,
  plan: Pick<RunPlan, "eventTimeField">,
  generation: number,
): SampleView | null {
  const record = objectOf(text);
  const kind = KINDS.find((name) => name === record?.["kind"]);
  if (record === null || kind === undefined || record["generation"] !== generation) return null;
  const { value, valueBase64 } = record;
  const shown = typeof value === "string"
    ? value
    : typeof valueBase64 === "string"
    ? `base64: ${valueBase64}`
    : "no value";
  return {
    kind,
    reason: textOf(record["reason"]),
    path: textOf(record["path"]),
    message: textOf(record["message"]),
    partition: Number(record["partition"]),
    offset: Number(record["offset"]),
    eventTime: eventTimeOf(value, plan.eventTimeField),
    watermark: typeof record["watermark"] === "string"
      ? parseInstant(record["watermark"]) ?? null
      : null,
    value: shown.length > VALUE_CHARS ? `${shown.slice(0, VALUE_CHARS)}…` : shown,
  };
}

function eventTimeOf(value: unknown, field: string): number | null {
  const time = typeof value === "string" ? objectOf(value)?.[field] : undefined;
  if (typeof time === "number" && Number.isFinite(time)) return time;
  return typeof time === "string" ? parseInstant(time) ?? null : null;
}

function objectOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.slice(0, VALUE_CHARS);
}
