/**
 * Tests of the workflows: the real ones in a real worker on a real Temporal server, over a log in
 * memory. Each test has a pipeline of its own and leaves nothing; at its end the histories of all its
 * workflows are replayed.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ControlWorkerOptions, RunningWorker } from "../../../adapters/temporal/workers.ts";
import type { FakeLog } from "../../fake_log/fake_log.ts";
import type { OutRecord } from "../../../adapters/kafka/log.ts";
import type { Client } from "../../../adapters/temporal/client.ts";
import type { PipelineClient } from "../../../adapters/temporal/pipeline_client.ts";
import type { WindowClient, WindowTarget } from "../../../adapters/temporal/window_client.ts";
import { newDrain } from "../../../core/flow/drain_state.ts";
import { clockId, controlQueue, drainId } from "../../../core/ids.ts";
import { type RunPlan, runPlanOf } from "../../../core/plan.ts";
import type { Partial as WindowPartial } from "../../../core/flow/window_state.ts";
import type { clock } from "../../../workflows/clock.ts";
import type { drain } from "../../../workflows/drain.ts";
import type {
  ClockView,
  DrainInput,
  DrainView,
  WindowResult,
} from "../../../workflows/messages.ts";
import type { window } from "../../../workflows/window.ts";
import type {
  ControlActivities,
  LocalActivities,
  WorkerActivities,
} from "../../../workflows/activities.ts";
import type { PipelineOverrides } from "../_support/test_pipeline.ts";
import { until } from "../_support/until.ts";
import { type Gate, gate } from "./_events.ts";
import { Reporter } from "./_reporter.ts";
import { NO_TEMPORAL, TEMPORAL } from "./_temporal.ts";

/** The generation of the pipelines of these tests. */
export const GENERATION = 1;
/** Where the workflow bundle is kept. */
const DATA_DIR = new URL("../../../.tidegate/tests", import.meta.url).pathname;

/** The activities of the control process. */
export type Control = ControlActivities & LocalActivities;

/** What differs from a usual control worker. */
export interface ControlOptions extends Pick<ControlWorkerOptions, "maxCachedWorkflows"> {
  /** Activities to use in place of the real ones. */
  readonly scripted?: (real: Control) => Partial<Control>;
  /** After how many events of their history windows continue as new. */
  readonly windowsContinueAfter?: number;
}

/** What differs from a usual drain. */
export type DrainOptions = Partial<Omit<DrainInput, "state">> & {
  /** The fixed end. */
  readonly until?: number | null;
};

/** What a test works with. */
export interface WorkflowWorld {
  /** The pipeline. */
  readonly plan: RunPlan;
  /** The Temporal server. */
  readonly client: Client;
  /** The log, with the pipeline's topics. */
  readonly log: FakeLog;
  /** What activities call. */
  readonly port: WindowClient;
  /** What the control process and the commands call. */
  readonly workflows: PipelineClient;
  /** The clock's id. */
  readonly clockId: string;
  /** The id of a drain. */
  drainId(partition: number): string;
  /** The id of a window. */
  windowId(start: number): string;
  /** Starts a worker for workflows and the light activities. */
  control(options?: ControlOptions): Promise<RunningWorker>;
  /** Starts a worker that folds. */
  folder(scripted?: (real: WorkerActivities) => WorkerActivities): Promise<RunningWorker>;
  /** A gate that is open at the end of the test at the latest. */
  gate(): Gate;
  /** Starts the clock. */
  startClock(partitions: readonly number[], continueAfter?: number): Promise<void>;
  /** Starts a drain at the beginning of its partition. */
  startDrain(partition: number, options?: DrainOptions): Promise<void>;
  /** Delivers to a window as a drain's activity does; answers whether the window took it. */
  fold(start: number, partial: WindowPartial, continueAfter?: number): Promise<boolean>;
  /** Reports to the clock as a drain does. */
  reporter(partition: number): Reporter;
  /** Asks a drain. */
  drain(partition: number): Promise<DrainView>;
  /** Waits until a drain is as wanted. */
  untilDrain(
    partition: number,
    what: string,
    test: (view: DrainView) => boolean,
  ): Promise<DrainView>;
  /** Waits until the clock is as wanted. */
  untilClock(what: string, test: (view: ClockView) => boolean): Promise<ClockView>;
  /** Writes to a partition of the source topic. */
  send(partition: number, records: readonly OutRecord[]): Promise<void>;
  /** The texts of all records of a topic's partition 0. */
  values(topic: string): Promise<string[]>;
  /** What the Temporal Web UI shows as current details. */
  details(workflowId: string): Promise<string>;
  /** How many runs a workflow has had so far, the present one too. */
  runs(workflowId: string): Promise<number>;
  /** The result of a window, which may not have begun yet. */
  result(start: number): Promise<WindowResult>;
}

/** What differs from a usual test. */
export interface WorkflowTestOptions {
  /** What differs from the definition of the student logs. */
  readonly plan?: PipelineOverrides;
  /**
   * Partitions of the source topic.
   * @default {2}
   */
  readonly partitions?: number;
}

/**
 * Defines a test of the workflows.
 *
 * @param name What must hold.
 * @param body The test.
 * @param options What differs from a usual one.
 */
export function workflowTest(
  name: string,
  body: (world: WorkflowWorld) => Promise<void>,
  options: WorkflowTestOptions = {},
): void {
  Deno.test({
    name,
    ignore: NO_TEMPORAL,
    // Temporal's native library keeps a runtime for the whole process.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const { world, close } = await openWorld(options);
      let passed = false;
      try {
        await body(world);
        passed = true;
      } finally {
        await close(passed);
      }
    },
  });
}

/**
 * Makes what a test works with.
 *
 * @param options What differs from a usual test.
 * @returns It, and what ends it: with or without a replay of all histories.
 */
export async function openWorld(
  { plan: overrides, partitions = 2 }: WorkflowTestOptions,
): Promise<{ world: WorkflowWorld; close: (check: boolean) => Promise<void> }> {
  const [
    { createControlActivities, createWorkerActivities },
    { workflowBundle },
    { createFakeLog },
    { connectTemporal },
    { createPipelineClient },
    { ensureSearchAttributes },
    { createWindowClient },
    { startControlWorker, startFoldWorker },
    { testPipeline },
    { replayAll },
  ] = await Promise.all([
    import("../../../activities/create_activities.ts"),
    import("../../../adapters/temporal/bundle.ts"),
    import("../../fake_log/fake_log.ts"),
    import("../../../adapters/temporal/client.ts"),
    import("../../../adapters/temporal/pipeline_client.ts"),
    import("../../../adapters/temporal/server.ts"),
    import("../../../adapters/temporal/window_client.ts"),
    import("../../../adapters/temporal/workers.ts"),
    import("../_support/test_pipeline.ts"),
    import("./_replay.ts"),
  ]);
  const pipeline = await testPipeline(`wf-${crypto.randomUUID().slice(0, 8)}`, overrides);
  const plan = runPlanOf(pipeline.plan);
  const bundlePath = await workflowBundle(DATA_DIR, () => undefined);
  const log = createFakeLog();
  await log.admin.createTopics([
    { topic: plan.topic, partitions },
    ...[plan.resultsTopic, plan.lateTopic, plan.invalidTopic]
      .map((topic) => ({ topic, partitions: 1 })),
  ]);
  const client = await connectTemporal(TEMPORAL);
  assert.equal(await ensureSearchAttributes(client), null);
  const port = createWindowClient(client);
  const workflows = createPipelineClient(client, plan);
  const activitiesOver = (port: WindowClient) =>
    createControlActivities({
      reader: log.reader,
      writer: log.writer,
      windows: port,
      fleet: null,
    });
  const workers: RunningWorker[] = [];
  const gates: Gate[] = [];
  const running = (worker: RunningWorker) => {
    workers.push(worker);
    return worker;
  };
  const taskQueue = controlQueue(plan.pipeline);

  const world: WorkflowWorld = {
    plan,
    client,
    log,
    port,
    workflows,
    clockId: clockId(plan.pipeline, GENERATION),
    drainId: (partition) => drainId(plan.pipeline, GENERATION, partition),
    windowId: (start) => workflows.windowId(GENERATION, { start, shard: 0 }),
    async control({ scripted, windowsContinueAfter, ...options } = {}) {
      const real = activitiesOver(
        windowsContinueAfter === undefined ? port : { ...port, foldIntoWindow },
      );
      function foldIntoWindow(target: WindowTarget, partial: WindowPartial): Promise<boolean> {
        const input = { ...target, continueAfter: windowsContinueAfter };
        return port.foldIntoWindow(input, partial);
      }
      return running(
        await startControlWorker({
          temporal: TEMPORAL,
          pipeline: plan.pipeline,
          bundlePath,
          activities: { ...real, ...scripted?.(real) },
          identity: `${plan.pipeline}-control`,
          ...options,
        }),
      );
    },
    async folder(scripted = (real) => real) {
      const identity = `${plan.pipeline}-folder`;
      const activities = scripted(createWorkerActivities({
        plan,
        identity,
        events: pipeline.reader,
        reader: log.reader,
        writer: log.writer,
        stopping: () => false,
      }));
      return running(
        await startFoldWorker({
          temporal: TEMPORAL,
          pipeline: plan.pipeline,
          activities,
          slots: 2,
          identity,
        }),
      );
    },
    gate() {
      const made = gate();
      gates.push(made);
      return made;
    },
    async startClock(partitions, continueAfter) {
      const limit = continueAfter === undefined ? {} : { continueAfter };
      const input = { plan, generation: GENERATION, partitions, ...limit };
      await client.workflow.start<typeof clock>("clock", {
        workflowId: world.clockId,
        taskQueue,
        args: [input],
      });
    },
    async startDrain(partition, { until = null, ...options } = {}) {
      const input = {
        plan,
        generation: GENERATION,
        topicId: null,
        paceMs: 50,
        sliceMs: 500,
        searchAttributes: true,
        state: newDrain(partition, 0, until),
        ...options,
      };
      await client.workflow.start<typeof drain>("drain", {
        workflowId: world.drainId(partition),
        taskQueue,
        args: [input],
      });
    },
    async fold(start, partial, continueAfter) {
      const limit = continueAfter === undefined ? {} : { continueAfter };
      const window = { plan, generation: GENERATION, start, shard: 0, searchAttributes: true };
      return await port.foldIntoWindow({ ...window, ...limit }, partial);
    },
    reporter: (partition) => new Reporter(port, world.clockId, partition),
    drain: (partition) => workflows.drain(GENERATION, partition),
    async untilDrain(partition, what, test) {
      let seen: DrainView | undefined;
      return await until(what, async () => {
        seen = await world.drain(partition);
        return test(seen) ? seen : undefined;
      }, { everyMs: 20, seen: () => seen });
    },
    async untilClock(what, test) {
      let seen: ClockView | undefined;
      return await until(what, async () => {
        seen = await workflows.clock(GENERATION);
        return test(seen) ? seen : undefined;
      }, { everyMs: 20, seen: () => seen });
    },
    send: (partition, records) =>
      log.writer.send(plan.topic, records.map((record) => ({ ...record, partition }))),
    async values(topic) {
      const { records } = await log.reader.fetch({ topic, partition: 0, from: 0 });
      return records.map(({ value }) => new TextDecoder().decode(value ?? new Uint8Array()));
    },
    async details(workflowId) {
      const handle = client.workflow.getHandle(workflowId);
      const metadata = await handle.query<{ currentDetails: string }>(
        "__temporal_workflow_metadata",
      );
      return metadata.currentDetails;
    },
    async runs(workflowId) {
      // Not asked of the list of workflows, which lags behind.
      const first = await client.workflow.getHandle(workflowId).describe();
      let runId = first.raw.workflowExecutionInfo?.firstRunId ?? "";
      for (let runs = 1;; runs++) {
        const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        const next = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes;
        if (!next?.newExecutionRunId) return runs;
        runId = next.newExecutionRunId;
      }
    },
    async result(start) {
      const handle = client.workflow.getHandle<typeof window>(world.windowId(start));
      await until(`the window from ${start}`, () => handle.describe().catch(() => undefined));
      return await handle.result();
    },
  };

  const close = async (check: boolean) => {
    gates.forEach((gate) => gate.open());
    await endAll(client, plan.pipeline, workflows);
    await Promise.all(workers.map((worker) => worker.stop()));
    try {
      if (check) await replayAll(client, plan.pipeline, bundlePath);
    } finally {
      await client.connection.close();
    }
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
