/**
 * The records that benchmarks are measured with: student logs of exactly 142 bytes.
 *
 * @module
 */

import { formatInstant } from "../../core/event_time/instants.ts";
import { COURSES, STUDENTS } from "../../pipelines/cs_student_logs.ts";

/** How long the value of every record is. */
export const BENCH_RECORD_BYTES = 142;

/** How {@linkcode benchRecord} places events in time. */
export interface BenchRecordOptions {
  /**
   * The time of event 0, epoch ms.
   * @default {1767225600000} (2026-01-01T00:00:00Z)
   */
  readonly fromMs?: number;
  /**
   * How far two events lie apart, in ms. With 1 ms, 2 M events fill 200 windows of 10 s.
   * @default {1}
   */
  readonly stepMs?: number;
}

/** A record to measure with. */
export interface BenchRecord {
  /** The student. */
  readonly key: string;
  /** The event as JSON text in ASCII. */
  readonly value: string;
  /** The event time, epoch ms. */
  readonly eventTimeMs: number;
}

/**
 * Makes the record at an index. It depends on nothing else, so that producers can share the work,
 * and takes about a quarter of a generated one.
 */
export function benchRecord(index: number, options: BenchRecordOptions = {}): BenchRecord {
  const { fromMs = 1_767_225_600_000, stepMs = 1 } = options;
  const eventTimeMs = fromMs + Math.floor(index * stepMs);
  const mixed = mix(index);
  // Every number has a fixed width: four digits, two, and two before and one after the point.
  const key = `s-${String(1 + mixed % STUDENTS).padStart(4, "0")}`;
  const course = COURSES[(mixed >>> 8) % COURSES.length] ?? COURSES[0];
  const lines = 10 + (mixed >>> 12) % 90;
  const cpu = `${10 + (mixed >>> 20) % 89}.${1 + mixed % 9}`;
  const value = `{"student_id":"${key}","course":"${course}","activity":"testing",` +
    `"lines_of_code":${lines},"cpu_usage_pct":${cpu},"event_time":"${formatInstant(eventTimeMs)}"}`;
  return { key, value, eventTimeMs };
}

/** Spreads neighbouring numbers over 32 bits (the last steps of murmur3). */
function mix(index: number): number {
  let hash = Math.imul(index ^ (index >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
