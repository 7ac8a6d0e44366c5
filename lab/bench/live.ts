/**
 * Live rows: a steady load, and how soon windows close, what the engine takes meanwhile, and what is
 * asked of Temporal.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { quantile } from "../machine.ts";
import type { BenchContext } from "./context.ts";
import type { Engine } from "./engine.ts";
import { startLoad } from "./load.ts";
import type { BenchPipeline } from "./pipeline.ts";
import { countTrees, type CpuSeconds, machineTime, type Quiet } from "./processes.ts";
import { followRows, SeenRows } from "./rows.ts";
import { countsBetween, readCounts, type TemporalCounts, totalOf } from "./temporal_counts.ts";

/** A live load, and what is made of it. */
export interface LiveSpec {
  /** The row's name, and that of topics and pipelines. */
  readonly name: string;
  /** How many partitions. */
  readonly partitions: number;
  /** The windows' size in ms. */
  readonly windowMs: number;
}

/** One engine's run under a live load. */
export interface LiveRun {
  /** The engine. */
  readonly engine: string;
  /** How the machine was before. */
  readonly quiet: Quiet;
  /** How long it was measured, in s. */
  readonly seconds: number;
  /** Windows that closed in that time. */
  readonly closes: number;
  /** Close to emit in ms, from the acknowledgement of the record that lets the window close. */
  readonly p50Ms: number;
  /** 99 of 100 are faster. */
  readonly p99Ms: number;
  /** The slowest. */
  readonly maxMs: number;
  /** All of them, in the order of the windows. */
  readonly latenciesMs: readonly number[];
  /** Cores by part; the broker's beside them. */
  readonly cores: CpuSeconds;
  /** Cores of the engine, Temporal's counted if it is used. */
  readonly engineCores: number;
  /** Requests of Temporal's frontend a second, empty long polls left out; null if not counted. */
  readonly requestsPerSecond: number | null;
  /** Billable actions a second; null if not counted. */
  readonly actionsPerSecond: number | null;
  /** Both by kind over the whole time; null if not counted. */
  readonly counts: TemporalCounts | null;
  /** Cores that others used meanwhile. */
  readonly othersCores: number;
  /** Resident memory by part in MiB, with a reader of the live page where there is one. */
  readonly rssMiB: Readonly<Record<string, number>>;
  /** Records sent, and events in closed windows as they must be and are. */
  readonly events: { readonly sent: number; readonly wanted: number; readonly found: number };
  /** The slowest acknowledgement of the broker in ms. */
  readonly slowestAckMs: number;
  /** Whether its own account holds; null if it keeps none. */
  readonly holds: boolean | null;
}

/** Peers stand beside for information: longer than this they are not measured, in s. */
const PEER_SECONDS = 60;
/** Records per second. */
const RATE = 1_000;
const DELAY_MS = 1_000;
/** What is sent before it is measured, in ms: JIT and caches, and windows with a history. */
const WARM_UP_MS = 10_000;
/** How long somebody looks at the live page, in ms. */
const PAGE_MS = 10_000;
/** How long the last windows may take to be seen after the load has ended, in ms. */
const LAST_MS = 3_000;

/** Measures engines under a live load, one after the other. */
export async function runLive(
  context: BenchContext,
  spec: LiveSpec,
  engines: readonly Engine[],
): Promise<LiveRun[]> {
  const runs: LiveRun[] = [];
  for (const [i, engine] of engines.entries()) {
    const run = await liveOnce(context, { ...spec, name: `${spec.name}-${i}` }, engine);
    runs.push(run);
    context.say(`  ${liveLine(run)}`);
  }
  return runs;
}

async function liveOnce(
  context: BenchContext,
  { name, partitions, windowMs }: LiveSpec,
  engine: Engine,
): Promise<LiveRun> {
  const { stack: { temporal, broker }, admin, reader, writer, metrics } = context;
  const seconds = engine.usesTemporal ? context.seconds : Math.min(context.seconds, PEER_SECONDS);
  const topic = `bench-${name}.source`;
  const pipeline: BenchPipeline = {
    name: `bench-${name}`,
    topic,
    windowMs,
    delayMs: DELAY_MS,
    idleMs: 60_000,
    key: "course",
    shards: 1,
  };
  const config = { "message.timestamp.type": "LogAppendTime" };
  await admin.createTopics([{ topic, partitions, config }]);
  const quiet = await context.quiet();
  const running = await engine.start(pipeline);
  try {
    const rows = new SeenRows();
    const stop = new AbortController();
    const following = followRows(reader, running.resultsTopic, {
      onRow: (row, atMs) => rows.take(row, atMs),
      signal: stop.signal,
    });
    following.catch(() => undefined);
    const load = startLoad(writer, { topic, partitions, rate: RATE, windowMs, delayMs: DELAY_MS });
    await sleep(WARM_UP_MS);
    const servers = { temporal: temporal.pid, broker: broker.pid };
    const used = await countTrees({ ...servers, bench: Deno.pid });
    const [usedBefore, machineBefore] = [await running.usage(), await machineTime()];
    const countsBefore = metrics === null ? null : await readCounts(metrics);
    const fromMs = performance.now();
    await sleep(seconds * 1000);
    const toMs = performance.now();
    const countsAfter = metrics === null ? null : await readCounts(metrics);
    const [usage, machineAfter] = [await running.usage(), await machineTime()];
    const { bench = NaN, ...server } = await used();
    const closePage = await running.openPage?.();
    if (closePage !== undefined) await sleep(PAGE_MS);
    const { rssMiB } = await running.usage();
    await closePage?.();
    await load.stop();
    await sleep(LAST_MS);
    stop.abort();
    await following;

    const wall = (toMs - fromMs) / 1000;
    const cpu = {
      ...Object.fromEntries(
        Object.entries(usage.cpuSeconds).map((
          [part, s],
        ) => [part, s - (usedBefore.cpuSeconds[part] ?? 0)]),
      ),
      ...server,
    };
    const cores = Object.fromEntries(Object.entries(cpu).map(([part, s]) => [part, s / wall]));
    const counts = countsBefore === null || countsAfter === null || !engine.usesTemporal
      ? null
      : countsBetween(countsBefore, countsAfter);
    const closings = [...load.closings.all].filter(([, atMs]) => atMs >= fromMs && atMs <= toMs)
      .sort(([a], [b]) => a - b);
    const latenciesMs = closings.flatMap(([start, atMs]) => {
      const seenMs = rows.fullMs.get(start);
      return seenMs === undefined ? [] : [Math.round((seenMs - atMs) * 10) / 10];
    });
    const busy = (machineAfter.busy - machineBefore.busy) / 100;
    const known = bench + (server.temporal ?? 0) + (server.broker ?? 0);
    const holds = await running.holds();
    return {
      engine: engine.name,
      quiet,
      seconds: wall,
      closes: latenciesMs.length,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      maxMs: quantile(latenciesMs, 1),
      latenciesMs,
      cores,
      engineCores: Object.entries(cores).reduce(
        (sum, [part, n]) =>
          part === "broker" || part === "temporal" && !engine.usesTemporal ? sum : sum + n,
        0,
      ),
      requestsPerSecond: counts === null ? null : totalOf(counts.requests) / wall,
      actionsPerSecond: counts === null ? null : totalOf(counts.actions) / wall,
      counts,
      othersCores: Math.max(0, (busy - known) / wall),
      rssMiB,
      events: {
        sent: load.sent(),
        wanted: closings.length * RATE * windowMs / 1000,
        found: closings.reduce((sum, [start]) => sum + (rows.eventsOf.get(start) ?? 0), 0),
      },
      slowestAckMs: load.slowestMs(),
      holds,
    };
  } finally {
    await running.stop();
    await admin.deleteTopics([topic]);
  }
}

/** A run in one line. */
export function liveLine(run: LiveRun): string {
  const parts = Object.entries(run.cores).map(([name, n]) => `${name} ${n.toFixed(3)}`);
  const rss = Object.entries(run.rssMiB).map(([name, mib]) => `${name} ${mib}`);
  const { requestsPerSecond: requests, actionsPerSecond: actions, quiet, events } = run;
  return [
    `${run.engine}: close to emit p50 ${run.p50Ms}, p99 ${run.p99Ms}, max ${run.maxMs} ms ` +
    `(${run.closes})`,
    `cores ${run.engineCores.toFixed(3)} (${parts.join(", ")})`,
    ...(requests === null ? [] : [`${requests.toFixed(1)} requests/s`]),
    ...(actions === null ? [] : [`${actions.toFixed(2)} actions/s`]),
    `MiB ${rss.join(", ")}`,
    `events ${events.found} of ${events.wanted}`,
    `idle before ${(quiet.idleShare * 100).toFixed(0)} %, others ${run.othersCores.toFixed(2)}`,
    ...(run.holds === false ? ["ACCOUNT DOES NOT HOLD"] : []),
  ].join("; ");
}
