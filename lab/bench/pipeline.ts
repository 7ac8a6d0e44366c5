/**
 * The pipeline that benchmarks run: the default pipeline's events and aggregates, with a name,
 * topic, windows and key that an environment variable says, so that the control process and its
 * workers are started as a user's are.
 *
 * @module
 */

import { definePipeline, tumbling } from "../../mod.ts";
import { courseLoad, studentLog } from "../../pipelines/cs_student_logs.ts";

/** The variable that holds a {@linkcode BenchPipeline} as JSON. */
export const BENCH_VARIABLE = "TIDEGATE_BENCH_PIPELINE";

/** What differs from one benchmark to the next. */
export interface BenchPipeline {
  /** Its name. */
  readonly name: string;
  /** Its source topic. */
  readonly topic: string;
  /** The windows' size in ms. */
  readonly windowMs: number;
  /** How far the watermark stays behind, in ms. */
  readonly delayMs: number;
  /** How long a partition may be still, in ms. */
  readonly idleMs: number;
  /** What rows are made by. */
  readonly key: "course" | "student_id";
  /** How many workflows share a window. */
  readonly shards: number;
}

const TYPICAL: BenchPipeline = {
  name: "bench",
  topic: "bench.source",
  windowMs: 10_000,
  delayMs: 10_000,
  idleMs: 60_000,
  key: "course",
  shards: 1,
};

// Written by the benchmark that starts the process, so it is of this shape.
const given = JSON.parse(Deno.env.get(BENCH_VARIABLE) ?? "{}") as Partial<BenchPipeline>;
const { name, topic, windowMs, delayMs, idleMs, key, shards } = { ...TYPICAL, ...given };

/** The pipeline. */
export default definePipeline({
  name,
  source: { topic, partitions: 4, recordKey: "student_id" },
  event: studentLog,
  eventTime: "event_time",
  watermark: { delay: delayMs, idleAfter: idleMs },
  window: tumbling(windowMs),
  groupBy: [key],
  shards,
  aggregates: courseLoad,
});
