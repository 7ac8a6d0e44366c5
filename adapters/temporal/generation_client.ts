/**
 * What processes and commands ask of a generation: its drain and its windows, by their definitions.
 *
 * @module
 */

import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from "@temporalio/client";
import { defaultPayloadConverter } from "@temporalio/common";
import { TidegateError } from "../../core/errors.ts";
import { controlQueue, drainId, windowId } from "../../core/ids.ts";
import type { Plan } from "../../core/plan.ts";
import type { DrainPace } from "../../core/flow/drain.ts";
import {
  acceptUpdate,
  boundUpdate,
  type DrainInput,
  excludePartitionUpdate,
  flushWindowsUpdate,
  generationQuery,
  type GenerationView,
  readySignal,
  resumePartitionUpdate,
  tuneSignal,
  windowQuery,
  type WindowView,
} from "../../workflows/messages.ts";
import type { drain } from "../../workflows/drain.ts";
import { isThere, query, QUERY_MS, refusable, terminate } from "./calls.ts";
import { withCodes } from "./errors.ts";
import { STARTED } from "./server.ts";

const PIPELINE_KEY = { name: "TidegatePipeline", type: "KEYWORD" } as const;

/** A sweep that is with a worker, or waits for one. */
export interface PendingSweep {
  /** Its number, as far as its worker has told; null before that. */
  readonly n: number | null;
  /** Who runs it, by identity; null while it waits. */
  readonly holder: string | null;
  /** Which attempt it is, from 1. */
  readonly attempt: number;
  /** Why the attempt before failed, with its code; null for a lost worker, and before the second. */
  readonly failure: string | null;
}

/** One generation of a pipeline. Its calls fail with the codes of `errors.ts`. */
export interface GenerationClient {
  /**
   * Starts the drain; answers whether it was started now, and did not run already. Error:
   * `TG_GENERATION_LOST` if it has ended.
   */
  start(input: DrainInput): Promise<boolean>;
  /** Whether the drain runs. */
  runs(): Promise<boolean>;
  /** The sweeps that are with workers, or wait for one. */
  pendingSweeps(): Promise<PendingSweep[]>;
  /** One consistent look at the generation. */
  view(): Promise<GenerationView>;
  /** The workflow id of a window. */
  windowId(start: number, shard: number): string;
  /** A window; null if it has none of that time, or it is closed. */
  window(start: number, shard: number): Promise<WindowView | null>;
  /** The same, also of one that has closed: what it held is asked of it after the look at the drain. */
  audited(start: number, shard: number): Promise<WindowView | null>;
  /** Tells for how many sweeps the fleet has room. */
  ready(slots: number): Promise<void>;
  /** Paces sweeps and delivers anew. */
  tune(pace: DrainPace): Promise<void>;
  /** Fixes or lifts the ends of partitions. */
  bound(untils: readonly (readonly [number, number | null])[]): Promise<GenerationView>;
  /** Closes what is open, as soon as no partition is active. */
  flush(): Promise<GenerationView>;
  /** Lets a stopped partition go on. */
  resume(partition: number, from: number): Promise<GenerationView>;
  /** Gives a partition up. */
  exclude(partition: number): Promise<GenerationView>;
  /** Accepts code with another hash. */
  accept(hash: string): Promise<GenerationView>;
  /** Ends the drain for good. */
  terminate(reason: string): Promise<void>;
}

/** Speaks to a generation through a connected client. */
export function createGenerationClient(
  client: Client,
  plan: Pick<Plan, "pipeline" | "shards">,
  generation: number,
  queryMs = QUERY_MS,
): GenerationClient {
  const id = drainId(plan.pipeline, generation);
  const handle = client.workflow.getHandle<typeof drain>(id);
  const windowIn = async (states: readonly string[], start: number, shard: number) => {
    const workflowId = windowId(plan.pipeline, generation, start, shard, plan.shards);
    try {
      const { status } = await client.workflow.getHandle(workflowId).describe();
      if (!states.includes(status.name)) return null;
      return await query(client, workflowId, windowQuery, queryMs);
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  };
  return withCodes<GenerationClient>({
    async start(input) {
      try {
        await client.workflow.start<typeof drain>("drain", {
          workflowId: id,
          taskQueue: controlQueue(plan.pipeline),
          args: [input],
          workflowIdReusePolicy: "REJECT_DUPLICATE",
          staticSummary: `drain of ${plan.pipeline}, generation ${generation}`,
          ...(input.searchAttributes
            ? { typedSearchAttributes: [{ key: PIPELINE_KEY, value: plan.pipeline }] }
            : {}),
        });
        return true;
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
      if (await isThere(client, id, "RUNNING")) return false;
      throw new TidegateError("TG_GENERATION_LOST", `Cannot go on: workflow ${id} has ended`, {
        next: "Begin a new generation: deno task start --new-generation.",
      });
    },
    runs: () => isThere(client, id, "RUNNING"),
    async pendingSweeps() {
      const { raw } = await handle.describe();
      return (raw.pendingActivities ?? [])
        .filter(({ activityType }) => activityType?.name === "sweep")
        .map(({ state, lastWorkerIdentity, attempt, lastFailure, heartbeatDetails }) => ({
          n: numberIn(heartbeatDetails?.payloads?.[0]),
          holder: state === STARTED ? lastWorkerIdentity ?? null : null,
          attempt: attempt ?? 1,
          failure: failureOf(lastFailure ?? null),
        }));
    },
    view: () => query(client, id, generationQuery, queryMs),
    windowId: (start, shard) => windowId(plan.pipeline, generation, start, shard, plan.shards),
    window: (start, shard) => windowIn(["RUNNING"], start, shard),
    audited: (start, shard) => windowIn(["RUNNING", "COMPLETED"], start, shard),
    ready: (slots) => handle.signal(readySignal, { slots }),
    tune: (pace) => handle.signal(tuneSignal, pace),
    bound: (untils) => refusable(() => handle.executeUpdate(boundUpdate, { args: [untils] })),
    flush: () => refusable(() => handle.executeUpdate(flushWindowsUpdate)),
    resume: (partition, from) =>
      refusable(() => handle.executeUpdate(resumePartitionUpdate, { args: [{ partition, from }] })),
    exclude: (partition) =>
      refusable(() => handle.executeUpdate(excludePartitionUpdate, { args: [{ partition }] })),
    accept: (hash) => refusable(() => handle.executeUpdate(acceptUpdate, { args: [{ hash }] })),
    terminate: (reason) => terminate(client, id, reason),
  });
}

/** What a sweep itself failed of; not that its worker was lost or too slow to say a word. */
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

/** The number of a sweep in what its worker has said of it. */
function numberIn(
  payload: Parameters<typeof defaultPayloadConverter.fromPayload>[0] | undefined,
): number | null {
  if (payload === undefined) return null;
  const said: unknown = defaultPayloadConverter.fromPayload(payload);
  if (typeof said !== "object" || said === null || !("n" in said)) return null;
  return typeof said.n === "number" ? said.n : null;
}
