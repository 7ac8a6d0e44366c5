/**
 * A worker process: sweeps for one generation of a pipeline, and does nothing else. As a program it is started by
 * the control process, which tells it its settings on standard input and keeps that open: when it
 * closes, the control process has ended, and so does the worker. `deno task worker` starts the same
 * worker on its own.
 *
 * @module
 */

import { createWorkerActivities } from "../activities/create_activities.ts";
import type { SweepProgress } from "../activities/sweep.ts";
import type { KafkaSettings } from "../adapters/kafka/log.ts";
import { createKafkaTailer } from "../adapters/kafka/kafka_tail.ts";
import { createKafkaWriter } from "../adapters/kafka/writer.ts";
import { PROGRESS } from "../adapters/launchers/process.ts";
import { createTrace } from "../adapters/tracing.ts";
import type { TemporalSettings } from "../adapters/temporal/client.ts";
import { type RunningWorker, startSweepWorker } from "../adapters/temporal/workers.ts";
import type { RunPlan } from "../core/plan.ts";
import type { Pipeline } from "../definition/define.ts";
import { type Code, loadByCode } from "../definition/code_hash.ts";
import { handleStrayErrors } from "./stray_errors.ts";

/** What a worker sweeps for, and how it reaches the servers. */
export interface Sweeping {
  /** The plan to fold by: the definition's own, or one derived from it for a demo or a test. */
  readonly plan: RunPlan;
  /** How to reach the broker. */
  readonly kafka: KafkaSettings;
  /** How to reach Temporal. */
  readonly temporal: TemporalSettings;
  /** The generation to sweep for. */
  readonly generation: number;
}

/** What the control process tells a worker process. */
export interface WorkerSettings extends Sweeping {
  /** The file of the pipeline's definition. */
  readonly pipelineFile: string;
  /** The code that may fold. */
  readonly code: Code;
}

/** What a worker is started with. */
export interface WorkerOptions extends Sweeping {
  /** The pipeline's definition. */
  readonly pipeline: Pipeline;
  /** The hash of the code that the process has loaded. */
  readonly codeHash: string;
  /** Names the process in Temporal's records. */
  readonly identity: string;
  /**
   * Is told how far its sweep has come.
   * @default nobody
   */
  readonly progress?: (progress: () => SweepProgress) => void;
}

/**
 * Starts a worker.
 *
 * @param options What it is started with.
 * @returns The running worker; to stop it is to let its sweep answer with what it has.
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { plan, pipeline, kafka, temporal, generation, codeHash, identity, progress } = options;
  const tailer = createKafkaTailer(kafka);
  const writer = createKafkaWriter(kafka);
  const close = () => Promise.all([tailer.close(), writer.close()]);
  let stopping = false;
  try {
    const worker = await startSweepWorker({
      temporal,
      pipeline: plan.pipeline,
      generation,
      activities: createWorkerActivities({
        plan,
        events: pipeline.reader,
        enrichment: pipeline.enrichment,
        tailer,
        writer,
        identity,
        stopping: () => stopping,
        trace: createTrace(),
        ...(progress === undefined ? {} : { progress }),
      }, codeHash),
      identity,
    });
    const done = worker.done.finally(close);
    done.catch(() => undefined);
    return {
      done,
      stop() {
        stopping = true;
        return worker.stop();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * How long an orphan may take to leave, in ms. Its sweep is taken from it when the next control
 * process starts, so it need not be finished; and where Temporal can't be reached, leaving in order
 * takes half a minute.
 */
const ORPHAN_GRACE_MS = 5_000;

/** How often the control process is told of progress at most, in ms. */
const TELL_MS = 200;

async function work(): Promise<void> {
  const { settings, closed } = await readSettings(Deno.stdin.readable);
  // As long as it takes no work, there is nothing to leave in order.
  let leave = (): void => Deno.exit(0);
  void closed.then(() => {
    setTimeout(() => Deno.exit(1), ORPHAN_GRACE_MS);
    leave();
  });
  const { pipelineFile, code: folding, ...rest } = settings;
  const worker = await startWorker({
    ...rest,
    pipeline: await loadByCode(folding, pipelineFile),
    codeHash: folding.hash,
    identity: Deno.env.get("TIDEGATE_WORKER_IDENTITY") ?? `worker-${Deno.pid}`,
    progress: thinned((progress) => console.log(`${PROGRESS}${JSON.stringify(progress)}`)),
  });
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    void worker.stop();
  };
  let code = 0;
  using _ = handleStrayErrors({
    say: (line) => console.error(line),
    stop(why) {
      console.error(`${why.code}: ${why.message}`);
      code = 1;
      stop();
    },
  });
  Deno.addSignalListener("SIGTERM", stop);
  // Where Ctrl-C reaches a worker too, the control process decides what it means.
  Deno.addSignalListener("SIGINT", () => undefined);
  leave = stop;
  console.log("ready");
  await worker.done;
  Deno.exit(code);
}

/** Tells what is new of a sweep, now or as soon as it may again. */
function thinned(tell: (progress: SweepProgress) => void) {
  let latest: (() => SweepProgress) | null = null;
  let told = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const say = () => {
    timer = undefined;
    if (latest === null) return;
    const progress = latest();
    latest = null;
    const { busyMs: _, ...news } = progress;
    if (JSON.stringify(news) === told) return;
    told = JSON.stringify(news);
    tell(progress);
    timer = setTimeout(say, TELL_MS);
  };
  return (progress: () => SweepProgress) => {
    latest = progress;
    if (timer === undefined) say();
  };
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
