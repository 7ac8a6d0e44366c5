/**
 * The calls of windows and clocks that activities make.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from "@temporalio/client";
import type { SearchAttributePair } from "@temporalio/common";
import { controlQueue, windowId } from "../../core/ids.ts";
import { TidegateError } from "../../core/errors.ts";
import type { ClosedWindow } from "../../core/event_time/close_timers.ts";
import type { Report, ReportAnswer } from "../../core/flow/pipeline_clock.ts";
import { formatInstant } from "../../core/event_time/instants.ts";
import type { Partial } from "../../core/flow/window_state.ts";
import { windowEnd } from "../../core/event_time/windows.ts";
import type { RunPlan } from "../../core/plan.ts";
import { closedSignal, closeSignal, foldSignal, reportUpdate } from "../../workflows/messages.ts";
import type { window } from "../../workflows/window.ts";
import { mayPass, withCodes } from "./errors.ts";

/** Which window to reach, and what to start it with if it is not there. */
export interface WindowTarget {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** Start of the window, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
  /** Whether the server knows Tidegate's search attributes. */
  readonly searchAttributes: boolean;
}

/** What is known of a window that takes no signal any more. */
export type WindowEnd =
  /** It completed, having taken these partitions up to these offsets. */
  | {
    readonly kind: "completed";
    readonly lastTo: readonly (readonly [partition: number, to: number])[];
  }
  /** It was terminated, failed or timed out. */
  | { readonly kind: "lost"; readonly status: string }
  /** It runs after all. */
  | { readonly kind: "running" };

/** Calls of windows and clocks. They fail with the codes of `errors.ts`. */
export interface WindowClient {
  /**
   * Signals a window, and starts it first where there has been none of its id.
   *
   * @returns Whether it took the signal; false if a window of that id has ended.
   */
  foldIntoWindow(target: WindowTarget, partial: Partial): Promise<boolean>;
  /** How a window ended. */
  windowEnd(target: WindowTarget): Promise<WindowEnd>;
  /**
   * Reports to a clock.
   *
   * Errors: `TG_GENERATION_LOST` where there is no such clock any more.
   */
  report(clockId: string, report: Report): Promise<ReportAnswer>;
  /** Tells a clock that a window has closed. */
  closed(clockId: string, window: ClosedWindow): Promise<void>;
  /**
   * Tells a window of the watermark.
   *
   * @returns Null if it knows, or has completed as it should; else what became of it.
   */
  close(windowId: string, watermark: number): Promise<string | null>;
}

/** Makes the calls through a connected client. */
export function createWindowClient(client: Client): WindowClient {
  const closed = new ClosedMail(client);
  return withCodes<WindowClient>({
    foldIntoWindow: (target, partial) => foldIntoWindow(client, target, partial),
    windowEnd: (target) => endOfWindow(client, target),
    report: (clockId, report) => reportTo(client, clockId, report),
    closed: (clockId, window) => closed.tell(clockId, window),
    close: (windowId, watermark) => closeWindow(client, windowId, watermark),
  });
}

function idOf({ plan, generation, start, shard }: WindowTarget): string {
  return windowId(plan.pipeline, generation, start, shard, plan.shards);
}

async function foldIntoWindow(
  client: Client,
  target: WindowTarget,
  partial: Partial,
): Promise<boolean> {
  const { plan, start } = target;
  const end = windowEnd(plan.windowing, start);
  try {
    await client.workflow.signalWithStart<typeof window, [Partial]>("window", {
      workflowId: idOf(target),
      taskQueue: controlQueue(plan.pipeline),
      args: [target],
      signal: foldSignal,
      signalArgs: [partial],
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      staticSummary: `${plan.pipeline} [${formatInstant(start)}, ${formatInstant(end)})`,
      ...(target.searchAttributes
        ? { typedSearchAttributes: windowAttributes(plan.pipeline, start, end) }
        : {}),
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

function windowAttributes(pipeline: string, start: number, end: number): SearchAttributePair[] {
  return [
    { key: { name: "TidegatePipeline", type: "KEYWORD" }, value: pipeline },
    { key: { name: "TidegateState", type: "KEYWORD" }, value: "open" },
    { key: { name: "TidegateWindowStart", type: "DATETIME" }, value: new Date(start) },
    { key: { name: "TidegateWindowEnd", type: "DATETIME" }, value: new Date(end) },
  ];
}

async function endOfWindow(client: Client, target: WindowTarget): Promise<WindowEnd> {
  const handle = client.workflow.getHandle<typeof window>(idOf(target));
  try {
    const { status } = await handle.describe();
    if (status.name === "RUNNING" || status.name === "CONTINUED_AS_NEW") return { kind: "running" };
    if (status.name !== "COMPLETED") return { kind: "lost", status: status.name };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { kind: "lost", status: "NOT_FOUND" };
    throw error;
  }
  const { lastTo } = await handle.result();
  return { kind: "completed", lastTo };
}

async function closeWindow(client: Client, id: string, watermark: number): Promise<string | null> {
  const handle = client.workflow.getHandle(id);
  try {
    await handle.signal(closeSignal, { watermark });
    return null;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  try {
    const { status } = await handle.describe();
    if (status.name === "COMPLETED") return null;
    if (status.name === "RUNNING" || status.name === "CONTINUED_AS_NEW") {
      return await closeWindow(client, id, watermark);
    }
    return status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return "NOT_FOUND";
    throw error;
  }
}

async function reportTo(client: Client, clockId: string, report: Report): Promise<ReportAnswer> {
  try {
    return await client.workflow.getHandle(clockId).executeUpdate(reportUpdate, { args: [report] });
  } catch (cause) {
    if (!(cause instanceof WorkflowNotFoundError)) throw cause;
    if (await isRunning(client, clockId)) throw cause;
    throw new TidegateError(
      "TG_GENERATION_LOST",
      `The clock ${clockId} does not run any more`,
      { cause, next: "Begin a new generation: deno task start --new-generation." },
    );
  }
}

/** Between two runs of a continued workflow an update may find none; that is no loss. */
async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return status.name === "RUNNING" || status.name === "CONTINUED_AS_NEW";
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    if (mayPass(error)) return true;
    throw error;
  }
}

/** Windows that close within this time of each other are told in one signal, in ms. */
const GATHER_MS = 10;

/** What is gathered for one clock, and the signal it goes out with. */
interface Mail {
  readonly windows: ClosedWindow[];
  readonly sent: Promise<void>;
}

/**
 * Tells clocks of closed windows. In a backlog hundreds close at once: a signal each would cost the
 * server 3 ms of CPU each, and the clock an entry in its history each.
 */
class ClosedMail {
  readonly #client: Client;
  readonly #mail = new Map<string, Mail>();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Resolves when the clock has been told. */
  tell(clockId: string, window: ClosedWindow): Promise<void> {
    const waiting = this.#mail.get(clockId);
    if (waiting !== undefined) {
      waiting.windows.push(window);
      return waiting.sent;
    }
    const windows = [window];
    const sent = this.#send(clockId, windows);
    this.#mail.set(clockId, { windows, sent });
    return sent;
  }

  async #send(clockId: string, windows: readonly ClosedWindow[]): Promise<void> {
    await sleep(GATHER_MS);
    this.#mail.delete(clockId);
    await this.#client.workflow.getHandle(clockId).signal(closedSignal, windows);
  }
}
