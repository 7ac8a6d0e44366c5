/**
 * A benchmark's pipeline: made for it, watched, and removed.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { createKafkaAdmin } from "../../adapters/kafka/admin.ts";
import { createKafkaReader } from "../../adapters/kafka/reader.ts";
import { createKafkaWriter } from "../../adapters/kafka/writer.ts";
import type { LogAdmin, LogReader, LogWriter } from "../../adapters/kafka/log.ts";
import { connectTemporal } from "../../adapters/temporal/client.ts";
import { createPipelineClient } from "../../adapters/temporal/pipeline_client.ts";
import { type Control, fixedFleet, startControl } from "../../processes/control/start.ts";
import { groupId } from "../../core/ids.ts";
import type { Pipeline } from "../../definition/define.ts";
import { derivePipeline, type PlanChanges, topicsOf } from "../../definition/define.ts";
import { usageOf } from "../machine.ts";
import { say } from "../../cli/output.ts";
import type { Session } from "../../cli/session.ts";

/** Partitions of a benchmark's topic. */
export const BENCH_PARTITIONS = 4;

/** What a benchmark works with. */
export interface Bench {
  /** Its pipeline. */
  readonly pipeline: Pipeline;
  /** The log. */
  readonly reader: LogReader;
  /** Fills the topic. */
  readonly writer: LogWriter;
  /** Starts the control process, without workers. */
  control(mode: "live" | "drain"): Promise<Control>;
}

/** Runs a benchmark on a pipeline of its own, and removes that afterwards. */
export async function withBench<T>(
  session: Session,
  name: string,
  changes: PlanChanges,
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  const { kafka, temporal, config, pipelineFile } = session;
  const pipeline = derivePipeline(session.pipeline, name, changes);
  const { plan } = pipeline;
  const admin = createKafkaAdmin(kafka);
  const reader = createKafkaReader(kafka);
  const writer = createKafkaWriter(kafka);
  const controls: Control[] = [];
  const remove = async () => {
    const client = await connectTemporal(temporal);
    await createPipelineClient(client, plan).terminateAll("the benchmark is over");
    await client.connection.close();
    await admin.deleteTopics(topicsOf(plan));
    await admin.deleteGroup(groupId(plan.pipeline));
  };
  try {
    await remove();
    await makeTopics(admin, pipeline);
    return await work({
      pipeline,
      reader,
      writer,
      async control(mode) {
        const control = await startControl({
          ...config,
          launcher: { kind: "process" },
          pipeline,
          pipelineFile,
          kafka,
          temporal,
          fleet: fixedFleet(0),
          slots: 4,
          mode,
          newGeneration: false,
          say,
        });
        controls.push(control);
        return control;
      },
    });
  } finally {
    for (const control of controls) await control.stop();
    await remove();
    await Promise.all([admin.close(), reader.close(), writer.close()]);
  }
}

/** The topics carry the broker's clock, so that latencies are differences of one clock. */
async function makeTopics(admin: LogAdmin, { plan }: Pipeline): Promise<void> {
  const config = { "message.timestamp.type": "LogAppendTime" };
  await admin.createTopics([
    { topic: plan.topic, partitions: BENCH_PARTITIONS, config },
    { topic: plan.resultsTopic, partitions: 1, config: { ...config, "cleanup.policy": "compact" } },
  ]);
}

/** Starts one worker and waits until it is ready. */
export async function startWorker(control: Control): Promise<number> {
  const startedMs = performance.now();
  await control.workflows.override(1);
  while (control.fleet.slots[0]?.state !== "ready") {
    await sleep(2);
  }
  return performance.now() - startedMs;
}

/** CPU seconds by process. */
export type CpuSeconds = Readonly<Record<string, number>>;

/** Starts counting the CPU time of some processes. */
export async function countCpu(
  pids: Readonly<Record<string, number | null | undefined>>,
): Promise<() => Promise<CpuSeconds>> {
  const known = Object.entries(pids).filter((entry): entry is [string, number] =>
    typeof entry[1] === "number"
  );
  const read = () =>
    Promise.all(known.map(async ([name, pid]) => [name, (await usageOf(pid)).cpuSeconds] as const));
  const before = new Map(await read());
  return async () =>
    Object.fromEntries(
      (await read()).map(([name, seconds]) => [name, seconds - (before.get(name) ?? 0)]),
    );
}
