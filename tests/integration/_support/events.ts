/**
 * Single events of the definitions that tests use.
 *
 * @module
 */

/** What may differ in an event of `students`. */
export interface StudentEvent {
  /** @default {"CS-101"} */
  readonly course?: string;
  /** @default {1} */
  readonly lines?: number;
  /** @default {50} */
  readonly cpu?: number;
}

/**
 * The value of an event of `students`.
 *
 * @param timeMs Its event time.
 * @param event What differs.
 * @returns JSON text.
 */
export function student(timeMs: number, event: StudentEvent = {}): string {
  const { course = "CS-101", lines = 1, cpu = 50 } = event;
  return JSON.stringify({
    student_id: "s-0001",
    course,
    activity: "coding",
    lines_of_code: lines,
    cpu_usage_pct: cpu,
    event_time: new Date(timeMs).toISOString(),
  });
}

/**
 * A generator of random numbers: the same seed gives the same ones (mulberry32).
 *
 * @param seed A whole number.
 * @returns Gives a number from 0 to below 1.
 */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
