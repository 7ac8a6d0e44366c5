/**
 * What Tidegate asks of Temporal while nothing happens and no worker runs.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { BenchContext } from "./context.ts";
import { startOurs } from "./ours.ts";
import type { BenchPipeline } from "./pipeline.ts";
import { countTrees, type CpuSeconds, type Quiet } from "./processes.ts";
import { benchRecord } from "./record.ts";
import { countsBetween, readCounts, type TemporalCounts, totalOf } from "./temporal_counts.ts";

/** What was counted. */
export interface IdleBench {
  /** How the machine was before. */
  readonly quiet: Quiet;
  /** How long it was measured, in s. */
  readonly seconds: number;
  /** Requests of the frontend a second, empty long polls left out; null if not counted. */
  readonly requestsPerSecond: number | null;
  /** Billable actions an hour; null if not counted. */
  readonly actionsPerHour: number | null;
  /** Both by kind over the whole time; null if not counted. */
  readonly counts: TemporalCounts | null;
  /** Cores by part. */
  readonly cores: CpuSeconds;
  /** Memory of the control process in MiB. */
  readonly rssMiB: number;
}

const PARTITIONS = 4;
/** How long it may take until the last worker has ended, in ms. */
const TO_ZERO_MS = 120_000;
/** How long there must have been none: windows close by then, and nothing is under way. In ms. */
const SETTLE_MS = 30_000;

/** Measures a pipeline that has had a few records, closed its window, and has nothing to do. */
export async function benchIdle(context: BenchContext): Promise<IdleBench> {
  const { stack: { temporal, broker }, admin, writer, metrics, seconds } = context;
  const topic = "bench-idle.source";
  const pipeline: BenchPipeline = {
    name: "bench-idle",
    topic,
    windowMs: 10_000,
    delayMs: 1_000,
    idleMs: 5_000,
    key: "course",
    shards: 1,
  };
  await admin.createTopics([{ topic, partitions: PARTITIONS }]);
  const records = Array.from({ length: PARTITIONS }, (_, partition) => ({
    ...benchRecord(partition, { fromMs: Date.now(), stepMs: 0 }),
    partition,
  }));
  await writer.send(topic, records);
  const quiet = await context.quiet();
  const running = await startOurs(context, pipeline, { args: ["--idle-to-zero=10s"], workers: 0 });
  try {
    await toZero(running.workers);
    const used = await countTrees({
      control: running.pid,
      temporal: temporal.pid,
      broker: broker.pid,
    });
    const before = metrics === null ? null : await readCounts(metrics);
    await sleep(seconds * 1000);
    const after = metrics === null ? null : await readCounts(metrics);
    const cpu = await used();
    const counts = before === null || after === null ? null : countsBetween(before, after);
    return {
      quiet,
      seconds,
      requestsPerSecond: counts === null ? null : totalOf(counts.requests) / seconds,
      actionsPerHour: counts === null ? null : totalOf(counts.actions) / seconds * 3600,
      counts,
      cores: Object.fromEntries(Object.entries(cpu).map(([part, s]) => [part, s / seconds])),
      rssMiB: (await running.usage()).rssMiB.control ?? NaN,
    };
  } finally {
    await running.stop();
    await admin.deleteTopics([topic]);
  }
}

/** The figures in one line. */
export function idleLine(idle: IdleBench): string {
  const { requestsPerSecond: requests, actionsPerHour: actions, cores, rssMiB } = idle;
  const parts = Object.entries(cores).map(([name, n]) => `${name} ${n.toFixed(4)}`);
  return [
    ...(requests === null ? [] : [`${requests.toFixed(3)} requests/s`]),
    ...(actions === null ? [] : [`${actions.toFixed(0)} actions/h`]),
    `cores ${parts.join(", ")}`,
    `control ${rssMiB} MiB`,
  ].join("; ");
}

/** Workers come for the first records, and go; then there is none for a while. */
async function toZero(workers: () => Promise<readonly number[]>): Promise<void> {
  const deadline = performance.now() + TO_ZERO_MS;
  let zeroSinceMs = Infinity;
  let some = false;
  while (performance.now() < deadline) {
    if ((await workers()).length > 0) {
      some = true;
      zeroSinceMs = Infinity;
    } else if (some) {
      zeroSinceMs = Math.min(zeroSinceMs, performance.now());
      if (performance.now() - zeroSinceMs >= SETTLE_MS) return;
    }
    await sleep(200);
  }
  throw new Error("Cannot measure: the fleet must go to a worker and back to none in time");
}
