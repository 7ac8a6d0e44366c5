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

/**
 * How long an orphan may take to leave, in ms. Its slice is taken from it when the next control
 * process starts, so it need not be finished; and where Temporal can't be reached, leaving in order
 * takes half a minute.
 */
const ORPHAN_GRACE_MS = 5_000;

async function work(): Promise<void> {
  const { settings, closed } = await readSettings(Deno.stdin.readable);
  // As long as it takes no work, there is nothing to leave in order.
  let leave = (): void => Deno.exit(0);
  void closed.then(() => {
    setTimeout(() => Deno.exit(1), ORPHAN_GRACE_MS);
    leave();
  });
  const pipeline = await loadPipeline(settings.pipelineFile);
  const reader = createKafkaReader(settings.kafka);
  const writer = createKafkaWriter(settings.kafka);
  let stopping = false;
  const { plan } = settings;
  const identity = Deno.env.get("TIDEGATE_WORKER_IDENTITY") ?? `worker-${Deno.pid}`;
  const worker = await startFoldWorker({
    temporal: settings.temporal,
    pipeline: plan.pipeline,
    activities: createWorkerActivities({
      plan,
      events: pipeline.reader,
      enrichment: pipeline.enrichment,
      reader,
      writer,
      identity,
      stopping: () => stopping,
    }),
    slots: settings.slots,
    identity,
  });
  const stop = () => {
    if (stopping) return;
    stopping = true;
    void worker.stop();
  };
  Deno.addSignalListener("SIGTERM", stop);
  // Where Ctrl-C reaches a worker too, the control process decides what it means.
  Deno.addSignalListener("SIGINT", () => undefined);
  leave = stop;
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
