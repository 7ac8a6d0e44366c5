/**
 * Backlog rows: a topic of known records, through each engine in turn, until an independent reader
 * has seen the last row.
 *
 * @module
 */

import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type BenchContext, fillTopic } from "./context.ts";
import type { Engine } from "./engine.ts";
import { backlogLine, engineCpu } from "./judge.ts";
import type { BenchPipeline } from "./pipeline.ts";
import { countTrees, type CpuSeconds, machineTime, type Quiet } from "./processes.ts";
import { type BenchRow, compareRows, expectedRows, followRows, SeenRows } from "./rows.ts";

/** A backlog, and what is made of it. */
export interface BacklogSpec {
  /** The row's name, and that of topics and pipelines. */
  readonly name: string;
  /** How many events. */
  readonly events: number;
  /** How many partitions. */
  readonly partitions: number;
  /**
   * How far two events lie apart, in ms.
   * @default {1}
   */
  readonly stepMs?: number;
  /**
   * What rows are made by.
   * @default {"course"}
   */
  readonly key?: BenchPipeline["key"];
  /**
   * How many students there are.
   * @default {240}
   */
  readonly students?: number;
  /**
   * How many workflows share a window.
   * @default {1}
   */
  readonly shards?: number;
}

/** One engine's run over a backlog. */
export interface BacklogRun {
  /** The engine. */
  readonly engine: string;
  /** How the machine was before. */
  readonly quiet: Quiet;
  /** From the start of its process to its being ready, in s. */
  readonly startSeconds: number;
  /** From its being ready to the last row, in s. */
  readonly seconds: number;
  /** Events per second of that time. */
  readonly eventsPerSecond: number;
  /** Events per second from the start of its process on. */
  readonly eventsPerSecondWithStart: number;
  /** Windows closed per second, from its being ready on. */
  readonly windowsPerSecond: number;
  /** CPU seconds by part, its start included; the broker's beside them. */
  readonly cpuSeconds: CpuSeconds;
  /** CPU seconds of its parts when it was ready: what starting takes. */
  readonly startCpuSeconds: CpuSeconds;
  /** Events per CPU second, all of the engine counted (Temporal too), the broker not. */
  readonly eventsPerCpuSecond: number;
  /** Cores that others used meanwhile: neither the engine, nor its servers, nor the benchmark. */
  readonly othersCores: number;
  /** Resident memory by part at the end, in MiB. */
  readonly rssMiB: Readonly<Record<string, number>>;
  /** Rows that differ from what the records come to. */
  readonly rowsDiffer: number;
  /** Whether its own account holds; null if it keeps none. */
  readonly holds: boolean | null;
  /** Load average when it ended. */
  readonly loadAfter: number;
}

/** What the windows of every backlog are. */
const WINDOW_MS = 10_000;
const DELAY_MS = 10_000;
/** How long a run may take, in ms. */
const WITHIN_MS = 900_000;
/** Rows may come twice, the second time otherwise; so long one waits for that, in ms. */
const AFTERMATH_MS = 1_500;

/** An engine on a backlog. */
export interface BacklogCase {
  /** The backlog. */
  readonly spec: BacklogSpec;
  /** The engine. */
  readonly engine: Engine;
}

/**
 * Measures some cases in turn, A B A B, on backlogs that are filled once.
 *
 * @returns The runs of each case, in the order of the cases.
 */
export async function runBacklogs(
  context: BenchContext,
  cases: readonly BacklogCase[],
): Promise<BacklogRun[][]> {
  const filled = new Map<BacklogSpec, { topic: string; expected: readonly BenchRow[] }>();
  for (const { spec } of cases) {
    if (filled.has(spec)) continue;
    const { name, events, partitions, key = "course" } = spec;
    const options = { stepMs: spec.stepMs ?? 1, students: spec.students ?? 240 };
    const topic = `bench-${name}.source`;
    const tailMs = WINDOW_MS + DELAY_MS + 1_000;
    await fillTopic(context, { ...options, topic, partitions, events, tailMs });
    filled.set(spec, {
      topic,
      expected: expectedRows(events, { ...options, windowMs: WINDOW_MS, key }),
    });
  }
  const runs: BacklogRun[][] = cases.map(() => []);
  for (let pair = 1; pair <= context.pairs; pair++) {
    for (const [i, { spec, engine }] of cases.entries()) {
      const { topic = "", expected = [] } = filled.get(spec) ?? {};
      const { name, events, key = "course", shards = 1 } = spec;
      const pipeline: BenchPipeline = {
        name: `bench-${name}-${pair}-${i}`,
        topic,
        windowMs: WINDOW_MS,
        delayMs: DELAY_MS,
        idleMs: 60_000,
        key,
        shards,
      };
      const run = await runOnce(context, { engine, pipeline, expected, events });
      runs[i]?.push(run);
      context.say(`  ${name} ${pair} ${backlogLine(run)}`);
    }
  }
  return runs;
}

interface Once {
  readonly engine: Engine;
  readonly pipeline: BenchPipeline;
  readonly expected: readonly BenchRow[];
  readonly events: number;
}

async function runOnce(
  context: BenchContext,
  { engine, pipeline, expected, events }: Once,
): Promise<BacklogRun> {
  const { stack: { temporal, broker }, reader } = context;
  const quiet = await context.quiet();
  const servers = { temporal: temporal.pid, broker: broker.pid };
  const used = await countTrees({ ...servers, bench: Deno.pid });
  const before = await machineTime();
  const startMs = performance.now();
  const running = await engine.start(pipeline);
  try {
    const { cpuSeconds: startCpuSeconds } = await running.usage();
    const windows = new Set(expected.map(({ start }) => start));
    const rows = new SeenRows();
    const all = Promise.withResolvers<void>();
    const stop = new AbortController();
    const following = followRows(reader, running.resultsTopic, {
      onRow(row, atMs) {
        // The windows of the records behind the last one don't count.
        if (!windows.has(row.start)) return;
        rows.take(row, atMs);
        if (rows.events >= events) all.resolve();
      },
      signal: stop.signal,
    });
    const late = sleep(WITHIN_MS, undefined, { signal: stop.signal }).then(() => {
      const got = `${rows.events} of ${events} events in rows after ${WITHIN_MS / 1000} s`;
      throw new Error(`Cannot measure ${engine.name}: ${got}`);
    });
    late.catch(() => undefined);
    await Promise.race([all.promise, late, following]);
    const { lastMs } = rows;
    const usage = await running.usage();
    const { bench = NaN, ...server } = await used();
    const after = await machineTime();
    await sleep(AFTERMATH_MS);
    stop.abort();
    await following;
    const { differ, samples } = compareRows(rows.all, expected);
    samples.forEach((line) => context.say(`  ${engine.name}: ${line}`));
    const cpuSeconds = { ...usage.cpuSeconds, ...server };
    const total = engineCpu(engine, cpuSeconds);
    const wall = (performance.now() - startMs - AFTERMATH_MS) / 1000;
    // The benchmark's own tree holds the engine, and the servers that it has started are beside it.
    const known = bench + (server.temporal ?? 0) + (server.broker ?? 0);
    const busy = (after.busy - before.busy) / 100;
    const seconds = (lastMs - running.readyMs) / 1000;
    return {
      engine: engine.name,
      quiet,
      startSeconds: (running.readyMs - running.startedMs) / 1000,
      seconds,
      eventsPerSecond: events / seconds,
      eventsPerSecondWithStart: events / ((lastMs - running.startedMs) / 1000),
      windowsPerSecond: windows.size / seconds,
      cpuSeconds,
      startCpuSeconds,
      eventsPerCpuSecond: events / total,
      othersCores: Math.max(0, (busy - known) / wall),
      rssMiB: usage.rssMiB,
      rowsDiffer: differ,
      holds: await running.holds(),
      loadAfter: loadavg()[0] ?? NaN,
    };
  } finally {
    await running.stop();
  }
}
