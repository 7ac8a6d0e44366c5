/**
 * Durable Flink as an engine to be measured: a mini cluster in one JVM with checkpoints to disk,
 * committed reads and transactional writes.
 *
 * @module
 */

import { join } from "node:path";
import type { BenchContext } from "../../context.ts";
import type { Engine, RunningEngine } from "../../engine.ts";
import type { BenchPipeline } from "../../pipeline.ts";
import { treeUsage } from "../../processes.ts";
import type { FlinkJob } from "./build.ts";

/** How Flink is run. */
export interface FlinkOptions {
  /**
   * The JVM's collector. Flink's own scripts choose G1; `Parallel` takes less CPU here.
   * @default {"G1"}
   */
  readonly gc?: "G1" | "Parallel";
  /**
   * Slots, and subtasks of every operator.
   * @default {1}
   */
  readonly parallelism?: number;
  /**
   * What the sink promises: rows are seen when the next checkpoint commits them, or at once and
   * perhaps twice.
   * @default {"exactly-once"}
   */
  readonly sink?: "exactly-once" | "at-least-once";
  /**
   * How often watermarks are sent on, in ms (Flink's default).
   * @default {200}
   */
  readonly watermarkMs?: number;
  /**
   * Whether the job ends at the topic's present end: it then closes all windows and commits them at
   * once, without waiting for its next checkpoint.
   * @default {false}
   */
  readonly bounded?: boolean;
}

/** Time between two checkpoints in ms. */
const CHECKPOINT_MS = 1_000;
/** How long a start may take, in ms. */
const RUNNING_WITHIN_MS = 120_000;

/** The flags of the JVM: a fixed heap, and what Flink's own configuration opens of Java 17. */
export function jvmFlags(gc: "G1" | "Parallel"): string[] {
  return [
    "-Xms1g",
    "-Xmx1g",
    `-XX:+Use${gc}GC`,
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.time=ALL-UNNAMED",
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
  ];
}

/** Flink as an engine. */
export function flinkWith(
  context: BenchContext,
  job: FlinkJob,
  options: FlinkOptions = {},
): Engine {
  const { gc = "G1", parallelism = 1, sink = "exactly-once" } = options;
  const name = [
    "flink",
    ...(gc === "G1" ? [] : [gc.toLowerCase()]),
    ...(parallelism === 1 ? [] : [`x${parallelism}`]),
    ...(sink === "exactly-once" ? [] : [sink]),
  ].join(" ");
  return {
    name,
    usesTemporal: false,
    start: (pipeline) => startFlink(context, job, pipeline, options),
  };
}

async function startFlink(
  { kafka, folder, admin }: BenchContext,
  job: FlinkJob,
  pipeline: BenchPipeline,
  options: FlinkOptions,
): Promise<RunningEngine> {
  const { gc = "G1", parallelism = 1, sink = "exactly-once" } = options;
  const { watermarkMs = 200, bounded = false } = options;
  const resultsTopic = `${pipeline.name}.results`;
  const checkpoints = join(folder, "flink", pipeline.name);
  await admin.createTopics([{ topic: resultsTopic, partitions: 1 }]);
  await Deno.mkdir(checkpoints, { recursive: true });
  const settings: Readonly<Record<string, string | number | boolean>> = {
    brokers: kafka.brokers.join(","),
    topic: pipeline.topic,
    results: resultsTopic,
    group: pipeline.name,
    key: pipeline.key,
    parallelism,
    sink,
    bounded,
    checkpoints,
    "checkpoint-ms": CHECKPOINT_MS,
    "watermark-ms": watermarkMs,
    "delay-ms": pipeline.delayMs,
    "idle-ms": pipeline.idleMs,
    "window-ms": pipeline.windowMs,
  };
  const given = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const main = "tidegate.peer.BenchJob";
  const startedMs = performance.now();
  const child = new Deno.Command(job.java, {
    args: [...jvmFlags(gc), "-cp", job.classPath, main, ...given],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  await heard(child.stdout, "running");
  return {
    resultsTopic,
    startedMs,
    readyMs: performance.now(),
    pid: child.pid,
    async usage() {
      const { cpuSeconds, root } = await treeUsage(child.pid);
      return { cpuSeconds: { flink: cpuSeconds }, rssMiB: { flink: root.rssMiB } };
    },
    holds: () => Promise.resolve(null),
    async stop() {
      await child.stdin.close();
      await child.status;
      await admin.deleteTopics([resultsTopic]);
      await Deno.remove(checkpoints, { recursive: true });
    },
  };
}

/** Waits for an event among the lines of JSON that the job prints; the rest goes nowhere. */
async function heard(stdout: ReadableStream<Uint8Array>, event: string): Promise<void> {
  const lines = stdout.pipeThrough(new TextDecoderStream());
  const found = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => found.reject(new Error(`Flink has not said "${event}" in time`)),
    RUNNING_WITHIN_MS,
  );
  void (async () => {
    let text = "";
    for await (const chunk of lines) {
      if ((text += chunk).includes(`"event":"${event}"`)) found.resolve();
    }
    found.reject(new Error(`Flink has ended before it said "${event}"`));
  })();
  try {
    await found.promise;
  } finally {
    clearTimeout(timer);
  }
}
