/**
 * Asking a pipeline's workflows from a command. An answer needs somebody who runs workflow tasks:
 * the control process, or, where there is none, a helper for as long as the command lasts.
 *
 * @module
 */

import type { LogReader } from "../adapters/kafka/log.ts";
import { createKafkaReader } from "../adapters/kafka/reader.ts";
import { connectTemporal } from "../adapters/temporal/client.ts";
import type { GenerationClient } from "../adapters/temporal/generation_client.ts";
import { createPipelineClient, type PipelineClient } from "../adapters/temporal/pipeline_client.ts";
import { TidegateError } from "../core/errors.ts";
import type { DrainPartition } from "../core/flow/dealing.ts";
import { controlRunning } from "../core/flow/lease.ts";
import type { GenerationView, SupervisorView } from "../workflows/messages.ts";
import type { Session } from "./session.ts";

/** What a command asks with. */
export interface Asking {
  /** The pipeline's workflows. */
  readonly workflows: PipelineClient;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The drain and the windows of the generation. */
  readonly drain: GenerationClient;
  /** The supervisor's state. */
  readonly supervisor: SupervisorView;
  /** The log. */
  readonly reader: LogReader;
}

/**
 * Connects to a pipeline's workflows for as long as some work takes.
 *
 * @throws {TidegateError} `TG_CONTROL_NOT_RUNNING` if the pipeline has never been started.
 */
export async function withWorkflows<T>(
  session: Session,
  work: (asking: Asking) => Promise<T>,
): Promise<T> {
  const { pipeline: { plan }, temporal, kafka } = session;
  await using closing = new AsyncDisposableStack();
  const client = await connectTemporal(temporal);
  closing.defer(() => client.connection.close());
  const reader = createKafkaReader(kafka);
  closing.defer(() => reader.close());
  const workflows = createPipelineClient(client, plan);
  if (!(await workflows.exists())) {
    throw new TidegateError(
      "TG_CONTROL_NOT_RUNNING",
      `Pipeline ${plan.pipeline} was never started`,
      { next: "Start it: deno task start, or deno task run --until-drained." },
    );
  }
  if (!(await workflows.answers())) {
    if (await workflows.isOfFirstEngine()) throw ofEarlierEngine(plan.pipeline);
    const { startHelperWorker } = await import("./helper_worker.ts");
    closing.defer(await startHelperWorker(session));
  }
  const supervisor = await workflows.supervisor();
  const { generation } = supervisor;
  const drain = workflows.generation(generation);
  return await work({ workflows, generation, drain, reader, supervisor });
}

/**
 * What a look at a generation says of a partition.
 *
 * @throws {TidegateError} `TG_USAGE` if there is no such partition.
 */
export function partitionOf(
  { partitions }: Pick<GenerationView, "partitions">,
  partition: number,
): DrainPartition {
  const found = partitions.find((p) => p.partition === partition);
  if (found !== undefined) return found;
  throw new TidegateError(
    "TG_USAGE",
    `Cannot find partition ${partition}: the topic has ${partitions.length}`,
  );
}

function ofEarlierEngine(pipeline: string): TidegateError {
  return new TidegateError(
    "TG_CONTROL_NOT_RUNNING",
    `The state of pipeline ${pipeline} was made by an earlier engine: nobody can ask it any more`,
    { next: "Begin a new generation: deno task start, or deno task run --until-drained." },
  );
}

/**
 * The refusal of a second control process, where one runs; null where none does, or nobody can be
 * asked.
 */
export async function refusalOfSecond(
  { pipeline: { plan }, temporal }: Session,
): Promise<TidegateError | null> {
  try {
    await using closing = new AsyncDisposableStack();
    const client = await connectTemporal(temporal);
    closing.defer(() => client.connection.close());
    const workflows = createPipelineClient(client, plan);
    if (!(await workflows.exists()) || !(await workflows.answers())) return null;
    const { lease } = await workflows.supervisor();
    if (lease === null || lease.untilMs <= Date.now()) return null;
    return controlRunning(plan.pipeline, lease);
  } catch {
    return null;
  }
}
