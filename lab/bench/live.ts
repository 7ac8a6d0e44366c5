/**
 * The latency benchmark: from the arrival of the record that lets a window close to its rows.
 *
 * @module
 */

import type { LogReader } from "../../adapters/kafka/log.ts";
import type { RunPlan } from "../../core/plan.ts";
import type { ResultRow } from "../../core/flow/row.ts";
import { parseInstant } from "../../core/event_time/instants.ts";
import { BENCH_PARTITIONS, countCpu, type CpuSeconds, startWorker, withBench } from "./setup.ts";
import { quantile, usageOf } from "../machine.ts";
import { say } from "../../cli/output.ts";
import type { Session } from "../../cli/session.ts";

/** Events per second. */
const RATE = 1_000;
/** Closes at the start that don't count: the prediction of boundaries needs some history. */
const WARM_UP = 2;

/** What the benchmark measured. */
export interface LiveBench {
  /** Events per second. */
  readonly rate: number;
  /** How many windows closed. */
  readonly closes: number;
  /** Close to emit in ms: half of them are faster. */
  readonly p50Ms: number;
  /** Close to emit in ms: 99 of 100 are faster. */
  readonly p99Ms: number;
  /** The slowest in ms. */
  readonly maxMs: number;
  /** All of them, in the order of the windows. */
  readonly latenciesMs: readonly number[];
  /** Cores used by process, on average. */
  readonly cores: CpuSeconds;
  /** How long the worker took to start, in ms. */
  readonly workerStartMs: number;
  /** Memory at the end in MiB. */
  readonly rssMiB: { readonly control: number; readonly worker: number };
}

/**
 * Measures close to emit by the broker's clock: the time of the first record that lets a partition's
 * watermark pass the window's end, on the last partition, against the time of the window's first row.
 */
export function benchLive(
  session: Session,
  closes: number,
  temporalPid: number | null,
): Promise<LiveBench> {
  return withBench(session, "bench-live", { delayMs: 1_000 }, async (bench) => {
    const { reader, pipeline: { plan } } = bench;
    const control = await bench.control("live");
    const workerStartMs = await startWorker(control);
    const workerPid = control.fleet.slots[0]?.pid ?? null;
    const cpu = await countCpu({ control: Deno.pid, temporal: temporalPid, worker: workerPid });
    const seconds = (closes + WARM_UP + 1) * plan.windowing.sizeMs / 1000;
    say(`bench: ${RATE} events/s for ${seconds} s`);
    await produceElsewhere(session, plan.topic, seconds);
    const used = await cpu();
    const latenciesMs = (await latencies(reader, plan)).slice(WARM_UP);
    return {
      rate: RATE,
      closes: latenciesMs.length,
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      maxMs: Math.max(...latenciesMs),
      latenciesMs,
      cores: Object.fromEntries(Object.entries(used).map(([name, s]) => [name, s / seconds])),
      workerStartMs,
      rssMiB: {
        control: (await usageOf(Deno.pid)).rssMiB,
        worker: workerPid === null ? NaN : (await usageOf(workerPid)).rssMiB,
      },
    };
  });
}

/** The load comes from a process of its own, so that its CPU time is not the control process's. */
async function produceElsewhere(session: Session, topic: string, seconds: number): Promise<void> {
  const { kafka, temporal, pipelineFile } = session;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-net",
      "--allow-env",
      "--allow-read",
      "--allow-sys",
      new URL("../../cli/main.ts", import.meta.url).href,
      "produce",
      `--rate=${RATE}`,
      `--seconds=${seconds}`,
      `--topic=${topic}`,
      `--pipeline=${pipelineFile}`,
    ],
    env: { KAFKA_BROKERS: kafka.brokers.join(","), TEMPORAL_ADDRESS: temporal.address },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`The producer failed: ${new TextDecoder().decode(stderr)}`);
}

/** Close to emit of every window that has emitted, in the order of the windows. */
async function latencies(reader: LogReader, plan: RunPlan): Promise<number[]> {
  const emitted = new Map<number, number>();
  await eachRecord(reader, plan.resultsTopic, 0, (value, timestampMs) => {
    const end = parseInstant((value as ResultRow).window.end) ?? NaN;
    if (!emitted.has(end)) emitted.set(end, timestampMs);
  });
  const ends = [...emitted.keys()].sort((a, b) => a - b);
  const arrived = new Map<number, number>();
  for (let partition = 0; partition < BENCH_PARTITIONS; partition++) {
    let next = 0;
    await eachRecord(reader, plan.topic, partition, (value, timestampMs) => {
      const event = value as Readonly<Record<string, string>>;
      const time = parseInstant(event[plan.eventTimeField] ?? "") ?? -Infinity;
      for (let end = ends[next]; end !== undefined && time - plan.delayMs >= end;) {
        arrived.set(end, Math.max(arrived.get(end) ?? 0, timestampMs));
        next += 1;
        end = ends[next];
      }
    });
  }
  return ends.flatMap((end) => {
    const from = arrived.get(end);
    const to = emitted.get(end);
    return from === undefined || to === undefined ? [] : [to - from];
  });
}

async function eachRecord(
  reader: LogReader,
  topic: string,
  partition: number,
  take: (value: unknown, timestampMs: number) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  const { start, end } = await reader.offsets(topic, partition);
  for (let from = start; from < end;) {
    const { records, next } = await reader.fetch({ topic, partition, from });
    for (const { value, timestampMs } of records) {
      if (value !== null) take(JSON.parse(decoder.decode(value)), timestampMs);
    }
    from = next;
  }
}
