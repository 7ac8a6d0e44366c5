/**
 * The throughput benchmark: a backlog through the whole pipeline with one worker.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import type { Control } from "../../processes/control/start.ts";
import type { DrainView } from "../../workflows/messages.ts";
import { BENCH_RECORD_BYTES, benchRecord } from "./record.ts";
import { gatherAccount, lookAt } from "../../cli/account.ts";
import { type Bench, countCpu, type CpuSeconds, startWorker, withBench } from "./setup.ts";
import { usageOf } from "../machine.ts";
import { say } from "../../cli/output.ts";
import type { Session } from "../../cli/session.ts";

/** Records of one send. */
const SEND = 20_000;
/** How often the run is looked at, in ms. */
const LOOK_MS = 100;

/** What the benchmark measured. */
export interface DrainBench {
  /** How many events of how many bytes. */
  readonly events: number;
  /** Bytes of one event. */
  readonly eventBytes: number;
  /** How many windows they fell into. */
  readonly windows: number;
  /** From the worker's being ready to the last slice's report, in s. */
  readonly drainedSeconds: number;
  /** Until the last window had emitted, in s. */
  readonly closedSeconds: number;
  /** Events per second of the drain. */
  readonly eventsPerSecond: number;
  /** Windows closed per second, over the whole time. */
  readonly windowsPerSecond: number;
  /** CPU seconds by process until the last window had emitted. */
  readonly cpuSeconds: CpuSeconds;
  /** Events per CPU second of all of these. */
  readonly eventsPerCpuSecond: number;
  /** How long the worker was busy with slices, in s. */
  readonly workerBusySeconds: number;
  /** How many slices there were. */
  readonly slices: number;
  /** Memory at the end in MiB. */
  readonly rssMiB: { readonly control: number; readonly worker: number };
  /** Whether the account holds and counts every event. */
  readonly ok: boolean;
}

/** Measures the drain of a backlog. */
export function benchDrain(
  session: Session,
  events: number,
  temporalPid: number | null,
): Promise<DrainBench> {
  return withBench(session, "bench-drain", { delayMs: 10_000 }, async (bench) => {
    await fill(bench, events);
    const control = await bench.control("drain");
    const cpu = await countCpu({ control: Deno.pid, temporal: temporalPid });
    await startWorker(control);
    const workerPid = control.fleet.slots[0]?.pid ?? null;
    const startedMs = performance.now();
    const seconds = () => (performance.now() - startedMs) / 1000;
    const drains = await whenDrained(control);
    const drainedSeconds = seconds();
    await control.workflows.flush(control.generation);
    await whenClosed(control);
    const closedSeconds = seconds();
    const worker = workerPid === null ? null : await usageOf(workerPid);
    // The worker was born after the counting began: all its CPU time counts, its start included.
    const cpuSeconds = { ...await cpu(), worker: worker?.cpuSeconds ?? NaN };
    const account = await gatherAccount(control.workflows, control.generation);
    const total = Object.values(cpuSeconds).reduce((sum, n) => sum + n, 0);
    return {
      events,
      eventBytes: BENCH_RECORD_BYTES,
      windows: account.windows.closed,
      drainedSeconds,
      closedSeconds,
      eventsPerSecond: events / drainedSeconds,
      windowsPerSecond: account.windows.closed / closedSeconds,
      cpuSeconds,
      eventsPerCpuSecond: events / total,
      workerBusySeconds: drains.reduce((sum, drain) => sum + drain.busyMs, 0) / 1000,
      slices: drains.reduce((sum, drain) => sum + drain.slices, 0),
      rssMiB: { control: (await usageOf(Deno.pid)).rssMiB, worker: worker?.rssMiB ?? NaN },
      ok: account.ok && account.pairs.closed === events,
    };
  });
}

async function fill({ pipeline, writer }: Bench, events: number): Promise<void> {
  const startedMs = performance.now();
  for (let first = 0; first < events; first += SEND) {
    const size = Math.min(SEND, events - first);
    const records = Array.from({ length: size }, (_, i) => benchRecord(first + i));
    await writer.send(pipeline.plan.topic, records);
    if (first % (SEND * 20) === 0) say(`bench: ${first} of ${events} events produced`);
  }
  say(`bench: produced in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}

async function whenDrained(control: Control): Promise<readonly DrainView[]> {
  for (;;) {
    const drains = await Promise.all(
      control.partitions.map((p) => control.workflows.drain(control.generation, p)),
    );
    if (drains.every((drain) => drain.mode === "parked" || drain.mode === "idle")) return drains;
    const stopped = drains.find((drain) => drain.mode === "stopped");
    if (stopped?.stop) throw new Error(`partition ${stopped.partition}: ${stopped.stop.message}`);
    await sleep(LOOK_MS);
  }
}

async function whenClosed(control: Control): Promise<void> {
  while ((await lookAt(control.workflows, control.generation)).clock.open.length > 0) {
    await sleep(LOOK_MS);
  }
}
