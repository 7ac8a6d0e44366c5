/**
 * A generation of the second engine on real servers: its control worker and its sweep workers, in
 * this process.
 *
 * @module
 */

import type { PartitionStart } from "../../../core/flow/drain.ts";
import type { SettleDeps } from "../../../activities/settle.ts";
import type { GenerationClient } from "../../../adapters/temporal/generation_client.ts";
import type { RunningWorker } from "../../../adapters/temporal/workers.ts";
import { runPlanOf } from "../../../core/plan.ts";
import type { DrainInput, GenerationView } from "../../../workflows/messages.ts";
import type { PathWorld } from "../_support/path_tests.ts";
import { KAFKA, TEMPORAL } from "../_support/servers.ts";
import type { TestPipeline } from "../_support/test_pipeline.ts";
import { until } from "../_support/until.ts";

/** The generation of these tests. */
export const GENERATION = 1;
/** The code hash that sweeps are asked with. */
export const HASH = "test";
const DATA_DIR = new URL("../../../.tidegate/tests", import.meta.url).pathname;

/** What differs from a usual generation. */
export interface GenerationOptions {
  /**
   * Sweep workers.
   * @default {1}
   */
  readonly workers?: number;
  /** What differs in the drain's input. */
  readonly input?: Partial<DrainInput>;
  /** Puts something between settling and the world. */
  readonly settling?: (deps: SettleDeps) => SettleDeps;
  /**
   * Whether the ends of the partitions are fixed where they are now.
   * @default {true}
   */
  readonly bounded?: boolean;
}

/** A running generation. */
export interface TestGeneration {
  /** Speaks to it. */
  readonly client: GenerationClient;
  /** What the sink was told last. */
  readonly told: () => GenerationView | null;
  /** Starts another sweep worker. */
  addWorker(): Promise<RunningWorker>;
  /** Starts the control worker again after `control` was stopped. */
  startControl(): Promise<void>;
  /** Stops the control worker. */
  stopControl(): Promise<void>;
  /** Waits until the generation is as wanted. */
  untilView(what: string, test: (view: GenerationView) => boolean): Promise<GenerationView>;
  /** Waits for a bounded run, flushes it, and waits for the last row. */
  finish(): Promise<GenerationView>;
  /** Ends everything. */
  close(): Promise<void>;
}

/** Starts a generation from the beginnings of the topic's partitions. */
export async function startGeneration(
  world: PathWorld,
  pipeline: TestPipeline,
  options: GenerationOptions = {},
): Promise<TestGeneration> {
  const [
    { createControlActivities, createSweepActivities },
    { createKafkaTailer },
    { createRowsWriter },
    { createKafkaWriter },
    { connectTemporal },
    { createGenerationClient },
    { createWindowCalls },
    { startControlWorker, startSweepWorker },
    { workflowBundle },
    { newDrain },
  ] = await Promise.all([
    import("../../../activities/create_activities.ts"),
    import("../../../adapters/kafka/kafka_tail.ts"),
    import("../../../adapters/kafka/rows_writer.ts"),
    import("../../../adapters/kafka/writer.ts"),
    import("../../../adapters/temporal/client.ts"),
    import("../../../adapters/temporal/generation_client.ts"),
    import("../../../adapters/temporal/window_calls.ts"),
    import("../../../adapters/temporal/workers.ts"),
    import("../../../adapters/temporal/bundle.ts"),
    import("../../../core/flow/drain.ts"),
  ]);
  const closing: (() => Promise<unknown>)[] = [];
  const plan = runPlanOf(pipeline.plan);
  const temporal = await connectTemporal(TEMPORAL);
  const client = createGenerationClient(temporal, plan, GENERATION);
  const bundlePath = await workflowBundle(DATA_DIR, () => undefined);
  const { topic, resultsTopic, lateTopic, invalidTopic } = pipeline.plan;
  await world.admin.createTopics(
    [resultsTopic, lateTopic, invalidTopic].map((name) => ({
      topic: name,
      partitions: 1,
      config: { "cleanup.policy": "compact" },
    })),
  );
  const tools = () => {
    const tailer = createKafkaTailer(KAFKA);
    const writer = createKafkaWriter(KAFKA);
    closing.push(() => tailer.close(), () => writer.close());
    const { reader: events, enrichment } = pipeline;
    return { plan, events, enrichment, tailer, writer, identity: "test", stopping: () => false };
  };
  let told: GenerationView | null = null;
  let control: RunningWorker | null = null;
  const look = tools();
  const rowsWriter = createRowsWriter(KAFKA, {
    topic: resultsTopic,
    // Where a row has one revision only, it needs no transaction.
    transactionalId: plan.latenessMs > 0 ? `tidegate-${plan.pipeline}-${GENERATION}` : null,
    isOurs: () => Promise.resolve(true),
    onLost: (error) => console.error(error.message),
  });
  closing.push(() => rowsWriter.close());
  await rowsWriter.open();
  const settling: SettleDeps = {
    windows: createWindowCalls(temporal, false),
    rows: rowsWriter,
  };
  const startControl = async () => {
    control = await startControlWorker({
      temporal: TEMPORAL,
      pipeline: plan.pipeline,
      bundlePath,
      identity: "control",
      activities: createControlActivities({
        ...options.settling?.(settling) ?? settling,
        look,
        reader: world.reader,
      }),
      sinks: {
        drain: { state: { fn: (_info, _generation, view: GenerationView) => void (told = view) } },
      },
    });
  };
  let workers = 0;
  const addWorker = async () => {
    workers += 1;
    const worker = await startSweepWorker({
      temporal: TEMPORAL,
      pipeline: plan.pipeline,
      generation: GENERATION,
      activities: createSweepActivities({ ...tools(), identity: `worker-${workers}` }, HASH),
      slots: 1,
      identity: `worker-${workers}`,
    });
    closing.push(() => worker.stop());
    return worker;
  };
  await startControl();
  for (let i = 0; i < (options.workers ?? 1); i++) await addWorker();

  const info = await world.reader.describe(topic);
  const partitions = info?.partitions ?? [];
  const ranges = await Promise.all(partitions.map((p) => world.reader.offsets(topic, p)));
  const starts = partitions.map((partition, i): PartitionStart => ({
    partition,
    cursor: ranges[i]?.start ?? 0,
    until: options.bounded === false ? null : ranges[i]?.end ?? 0,
  }));
  await client.start({
    plan,
    generation: GENERATION,
    topicId: info?.topicId ?? null,
    paceMs: 5_000,
    sliceMs: 1_000,
    deliverEveryMs: 5_000,
    maxOpenWindows: 10_000,
    state: newDrain(starts, HASH),
    ...options.input,
  });
  await client.ready(workers);
  const untilView = (what: string, test: (view: GenerationView) => boolean) =>
    until(what, async () => {
      const view = await client.view();
      return test(view) ? view : undefined;
    }, { withinMs: 60_000 });
  return {
    client,
    told: () => told,
    addWorker,
    startControl,
    async stopControl() {
      await control?.stop();
    },
    untilView,
    async finish() {
      await untilView("all is read", (view) => view.drained);
      await client.flush();
      return await untilView("all is closed", (view) => view.drained && view.open.length === 0);
    },
    async close() {
      await client.terminate("the test is over").catch(() => undefined);
      for (const close of closing.reverse()) await close();
      await control?.stop();
      await temporal.connection.close();
    },
  };
}
