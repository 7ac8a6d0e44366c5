/**
 * Events and cells of the student logs, and gates that hold an activity up.
 *
 * @module
 */

import type { OutRecord } from "../../../adapters/kafka/log.ts";
import type { CellWire } from "../../../core/fold/aggregates.ts";
import type { Call } from "../../../core/flow/delivery.ts";

/** A start of a window. */
export const T0: number = Date.parse("2026-03-01T10:00:00Z");
/** The size of the windows. */
export const SIZE = 10_000;

/** A cell of a course: events, and the sum of both fields. */
export function cell(course: string, events: number, lines: number, cpu = 50): CellWire {
  return [JSON.stringify([course]), events, [lines], [cpu]];
}

/** A call that brings one event an offset of `[from, to)` of partition 0, all of one course. */
export function call(n: number, [from, to]: readonly [number, number], course = "CS-1"): Call {
  const events = to - from;
  return {
    n,
    spans: events === 0 ? [] : [[0, from, to]],
    cells: events === 0 ? [] : [cell(course, events, events)],
    watermark: null,
    emittedAtMs: T0 + n,
  };
}

/** A record at an event time, which is the record's time too. */
export function event(atMs: number, course = "CS-1", lines = 1): OutRecord {
  return {
    key: null,
    timestampMs: atMs,
    value: JSON.stringify({
      student_id: "s-0001",
      course,
      activity: "coding",
      lines_of_code: lines,
      cpu_usage_pct: 50,
      event_time: new Date(atMs).toISOString(),
    }),
  };
}

/** A gate: whoever passes waits until it is opened; others can wait until somebody is there. */
export interface Gate {
  /** Resolves once somebody has come. */
  readonly reached: Promise<void>;
  /** Waits until the gate is opened. */
  pass(): Promise<void>;
  /** Opens the gate for good. */
  open(): void;
}

/** Makes a closed gate. */
export function gate(): Gate {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    pass() {
      reached.resolve();
      return opened.promise;
    },
    open: () => opened.resolve(),
  };
}
