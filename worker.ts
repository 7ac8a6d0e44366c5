/**
 * A worker process: folds slices for one pipeline, and nothing else. Started by the control process,
 * which tells it its settings on standard input and keeps that open: when it closes, the control
 * process has ended, and so does the worker.
 *
 * @module
 */

import { createWorkerActivities } from "./activities/create_activities.ts";
import type { KafkaSettings } from "./adapters/log.ts";
import { createKafkaReader } from "./adapters/kafka_reader.ts";
import { createKafkaWriter } from "./adapters/kafka_writer.ts";
import type { TemporalSettings } from "./adapters/temporal_client.ts";
import { startFoldWorker } from "./adapters/temporal_workers.ts";
import type { RunPlan } from "./core/plan.ts";
import { loadPipeline } from "./pipelines/load.ts";

/** What the control process tells a worker process. */
export interface WorkerSettings {
  /** The file of the pipeline's definition. */
  readonly pipelineFile: string;
  /** The plan to fold by: the definition's own, or one derived from it for a demo or a test. */
  readonly plan: RunPlan;
  /** How to reach the broker. */
  readonly kafka: KafkaSettings;
  /** How to reach Temporal. */
  readonly temporal: TemporalSettings;
  /** How many slices at a time. */
  readonly slots: number;
}

async function work(): Promise<void> {
  const { settings, closed } = await readSettings(Deno.stdin.readable);
  const pipeline = await loadPipeline(settings.pipelineFile);
  const reader = createKafkaReader(settings.kafka);
  const writer = createKafkaWriter(settings.kafka);
  let stopping = false;
  const { plan } = settings;
  const worker = await startFoldWorker({
    temporal: settings.temporal,
    pipeline: plan.pipeline,
    activities: createWorkerActivities({
      plan,
      events: pipeline.reader,
      reader,
      writer,
      stopping: () => stopping,
    }),
    slots: settings.slots,
    identity: Deno.env.get("TIDEGATE_WORKER_IDENTITY") ?? `worker-${Deno.pid}`,
  });
  const stop = () => {
    if (stopping) return;
    stopping = true;
    void worker.stop();
  };
  Deno.addSignalListener("SIGTERM", stop);
  // Ctrl-C reaches the whole foreground group; the control process decides what it means.
  Deno.addSignalListener("SIGINT", () => undefined);
  void closed.then(stop);
  console.log("ready");
  await worker.done;
  await Promise.all([reader.close(), writer.close()]);
  Deno.exit(0);
}

async function readSettings(
  input: ReadableStream<Uint8Array>,
): Promise<{ settings: WorkerSettings; closed: Promise<void> }> {
  const lines = input.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await lines.read();
    if (done) throw new Error("Cannot read the settings: standard input is closed");
    text += value;
  }
  const closed = (async () => {
    while (!(await lines.read()).done);
  })();
  // Written by the control process of the same version, so it is of this shape.
  return { settings: JSON.parse(text) as WorkerSettings, closed };
}

if (import.meta.main) await work();
