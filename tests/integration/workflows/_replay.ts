/**
 * Replays histories: the present workflow code must do what it did when they were written.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { HistoryAndWorkflowId } from "@temporalio/client";
import type { temporal } from "@temporalio/proto";
import {
  DefaultLogger,
  type InjectedSinks,
  type ReplayResult,
  Runtime,
  Worker,
  type WorkflowBundleOption,
} from "@temporalio/worker";
import type { Client } from "../../../adapters/temporal/client.ts";
import type { ControlSinks } from "../../../workflows/activities.ts";

/**
 * Temporal's numbers of why a workflow task failed, where that is no failure of ours: "unhandled
 * command" (a message came while the workflow was about to complete or to continue as new, so it
 * looks again) and "force close command" (the workflow was terminated meanwhile).
 */
const HARMLESS: readonly unknown[] = [1, 17];

/** The history of one run. */
export interface RunHistory extends HistoryAndWorkflowId {
  /** The run's history. */
  readonly history: temporal.api.history.v1.IHistory;
}

/**
 * Replays histories.
 *
 * @param workflowBundle The workflow code.
 * @param histories The histories.
 * @returns How it ended for each.
 */
export async function replay(
  workflowBundle: WorkflowBundleOption,
  histories: Iterable<HistoryAndWorkflowId>,
): Promise<ReplayResult[]> {
  quiet();
  const told: string[] = [];
  const sink = (name: string) => ({ fn: () => void told.push(name) });
  const sinks: InjectedSinks<ControlSinks> = {
    drain: { state: sink("drain.state"), swept: sink("drain.swept") },
    supervisor: { state: sink("supervisor.state") },
  };
  const options = { workflowBundle, sinks, reuseV8Context: true };
  const results = await Array.fromAsync(Worker.runReplayHistories(options, histories));
  assert.deepEqual(told, [], "a replay has told the control process of what is long past");
  return results;
}

/** Keeps what the SDK has to say of a replay out of the tests' output: the results tell it. */
function quiet(): void {
  try {
    Runtime.install({
      logger: new DefaultLogger("ERROR"),
      shutdownSignals: [],
      telemetryOptions: { logging: { filter: "ERROR", forward: {} } },
    });
  } catch {
    // A worker has installed it before; one runtime serves all.
  }
}

/**
 * The histories of all runs of all workflows of a pipeline.
 *
 * @param client A connected client.
 * @param pipeline The pipeline's name.
 * @returns The histories.
 */
export async function historiesOf(client: Client, pipeline: string): Promise<RunHistory[]> {
  const query = `WorkflowId STARTS_WITH "${pipeline}/"`;
  const runs: { workflowId: string; runId: string }[] = [];
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    runs.push({ workflowId, runId });
  }
  return await Promise.all(runs.map(async ({ workflowId, runId }) => ({
    workflowId,
    history: await client.workflow.getHandle(workflowId, runId).fetchHistory(),
  })));
}

/**
 * Asserts that no workflow task of a pipeline has failed for a reason of ours, and that all its
 * histories can be replayed.
 *
 * @param client A connected client.
 * @param pipeline The pipeline's name.
 * @param codePath The path of the workflow bundle.
 */
export async function replayAll(client: Client, pipeline: string, codePath: string): Promise<void> {
  const histories = await historiesOf(client, pipeline);
  assert.ok(histories.length > 0, "no history was found");
  for (const { workflowId, history } of histories) {
    const failed = (history.events ?? []).map((event) => event.workflowTaskFailedEventAttributes)
      .filter((failure) => failure && !HARMLESS.includes(failure.cause));
    assert.deepEqual(failed, [], `a task of ${workflowId} failed`);
  }
  const results = await replay({ codePath }, histories);
  const wrong = results.filter(({ error }) => error !== undefined);
  assert.deepEqual(wrong, [], "a history can't be replayed");
  assert.equal(results.length, histories.length);
}
