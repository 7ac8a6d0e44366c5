/**
 * Asking a pipeline's workflows from a command. An answer needs somebody who runs workflow tasks:
 * the control process, or, where there is none, a helper for as long as the command lasts.
 *
 * @module
 */

import { createControlActivities } from "../activities/create_activities.ts";
import { workflowBundle } from "../adapters/temporal/bundle.ts";
import { createKafkaReader } from "../adapters/kafka/reader.ts";
import { createKafkaWriter } from "../adapters/kafka/writer.ts";
import type { LogReader } from "../adapters/kafka/log.ts";
import { connectTemporal } from "../adapters/temporal/client.ts";
import { createPipelineClient, type PipelineClient } from "../adapters/temporal/pipeline_client.ts";
import { createWorkflowPort } from "../adapters/temporal/activity_client.ts";
import { startControlWorker } from "../adapters/temporal/workers.ts";
import { TidegateError } from "../core/errors.ts";
import type { SupervisorView } from "../workflows/messages.ts";
import { say, type Session } from "./session.ts";

/** What a command asks with. */
export interface Asking {
  /** The pipeline's workflows. */
  readonly workflows: PipelineClient;
  /** The supervisor's state. */
  readonly supervisor: SupervisorView;
  /** The log. */
  readonly reader: LogReader;
}

/**
 * Connects to a pipeline's workflows for as long as some work takes.
 *
 * @param session The session.
 * @param work What is asked.
 * @returns What the work gives.
 * @throws {TidegateError} `TG_CONTROL_NOT_RUNNING` if the pipeline has never been started.
 */
export async function withWorkflows<T>(
  session: Session,
  work: (asking: Asking) => Promise<T>,
): Promise<T> {
  const { pipeline: { plan }, temporal, kafka, config } = session;
  const { pipeline } = plan;
  const client = await connectTemporal(temporal);
  const reader = createKafkaReader(kafka);
  const writer = createKafkaWriter(kafka);
  const workflows = createPipelineClient(client, plan);
  const closing: (() => Promise<unknown>)[] = [
    () => client.connection.close(),
    () => reader.close(),
    () => writer.close(),
  ];
  try {
    if (!(await workflows.exists())) {
      throw new TidegateError("TG_CONTROL_NOT_RUNNING", `Pipeline ${pipeline} was never started`, {
        next: "Start it: deno task start, or deno task run --until-drained.",
      });
    }
    if (!(await workflows.answers())) {
      const worker = await startControlWorker({
        temporal,
        pipeline,
        bundlePath: await workflowBundle(config.dataDir, say),
        activities: createControlActivities({
          reader,
          writer,
          workflows: createWorkflowPort(client),
          fleet: null,
        }),
        identity: `${pipeline}-reader-${Deno.pid}`,
        remoteActivities: false,
      });
      closing.push(() => worker.stop());
    }
    return await work({ workflows, reader, supervisor: await workflows.supervisor() });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}
