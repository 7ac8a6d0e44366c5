/**
 * What sweeps and settles answer: a result is taken in as a whole or not at all, a failure narrows
 * what is swept together, an outcome goes to its window.
 *
 * @module
 */

import { addSweepCounts } from "../counts.ts";
import {
  afterFailure,
  afterFull,
  afterSuccess,
  type DrainPartition,
  isHollow,
  type Narrowed,
  type StopReason,
} from "../dealing.ts";
import type { SettleOutcome, WindowCall } from "../delivery.ts";
import { OpenWindows } from "../open_windows.ts";
import { addLooked, isFresh } from "../silence.ts";
import type { SweepFailure, SweepRequest, SweepResult, SweptPartition } from "../sweep.ts";
import type { DrainState, RefusedBy, SweepOut } from "./state.ts";

/** What a settle activity has answered; those of its calls that it says nothing of have failed. */
export interface Settled {
  /** The activity. */
  readonly id: number;
  /** What became of its calls. */
  readonly outcomes: readonly SettleOutcome[];
}

/** A sweep that failed for good. */
export interface FailedSweep {
  /** The sweep. */
  readonly n: number;
  /** The stable code. */
  readonly code: string;
  /** What happened. */
  readonly message: string;
}

/** Takes in what a settle activity has answered. */
export function takeSettled(state: DrainState, { id, outcomes }: Settled): void {
  const calls = state.settles.get(id);
  if (calls === undefined) return;
  state.settles.delete(id);
  for (const outcome of outcomes) state.windows.answered(outcome, state.nowMs);
  const isAnswered = (call: WindowCall) =>
    outcomes.some((o) => o.start === call.start && o.shard === call.shard && o.n === call.call.n);
  state.windows.failed(calls.filter((call) => !isAnswered(call)), state.nowMs);
}

/** No worker polls: the control process looks until the supervisor says otherwise. */
export function takeNotStarted(state: DrainState, n: number): void {
  if (!state.out.delete(n)) return;
  state.change({ slots: 0 });
  state.strike((sweep) => sweep.at === "fleet");
}

/** Takes in that a sweep has failed for good: its partitions are swept more narrowly. */
export function takeFailure(state: DrainState, { n, code, message }: FailedSweep): void {
  const sweep = state.out.get(n);
  if (sweep === undefined) return;
  state.out.delete(n);
  if (sweep.request.partitions.every((p) => p.role === "look")) return;
  const narrowed = afterFailure(state.partitionsOf(sweep), state.s.group);
  narrow(state, sweep, narrowed, { code, message });
}

/** Takes a result in, as a whole or not at all. */
export function takeResult(state: DrainState, result: SweepResult): void {
  const sweep = state.out.get(result.n);
  if (sweep === undefined) return refuse(state, "struck");
  state.out.delete(result.n);
  if (!state.s.hashes.includes(result.codeHash)) return refuse(state, "code");
  if (!answers(result, sweep.request)) return refuse(state, "shape");
  const complete = OpenWindows.completeBy(state.rules, result.windows, state.s.watermark);
  if (complete !== undefined) {
    refuse(state, "complete");
    const message = `A sweep has cells for the window ${complete.start}, which has completed`;
    return narrow(state, sweep, { kind: "stop" }, { code: "TG_WINDOW_CLOSED", message });
  }
  const room = state.windows.room(result.windows);
  if (room !== "enough") refuse(state, "room");
  if (room === "later") return;
  if (room === "full") {
    const narrowed = afterFull(state.partitionsOf(sweep), state.s.group);
    const message = "A window has no room for more cells";
    return narrow(state, sweep, narrowed, { code: "TG_WINDOW_FULL", message });
  }
  state.windows.hold(result.windows, state.nowMs);
  for (const swept of result.partitions) takePartition(state, sweep, swept, result);
  noteSpeed(state, result);
  state.topicHas(result.topicPartitions ?? 0);
}

function refuse(state: DrainState, why: RefusedBy): void {
  const { refused } = state.s;
  state.change({ refused: { ...refused, [why]: refused[why] + 1 } });
}

/** Whether a result answers what was asked: each partition once, from its cursor on. */
function answers(result: SweepResult, request: SweepRequest): boolean {
  const asked = new Map(request.partitions.map((p) => [p.partition, p]));
  return result.partitions.length === asked.size &&
    new Set(result.partitions.map((p) => p.partition)).size === asked.size &&
    result.partitions.every((p) => {
      const { cursor, role } = asked.get(p.partition) ?? { cursor: -1, role: "look" };
      return p.from === cursor && p.to >= p.from && (role !== "look" || p.to === p.from);
    });
}

/** The partitions of a sweep are swept more narrowly, or stop. */
function narrow(
  state: DrainState,
  sweep: SweepOut,
  narrowed: Narrowed,
  why: Pick<StopReason, "code" | "message">,
): void {
  if (narrowed.kind === "stop") {
    for (const p of state.partitionsOf(sweep)) {
      state.stop(p, { ...why, offset: p.cursor, sinceMs: state.nowMs });
    }
    return;
  }
  state.change({ group: narrowed.group });
  for (const p of state.partitionsOf(sweep)) {
    state.set({ ...p, narrow: narrowed.of.get(p.partition) ?? p.narrow });
  }
}

/** Takes in what a sweep says of one of its partitions. */
function takePartition(
  state: DrainState,
  sweep: SweepOut,
  swept: SweptPartition,
  result: SweepResult,
): void {
  const before = state.partition(swept.partition);
  const asked = sweep.request.partitions.find((p) => p.partition === swept.partition);
  if (before === undefined || asked === undefined) return;
  const { nowMs, rules: { idleAfterMs } } = state;
  const folded = swept.to - swept.from;
  // What was judged by a floor keeps it, whether or not the partition joins.
  const judged = folded > 0 ? { ...state.joined(before, asked.floor), mode: before.mode } : before;
  // What was hollow once stays so, whoever looks: nothing can come below an end that has been.
  const hollowTo = swept.hollow ? swept.end : folded > 0 ? null : before.hollowTo;
  // Also a record that belongs to an open transaction lies unread.
  const unread = swept.found || swept.highWatermark > swept.end ||
    (swept.end > swept.to && !isHollow({ hollowTo, end: swept.end }));
  const joins = before.mode === "idle" && (unread || swept.looked.moved);
  state.interrupted ||= joins;
  const p = joins ? state.joined(judged, state.s.watermark) : judged;
  countLateByFloor(state, p, swept);
  const { confirmedMs } = swept.looked;
  const isFreshlySeen = isFresh(idleAfterMs, nowMs - sweep.atMs, result.ranMs) && confirmedMs > 0 &&
    swept.looked.brokeOff !== true;
  const taken: DrainPartition = {
    ...p,
    cursor: swept.to,
    end: Math.max(swept.end, swept.to),
    maxEventTime: swept.maxEventTime,
    firstEventTime: p.firstEventTime ?? swept.firstEventTime,
    leaderEpoch: swept.leaderEpoch,
    last: swept.last,
    silentMs: addLooked(p.silentMs, swept.looked),
    ranOnMs: p.ranOnMs + confirmedMs,
    seen: isFreshlySeen,
    waits: swept.found,
    hollowTo,
    openTransaction: swept.openTransaction === null ? null : {
      sinceMs: p.openTransaction?.sinceMs ?? nowMs - swept.openTransaction.forMs,
      offset: swept.openTransaction.offset,
    },
    trouble: swept.failure === null
      ? null
      : { ...reasonOf(swept.failure, nowMs), sinceMs: p.trouble?.sinceMs ?? nowMs },
    narrow: afterSuccess(p, folded, sweep.request.setAside),
    lastSweep: result.n,
    totals: addSweepCounts(p.totals, swept.counts),
  };
  const leaves = taken.mode === "active" && taken.until === null && !unread &&
    taken.silentMs >= idleAfterMs && isFreshlySeen;
  state.set(leaves ? { ...taken, mode: "idle", ranOnMs: 0 } : taken);
  state.looked ||= isFreshlySeen;
  if (swept.failure !== null && !swept.failure.passing) {
    state.stop(taken, reasonOf(swept.failure, nowMs));
  }
}

function countLateByFloor(state: DrainState, p: DrainPartition, { counts }: SweptPartition): void {
  if (counts.lateByFloor === 0) return;
  const cause = p.floorBy ?? "joined";
  const { lateByFloor } = state.s;
  state.change({
    lateByFloor: { ...lateByFloor, [cause]: lateByFloor[cause] + counts.lateByFloor },
  });
}

function reasonOf({ code, message, offset }: SweepFailure, sinceMs: number): StopReason {
  return { code, message, offset, sinceMs };
}

/** After so long without a return by a limit, the backlog is over. */
const CALM_MS = 5_000;
/** One sweep over all partitions is enough again where its worker would be busy for less than this. */
const LIGHT_PART = 0.6;
/** Sweeps that return by a limit one after the other before the work is spread. */
const LIMITS_IN_A_ROW = 2;
/** From this part of its time on that a sweep folds, it is dear. */
const DEAR_PART = 0.9;

/** Spreads the work in a backlog. */
function noteSpeed(state: DrainState, result: SweepResult): void {
  const { limits, limitAtMs, slots, spread, spreadBusyMs } = state.s;
  const behind = result.partitions.some((p) => p.end > p.to && !p.hollow);
  const isDear = result.busyMs > result.ranMs * DEAR_PART;
  if (behind && (result.why === "limit" || isDear)) {
    const spreads = limits + 1 >= LIMITS_IN_A_ROW;
    return state.change({
      limits: limits + 1,
      limitAtMs: state.nowMs,
      spread: spreads ? slots : spread,
      spreadSinceMs: state.nowMs,
      spreadBusyMs: 0,
    });
  }
  state.change({ spreadBusyMs: spreadBusyMs + result.busyMs });
  if (spread <= 1 || state.nowMs - limitAtMs >= CALM_MS) state.change({ limits: 0 });
}

/** Gathers spread work in one sweep again once a single worker can do it. */
export function gather(state: DrainState): void {
  const { spread, spreadSinceMs, spreadBusyMs } = state.s;
  const lastedMs = state.nowMs - spreadSinceMs;
  if (spread <= 1 || lastedMs < CALM_MS) return;
  const isLight = spreadBusyMs < lastedMs * LIGHT_PART;
  state.change({
    spread: isLight ? 1 : spread,
    spreadSinceMs: state.nowMs,
    spreadBusyMs: 0,
  });
}

/** Whether sweeps return by a limit: then windows get cells by need only, and runs are longer. */
export function isInBacklog({ s, nowMs }: DrainState): boolean {
  return s.limits > 0 && nowMs - s.limitAtMs < CALM_MS;
}
