/**
 * Tidegate as an engine to be measured: `start` as a user starts it, a process of its own with its
 * workers below it, looked at from outside.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { connectTemporal } from "../../adapters/temporal/client.ts";
import { createPipelineClient } from "../../adapters/temporal/pipeline_client.ts";
import { groupId } from "../../core/ids.ts";
import { derivePipeline } from "../../definition/define.ts";
import students from "../../pipelines/cs_student_logs.ts";
import type { BenchContext } from "./context.ts";
import type { Engine, RunningEngine } from "./engine.ts";
import { BENCH_VARIABLE, type BenchPipeline } from "./pipeline.ts";
import { treeUsage } from "./processes.ts";

/** How a control process is started. */
export interface OursOptions {
  /** Arguments of `start`, such as `--workers=1`. */
  readonly args: readonly string[];
  /**
   * How many workers must be ready.
   * @default {1}
   */
  readonly workers?: number;
}

/** How often it is asked whether its workers are ready, in ms. */
const ASK_MS = 10;
/** How long a start may take, in ms. */
const READY_WITHIN_MS = 120_000;
/** Lines of its log that are kept for an error. */
const KEPT_LINES = 40;

const MAIN = new URL("../../cli/main.ts", import.meta.url).href;
const PIPELINE_FILE = new URL("pipeline.ts", import.meta.url).pathname;
const PERMISSIONS = [
  "--allow-net",
  "--allow-env",
  "--allow-sys",
  "--allow-read",
  "--allow-write",
  "--allow-run",
  "--allow-ffi",
];

/** Tidegate with a fixed number of workers. */
export function oursWith(context: BenchContext, workers: number): Engine {
  return {
    name: "tidegate",
    usesTemporal: true,
    start: (pipeline) => startOurs(context, pipeline, { args: [`--workers=${workers}`], workers }),
  };
}

/** A control process at work. */
export interface RunningOurs extends RunningEngine {
  /** Its live page. */
  readonly page: string;
  /** The worker processes now. */
  workers(): Promise<readonly number[]>;
  /** Ends it by SIGKILL, without a word. */
  kill(): Promise<void>;
}

/** Starts a control process and waits until its workers are ready. */
export async function startOurs(
  context: BenchContext,
  pipeline: BenchPipeline,
  { args, workers = 1 }: OursOptions,
): Promise<RunningOurs> {
  const env = environment(context, pipeline);
  const port = freePort();
  const page = `http://127.0.0.1:${port}`;
  const startedMs = performance.now();
  const child = command(["start", `--port=${port}`, ...args], env).spawn();
  const log = keepLines(child);
  const ended = child.status.then(() => true);
  const deadline = startedMs + READY_WITHIN_MS;
  while (await readyWorkers(page) < workers) {
    const over = await Promise.race([ended, sleep(ASK_MS, false)]);
    if (over || performance.now() > deadline) {
      if (!over) child.kill("SIGKILL");
      throw new Error(`Tidegate has not become ready:\n${log().join("\n")}`);
    }
  }
  const readyMs = performance.now();
  return {
    resultsTopic: `${pipeline.name}.results`,
    startedMs,
    readyMs,
    pid: child.pid,
    page,
    async workers() {
      return (await treeUsage(child.pid)).below.map(({ pid }) => pid);
    },
    async usage() {
      const { root, below } = await treeUsage(child.pid);
      const sum = (of: "cpuSeconds" | "rssMiB") => below.reduce((n, one) => n + one[of], 0);
      return {
        cpuSeconds: { control: root.cpuSeconds, worker: sum("cpuSeconds") },
        rssMiB: { control: root.rssMiB, worker: sum("rssMiB") },
      };
    },
    async openPage() {
      const { body } = await fetch(`${page}/events`);
      const gone = new AbortController();
      const read = body?.pipeTo(new WritableStream(), { signal: gone.signal }).catch(() =>
        undefined
      );
      return async () => {
        gone.abort();
        await read;
      };
    },
    async holds() {
      const { code, stdout, stderr } = await command(["audit", "--json"], env).output();
      if (code !== 0) {
        const text = new TextDecoder();
        context.say(`  audit: ${text.decode(stdout).trim()} ${text.decode(stderr).trim()}`);
      }
      return code === 0;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
      await removeTraces(context, pipeline);
    },
  };
}

/** Ends the workflows of a pipeline and removes its topics, but for the source topic. */
export async function removeTraces(
  { temporal, admin }: BenchContext,
  { name }: BenchPipeline,
): Promise<void> {
  const { plan } = derivePipeline(students, name);
  const client = await connectTemporal(temporal);
  try {
    await createPipelineClient(client, plan).terminateAll("the benchmark is over");
  } finally {
    await client.connection.close();
  }
  await admin.deleteTopics([plan.resultsTopic, plan.lateTopic, plan.invalidTopic]);
  await admin.deleteGroup(groupId(name));
}

function environment(
  { kafka, temporal, folder }: BenchContext,
  pipeline: BenchPipeline,
): Record<string, string> {
  return {
    KAFKA_BROKERS: kafka.brokers.join(","),
    TEMPORAL_ADDRESS: temporal.address,
    TIDEGATE_PIPELINE: PIPELINE_FILE,
    TIDEGATE_DATA_DIR: folder,
    [BENCH_VARIABLE]: JSON.stringify(pipeline),
  };
}

function command(args: readonly string[], env: Record<string, string>): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...PERMISSIONS, MAIN, ...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Keeps the last lines that a process prints. */
function keepLines({ stdout, stderr }: Deno.ChildProcess): () => readonly string[] {
  const lines: string[] = [];
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      lines.push(...text.trimEnd().split("\n"));
      lines.splice(0, lines.length - KEPT_LINES);
    }
  };
  void read(stdout);
  void read(stderr);
  return () => lines;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** How many workers are ready, as the metrics of the live page say; -1 before it is there. */
async function readyWorkers(page: string): Promise<number> {
  try {
    const response = await fetch(`${page}/metrics`);
    const [, count] = /^tidegate_workers\{[^}]*state="ready"[^}]*\} (\d+)/m
      .exec(await response.text()) ?? [];
    return count === undefined ? -1 : Number(count);
  } catch {
    return -1;
  }
}
