/**
 * A pipeline's workflows as the control process and the commands see them: leases, starts, messages
 * and queries.
 *
 * @module
 */

import {
  type Client,
  WithStartWorkflowOperation,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from "@temporalio/client";
import { drainId, supervisorId, supervisorQueue } from "../../core/ids.ts";
import type { FleetBounds, FleetConfig, FleetState } from "../../core/scaling/fleet.ts";
import type {
  LeaseAnswer,
  LeaseRenewal,
  LeaseRequest,
  RenewalAnswer,
} from "../../core/flow/lease.ts";
import type { RunPlan } from "../../core/plan.ts";
import {
  configureUpdate,
  endLeaseUpdate,
  leaseUpdate,
  overrideUpdate,
  releaseUpdate,
  renewUpdate,
  setBoundsUpdate,
  standDownUpdate,
  statusQuery,
  type SupervisorView,
} from "../../workflows/messages.ts";
import type { supervisor } from "../../workflows/supervisor.ts";
import { isThere, query, QUERY_MS, refusable, terminate, within } from "./calls.ts";
import { withCodes } from "./errors.ts";
import { createGenerationClient, type GenerationClient } from "./generation_client.ts";
import { failPending } from "./server.ts";

/** How long a word at the end may take: who leaves must not wait for a server that is away. */
const LEAVE_MS = 5_000;
/** How long the question whether anybody answers may take. */
const ANSWER_MS = 2_000;

/** A pipeline's workflows. */
export interface PipelineClient {
  /** Takes the lease of the control process; starts the supervisor where there is none. */
  lease(request: LeaseRequest): Promise<LeaseAnswer>;
  /** Keeps the lease; where there is no supervisor any more, it is lost. */
  renew(renewal: LeaseRenewal): Promise<RenewalAnswer>;
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
  /** What a generation's drain and windows are asked. */
  generation(generation: number): GenerationClient;
  /** The last generation that has a drain on the server, running or not; 0 if there is none. */
  lastGeneration(): Promise<number>;
  /** Whether the server has state of this pipeline by an engine that is none any more. */
  isOfFirstEngine(): Promise<boolean>;
  /** Ends the workflows of all generations but one for good; their results stay. */
  retireOthers(generation: number, why: string): Promise<void>;
  /** Ends all of the pipeline's workflows, the supervisor too. */
  terminateAll(why: string): Promise<void>;
  /**
   * Fails the activities that dead processes held, so that they run elsewhere at once.
   *
   * @param isDead Tells a dead process by its identity.
   * @returns How many.
   */
  failActivitiesOf(generation: number, isDead: (identity: string) => boolean): Promise<number>;
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
  const askSupervisor = <T>(
    ask: (supervisor: WorkflowHandle) => Promise<T>,
    withinMs: number = QUERY_MS,
  ): Promise<T> => within(client, withinMs, () => ask(handle(supervisorId(pipeline))));

  return withCodes<PipelineClient>({
    async lease(request) {
      const start = new WithStartWorkflowOperation<typeof supervisor>("supervisor", {
        workflowId: supervisorId(pipeline),
        taskQueue: supervisorQueue(pipeline),
        args: [{ pipeline }],
        workflowIdConflictPolicy: "USE_EXISTING",
        staticSummary: `${pipeline}: supervisor`,
      });
      return await client.workflow.executeUpdateWithStart(leaseUpdate, {
        args: [request],
        startWorkflowOperation: start,
      });
    },
    async renew(renewal) {
      try {
        return await askSupervisor((s) => s.executeUpdate(renewUpdate, { args: [renewal] }));
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
        return { granted: false, code: "TG_CONTROL_LOST" };
      }
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
    supervisor: () => query(client, supervisorId(pipeline), statusQuery, queryMs),
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
    generation: (generation) =>
      createGenerationClient(client, { pipeline, shards }, generation, queryMs),
    async lastGeneration() {
      const query = `WorkflowId STARTS_WITH "${pipeline}/" AND ` +
        `(WorkflowType = "drain" OR WorkflowType = "clock")`;
      let last = 0;
      for await (const { workflowId } of client.workflow.list({ query })) {
        last = Math.max(last, generationOf(pipeline, workflowId) ?? 0);
      }
      // The list comes a moment after the start of a workflow.
      while (await isThere(client, drainId(pipeline, last + 1))) last += 1;
      return last;
    },
    async isOfFirstEngine() {
      try {
        const { status, taskQueue } = await handle(supervisorId(pipeline)).describe();
        return status.name === "RUNNING" && taskQueue !== supervisorQueue(pipeline);
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },
    async retireOthers(generation, why) {
      const others = new Set<string>();
      for await (const { workflowId } of client.workflow.list({ query: ours(pipeline) })) {
        const of = generationOf(pipeline, workflowId);
        if (of !== null && of !== generation) others.add(workflowId);
      }
      // The list comes a moment after the start of a workflow.
      if (generation > 1) others.add(drainId(pipeline, generation - 1));
      const drains = [...others].filter((id) => id.endsWith("/drain"));
      for (const id of drains) await terminate(client, id, why);
      for (const id of others) if (!drains.includes(id)) await terminate(client, id, why);
    },
    async terminateAll(why) {
      const mine = client.workflow.list({ query: ours(pipeline) });
      const ids: string[] = [];
      for await (const { workflowId } of mine) ids.push(workflowId);
      await Promise.all(ids.map((id) => terminate(client, id, why)));
    },
    async failActivitiesOf(generation, isDead) {
      const ids = [drainId(pipeline, generation), supervisorId(pipeline)];
      const failed = await Promise.all(ids.map((id) => failPending(client, id, isDead)));
      return failed.reduce((sum, n) => sum + n, 0);
    },
  });
}

/** The generation that a workflow belongs to; null if it belongs to none. */
function generationOf(pipeline: string, workflowId: string): number | null {
  const [generation = "", ...rest] = workflowId.slice(pipeline.length + 1).split("/");
  return rest.length > 0 && /^[0-9]+$/.test(generation) ? Number(generation) : null;
}

function ours(pipeline: string): string {
  return `WorkflowId STARTS_WITH "${pipeline}/" AND ExecutionStatus = "Running"`;
}
