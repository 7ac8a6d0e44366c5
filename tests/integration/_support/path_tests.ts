/**
 * Tests of the whole path: each has connections, names and topics of its own, and leaves nothing.
 *
 * @module
 */

import type { LogAdmin, LogReader, LogWriter, OutRecord } from "../../../adapters/kafka/log.ts";
import type { Client } from "../../../adapters/temporal/client.ts";
import type { PipelineClient } from "../../../adapters/temporal/pipeline_client.ts";
import type { ControlMainOptions } from "./control_main.ts";
import type { Run } from "./run.ts";
import { KAFKA, NO_ORACLE, TEMPORAL } from "./servers.ts";
import type { TestControl } from "./test_control.ts";
import type { PipelineOverrides, TestPipeline } from "./test_pipeline.ts";
import { until } from "./until.ts";

/** Where the workflow bundle is kept. */
const DATA_DIR = new URL("../../../.tidegate/tests", import.meta.url);
/** Records of one call of the writer. */
const BATCH = 20_000;

/** How a control process runs, where it matters. */
export interface StartOptions extends Partial<Omit<ControlMainOptions, "plan" | "pipelineFile">> {
  /**
   * A fixed number of workers, unless `fleet` says otherwise.
   * @default {1}
   */
  readonly workers?: number;
}

/** What a test of the whole path works with. */
export interface PathWorld {
  /** Reads topics. */
  readonly reader: LogReader;
  /** Writes to topics. */
  readonly writer: LogWriter;
  /** Makes topics. */
  readonly admin: LogAdmin;
  /** The Temporal server. */
  readonly client: Client;
  /**
   * A pipeline of this test; everything that bears its name is removed at the end.
   *
   * @param overrides What differs from the definition.
   * @param name Its name; a new one if left out.
   */
  pipeline(overrides?: PipelineOverrides, name?: string): Promise<TestPipeline>;
  /**
   * Makes a topic whose records bear the broker's time.
   *
   * @param topic The topic; removed at the end.
   * @param partitions How many partitions.
   */
  createTopic(topic: string, partitions: number): Promise<void>;
  /**
   * Writes records, many at a time.
   *
   * @param topic The topic.
   * @param records The records.
   * @returns How many there were.
   */
  send(topic: string, records: Iterable<OutRecord>): Promise<number>;
  /** The workflows of a pipeline. */
  workflows(pipeline: TestPipeline): PipelineClient;
  /**
   * Starts a control process: one worker, up to the present ends, unless told otherwise.
   *
   * @param pipeline The pipeline.
   * @param options How it runs.
   * @throws {ControlFailure} If it refuses to start.
   */
  start(pipeline: TestPipeline, options?: StartOptions): Promise<Run>;
  /**
   * Does a part of the test, and prints how long it took.
   *
   * @param label What it is.
   * @param work The part.
   */
  phase<T>(label: string, work: () => Promise<T>): Promise<T>;
}

/**
 * Defines a test of the whole path.
 *
 * @param name What must hold.
 * @param body The test.
 * @param ignore Whether it is left out.
 */
export function pathTest(
  name: string,
  body: (world: PathWorld) => Promise<void>,
  ignore: boolean = NO_ORACLE,
): void {
  Deno.test({
    name,
    ignore,
    // The clients keep timers and sockets for a moment after they are closed.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const { world, close } = await openWorld();
      const errors: unknown[] = [];
      await body(world).catch((error) => errors.push(error));
      await close().catch((error) => errors.push(error));
      if (errors.length > 1) throw new AggregateError(errors, "the test and its end failed");
      if (errors.length > 0) throw errors[0];
    },
  });
}

async function openWorld(): Promise<{ world: PathWorld; close: () => Promise<void> }> {
  const [kafkaReader, kafkaWriter, kafkaAdmin, temporalClient, temporalPipeline] = await Promise
    .all([
      import("../../../adapters/kafka/reader.ts"),
      import("../../../adapters/kafka/writer.ts"),
      import("../../../adapters/kafka/admin.ts"),
      import("../../../adapters/temporal/client.ts"),
      import("../../../adapters/temporal/pipeline_client.ts"),
    ]);
  const [{ testPipeline }, { TestControl }, { Run }] = await Promise.all([
    import("./test_pipeline.ts"),
    import("./test_control.ts"),
    import("./run.ts"),
  ]);
  const reader = kafkaReader.createKafkaReader(KAFKA);
  const writer = kafkaWriter.createKafkaWriter(KAFKA);
  const admin = kafkaAdmin.createKafkaAdmin(KAFKA);
  const client = await temporalClient.connectTemporal(TEMPORAL);
  const workflows = ({ plan }: TestPipeline) => temporalPipeline.createPipelineClient(client, plan);
  const id = crypto.randomUUID().slice(0, 8);
  const pipelines: TestPipeline[] = [];
  const topics = new Set<string>();
  const controls: TestControl[] = [];

  const world: PathWorld = {
    reader,
    writer,
    admin,
    client,
    workflows,
    async pipeline(overrides, name = `it-${id}-${pipelines.length}`) {
      const pipeline = await testPipeline(name, overrides);
      pipelines.push(pipeline);
      return pipeline;
    },
    async createTopic(topic, partitions) {
      topics.add(topic);
      const config = { "message.timestamp.type": "LogAppendTime" };
      await admin.createTopics([{ topic, partitions, config }]);
    },
    async send(topic, records) {
      let sent = 0;
      let batch: OutRecord[] = [];
      for (const record of records) {
        batch.push(record);
        if (batch.length < BATCH) continue;
        await writer.send(topic, batch);
        sent += batch.length;
        batch = [];
      }
      await writer.send(topic, batch);
      return sent + batch.length;
    },
    async start(pipeline, { workers = 1, ...options } = {}) {
      const control = await TestControl.start({
        plan: pipeline.plan,
        pipelineFile: pipeline.file,
        kafka: KAFKA,
        temporal: TEMPORAL,
        dataDir: DATA_DIR.pathname,
        fleet: { min: 0, max: 8, workers, idleToZeroMs: 60_000 },
        paceMs: 200,
        sliceMs: 500,
        deliverEveryMs: 1_000,
        mode: "drain",
        newGeneration: false,
        ...options,
      });
      controls.push(control);
      return new Run(pipeline, control, workflows(pipeline), reader);
    },
    async phase(label, work) {
      const startedMs = performance.now();
      try {
        return await work();
      } finally {
        console.log(`  ${((performance.now() - startedMs) / 1000).toFixed(1)} s  ${label}`);
      }
    },
  };

  const close = async () => {
    await Promise.all(controls.map((control) => control.kill()));
    for (const pipeline of pipelines) {
      const { plan } = pipeline;
      await endAll(client, plan.pipeline, workflows(pipeline));
      [plan.topic, plan.resultsTopic, plan.lateTopic, plan.invalidTopic]
        .forEach((topic) => topics.add(topic));
      await admin.deleteGroup(`tidegate-${plan.pipeline}`);
    }
    await admin.deleteTopics([...topics]);
    await Promise.all([reader.close(), writer.close(), admin.close(), client.connection.close()]);
  };
  return { world, close };
}

/** Ends a pipeline's workflows; the server's list of them lags a little behind. */
async function endAll(client: Client, pipeline: string, workflows: PipelineClient): Promise<void> {
  const query = `WorkflowId STARTS_WITH "${pipeline}/" AND ExecutionStatus = "Running"`;
  await until(`the end of ${pipeline}`, async () => {
    await workflows.terminateAll("the test has ended");
    const { count } = await client.workflow.count(query);
    return count === 0 ? true : undefined;
  });
}
