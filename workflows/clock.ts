/**
 * The clock workflow: the pipeline's watermark out of the drains' reports, and the event-time
 * timers that close windows. It carries messages to and from a `PipelineClock` and a `CloseTimers`.
 *
 * @module
 */

import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  proxyActivities,
  setHandler,
} from "@temporalio/workflow";
import { CloseTimers } from "../core/event_time/close_timers.ts";
import { windowId } from "../core/ids.ts";
import { PipelineClock } from "../core/flow/pipeline_clock.ts";
import type { WindowShard } from "../core/flow/slice.ts";
import { windowEnd } from "../core/event_time/windows.ts";
import { isLong } from "./durable.ts";
import { instant, showDetails, table, text } from "./details.ts";
import { workflowNow } from "./time.ts";
import {
  type ClockInput,
  clockQuery,
  closedSignal,
  flushUpdate,
  reportUpdate,
} from "./messages.ts";
import type { ControlActivities } from "./activities.ts";

/** Windows told of the watermark at a time. */
const MAX_IN_FLIGHT = 200;
/** Windows of one close call; several calls run in parallel. */
const WINDOWS_A_CALL = 16;
/** Open windows shown in the Web UI. */
const SHOWN_WINDOWS = 50;

// Not a local activity: that would run before the report which moved the watermark is durable, and a
// crash between the two would leave a window closed by a watermark that nobody knows of.
const { closeWindows } = proxyActivities<ControlActivities>({
  startToCloseTimeout: "30s",
  retry: { initialInterval: 100, maximumInterval: "5s" },
  summary: "close windows",
});

/**
 * The clock of one generation of a pipeline; runs until it is ended from outside.
 *
 * @param input The partitions and the state to go on from.
 */
export async function clock(input: ClockInput): Promise<void> {
  const time = new PipelineClock(input.partitions, input.state?.clock);
  const timers = new CloseTimers(input.state?.timers);
  let changed = false;
  const change = () => {
    changed = true;
  };
  showDetails(() => details(time, timers));

  const register = ({ start, shard }: WindowShard) => {
    const { plan, generation } = input;
    const end = windowEnd(plan.windowing, start);
    const id = windowId(plan.pipeline, generation, start, shard, plan.shards);
    timers.register({ id, start, end, final: end + plan.latenessMs }, time.watermark);
  };
  setHandler(reportUpdate, (report) => {
    if (time.isNew(report)) report.opened.forEach(register);
    const answer = time.report(report, workflowNow(), timers.pendingTimes());
    change();
    return answer;
  });
  setHandler(flushUpdate, () => {
    if (time.hasActive) {
      throw ApplicationFailure.nonRetryable(
        "Cannot flush: a partition is still being drained",
        "TG_USAGE",
      );
    }
    time.flush(timers.lastTime() ?? -Infinity);
    change();
    return { windows: timers.open.length };
  });
  setHandler(closedSignal, (windows) => {
    windows.forEach((window) => timers.closed(window));
    change();
  });
  setHandler(clockQuery, () => ({
    watermark: time.watermark,
    partitions: time.partitions,
    open: timers.open,
    totals: timers.totals,
    lost: timers.lost,
  }));

  const close = async (ids: readonly string[], watermark: number) => {
    const outcomes = await closeWindows({ ids, watermark });
    ids.forEach((id, i) => {
      const outcome = outcomes[i];
      if (outcome?.kind === "lost") timers.lose(id, `the workflow ended: ${outcome.status}`);
      else timers.sent(id, watermark, workflowNow());
    });
    change();
  };

  const full = () => isLong(input) && allHandlersFinished();
  for (;;) {
    // Nothing is in flight here; windows that are due will be told by the next run.
    if (full()) {
      const state = { clock: time.snapshot(), timers: timers.snapshot() };
      await continueAsNew<typeof clock>({ ...input, state });
    }
    changed = false;
    time.runOn(workflowNow(), timers.pendingTimes());
    const { watermark } = time;
    const due = timers.due(watermark, workflowNow(), MAX_IN_FLIGHT);
    if (watermark !== null && due.length > 0) {
      const calls: Promise<void>[] = [];
      for (let i = 0; i < due.length; i += WINDOWS_A_CALL) {
        calls.push(close(due.slice(i, i + WINDOWS_A_CALL), watermark));
      }
      await Promise.all(calls);
      continue;
    }
    const wakeMs = Math.min(
      time.nextRunOnMs(timers.pendingTimes()) ?? Infinity,
      timers.nextRepeatMs() ?? Infinity,
    );
    const wake = () => changed || full();
    if (wakeMs === Infinity) await condition(wake);
    else await condition(wake, Math.max(1, wakeMs - workflowNow()));
  }
}

function details(time: PipelineClock, timers: CloseTimers): string {
  const { totals, lost, open } = timers;
  return [
    `**Watermark ${instant(time.watermark)}**; ${open.length} windows open, ${totals.windows} ` +
    `closed with ${totals.pairs} events` + (lost.length > 0 ? `, **${lost.length} lost**` : ""),
    whoHolds(time),
    table(
      ["partition", "state", "watermark"],
      time.partitions.map(([p, known]) => [p, known.mode, instant(known.watermark)]),
    ),
    table(
      ["open window", "ends", "completes"],
      open.slice(0, SHOWN_WINDOWS).map((w) => [w.id, instant(w.end), instant(w.final)]),
    ),
    ...lost.map((window) => `TG_WINDOW_LOST: ${text(window.id)}: ${text(window.why)}`),
  ].join("\n\n");
}

/** Why the watermark is where it is, a sentence. */
function whoHolds(time: PipelineClock): string {
  const taking = time.partitions.filter(([, { mode }]) => mode === "active" || mode === "parked");
  if (taking.length === 0) {
    return "No partition is active: the watermark runs on with the clock, until all windows are closed.";
  }
  const silent = taking.filter(([, { watermark }]) => watermark === null).map(([p]) => p);
  if (silent.length > 0) {
    return `It waits for the first event of: ${silent.map((p) => `partition ${p}`).join(", ")}.`;
  }
  const [slowest] = taking.toSorted((a, b) => (a[1].watermark ?? 0) - (b[1].watermark ?? 0));
  return `Partition ${
    slowest?.[0]
  } holds it: the smallest watermark of ${taking.length} active ones.`;
}
