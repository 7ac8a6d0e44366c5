/**
 * The drain workflow of a generation: notes what has come, lets a `Drain` decide, and carries out
 * what it says. Sweeps read the topic, settles speak to windows.
 *
 * @module
 */

import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  log,
  proxyActivities,
  proxySinks,
  setHandler,
  TimeoutFailure,
  workflowInfo,
} from "@temporalio/workflow";
import { Drain, type DrainCommand, type DrainPace } from "../core/flow/drain.ts";
import { holdsWatermark, partitionWatermark } from "../core/event_time/watermark.ts";
import { viewOf } from "../core/flow/view.ts";
import { sweepQueue } from "../core/ids.ts";
import type { SweepRequest, SweepResult } from "../core/flow/sweep.ts";
import type { SweepNote } from "../core/scaling/speed.ts";
import type { ControlSinks, DrainActivities, WorkerActivities } from "./activities.ts";
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
} from "./messages.ts";
import { instant, showDetails, table, text } from "./details.ts";
import { workflowNow } from "./time.ts";

/**
 * How long a sweep waits for a worker to begin it, in ms; then nobody is there. A worker that has
 * still to hear that its sweep was struck does so within 6 s.
 */
const START_MS = 8_000;
/** Tries of a sweep before its partitions are swept apart. */
const SWEEP_TRIES = 2;
/** What a sweep may take beyond what it is asked, in ms: the last write of side records. */
const GRACE_MS = 30_000;
/** Partitions and windows shown to people. */
const SHOWN = 20;
/** Open windows that the control process is told of, the earliest. */
const SHOWN_WINDOWS = 200;

const { settle, findPartitions } = proxyActivities<DrainActivities>({
  startToCloseTimeout: "30s",
  heartbeatTimeout: "3s",
  retry: { initialInterval: 100, maximumInterval: "5s" },
});
const { drain: told } = proxySinks<ControlSinks>();

/** The drain of one generation; runs until it is ended from outside. */
export async function drain(input: DrainInput): Promise<void> {
  const { plan, generation, topicId, paceMs, sliceMs, deliverEveryMs, maxOpenWindows } = input;
  const state = new Drain({
    ...plan,
    generation,
    topicId,
    paceMs,
    sliceMs,
    deliverEveryMs,
    maxOpenWindows,
    emitEveryMs: null,
  }, input.state);
  /** Whether something was noted since the last decision, and how many decisions there were. */
  let noted = true;
  let decisions = 0;
  const note = (what: () => void) => {
    what();
    noted = true;
  };
  const view = () => viewOf(state);
  const decided = async (what: () => void): Promise<GenerationView> => {
    note(what);
    const before = decisions;
    await condition(() => decisions > before);
    return view();
  };
  showDetails(() => details(input, state));
  setHandler(generationQuery, view);
  setHandler(readySignal, ({ slots }) => note(() => state.ready(slots)));
  setHandler(boundUpdate, (untils) => decided(() => state.bound(new Map(untils))));
  let pace: DrainPace = { paceMs, sliceMs, deliverEveryMs };
  setHandler(tuneSignal, (next) =>
    note(() => {
      pace = next;
      state.tune(next);
    }));
  setHandler(flushWindowsUpdate, () => decided(() => state.flush()));
  setHandler(acceptUpdate, ({ hash }) => decided(() => state.accept(hash)));
  setHandler(
    excludePartitionUpdate,
    ({ partition }) => decided(() => state.exclude(partition)),
    { validator: ({ partition }) => refuseUnknown(state, partition) },
  );
  setHandler(
    resumePartitionUpdate,
    ({ partition, from }) => decided(() => state.resume(partition, from)),
    { validator: ({ partition, from }) => refuseResume(state, partition, from) },
  );

  const scopes = new Map<number, CancellationScope>();
  for (;;) {
    noted = false;
    const { historyLength, historySize, continueAsNewSuggested } = workflowInfo();
    const { commands, wakeAtMs } = state.decide(workflowNow(), {
      events: input.continueAfter === undefined
        ? historyLength
        : historyLength * (8_000 / input.continueAfter),
      bytes: historySize,
      suggested: continueAsNewSuggested,
    });
    decisions += 1;
    for (const command of commands) {
      if (command.kind === "continueAsNew") {
        await condition(allHandlersFinished);
        await continueAsNew<typeof drain>({ ...input, ...pace, state: state.snapshot() });
      } else carryOut(command);
    }
    told.state(viewOf(state, SHOWN_WINDOWS));
    if (wakeAtMs === null) await condition(() => noted);
    else await condition(() => noted, Math.max(1, wakeAtMs - workflowNow()));
  }

  function carryOut(command: Exclude<DrainCommand, { kind: "continueAsNew" }>): void {
    switch (command.kind) {
      case "sweep":
        return sweepIt(command.request, command.at);
      case "cancel":
        return scopes.get(command.n)?.cancel();
      case "settle":
        void settle({ plan, generation, calls: command.calls }).then(
          (outcomes) => note(() => state.settled(command.id, outcomes)),
          (error) => {
            log.warn(`a settle failed: ${failureOf(error).message}`);
            note(() => state.settleFailed(command.id));
          },
        );
        return;
      case "findPartitions":
        void findPartitions({ topic: plan.topic, partitions: command.partitions }).then(
          (starts) => note(() => state.added(starts)),
          (error) => log.warn(`new partitions not found: ${failureOf(error).message}`),
        );
        return;
      case "wake":
        // The control process hears of it by the sink: its look has found the record.
        return;
    }
  }

  function sweepIt(request: SweepRequest, at: "fleet" | "control"): void {
    const scope = new CancellationScope();
    scopes.set(request.n, scope);
    const limitMs = Math.max(request.quietMs, request.sliceMs, request.paceMs) + GRACE_MS;
    const asked = scope.run(() => {
      if (at === "control") {
        return proxyActivities<DrainActivities>({
          startToCloseTimeout: limitMs,
          heartbeatTimeout: "100s",
          cancellationType: "TRY_CANCEL",
          retry: { initialInterval: 500, maximumInterval: "5s" },
          summary: `look at ${request.partitions.length} partitions`,
        }).awaitRecords(request);
      }
      return proxyActivities<WorkerActivities>({
        taskQueue: sweepQueue(plan.pipeline, generation),
        startToCloseTimeout: limitMs,
        scheduleToStartTimeout: START_MS,
        heartbeatTimeout: "20s",
        cancellationType: "TRY_CANCEL",
        retry: { initialInterval: 100, maximumInterval: "1s", maximumAttempts: SWEEP_TRIES },
        summary: `sweep ${request.n}: ${request.partitions.length} partitions`,
      }).sweep(request);
    });
    void asked.then(
      (result) => {
        told.swept(noteOf(result));
        note(() => state.swept(result));
      },
      (error) => {
        if (scope.consideredCancelled) return;
        const { code, message, notStarted } = failureOf(error);
        if (notStarted) note(() => state.sweepNotStarted(request.n));
        else note(() => state.sweepFailed(request.n, code, message));
      },
    ).finally(() => scopes.delete(request.n));
  }
}

/** What a failed activity says. */
function failureOf(error: unknown): { code: string; message: string; notStarted: boolean } {
  const cause = error instanceof ActivityFailure ? error.cause ?? error : error;
  const type = cause instanceof ApplicationFailure ? cause.type ?? "" : "";
  return {
    code: type.startsWith("TG_") ? type : "TG_SWEEP_FAILED",
    message: cause instanceof Error ? cause.message : String(cause),
    notStarted: type === "TG_CODE" ||
      (cause instanceof TimeoutFailure && cause.timeoutType === "SCHEDULE_TO_START"),
  };
}

function refuse(message: string): never {
  throw ApplicationFailure.nonRetryable(message, "TG_USAGE");
}

function refuseUnknown(drain: Drain, partition: number) {
  return drain.partitions.find((p) => p.partition === partition) ??
    refuse(`Cannot find partition ${partition}: the topic has ${drain.partitions.length}`);
}

function refuseResume(drain: Drain, partition: number, from: number): void {
  const { mode, cursor } = refuseUnknown(drain, partition);
  if (mode !== "stopped" && mode !== "excluded") {
    refuse(`Cannot resume partition ${partition}: it is ${mode}`);
  }
  if (!(Number.isSafeInteger(from) && from >= cursor)) {
    refuse(
      `Cannot resume partition ${partition} from ${from}: must be at or after its cursor ` +
        `${cursor}; to read again what was read before, begin a new generation`,
    );
  }
}

function noteOf({ n, worker, busyMs, ranMs, partitions }: SweepResult): SweepNote {
  const records = partitions.reduce((sum, { counts }) => sum + counts.read, 0);
  return { n, worker, records, busyMs, ranMs };
}

/** What people see in the Temporal Web UI: those partitions first that matter. */
function details({ plan }: DrainInput, drain: Drain): string {
  const watermarkOf = (p: Parameters<typeof partitionWatermark>[0]) =>
    partitionWatermark(p, plan.delayMs);
  const rank = (p: { stop: unknown; mode: string }) =>
    p.stop !== null ? 0 : p.mode === "active" ? 1 : 2;
  const byTime = drain.partitions.toSorted((a, b) =>
    (watermarkOf(a) ?? -Infinity) - (watermarkOf(b) ?? -Infinity)
  );
  const holder = byTime.find(holdsWatermark);
  const partitions = byTime.toSorted((a, b) => rank(a) - rank(b));
  const shown = partitions.slice(0, SHOWN);
  const open = drain.windows.look();
  return [
    `**Watermark ${instant(drain.watermark)}**` +
    (holder === undefined ? ", no partition holds it" : `, held by partition ${holder.partition}`) +
    `; ${drain.sweepsOut.length} sweeps out, ${open.length} windows open, ` +
    `${drain.windows.closed.windows} closed`,
    table(
      ["partition", "state", "cursor", "lag", "watermark", "read", "late", "invalid"],
      shown.map((p) => [
        p.partition,
        p.stop === null ? p.mode : `${p.stop.code} since ${instant(p.stop.sinceMs)}`,
        p.cursor,
        Math.max(0, p.end - p.cursor),
        instant(watermarkOf(p)),
        p.totals.read,
        p.totals.late,
        p.totals.invalid,
      ]),
    ) + (partitions.length > SHOWN ? `\n\n… and ${partitions.length - SHOWN} more` : ""),
    ...shown.filter((p) => p.stop !== null).map((p) =>
      `Partition ${p.partition}: ${text(p.stop?.message ?? "")}`
    ),
    table(
      ["open window", "events", "calls", "waiting events"],
      open.slice(0, SHOWN).map((w) => [instant(w.start), w.pairs, w.n, w.waiting]),
    ) + (open.length > SHOWN ? `\n\n… and ${open.length - SHOWN} more` : ""),
  ].join("\n\n");
}
