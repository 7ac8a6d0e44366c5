/**
 * The load process: sends generated records, in real time or as fast as the broker takes them.
 *
 * @module
 */

import type { LogWriter } from "../adapters/kafka/log.ts";
import { TidegateError } from "../core/errors.ts";
import { formatDuration, formatInstant } from "../core/event_time/instants.ts";
import type { Pipeline } from "../definition/define.ts";
import { type GenerateOptions, generateRecords, type RecordKind } from "./generate.ts";
import { type LoadHooks, Sender, type SentCounts } from "./sender.ts";

/** What to produce. */
export interface ProduceOptions extends Omit<GenerateOptions, "count" | "fromMs"> {
  /** The pipeline whose generator makes the events. */
  readonly pipeline: Pipeline;
  /**
   * The topic.
   * @default the pipeline's source topic
   */
  readonly topic?: string;
  /**
   * How many records to send, as fast as possible. Their event times end now unless `fromMs` says
   * where they begin.
   * @default no limit, in real time
   */
  readonly count?: number;
  /**
   * How many seconds of event time to produce; in real time these are seconds of the clock too.
   * @default no limit
   */
  readonly seconds?: number;
  /**
   * The time of the first event, epoch ms; then records are sent as fast as possible, up to `count`,
   * `seconds`, or the present.
   * @default the clock's time, in real time
   */
  readonly fromMs?: number;
}

/** What was produced. */
export interface ProduceResult extends SentCounts {
  /** The seed. */
  readonly seed: number;
  /** How many of the records were made how; a record under way at a failure counts. */
  readonly kinds: Readonly<Record<RecordKind, number>>;
}

/**
 * Produces records.
 *
 * Without `count` and `fromMs` it runs in real time: record n is due n ÷ (rate × producers) seconds
 * after the start, whatever happened before, so that the rate doesn't drift; after a pause (of the
 * broker, or of the machine) it catches up. Event times are the times at which records are due.
 *
 * @throws {TidegateError} `TG_DEFINITION` if the pipeline has no generator, `TG_USAGE` if an option
 * is out of range, and what the writer throws.
 */
export async function produce(
  options: ProduceOptions,
  writer: LogWriter,
  hooks: LoadHooks = {},
): Promise<ProduceResult> {
  const { pipeline, seed, rate, producers = 1 } = options;
  const startMs = (hooks.now ?? Date.now)();
  const inRealTime = options.count === undefined && options.fromMs === undefined;
  const count = countOf(options, startMs);
  const spanMs = Math.max(0, count - 1) * 1000 / (rate * producers);
  const fromMs = options.fromMs ?? (inRealTime ? startMs : Math.floor(startMs - spanMs));
  const records = generateRecords(pipeline, { ...options, count, fromMs });
  if (!inRealTime) warnAhead(pipeline, fromMs + spanMs - startMs, hooks);
  const kinds = { ok: 0, late: 0, invalid: 0, skewed: 0, duplicate: 0 };
  const sender = new Sender(options.topic ?? pipeline.plan.topic, writer, hooks);
  if (inRealTime) {
    const each = `${rate} records a second from ${formatInstant(fromMs)}`;
    hooks.say?.(`${producers} producer${producers === 1 ? "" : "s"} of ${each}, seed ${seed}`);
  }
  for (const record of records) {
    if (inRealTime) await sender.until(record.dueMs);
    if (sender.stopped) break;
    kinds[record.kind] += 1;
    await sender.add({ key: record.key, value: record.value, partition: record.partition });
  }
  return { ...await sender.finish(), seed, kinds };
}

function countOf(options: ProduceOptions, nowMs: number): number {
  const perMs = options.rate * (options.producers ?? 1) / 1000;
  const bySeconds = options.seconds === undefined
    ? Infinity
    : Math.ceil(options.seconds * 1000 * perMs);
  const count = Math.min(options.count ?? Infinity, bySeconds);
  if (count < Infinity || options.fromMs === undefined) return count;
  if (options.fromMs > nowMs) {
    throw new TidegateError(
      "TG_USAGE",
      `Cannot produce: the first event time must lie in the past, got ` +
        formatInstant(options.fromMs),
      { next: "Say with a count or a number of seconds where to end." },
    );
  }
  return Math.floor((nowMs - options.fromMs) * perMs) + 1;
}

function warnAhead({ plan }: Pipeline, aheadMs: number, hooks: LoadHooks): void {
  if (aheadMs <= plan.maxAheadMs) return;
  hooks.say?.(
    `the last event times lie ${formatDuration(aheadMs)} ahead of the clock: events more than ` +
      `${formatDuration(plan.maxAheadMs)} ahead (watermark.maxAhead) will count as skewed`,
  );
}
