/**
 * The records that benchmarks are measured with: student logs of exactly 142 bytes; what they come
 * to is known without reading them.
 *
 * @module
 */

import { formatInstant } from "../../core/event_time/instants.ts";
import { COURSES, STUDENTS } from "../../pipelines/cs_student_logs.ts";

/** How long the value of every record is, up to 9,999 students. */
export const BENCH_RECORD_BYTES = 142;

/** How {@linkcode benchRecord} makes events. */
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
  /**
   * How many students there are.
   * @default {240}
   */
  readonly students?: number;
}

/** What a record says. */
export interface BenchEvent {
  /** The student. */
  readonly student: string;
  /** The course. */
  readonly course: string;
  /** Lines of code. */
  readonly lines: number;
  /** Processor load in tenths of a percent: a whole number, so that sums are exact. */
  readonly cpuTenths: number;
  /** The event time, epoch ms. */
  readonly eventTimeMs: number;
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

/** The time of the event at an index, epoch ms. */
export function benchTime(index: number, options: BenchRecordOptions = {}): number {
  const { fromMs = 1_767_225_600_000, stepMs = 1 } = options;
  return fromMs + Math.floor(index * stepMs);
}

/** The event at an index. It depends on nothing else, so that producers can share the work. */
export function benchEvent(index: number, options: BenchRecordOptions = {}): BenchEvent {
  const { students = STUDENTS } = options;
  const mixed = mix(index);
  // Every number has a fixed width: four digits, two, and two before and one after the point.
  return {
    student: `s-${String(1 + mixed % students).padStart(4, "0")}`,
    course: COURSES[(mixed >>> 8) % COURSES.length] ?? COURSES[0],
    lines: 10 + (mixed >>> 12) % 90,
    cpuTenths: 10 * (10 + (mixed >>> 20) % 89) + 1 + mixed % 9,
    eventTimeMs: benchTime(index, options),
  };
}

/** Makes the record at an index; takes about a quarter of a generated one. */
export function benchRecord(index: number, options: BenchRecordOptions = {}): BenchRecord {
  const { student, course, lines, cpuTenths, eventTimeMs } = benchEvent(index, options);
  const cpu = `${Math.floor(cpuTenths / 10)}.${cpuTenths % 10}`;
  const value = `{"student_id":"${student}","course":"${course}","activity":"testing",` +
    `"lines_of_code":${lines},"cpu_usage_pct":${cpu},"event_time":"${formatInstant(eventTimeMs)}"}`;
  return { key: student, value, eventTimeMs };
}

/** Spreads neighbouring numbers over 32 bits (the last steps of murmur3). */
function mix(index: number): number {
  let hash = Math.imul(index ^ (index >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
