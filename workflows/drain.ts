/**
 * The drain workflow of one partition: awaits records, has them folded, delivers the partials and
 * reports to the clock. Which comes next is decided by a `DrainState`; this only carries it out.
 *
 * @module
 */

import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  log,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  TemporalFailure,
} from "@temporalio/workflow";
import { DrainState, type DrainStep, HOLD_MS } from "../core/flow/drain_state.ts";
import { clockId, drainQueue } from "../core/ids.ts";
import type { SliceNote } from "../core/scaling/speed.ts";
import type {
  DeliveryOutcome,
  SliceRequest,
  SliceResult,
  WindowPartial,
} from "../core/flow/slice.ts";
import { isLong } from "./durable.ts";
import { instant, showDetails, showState, table, text } from "./details.ts";
import { workflowNow } from "./time.ts";
import {
  boundSignal,
  type DrainInput,
  type DrainView,
  excludeUpdate,
  progressQuery,
  resumeUpdate,
  stopSignal,
} from "./messages.ts";
import type { ControlActivities, LocalActivities, WorkerActivities } from "./activities.ts";

/** Windows of one deliver call; several calls run in parallel. */
const WINDOWS_A_CALL = 8;
/** What moves if a slice that was folded again says nothing of it. */
const NOTHING_MOVED = { events: 0, pairs: 0 };

const { awaitRecords } = proxyActivities<ControlActivities>({
  startToCloseTimeout: "2m",
  heartbeatTimeout: "10s",
  cancellationType: "TRY_CANCEL",
  retry: { initialInterval: 500, maximumInterval: "5s" },
  summary: "wait for records",
});
const { deliver, report } = proxyLocalActivities<LocalActivities>({
  startToCloseTimeout: "10s",
  retry: { initialInterval: 50, maximumInterval: "2s" },
});

/**
 * The drain of one partition; runs until it is ended from outside.
 *
 * @param input The plan, the partition and the state to begin with.
 */
export async function drain(input: DrainInput): Promise<void> {
  const { plan } = input;
  const { windowing, delayMs, latenessMs, idleAfterMs, maxDriftMs } = plan;
  const rules = { windowing, delayMs, latenessMs, idleAfterMs, maxDriftMs, paceMs: input.paceMs };
  const state = new DrainState(rules, input.state);
  let held = false;
  /** The slice folded last, until those who watch have been told of it. */
  const folded: { note: SliceNote | null } = { note: null };
  let changed = false;
  let shown = "";

  const view = () => viewOf(state, held);
  const show = () => {
    const { mode } = state.snapshot();
    if (input.searchAttributes && mode !== shown) showState(shown = mode);
  };
  showDetails(() => details(view()));
  const change = () => {
    changed = true;
    show();
  };
  setHandler(progressQuery, view);
  setHandler(boundSignal, ({ until }) => {
    state.onBound(until);
    change();
  });
  setHandler(stopSignal, ({ code, message }) => {
    state.onStop({ code, message, sinceMs: workflowNow() });
    change();
  });
  setHandler(resumeUpdate, ({ from }) => {
    state.onResume(from);
    change();
    return view();
  }, { validator: ({ from }) => refuseResume(view(), from) });
  setHandler(excludeUpdate, () => {
    state.onExclude();
    change();
    return view();
  });

  const full = () => state.betweenCycles && isLong(input);
  for (;;) {
    show();
    if (full()) await continueAsNew<typeof drain>({ ...input, state: state.snapshot() });
    changed = false;
    const step = state.next(workflowNow());
    held = step.kind === "hold";
    try {
      if (step.kind === "wait") await condition(() => changed || full());
      else if (step.kind === "await") await awaitStep(input, state, step, () => changed);
      else await carryOut(input, state, step, folded);
    } catch (error) {
      const failure = finalFailure(error);
      if (failure === undefined) throw error;
      const lostClock = step.kind === "report";
      if (lostClock) state.onReportFailed();
      log.warn(`partition ${input.state.partition} stopped: ${failure.code}: ${failure.message}`);
      state.onStop({ ...failure, sinceMs: workflowNow() }, !lostClock);
    }
  }
}

/** Looks at the log until there are records, it was long enough, or a message changes the state. */
async function awaitStep(
  input: DrainInput,
  state: DrainState,
  step: Extract<DrainStep, { kind: "await" }>,
  changed: () => boolean,
): Promise<void> {
  const { cursor, partition } = state.snapshot();
  const { notBeforeMs, earlyAtMs, quietMs } = step;
  const { topicId, plan: { topic } } = input;
  const request = { topic, topicId, partition, cursor, notBeforeMs, earlyAtMs, quietMs };
  const answer = await unless(changed, () => awaitRecords(request));
  if (answer !== undefined) state.onAwait(answer, workflowNow());
}

/** Works until it is done or a message makes it needless; then answers undefined at once. */
async function unless<T>(over: () => boolean, work: () => Promise<T>): Promise<T | undefined> {
  const scope = new CancellationScope();
  const working = scope.run(work);
  const first = scope.run(() => Promise.race([working, condition(over)]));
  try {
    return await first ?? undefined;
  } finally {
    scope.cancel();
    await working.catch(() => undefined);
  }
}

async function carryOut(
  input: DrainInput,
  state: DrainState,
  step: Exclude<DrainStep, { kind: "await" | "wait" }>,
  folded: { note: SliceNote | null },
): Promise<void> {
  switch (step.kind) {
    case "hold":
      await sleep(HOLD_MS);
      return state.onHeld();
    case "fold": {
      // No worker may be there to fold: to stop or to give up must not wait for one.
      const left = () => ["stopped", "excluded"].includes(state.snapshot().mode);
      const result = await unless(left, () => fold(input, state, sliceRequest(input, state)));
      if (result === undefined) return;
      folded.note = noteOf(input.state.partition, result);
      return state.onSlice(result);
    }
    case "deliver": {
      const { note } = folded;
      folded.note = null;
      return await deliverAll(input, state, step.windows, note);
    }
    case "refold": {
      const delivery = state.snapshot().inDelivery;
      if (delivery === null) return;
      const { from, to: until, maxEventTimeBefore: maxEventTime } = delivery;
      const request = { ...sliceRequest(input, state), from, until, maxEventTime };
      const { refused } = step;
      const stopped = () => state.snapshot().mode === "stopped";
      const result = await unless(stopped, () => fold(input, state, { ...request, refused }));
      return result === undefined ? undefined : state.onRefold(result.moved ?? NOTHING_MOVED);
    }
    case "report": {
      const { pipeline } = input.plan;
      const request = { clockId: clockId(pipeline, input.generation), report: step.report };
      return state.onAnswer(await report(request));
    }
  }
}

function noteOf(partition: number, result: SliceResult): SliceNote {
  const { from, to, worker, endedAtMs, busyMs } = result;
  return { partition, from, to, worker, endedAtMs, busyMs };
}

function sliceRequest(input: DrainInput, state: DrainState): SliceRequest {
  const { partition, cursor: from, until, maxEventTime, floor } = state.snapshot();
  const { generation, sliceMs, topicId, plan: { topic } } = input;
  return { generation, topic, topicId, partition, from, until, maxEventTime, floor, sliceMs };
}

function fold(input: DrainInput, state: DrainState, request: SliceRequest) {
  const { foldSlice } = proxyActivities<WorkerActivities>({
    taskQueue: drainQueue(input.plan.pipeline),
    startToCloseTimeout: "1m",
    heartbeatTimeout: "5s",
    retry: { initialInterval: 100, maximumInterval: "5s" },
    summary: `partition ${request.partition} from ${request.from} (slice ${
      state.snapshot().slices + 1
    })`,
  });
  return foldSlice(request);
}

async function deliverAll(
  input: DrainInput,
  state: DrainState,
  windows: readonly WindowPartial[],
  note: SliceNote | null,
): Promise<void> {
  const delivery = state.snapshot().inDelivery;
  if (delivery === null) return;
  const { plan, generation, searchAttributes } = input;
  const { partition, watermark: pipeline } = state.snapshot();
  const { from, to } = delivery;
  const heard = { pipeline, partition: state.partitionWatermark };
  const calls: Promise<(readonly [WindowPartial, DeliveryOutcome])[]>[] = [];
  for (let i = 0; i < windows.length; i += WINDOWS_A_CALL) {
    const some = windows.slice(i, i + WINDOWS_A_CALL);
    const slice = { plan, generation, searchAttributes, partition, from, to, heard };
    calls.push(
      deliver({ ...slice, windows: some, note: i === 0 ? note : null }).then((outcomes) =>
        some.map((window, k) => [window, outcomes[k] ?? "lost"] as const)
      ),
    );
  }
  const outcomes = (await Promise.all(calls)).flat();
  state.onDelivered(outcomes);
  const lost = outcomes.find(([, outcome]) => outcome === "lost");
  if (lost !== undefined) {
    const message = `the window from ${instant(lost[0].start)} did not complete as it should`;
    state.onStop({ code: "TG_WINDOW_LOST", message, sinceMs: workflowNow() });
  }
}

/** Why an activity won't be tried again; whether to go on is then a person's choice. */
function finalFailure(error: unknown): { code: string; message: string } | undefined {
  if (isCancellation(error)) return undefined;
  // A local activity's failure comes as it is, that of any other in a wrapping.
  const cause = error instanceof ActivityFailure ? error.cause ?? error : error;
  if (!(cause instanceof TemporalFailure)) return undefined;
  const type = cause instanceof ApplicationFailure ? cause.type ?? "" : "";
  const code = type.startsWith("TG_") ? type : "TG_ACTIVITY_FAILED";
  return { code, message: cause.message };
}

function refuseResume(view: DrainView, from: number): void {
  const refuse = (message: string) => {
    throw ApplicationFailure.nonRetryable(message, "TG_USAGE");
  };
  if (view.mode !== "stopped" && view.mode !== "excluded") {
    refuse(`Cannot resume partition ${view.partition}: it is ${view.mode}`);
  }
  if (!(Number.isSafeInteger(from) && from >= view.cursor)) {
    refuse(
      `Cannot resume partition ${view.partition} from ${from}: must be at or after its cursor ` +
        `${view.cursor}; to read again what was read before, begin a new generation`,
    );
  }
}

function viewOf(state: DrainState, held: boolean): DrainView {
  const s = state.snapshot();
  const { partition, mode, stop, cursor, end, until, maxEventTime, totals } = s;
  const { untold, lostPairs, skippedOffsets, slices, busyMs } = s;
  return {
    partition,
    mode,
    stop,
    cursor,
    end,
    until,
    maxEventTime,
    watermark: state.partitionWatermark,
    totals,
    inDelivery: state.pairsInDelivery,
    untold,
    lostPairs,
    skippedOffsets,
    slices,
    busyMs,
    held,
  };
}

function details(view: DrainView): string {
  const { totals } = view;
  const state = view.held ? "held: too far ahead of the watermark" : view.mode;
  return [
    `**Partition ${view.partition}: ${state}**, cursor ${view.cursor}, lag ${
      Math.max(0, view.end - view.cursor)
    }, watermark ${instant(view.watermark)}`,
    ...(view.stop === null ? [] : [
      `**${text(view.stop.code)}** since ${instant(view.stop.sinceMs)}: ` +
      text(view.stop.message),
    ]),
    table(
      ["read", "aggregated", "late", "invalid", "skewed", "filtered", "slices"],
      [[
        totals.read,
        totals.aggregated,
        totals.late,
        totals.invalid,
        totals.skewed,
        totals.filtered,
        view.slices,
      ]],
    ),
  ].join("\n\n");
}
