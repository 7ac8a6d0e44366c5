/**
 * Records of the late and the invalid topic: what was rejected, why, and where it stands.
 *
 * @module
 */

import type { LogRecord, LogWriter, OutRecord } from "../adapters/kafka/log.ts";
import type { Reject } from "../core/fold/fold.ts";
import type { RunPlan } from "../core/plan.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import { windowEnd } from "../core/event_time/windows.ts";

/** A longer value is cut; its position says where the whole of it is. */
const MAX_VALUE_BYTES = 64 * 1024;

/** Where a rejected record was read. */
export interface SideSource {
  /** The source topic. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** The generation of the pipeline's state. */
  readonly generation: number;
}

/**
 * Makes the side topic's record of a rejected one. Its key is `topic/partition/offset`, so that a
 * repeat is harmless.
 */
export function sideRecord(
  plan: RunPlan,
  source: SideSource,
  reject: Reject,
  record: LogRecord,
): OutRecord {
  const { topic, partition, generation } = source;
  const { offset, kind, reason, path, message, bound, windows } = reject;
  return {
    key: `${topic}/${partition}/${offset}`,
    value: JSON.stringify({
      pipeline: plan.pipeline,
      generation,
      kind,
      reason,
      path,
      message,
      topic,
      partition,
      offset,
      timestamp: record.timestampMs < 0 ? null : formatInstant(record.timestampMs),
      watermark: bound === null ? null : formatInstant(bound),
      windows: windows.map((start) => ({
        start: formatInstant(start),
        end: formatInstant(windowEnd(plan.windowing, start)),
      })),
      ...valueOf(record.value),
    }),
  };
}

function valueOf(value: Uint8Array | null): Record<string, unknown> {
  if (value === null) return { value: null };
  const truncated = value.length > MAX_VALUE_BYTES ? { truncated: true, bytes: value.length } : {};
  const kept = value.subarray(0, MAX_VALUE_BYTES);
  try {
    return {
      value: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(kept),
      ...truncated,
    };
  } catch {
    return { valueBase64: kept.toBase64(), ...truncated };
  }
}

/** Writes rejected records to their topics, one batch under way at a time. */
export class SideWriter {
  readonly #plan: RunPlan;
  readonly #writer: LogWriter;
  #underWay: Promise<void> = Promise.resolve();

  /** Begins with nothing under way. */
  constructor(plan: RunPlan, writer: LogWriter) {
    this.#plan = plan;
    this.#writer = writer;
  }

  /** Begins to write what was rejected of these records, once what is under way is written. */
  async write(
    source: SideSource,
    rejects: readonly Reject[],
    records: readonly LogRecord[],
  ): Promise<void> {
    if (rejects.length === 0) return;
    const byOffset = new Map(records.map((record) => [record.offset, record]));
    const late: OutRecord[] = [];
    const invalid: OutRecord[] = [];
    for (const reject of rejects) {
      const record = byOffset.get(reject.offset);
      if (record === undefined) continue;
      const out = sideRecord(this.#plan, source, reject, record);
      (reject.kind === "late" ? late : invalid).push(out);
    }
    const { lateTopic, invalidTopic } = this.#plan;
    const before = this.#underWay;
    const writing = before.then(async () => {
      await Promise.all([
        late.length === 0 ? undefined : this.#writer.send(lateTopic, late),
        invalid.length === 0 ? undefined : this.#writer.send(invalidTopic, invalid),
      ]);
    });
    writing.catch(() => undefined);
    this.#underWay = writing;
    await before;
  }

  /** Waits until all is written. */
  async flush(): Promise<void> {
    await this.#underWay;
  }
}
