/**
 * Makes records of a pipeline's generator: the same options give the same records, byte for byte.
 *
 * A generator of faker's plain helpers takes about 1 µs an event (cs_student_logs: 1.1 µs, measured
 * 2026-11 with faker 10.6 on one core), so that millions of records need no shortcut; those that
 * make up names and sentences can take 20 times as long.
 *
 * @module
 */

import { TidegateError } from "../core/errors.ts";
import { shardOf } from "../core/fold/cells.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import type { EventGenerator, Pipeline } from "../definition/define.ts";
import { createFaker } from "../definition/faker.ts";
import { type RawEvent, spoil } from "./faults.ts";

/** How a record was made. */
export type RecordKind =
  /** As it should be; late all the same if `disorderMs` exceeds the delay. */
  | "ok"
  /** Surely late: its partition has seen an event that lets all its windows complete. */
  | "late"
  /** Surely invalid. */
  | "invalid"
  /** A century ahead of its time, and so of the record's timestamp. */
  | "skewed"
  /** The producer's last good record once more. */
  | "duplicate";

/** A record to send. */
export interface GeneratedRecord {
  /** The record's key, or null. */
  readonly key: string | null;
  /** The record's value: JSON text, or bytes where it is no text. */
  readonly value: string | Uint8Array;
  /** By the hash of the key as Kafka's Java client chooses it; in turn for records without a key. */
  readonly partition: number;
  /** When a producer in real time sends it, epoch ms. */
  readonly dueMs: number;
  /** The event time, epoch ms; that of the event before it was spoilt for an invalid record. */
  readonly eventTimeMs: number;
  /** How it was made. */
  readonly kind: RecordKind;
}

/** What to generate. Shares are fractions from 0 to 1, and at most 1 together. */
export interface GenerateOptions {
  /** A whole number; decides everything that is chosen. */
  readonly seed: number;
  /** Events per second of one producer. */
  readonly rate: number;
  /**
   * How many producers there are; their records take turns.
   * @default {1}
   */
  readonly producers?: number;
  /**
   * How many records all producers make together.
   * @default {Infinity}
   */
  readonly count?: number;
  /** The time of the first event, epoch ms. */
  readonly fromMs: number;
  /** How many partitions the topic has. */
  readonly partitions: number;
  /**
   * Event times lie up to this far back, evenly spread.
   * @default {0}
   */
  readonly disorderMs?: number;
  /**
   * The share of late records.
   * @default {0}
   */
  readonly lateShare?: number;
  /**
   * The share of invalid records.
   * @default {0}
   */
  readonly invalidShare?: number;
  /**
   * The share of skewed records.
   * @default {0}
   */
  readonly skewedShare?: number;
  /**
   * The share of duplicates.
   * @default {0}
   */
  readonly duplicateShare?: number;
}

/** A clock gone wrong: whatever timestamp the broker gives the record, it is far behind. */
const SKEW_MS = 36_525 * 86_400_000;

/**
 * Generates records in the order in which they are sent. A late or repeated record needs one that
 * came before it; where there is none yet, a good one is made instead, and likewise where the filter leaves a late one out.
 *
 * @param pipeline The pipeline; it must have a generator.
 * @param options What to generate.
 * @returns The records, one by one; without `count` there is no end to them.
 * @throws {TidegateError} `TG_DEFINITION` if the pipeline has no generator, or if the generator
 * makes events that have no event time or no key; `TG_USAGE` if an option is out of range.
 */
export function generateRecords(
  pipeline: Pipeline,
  options: GenerateOptions,
): IterableIterator<GeneratedRecord> {
  checkOptions(options);
  const { pipeline: name } = pipeline.plan;
  const { generator } = pipeline;
  if (generator === null) {
    throw new TidegateError(
      "TG_DEFINITION",
      `Cannot generate: pipeline "${name}" has no generator`,
      {
        next: "Add a generator to the definition, or send a file of your own with replay.",
      },
    );
  }
  return records(pipeline, generator, options);
}

function* records(
  pipeline: Pipeline,
  generate: EventGenerator,
  options: GenerateOptions,
): Generator<GeneratedRecord, void, void> {
  const { seed, rate, producers = 1, count = Infinity, fromMs, partitions } = options;
  const { disorderMs = 0 } = options;
  const { plan } = pipeline;
  const kindAt = kindChooser(options);
  const fakers = Array.from({ length: producers }, (_, i) => createFaker([seed, i, 0]));
  const chances = Array.from({ length: producers }, (_, i) => createFaker([seed, i, 1]));
  const lastGood: (GeneratedRecord | undefined)[] = Array(producers).fill(undefined);
  const partitionOf = partitionChooser(partitions);
  const maxSeen = new Float64Array(partitions).fill(-Infinity);
  // From the largest time seen, this far back no window is open any more.
  const lateMs = plan.delayMs + plan.windowing.sizeMs + plan.latenessMs;
  for (let n = 0; n < count; n++) {
    const producer = n % producers;
    const faker = fakers[producer];
    const chance = chances[producer]?.number;
    if (faker === undefined || chance === undefined) return;
    const dueMs = fromMs + n * 1000 / (rate * producers);
    // All is drawn for every record, so that one share doesn't change what the others make.
    const wanted = kindAt(chance.float());
    const jitterMs = Math.floor(chance.float() * (disorderMs + 1));
    const detail = chance.float();
    const onTimeMs = Math.floor(dueMs) - jitterMs;
    const index = Math.floor(n / producers);
    const made = asEvent(pipeline, generate(faker, { index, timeMs: onTimeMs }));
    const key = keyOf(pipeline, made);
    const partition = key === null ? n % partitions : partitionOf(key);
    const seenMs = maxSeen[partition] ?? -Infinity;

    const repeated = lastGood[producer];
    // What is repeated after its window has closed would be late.
    const isOpen = repeated !== undefined &&
      repeated.eventTimeMs > (maxSeen[repeated.partition] ?? -Infinity) - plan.delayMs;
    if (wanted === "duplicate" && isOpen) {
      yield { ...repeated, dueMs, kind: "duplicate" };
    } else if (wanted === "invalid") {
      const value = spoil(made, pipeline, detail);
      yield { key, value, partition, dueMs, eventTimeMs: onTimeMs, kind: "invalid" };
    } else if (wanted === "late" && seenMs > -Infinity && isWanted(pipeline, made)) {
      const eventTimeMs = seenMs - lateMs - Math.floor(detail * plan.windowing.sizeMs);
      const value = JSON.stringify(retimed(pipeline, made, eventTimeMs));
      yield { key, value, partition, dueMs, eventTimeMs, kind: "late" };
    } else if (wanted === "skewed") {
      const eventTimeMs = onTimeMs + plan.maxAheadMs + SKEW_MS;
      const value = JSON.stringify(retimed(pipeline, made, eventTimeMs));
      yield { key, value, partition, dueMs, eventTimeMs, kind: "skewed" };
    } else {
      const value = JSON.stringify(made);
      const good = { key, value, partition, dueMs, eventTimeMs: onTimeMs, kind: "ok" } as const;
      lastGood[producer] = good;
      maxSeen[partition] = Math.max(seenMs, onTimeMs);
      yield good;
    }
  }
}

function kindChooser(options: GenerateOptions): (chance: number) => RecordKind {
  const { lateShare = 0, invalidShare = 0, skewedShare = 0, duplicateShare = 0 } = options;
  const late = lateShare;
  const invalid = late + invalidShare;
  const skewed = invalid + skewedShare;
  const duplicate = skewed + duplicateShare;
  return (chance) => {
    if (chance >= duplicate) return "ok";
    if (chance >= skewed) return "duplicate";
    if (chance >= invalid) return "skewed";
    return chance >= late ? "invalid" : "late";
  };
}

/** Kafka's choice of a partition, remembered for keys that come again and again. */
function partitionChooser(partitions: number): (key: string) => number {
  const known = new Map<string, number>();
  return (key) => {
    let partition = known.get(key);
    if (partition === undefined) {
      partition = shardOf(key, partitions);
      if (known.size < 100_000) known.set(key, partition);
    }
    return partition;
  };
}

function asEvent({ plan }: Pipeline, made: unknown): RawEvent {
  if (isEvent(made)) {
    const time = made[plan.eventTimeField];
    if (typeof time === "string" || typeof time === "number") return made;
  }
  throw new TidegateError(
    "TG_DEFINITION",
    `Cannot generate for "${plan.pipeline}": the generator must make events with ` +
      `${plan.eventTimeField} as text or number, got ${JSON.stringify(made)?.slice(0, 200)}`,
    { next: "Correct the definition's generator." },
  );
}

function isEvent(value: unknown): value is RawEvent {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function keyOf({ plan, recordKey }: Pipeline, event: RawEvent): string | null {
  if (recordKey === null) return null;
  const key = event[recordKey];
  if (typeof key === "string" || typeof key === "number") return String(key);
  throw new TidegateError(
    "TG_DEFINITION",
    `Cannot generate for "${plan.pipeline}": the generator must make events with ${recordKey} as ` +
      `text or number, got ${typeof key}`,
    { next: "Correct the definition's generator or its source.recordKey." },
  );
}

/**
 * Whether the pipeline's filter lets an event pass; one that it leaves out is never late. Of an event
 * that is still to be enriched this is not known.
 */
function isWanted({ reader }: Pipeline, event: RawEvent): boolean {
  if (reader.adds !== undefined) return true;
  const checked = reader.check(event);
  return checked.ok && reader.where?.(checked.event) !== false;
}

/** The event at another time, in the form that it had. */
function retimed({ plan }: Pipeline, event: RawEvent, timeMs: number): RawEvent {
  const field = plan.eventTimeField;
  return { ...event, [field]: typeof event[field] === "number" ? timeMs : formatInstant(timeMs) };
}

function checkOptions(options: GenerateOptions): void {
  const { rate, producers = 1, count = Infinity, disorderMs = 0, partitions } = options;
  const { lateShare = 0, invalidShare = 0, skewedShare = 0, duplicateShare = 0 } = options;
  const shares = [lateShare, invalidShare, skewedShare, duplicateShare];
  const together = shares.reduce((sum, share) => sum + share, 0);
  const problems: string[] = [];
  if (!(rate > 0 && Number.isFinite(rate))) problems.push(`rate must be above 0, got ${rate}`);
  for (const [name, value] of Object.entries({ producers, partitions })) {
    if (!(Number.isInteger(value) && value >= 1)) {
      problems.push(`${name} must be a whole number of at least 1, got ${value}`);
    }
  }
  if (!(count >= 0)) problems.push(`count must be at least 0, got ${count}`);
  if (!(disorderMs >= 0)) problems.push(`disorder must be at least 0, got ${disorderMs}`);
  if (shares.some((share) => !(share >= 0)) || together > 1 + 1e-9) {
    problems.push(`the shares of special records must be at most 100% together, got ${shares}`);
  }
  if (problems.length === 0) return;
  throw new TidegateError("TG_USAGE", ["Cannot generate:", ...problems].join("\n  "));
}
