/**
 * A pipeline's workflows as the control process and the commands see them: leases, starts, messages
 * and queries.
 *
 * @module
 */

import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from "@temporalio/client";
import type { QueryDefinition } from "@temporalio/common";
import { newDrain } from "../../core/flow/drain_state.ts";
import { type TgCode, TidegateError } from "../../core/errors.ts";
import { clockId, controlQueue, drainId, supervisorId, windowId } from "../../core/ids.ts";
import type { FleetBounds, FleetConfig, FleetState } from "../../core/scaling/fleet.ts";
import type { LeaseAnswer, LeaseRequest } from "../../core/flow/lease.ts";
import type { RunPlan } from "../../core/plan.ts";
import type { WindowShard } from "../../core/flow/slice.ts";
import type { clock } from "../../workflows/clock.ts";
import type { drain } from "../../workflows/drain.ts";
import {
  boundSignal,
  cellsQuery,
  clockQuery,
  type ClockView,
  configureUpdate,
  type DrainView,
  endLeaseUpdate,
  excludeUpdate,
  flushUpdate,
  leaseUpdate,
  overrideUpdate,
  progressQuery,
  releaseUpdate,
  resumeUpdate,
  setBoundsUpdate,
  standDownUpdate,
  statusQuery,
  stopSignal,
  type SupervisorView,
  type WindowView,
} from "../../workflows/messages.ts";
import type { supervisor } from "../../workflows/supervisor.ts";
import { retried, withCodes } from "./errors.ts";
import { failPending, STARTED } from "./server.ts";

/**
 * How long a query may take, in two tries: an answer needs a control process that runs the workflows, and waits
 * for what the workflow is at, such as the delivery of many windows.
 */
const QUERY_MS = 30_000;
/** How long a word at the end may take: who leaves must not wait for a server that is away. */
const LEAVE_MS = 5_000;
/** How long the question whether anybody answers may take. */
const ANSWER_MS = 2_000;

/** What a generation's drains are started with. */
export interface DrainStart {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The topic's id, where the broker has ids. */
  readonly topicId: string | null;
  /** The pace while caught up, in ms. */
  readonly paceMs: number;
  /** The time budget of a slice, in ms. */
  readonly sliceMs: number;
  /** Whether the server knows Tidegate's search attributes. */
  readonly searchAttributes: boolean;
  /** The partition. */
  readonly partition: number;
  /** The first offset. */
  readonly from: number;
  /** The fixed end of a bounded run; null to go live. */
  readonly until: number | null;
}

/** A slice that is being folded, or waits for a worker. */
export interface PendingSlice {
  /** Who folds it, by identity; null while it waits. */
  readonly holder: string | null;
  /** Which attempt it is, from 1. */
  readonly attempt: number;
  /** Why the attempt before failed, with its code; null for a lost worker, and before the second. */
  readonly failure: string | null;
}

/** A pipeline's workflows. */
export interface PipelineClient {
  /** Takes or renews the lease of the control process. */
  lease(request: LeaseRequest): Promise<LeaseAnswer>;
  /** Gives the lease back. */
  endLease(ownerId: string): Promise<void>;
  /** Whether the pipeline has ever been started. */
  exists(): Promise<boolean>;
  /** Whether somebody runs the pipeline's workflow tasks at the moment, so that queries answer. */
  answers(): Promise<boolean>;
  /** The supervisor's state. */
  supervisor(): Promise<SupervisorView>;
  /**
   * Lets the supervisor scale the fleet of the control process that has the lease. Error:
   * `TG_CONTROL_LOST` if another one has it.
   */
  configureFleet(config: FleetConfig): Promise<void>;
  /** Ends that: the control process is about to end its workers. */
  standDown(ownerId: string): Promise<void>;
  /** Sets the fewest and the most workers. Error: `TG_USAGE` if they can't be. */
  setBounds(bounds: FleetBounds): Promise<FleetState>;
  /**
   * Sets the number of workers; null lets the load decide again. Error: `TG_USAGE` if it can't be.
   */
  override(workers: number | null): Promise<FleetState>;
  /** The slice of a partition that is being folded, or waits for a worker; null if there is none. */
  slice(generation: number, partition: number): Promise<PendingSlice | null>;
  /** The last generation that has a clock on the server, running or not; 0 if there is none. */
  lastGeneration(): Promise<number>;
  /** Starts a generation's clock unless it runs. Error: `TG_GENERATION_LOST` if it has ended. */
  startClock(plan: RunPlan, generation: number, partitions: readonly number[]): Promise<void>;
  /**
   * Starts a drain unless it runs. Error: `TG_GENERATION_LOST` if it has ended.
   *
   * @returns Whether it was started now.
   */
  startDrain(start: DrainStart): Promise<boolean>;
  /** Stops a drain. */
  stop(generation: number, partition: number, code: TgCode, message: string): Promise<void>;
  /** Sets or lifts the fixed end of a drain. */
  bound(generation: number, partition: number, until: number | null): Promise<void>;
  /** A drain's state. */
  drain(generation: number, partition: number): Promise<DrainView>;
  /** The clock's state. */
  clock(generation: number): Promise<ClockView>;
  /** The workflow id of a window. */
  windowId(generation: number, window: WindowShard): string;
  /** A window's state; null if it has completed or never was. */
  window(id: string): Promise<WindowView | null>;
  /** Closes all open windows; only while no partition is being drained. */
  flush(generation: number): Promise<void>;
  /** Lets a stopped partition go on. */
  resume(generation: number, partition: number, from: number): Promise<DrainView>;
  /** Gives a partition up. */
  exclude(generation: number, partition: number): Promise<DrainView>;
  /** Ends a generation's workflows for good; its results stay. */
  retire(generation: number, partitions: readonly number[], why: string): Promise<void>;
  /** Ends all of the pipeline's workflows, the supervisor too. */
  terminateAll(why: string): Promise<void>;
  /**
   * Fails the activities that dead processes held, so that they run elsewhere at once.
   *
   * @param isDead Tells a dead process by its identity.
   * @returns How many.
   */
  failActivitiesOf(
    generation: number,
    partitions: readonly number[],
    isDead: (identity: string) => boolean,
  ): Promise<number>;
}

/**
 * Makes the calls through a client.
 *
 * @param client A connected client.
 * @param plan The pipeline's name and shards.
 * @returns The calls.
 */
export function createPipelineClient(
  client: Client,
  { pipeline, shards }: Pick<RunPlan, "pipeline" | "shards">,
  queryMs = QUERY_MS,
): PipelineClient {
  const handle = (id: string) => client.workflow.getHandle(id);
  const drainHandle = (generation: number, partition: number) =>
    handle(drainId(pipeline, generation, partition));
  const within = <T>(ms: number, call: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + ms, call);
  const query = <T>(id: string, asked: QueryDefinition<T, []>): Promise<T> =>
    retried(queryMs / 2, () => within(queryMs / 2, () => handle(id).query(asked)));
  const askSupervisor = <T>(
    ask: (supervisor: WorkflowHandle) => Promise<T>,
    withinMs: number = QUERY_MS,
  ): Promise<T> => within(withinMs, () => ask(handle(supervisorId(pipeline))));

  return withCodes<PipelineClient>({
    async lease(request) {
      const start = new WithStartWorkflowOperation<typeof supervisor>("supervisor", {
        workflowId: supervisorId(pipeline),
        taskQueue: controlQueue(pipeline),
        args: [{ pipeline }],
        workflowIdConflictPolicy: "USE_EXISTING",
        staticSummary: `${pipeline}: supervisor`,
      });
      return await client.workflow.executeUpdateWithStart(leaseUpdate, {
        args: [request],
        startWorkflowOperation: start,
      });
    },
    async endLease(ownerId) {
      const end = (supervisor: WorkflowHandle) =>
        supervisor.executeUpdate(endLeaseUpdate, { args: [{ ownerId }] });
      await askSupervisor(end, LEAVE_MS);
    },
    exists: () => isThere(client, supervisorId(pipeline), "RUNNING"),
    async answers() {
      try {
        await askSupervisor((supervisor) => supervisor.query(statusQuery), ANSWER_MS);
        return true;
      } catch {
        return false;
      }
    },
    supervisor: () => query(supervisorId(pipeline), statusQuery),
    async configureFleet(config) {
      const configure = (supervisor: WorkflowHandle) =>
        supervisor.executeUpdate(configureUpdate, { args: [config] });
      await refusable(() => askSupervisor(configure), "TG_CONTROL_LOST");
    },
    async standDown(ownerId) {
      const standDown = (supervisor: WorkflowHandle) =>
        supervisor.executeUpdate(standDownUpdate, { args: [{ ownerId }] });
      await askSupervisor(standDown, LEAVE_MS);
    },
    setBounds: (bounds) =>
      refusable(() => askSupervisor((s) => s.executeUpdate(setBoundsUpdate, { args: [bounds] }))),
    override: (workers) =>
      refusable(() =>
        askSupervisor((s) =>
          workers === null
            ? s.executeUpdate(releaseUpdate)
            : s.executeUpdate(overrideUpdate, { args: [{ workers }] })
        )
      ),
    async slice(generation, partition) {
      const { raw } = await drainHandle(generation, partition).describe();
      const found = (raw.pendingActivities ?? [])
        .find(({ activityType }) => activityType?.name === "foldSlice");
      if (found === undefined) return null;
      const { state, lastWorkerIdentity, attempt, lastFailure } = found;
      return {
        holder: state === STARTED ? lastWorkerIdentity ?? null : null,
        attempt: attempt ?? 1,
        failure: failureOf(lastFailure ?? null),
      };
    },
    async lastGeneration() {
      const query = `WorkflowId STARTS_WITH "${pipeline}/" AND WorkflowType = "clock"`;
      let last = 0;
      for await (const { workflowId } of client.workflow.list({ query })) {
        last = Math.max(last, Number(workflowId.slice(pipeline.length + 1).split("/")[0]) || 0);
      }
      // The list comes a moment after the start of a workflow.
      while (await isThere(client, clockId(pipeline, last + 1))) last += 1;
      return last;
    },
    async startClock(plan, generation, partitions) {
      const id = clockId(pipeline, generation);
      const input = { plan, generation, partitions };
      await startOnce(
        client,
        pipeline,
        id,
        (options) => client.workflow.start<typeof clock>("clock", { ...options, args: [input] }),
      );
    },
    async startDrain(start) {
      const { partition, from, until, ...rest } = start;
      const input = { ...rest, state: newDrain(partition, from, until) };
      const id = drainId(pipeline, start.generation, partition);
      const attributes = start.searchAttributes
        ? { typedSearchAttributes: [{ key: PIPELINE_KEY, value: pipeline }] }
        : {};
      return await startOnce(
        client,
        pipeline,
        id,
        (options) =>
          client.workflow.start<typeof drain>("drain", {
            ...options,
            ...attributes,
            args: [input],
          }),
      );
    },
    async stop(generation, partition, code, message) {
      await drainHandle(generation, partition).signal(stopSignal, { code, message });
    },
    async bound(generation, partition, until) {
      await drainHandle(generation, partition).signal(boundSignal, { until });
    },
    drain: (generation, partition) =>
      refusable(() => query(drainId(pipeline, generation, partition), progressQuery)),
    clock: (generation) => query(clockId(pipeline, generation), clockQuery),
    windowId: (generation, { start, shard }) =>
      windowId(pipeline, generation, start, shard, shards),
    async window(id) {
      try {
        const { status } = await handle(id).describe();
        return status.name === "RUNNING" ? await query(id, cellsQuery) : null;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      }
    },
    async flush(generation) {
      await handle(clockId(pipeline, generation)).executeUpdate(flushUpdate);
    },
    resume: (generation, partition, from) =>
      refusable(() =>
        drainHandle(generation, partition).executeUpdate(resumeUpdate, { args: [{ from }] })
      ),
    exclude: (generation, partition) =>
      refusable(() => drainHandle(generation, partition).executeUpdate(excludeUpdate)),
    async retire(generation, partitions, why) {
      const open = await openWindows(client, pipeline, generation);
      for (const partition of partitions) {
        await terminate(client, drainId(pipeline, generation, partition), why);
      }
      await terminate(client, clockId(pipeline, generation), why);
      for (const id of open) await terminate(client, id, why);
    },
    async terminateAll(why) {
      const mine = client.workflow.list({ query: ours(pipeline) });
      const ids: string[] = [];
      for await (const { workflowId } of mine) ids.push(workflowId);
      await Promise.all(ids.map((id) => terminate(client, id, why)));
    },
    async failActivitiesOf(generation, partitions, isDead) {
      const ids = partitions.map((partition) => drainId(pipeline, generation, partition));
      ids.push(supervisorId(pipeline));
      const failed = await Promise.all(ids.map((id) => failPending(client, id, isDead)));
      return failed.reduce((sum, n) => sum + n, 0);
    },
  });
}

/** What a slice itself failed of; not that its worker was lost or too slow to say a word. */
function failureOf(
  failure: {
    readonly message?: string | null;
    readonly applicationFailureInfo?: { readonly type?: string | null } | null;
  } | null,
): string | null {
  const type = failure?.applicationFailureInfo?.type ?? null;
  if (failure === null || type === null || type === "TG_WORKER_GONE") return null;
  return `${type}: ${failure.message ?? ""}`;
}

const PIPELINE_KEY = { name: "TidegatePipeline", type: "KEYWORD" } as const;

/** What the starts of a generation's workflows share. */
interface StartOptions {
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly workflowIdReusePolicy: "REJECT_DUPLICATE";
  readonly workflowIdConflictPolicy: "FAIL";
  readonly staticSummary: string;
}

async function startOnce(
  client: Client,
  pipeline: string,
  workflowId: string,
  start: (options: StartOptions) => Promise<unknown>,
): Promise<boolean> {
  try {
    await start({
      workflowId,
      taskQueue: controlQueue(pipeline),
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      workflowIdConflictPolicy: "FAIL",
      staticSummary: `${workflowId.slice(pipeline.length + 1)} of ${pipeline}`,
    });
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  const { status } = await client.workflow.getHandle(workflowId).describe();
  if (status.name === "RUNNING" || status.name === "CONTINUED_AS_NEW") return false;
  throw new TidegateError(
    "TG_GENERATION_LOST",
    `Cannot go on: workflow ${workflowId} has ended (${status.name})`,
    { next: "Begin a new generation: deno task start --new-generation." },
  );
}

async function isThere(client: Client, workflowId: string, state?: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return state === undefined || status.name === state;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

async function terminate(client: Client, id: string, why: string): Promise<void> {
  try {
    await client.workflow.getHandle(id).terminate(why);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

async function openWindows(client: Client, pipeline: string, generation: number) {
  const prefix = `${pipeline}/${generation}/window/`;
  const ids: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query: ours(pipeline) })) {
    if (workflowId.startsWith(prefix)) ids.push(workflowId);
  }
  return ids;
}

function ours(pipeline: string): string {
  return `WorkflowId STARTS_WITH "${pipeline}/" AND ExecutionStatus = "Running"`;
}

async function refusable<T>(call: () => Promise<T>, code: TgCode = "TG_USAGE"): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      throw new TidegateError("TG_USAGE", "There is no such partition in this generation", {
        cause: error,
        next: "See the partitions with: deno task status.",
      });
    }
    if (!(error instanceof WorkflowUpdateFailedError)) throw error;
    throw new TidegateError(code, error.cause?.message ?? error.message, { cause: error });
  }
}
