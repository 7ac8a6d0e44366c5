/**
 * Records of the late and the invalid topic: what was rejected, why, and where it stands.
 *
 * @module
 */

import type { LogRecord, OutRecord } from "../adapters/kafka/log.ts";
import type { Reject } from "../core/fold/fold.ts";
import type { RunPlan } from "../core/plan.ts";
import type { SliceRequest } from "../core/flow/slice.ts";
import { formatInstant } from "../core/event_time/instants.ts";
import { windowEnd } from "../core/event_time/windows.ts";

/** A longer value is cut; its position says where the whole of it is. */
const MAX_VALUE_BYTES = 64 * 1024;

/**
 * Makes the side topic's record of a rejected one. Its key is `topic/partition/offset`, so that a
 * repeat is harmless.
 *
 * @param plan The pipeline's plan.
 * @param request The slice.
 * @param reject Why it was rejected.
 * @param record The record.
 * @returns The record to write.
 */
export function sideRecord(
  plan: RunPlan,
  request: SliceRequest,
  reject: Reject,
  record: LogRecord,
): OutRecord {
  const { topic, partition, generation } = request;
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
