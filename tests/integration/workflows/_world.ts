/**
 * Tests of the workflows: the real ones in real workers on a real Temporal server, over a log in
 * memory. Each test has a pipeline of its own and leaves nothing; at its end the histories of all its
 * workflows are replayed.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { SettleDeps } from "../../../activities/settle.ts";
import type { OutRecord } from "../../../adapters/kafka/log.ts";
import type { WindowRows } from "../../../adapters/kafka/rows_writer.ts";
import type { Client } from "../../../adapters/temporal/client.ts";
import type { GenerationClient } from "../../../adapters/temporal/generation_client.ts";
import type { PipelineClient } from "../../../adapters/temporal/pipeline_client.ts";
import type { ControlWorkerOptions, RunningWorker } from "../../../adapters/temporal/workers.ts";
import { newDrain } from "../../../core/flow/drain.ts";
import type { Call, CallAnswer } from "../../../core/flow/delivery.ts";
import type { ResultRow } from "../../../core/flow/row.ts";
import { drainId, windowId } from "../../../core/ids.ts";
import { type RunPlan, runPlanOf } from "../../../core/plan.ts";
import type { SweepNote } from "../../../core/scaling/speed.ts";
import type { ControlActivities, WorkerActivities } from "../../../workflows/activities.ts";
import type {
  DrainInput,
  GenerationView,
  SupervisorView,
  WindowInput,
  WindowResult,
} from "../../../workflows/messages.ts";
import type { window } from "../../../workflows/window.ts";
import type { FakeLog } from "../../fake_log/fake_log.ts";
import type { PipelineOverrides } from "../_support/test_pipeline.ts";
import { until } from "../_support/until.ts";
import { type Gate, gate } from "./_events.ts";
import { NO_TEMPORAL, TEMPORAL } from "./_temporal.ts";

/** The generation of the pipelines of these tests. */
export const GENERATION = 1;
/** The hash of the code that folds. */
export const HASH = "test";
/** Where the workflow bundle is kept. */
const DATA_DIR = new URL("../../../.tidegate/tests", import.meta.url).pathname;

/** What differs from a usual control worker. */
export interface ControlOptions extends Pick<ControlWorkerOptions, "maxCachedWorkflows"> {
  /** Activities to use in place of the real ones. */
  readonly scripted?: (real: ControlActivities) => Partial<ControlActivities>;
  /** Puts something between settling and the world. */
  readonly settling?: (deps: SettleDeps) => SettleDeps;
}

/** What differs from a usual sweep worker. */
export interface SweeperOptions {
  /** Sweeps in place of the real one. */
  readonly scripted?: (real: WorkerActivities) => WorkerActivities;
  /**
   * The hash of the code that it has loaded.
   * @default {HASH}
   */
  readonly hash?: string;
}

/** What differs from a usual drain. */
export interface DrainOptions extends Partial<Omit<DrainInput, "state">> {
  /**
   * The fixed end of all partitions.
   * @default {null}
   */
  readonly until?: number | null;
  /**
   * For how many sweeps the fleet has room from the beginning.
   * @default {1}
   */
  readonly slots?: number;
}

/** What the sinks were told. */
export interface Told {
  /** What the generation was like after each decision. */
  readonly views: GenerationView[];
  /** Of each sweep that was heard of. */
  readonly notes: SweepNote[];
  /** What the supervisor was like after each change. */
  readonly supervisor: SupervisorView[];
}

/** What a test works with. */
export interface WorkflowWorld {
  /** The pipeline. */
  readonly plan: RunPlan;
  /** The Temporal server. */
  readonly client: Client;
  /** The log, with the pipeline's topics. */
  readonly log: FakeLog;
  /** What the control process and the commands call. */
  readonly workflows: PipelineClient;
  /** The same of the generation. */
  readonly drain: GenerationClient;
  /** What the sinks of all control workers were told. */
  readonly told: Told;
  /** The drain's workflow id. */
  readonly drainId: string;
  /** The id of a window. */
  windowId(start: number): string;
  /** Starts the worker of the control process, and that of the supervisor. */
  control(options?: ControlOptions): Promise<RunningWorker>;
  /** Starts a worker that sweeps. */
  sweeper(options?: SweeperOptions): Promise<RunningWorker>;
  /** A gate that is open at the end of the test at the latest. */
  gate(): Gate;
  /** Starts the drain at the beginnings of its partitions. */
  startDrain(options?: DrainOptions): Promise<void>;
  /** Starts a window before its first call, to say when it continues as new. */
  startWindow(start: number, continueAfter: number): Promise<void>;
  /** Calls a window as the drain's activity does. */
  call(start: number, call: Call): Promise<CallAnswer>;
  /** Waits until the generation is as wanted. */
  untilView(what: string, test: (view: GenerationView) => boolean): Promise<GenerationView>;
  /** Writes to a partition of the source topic. */
  send(partition: number, records: readonly OutRecord[]): Promise<void>;
  /** The texts of all records of a topic's partition 0. */
  values(topic: string): Promise<string[]>;
  /** All rows that were written, in their order. */
  rows(): Promise<ResultRow[]>;
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

/** Defines a test of the workflows. */
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
 * @returns It, and what ends it: with or without a replay of all histories.
 */
export async function openWorld(
  { plan: overrides, partitions = 2 }: WorkflowTestOptions,
): Promise<{ world: WorkflowWorld; close: (check: boolean) => Promise<void> }> {
  const [
    { createControlActivities, createWorkerActivities },
    { observeAll },
    { workflowBundle },
    { createFakeLog },
    { connectTemporal },
    { createPipelineClient },
    { ensureSearchAttributes },
    { createWindowCalls },
    { startControlWorker, startSupervisorWorker, startSweepWorker },
    { testPipeline },
    { replayAll },
  ] = await Promise.all([
    import("../../../activities/create_activities.ts"),
    import("../../../activities/observer.ts"),
    import("../../../adapters/temporal/bundle.ts"),
    import("../../fake_log/fake_log.ts"),
    import("../../../adapters/temporal/client.ts"),
    import("../../../adapters/temporal/pipeline_client.ts"),
    import("../../../adapters/temporal/server.ts"),
    import("../../../adapters/temporal/window_calls.ts"),
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
  const workflows = createPipelineClient(client, plan);
  const drain = workflows.generation(GENERATION);
  const windows = createWindowCalls(client, true);
  const rows = {
    async write({ records }: WindowRows) {
      await log.writer.send(plan.resultsTopic, records);
      return "written" as const;
    },
  };
  const told: Told = { views: [], notes: [], supervisor: [] };
  const toolsOf = (identity: string) => {
    const { reader: events, enrichment } = pipeline;
    const tailer = log.openTailer();
    const { writer } = log;
    return { plan, events, enrichment, tailer, writer, identity, stopping: () => false };
  };
  const look = toolsOf(`${plan.pipeline}-control`);
  const workers: RunningWorker[] = [];
  const gates: Gate[] = [];
  const running = (worker: RunningWorker) => {
    workers.push(worker);
    return worker;
  };
  const sinks: ControlWorkerOptions["sinks"] = {
    drain: {
      state: { fn: (_info, view) => void told.views.push(view) },
      swept: { fn: (_info, note) => void told.notes.push(note) },
    },
    supervisor: { state: { fn: (_info, view) => void told.supervisor.push(view) } },
  };
  let sweepers = 0;

  const world: WorkflowWorld = {
    plan,
    client,
    log,
    workflows,
    drain,
    told,
    drainId: drainId(plan.pipeline, GENERATION),
    windowId: (start) => windowId(plan.pipeline, GENERATION, start),
    async control({ scripted, settling = (deps: SettleDeps) => deps, ...options } = {}) {
      const real = createControlActivities({
        ...settling({ windows, rows }),
        look,
        reader: log.reader,
        fleet: null,
        observer: observeAll([]),
      });
      const shared = {
        temporal: TEMPORAL,
        pipeline: plan.pipeline,
        bundlePath,
        identity: look.identity,
        sinks,
      };
      const supervising = running(await startSupervisorWorker(shared));
      const activities = { ...real, ...scripted?.(real) };
      const worker = running(await startControlWorker({ ...shared, activities, ...options }));
      return {
        done: worker.done,
        stop: async () => void await Promise.all([worker.stop(), supervising.stop()]),
      };
    },
    async sweeper({ scripted = (real: WorkerActivities) => real, hash = HASH } = {}) {
      const identity = `${plan.pipeline}-worker-${++sweepers}`;
      const activities = scripted(createWorkerActivities(toolsOf(identity), hash));
      return running(
        await startSweepWorker({
          temporal: TEMPORAL,
          pipeline: plan.pipeline,
          generation: GENERATION,
          activities,
          identity,
        }),
      );
    },
    gate() {
      const made = gate();
      gates.push(made);
      return made;
    },
    async startDrain({ until = null, slots = 1, ...options } = {}) {
      const starts = Array.from({ length: partitions }, (_, partition) => (
        { partition, cursor: 0, until }
      ));
      const started = await drain.start({
        plan,
        generation: GENERATION,
        topicId: null,
        paceMs: 50,
        sliceMs: 500,
        deliverEveryMs: 200,
        maxOpenWindows: 1_000,
        searchAttributes: true,
        state: { ...newDrain(starts, HASH), slots },
        ...options,
      });
      assert.ok(started);
    },
    async startWindow(start, continueAfter) {
      const input: WindowInput = { plan, generation: GENERATION, start, shard: 0, continueAfter };
      await client.workflow.start<typeof window>("window", {
        workflowId: world.windowId(start),
        taskQueue: `${plan.pipeline}/control`,
        args: [input],
      });
    },
    call: (start, call) =>
      windows.call({ plan, generation: GENERATION }, { start, shard: 0, call }),
    async untilView(what, test) {
      let seen: GenerationView | undefined;
      return await until(what, async () => {
        seen = await drain.view();
        return test(seen) ? seen : undefined;
      }, { everyMs: 20, seen: () => seen });
    },
    send: (partition, records) =>
      log.writer.send(plan.topic, records.map((record) => ({ ...record, partition }))),
    async values(topic) {
      const { records } = await log.reader.fetch({ topic, partition: 0, from: 0 });
      return records.map(({ value }) => new TextDecoder().decode(value ?? new Uint8Array()));
    },
    async rows() {
      return (await world.values(plan.resultsTopic)).map((text) => JSON.parse(text));
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
