/**
 * How soon work goes on after a SIGKILL, of a worker and of the control process, under a live load.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { connectTemporal } from "../../adapters/temporal/client.ts";
import { drainId } from "../../core/ids.ts";
import type { BenchContext } from "./context.ts";
import { startLoad } from "./load.ts";
import { type RunningOurs, startOurs } from "./ours.ts";
import type { BenchPipeline } from "./pipeline.ts";
import type { Quiet } from "./processes.ts";
import { followRows } from "./rows.ts";

/** Times until work went on, in ms; one a kill. */
export interface CrashBench {
  /** How the machine was before. */
  readonly quiet: Quiet;
  /** A worker with another one beside it: until its sweep ran there. */
  readonly toOtherMs: readonly number[];
  /** The only worker: until its sweep ran in a new one. */
  readonly toNewMs: readonly number[];
  /** The control process, started again at once: until the first row of a later window. */
  readonly restartMs: readonly number[];
}

const PARTITIONS = 4;
const RATE = 1_000;
const WINDOW_MS = 1_000;
const DELAY_MS = 1_000;
/** Until everything works as it does for long, in ms. */
const WARM_UP_MS = 8_000;
/** Between two kills, in ms; not in step with windows. */
const BETWEEN_MS = 6_300;
/** How often Temporal is asked who has the sweep, in ms. */
const ASK_MS = 5;
/** How long work may take to go on, in ms. */
const WITHIN_MS = 60_000;

/** Measures all three, each so often. */
export async function benchCrash(context: BenchContext, kills: number): Promise<CrashBench> {
  const quiet = await context.quiet();
  const toOtherMs = await killWorkers(context, { name: "bench-kill-2", workers: 2, kills });
  context.say(`  to another worker: ${shown(toOtherMs)}`);
  const toNewMs = await killWorkers(context, { name: "bench-kill-1", workers: 1, kills });
  context.say(`  to a new worker: ${shown(toNewMs)}`);
  const restartMs = await killControl(context, kills);
  context.say(`  control process: ${shown(restartMs)}`);
  return { quiet, toOtherMs, toNewMs, restartMs };
}

function shown(all: readonly number[]): string {
  return `${all.map((ms) => Math.round(ms)).join(", ")} ms`;
}

interface Kills {
  readonly name: string;
  readonly workers: number;
  readonly kills: number;
}

async function killWorkers(
  context: BenchContext,
  { name, workers, kills }: Kills,
): Promise<number[]> {
  const start = (pipeline: BenchPipeline) =>
    startOurs(context, pipeline, { args: [`--workers=${workers}`], workers });
  return await underLoad(context, name, async (pipeline) => {
    const running = await start(pipeline);
    const sweeper = await connectSweeper(context, pipeline.name);
    const times: number[] = [];
    try {
      await sleep(WARM_UP_MS);
      for (let i = 0; i < kills; i++) {
        const identity = await until(sweeper.identity);
        const pid = await pidOf(running, identity);
        const killedMs = performance.now();
        Deno.kill(pid, "SIGKILL");
        await until(async () => {
          const now = await sweeper.identity();
          return now !== null && now !== identity ? now : null;
        });
        times.push(performance.now() - killedMs);
        await sleep(BETWEEN_MS);
      }
      return times;
    } finally {
      await sweeper.close();
      await running.stop();
    }
  });
}

async function killControl(context: BenchContext, kills: number): Promise<number[]> {
  return await underLoad(context, "bench-kill-control", async (pipeline) => {
    const start = () => startOurs(context, pipeline, { args: ["--workers=1"], workers: 1 });
    let running = await start();
    const stop = new AbortController();
    let latest = -Infinity;
    let later: { after: number; seen: PromiseWithResolvers<number> } | null = null;
    const following = followRows(context.reader, `${pipeline.name}.results`, {
      onRow(row, atMs) {
        latest = Math.max(latest, row.start);
        if (later !== null && row.start > later.after) later.seen.resolve(atMs);
      },
      signal: stop.signal,
    });
    following.catch(() => undefined);
    const times: number[] = [];
    try {
      for (let i = 0; i < kills; i++) {
        await sleep(WARM_UP_MS);
        await running.kill();
        const seen = Promise.withResolvers<number>();
        later = { after: latest, seen };
        running = await start();
        times.push(await seen.promise - running.startedMs);
      }
      return times;
    } finally {
      stop.abort();
      await following.catch(() => undefined);
      await running.stop();
    }
  });
}

async function underLoad<T>(
  { admin, writer }: BenchContext,
  name: string,
  work: (pipeline: BenchPipeline) => Promise<T>,
): Promise<T> {
  const topic = `${name}.source`;
  await admin.createTopics([{ topic, partitions: PARTITIONS }]);
  const load = startLoad(writer, {
    topic,
    partitions: PARTITIONS,
    rate: RATE,
    windowMs: WINDOW_MS,
    delayMs: DELAY_MS,
  });
  try {
    return await work({
      name,
      topic,
      windowMs: WINDOW_MS,
      delayMs: DELAY_MS,
      idleMs: 60_000,
      key: "course",
      shards: 1,
    });
  } finally {
    await load.stop();
    await admin.deleteTopics([topic]);
  }
}

/** Who has the sweep of a pipeline's first generation, as Temporal says. */
async function connectSweeper({ temporal }: BenchContext, pipeline: string) {
  const client = await connectTemporal(temporal);
  const handle = client.workflow.getHandle(drainId(pipeline, 1));
  return {
    async identity(): Promise<string | null> {
      const { raw } = await handle.describe();
      const sweeps =
        raw.pendingActivities?.filter(({ activityType, lastStartedTime }) =>
          activityType?.name === "sweep" && lastStartedTime != null
        ) ?? [];
      return sweeps[0]?.lastWorkerIdentity ?? null;
    },
    close: () => client.connection.close(),
  };
}

/** The process of a worker's identity: its environment says it. */
async function pidOf(running: RunningOurs, identity: string): Promise<number> {
  for (const pid of await running.workers()) {
    const { stdout } = await new Deno.Command("sh", {
      args: ["-c", `tr '\\0' '\\n' < /proc/${pid}/environ | grep ^TIDEGATE_WORKER_IDENTITY=`],
      stderr: "null",
    }).output();
    if (new TextDecoder().decode(stdout).trim().endsWith(`=${identity}`)) return pid;
  }
  throw new Error(`Cannot measure: no worker process is ${identity}`);
}

async function until<T>(ask: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + WITHIN_MS;
  while (performance.now() < deadline) {
    const found = await ask();
    if (found !== null) return found;
    await sleep(ASK_MS);
  }
  throw new Error("Cannot measure: work must go on in time");
}
