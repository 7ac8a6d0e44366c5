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
  getExternalWorkflowHandle,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import { CloseTimers } from "../core/close_timers.ts";
import { PipelineClock } from "../core/pipeline_clock.ts";
import { workflowNow } from "./_time.ts";
import { instant, table } from "./_visible.ts";
import {
  type ClockInput,
  clockQuery,
  closedSignal,
  closeSignal,
  flushUpdate,
  registerSignal,
  reportUpdate,
} from "./messages.ts";

/** Closes under way at a time. */
const MAX_IN_FLIGHT = 200;
/** Open windows shown in the Web UI. */
const SHOWN_WINDOWS = 50;

/**
 * The clock of one generation of a pipeline; runs until it is ended from outside.
 *
 * @param input The partitions and the state to go on from.
 */
export async function clock(input: ClockInput): Promise<void> {
  const time = new PipelineClock(input.partitions, input.state?.clock);
  const timers = new CloseTimers(input.state?.timers);
  const inFlight = new Set<string>();
  let changed = false;
  const change = () => {
    changed = true;
    setCurrentDetails(details(time, timers));
  };

  setHandler(reportUpdate, (report) => {
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
  setHandler(registerSignal, (window) => {
    timers.register(window);
    change();
  });
  setHandler(closedSignal, (window) => {
    timers.closed(window);
    change();
  });
  setHandler(clockQuery, () => ({
    watermark: time.watermark,
    partitions: time.partitions,
    open: timers.open,
    totals: timers.totals,
    lost: timers.lost,
  }));

  const close = async (id: string, watermark: number) => {
    inFlight.add(id);
    try {
      await getExternalWorkflowHandle(id).signal(closeSignal, { watermark });
      timers.sent(id, watermark, workflowNow());
    } catch (error) {
      timers.lose(id, `it does not take messages: ${String(error)}`);
    }
    inFlight.delete(id);
    change();
  };

  for (;;) {
    changed = false;
    time.runOn(workflowNow(), timers.pendingTimes());
    const { watermark } = time;
    const suggested = () => workflowInfo().continueAsNewSuggested;
    for (const id of timers.due(watermark, workflowNow(), MAX_IN_FLIGHT)) {
      const room = inFlight.size < MAX_IN_FLIGHT && !suggested();
      if (watermark !== null && room && !inFlight.has(id)) void close(id, watermark);
    }
    const full = () => suggested() && inFlight.size === 0 && allHandlersFinished();
    const wakeMs = Math.min(
      time.nextRunOnMs(timers.pendingTimes()) ?? Infinity,
      timers.nextRepeatMs() ?? Infinity,
    );
    const wake = () => changed || full();
    if (wakeMs === Infinity) await condition(wake);
    else await condition(wake, Math.max(1, wakeMs - workflowNow()));
    if (full()) {
      const state = { clock: time.snapshot(), timers: timers.snapshot() };
      await continueAsNew<typeof clock>({ ...input, state });
    }
  }
}

function details(time: PipelineClock, timers: CloseTimers): string {
  const { totals, lost, open } = timers;
  return [
    `**Watermark ${instant(time.watermark)}**; ${open.length} windows open, ${totals.windows} ` +
    `closed with ${totals.pairs} events` + (lost.length > 0 ? `, **${lost.length} lost**` : ""),
    table(
      ["partition", "state", "watermark"],
      time.partitions.map(([p, known]) => [p, known.mode, instant(known.watermark)]),
    ),
    table(
      ["open window", "ends", "completes"],
      open.slice(0, SHOWN_WINDOWS).map((w) => [w.id, instant(w.end), instant(w.final)]),
    ),
    ...lost.map((window) => `TG_WINDOW_LOST: ${window.id}: ${window.why}`),
  ].join("\n\n");
}
