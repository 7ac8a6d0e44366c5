/**
 * The work that the drain gives out: settles, sweeps of the fleet, looks of the control process while
 * there is none, and the end of a run.
 *
 * @module
 */

import { later, partitionWatermark, smallest } from "../../event_time/watermark.ts";
import { boundaryAfter } from "../../event_time/windows.ts";
import {
  dealSweeps,
  type DrainPartition,
  isAtEnd,
  isPoison,
  lagOf,
  limitsOf,
  SWEEP_BYTES,
  type SweepGroup,
  WIDE,
} from "../dealing.ts";
import type { SweepPartition, SweepRequest, SweepRole } from "../sweep.ts";
import { isInBacklog } from "./results.ts";
import type { DrainState, SweepOut } from "./state.ts";

/** How long a sweep looks before it answers that nothing came. */
const QUIET_MS = 5_000;
/** The same where nobody waits for more: fewer entries in the history. */
const IDLE_QUIET_MS = 60_000;
/** The shortest silence that a sweep is asked to wait for. */
const LEAST_SILENT_MS = 50;
/** How many settle activities are out at once. */
const SETTLES_OUT = 8;
/** How often the supervisor is told that records wait while no worker is ready. */
const WAKE_EVERY_MS = 30_000;
/** Bytes of cells that the drain may carry, so that its state fits a continue-as-new. */
const CARRY_BYTES = 1024 * 1024;
/** What a state may come to, and what a window and a partition take in it. */
const STATE_BYTES = 1536 * 1024;
const WINDOW_STATE_BYTES = 64;
const PARTITION_STATE_BYTES = 800;
/** The run ends at so many events or bytes of history, and at twice that whatever is out. */
const RUN_EVENTS = 8_000;
const RUN_BYTES = 8 * 1024 * 1024;
/** From this part of it on, the last sweeps are begun. */
const LAST_PART = 0.9;
/** By how much a share of the work may be larger than its part of the lag. */
const FAIR_PART = 1.25;
/** A sweep is not begun for less than this. */
const LEAST_SWEEP_MS = 500;
/** In a backlog a run lasts at least this long. */
const BACKLOG_RUN_MS = 30_000;

/** How far the workflow's history has grown. */
export interface History {
  /** Its events. */
  readonly events: number;
  /** Its bytes. */
  readonly bytes: number;
  /** Whether the server suggests to continue as new. */
  readonly suggested: boolean;
}

/** How many bytes of cells may be held or be on their way, beside so many windows and partitions. */
export function carryBytes(windows: number, partitions: number): number {
  const tables = windows * WINDOW_STATE_BYTES + partitions * PARTITION_STATE_BYTES;
  return Math.max(CARRY_BYTES / 4, Math.min(CARRY_BYTES, STATE_BYTES - tables));
}

/** Whether the run ends now; before it does, its last sweeps are given the time that is left. */
export function endsRun(state: DrainState, { events, bytes, suggested }: History): boolean {
  const { nowMs } = state;
  const full = Math.max(events / RUN_EVENTS, bytes / RUN_BYTES, suggested ? 1 : 0);
  if (full >= 2) return true;
  if (state.endsAtMs === null) {
    if (full < LAST_PART) return false;
    if (isInBacklog(state) && nowMs - state.s.runSinceMs < BACKLOG_RUN_MS) return false;
    state.endsAtMs = nowMs + Math.max(state.rules.sliceMs, LEAST_SWEEP_MS);
  }
  // Looking costs nothing to begin again.
  state.strike((sweep) => sweep.request.partitions.every((p) => p.role !== "fold"));
  return state.out.size === 0;
}

/** Sends the calls of windows that are due, as far as activities may be out. */
export function startSettles(state: DrainState): void {
  for (const calls of state.windows.send(state.nowMs, SETTLES_OUT - state.settles.size)) {
    state.lastSettle += 1;
    state.settles.set(state.lastSettle, calls);
    state.commands.push({ kind: "settle", id: state.lastSettle, calls });
  }
}

/** Asks where partitions begin that are not known yet; again when there was an answer. */
export function findPartitions(state: DrainState): void {
  const { topicPartitions: has } = state.s;
  if (!state.addsPartitions || state.askedPartitions === has) return;
  state.askedPartitions = has;
  const partitions = Array.from({ length: has }, (_, partition) => partition)
    .filter((partition) => state.partition(partition) === undefined);
  state.commands.push({ kind: "findPartitions", partitions });
}

/** Begins the sweeps for which there are partitions and room. */
export function startSweeps(state: DrainState): void {
  const leftMs = leftOf(state);
  if (state.windows.isUrgent || leftMs < LEAST_SWEEP_MS) return;
  // An idle partition is folded by the floor of now: nothing may move the watermark meanwhile.
  const outs = [...state.out.values()];
  if (outs.some((sweep) => sweep.request.partitions.some((p) => p.role === "join"))) return;
  const { slots, spread } = state.s;
  const free = freePartitions(state);
  if (slots === 0) return startLook(state, free);
  const pooled = outs.filter((sweep) => isPooled(state, sweep)).length;
  const most = Math.max(1, Math.min(spread, slots));
  // Beside others a sweep takes no more than its share: what is left goes to the next that is free.
  const fair = pooled === 0 ? Infinity : FAIR_PART * lagOfAll(state) / most;
  const groups = dealSweeps(free, Math.max(0, most - pooled), fair)
    .slice(0, Math.max(0, slots - outs.length));
  const isAlone = outs.length === 0 && groups.length === 1;
  const each = Math.floor(freeBytes(state) / Math.max(1, groups.length));
  if (each < SWEEP_BYTES[1]) return;
  for (const group of groups) begin(state, "fleet", group, isAlone ? "join" : "look", each);
}

function lagOfAll({ partitions }: DrainState): number {
  return partitions.reduce((sum, p) => sum + lagOf(p), 0);
}

/** How long the run lasts. */
function leftOf({ endsAtMs, nowMs }: DrainState): number {
  return endsAtMs === null ? Infinity : endsAtMs - nowMs;
}

/** The partitions that may be swept: neither out, held, at an end, nor given up. */
function freePartitions(state: DrainState): DrainPartition[] {
  const { held } = state;
  const out = new Set(
    [...state.out.values()].flatMap((s) => s.request.partitions.map((p) => p.partition)),
  );
  return state.partitions.filter((p) =>
    (p.mode === "active" || p.mode === "idle") && !isAtEnd(p) && !held.has(p.partition) &&
    !out.has(p.partition)
  );
}

/** The control process looks at all partitions that are not known to wait. */
function startLook(state: DrainState, free: readonly DrainPartition[]): void {
  const partitions = free.filter((p) => !p.waits && lagOf(p) === 0);
  if (partitions.length === 0) return;
  begin(state, "control", { partitions, narrow: WIDE }, "look", freeBytes(state));
}

/** Whether a sweep is one of those over which the work is spread, and not of suspected partitions. */
function isPooled(state: DrainState, sweep: SweepOut): boolean {
  return state.partitionsOf(sweep).some((p) => p.narrow.group === 0);
}

/** How many bytes more may be brought home: what is carried, and what is asked for, fits with it. */
function freeBytes(state: DrainState): number {
  const reserved = [...state.out.values()]
    .reduce((sum, sweep) => sum + sweep.request.limits.bytes, 0);
  return carryBytes(state.windows.size, state.partitions.length) - state.windows.carriedBytes -
    reserved;
}

function begin(
  state: DrainState,
  at: "fleet" | "control",
  group: SweepGroup,
  idleRole: SweepRole,
  bytes: number,
): void {
  const n = state.s.sweep + 1;
  state.change({ sweep: n });
  const roleOf = (p: DrainPartition): SweepRole =>
    at === "control" ? "look" : p.mode === "idle" ? idleRole : "fold";
  const partitions = group.partitions.map((p) => askedOf(state, p, roleOf(p)));
  const request = requestOf(state, n, group, partitions, bytes, at);
  state.out.set(n, { request, at, atMs: state.nowMs });
  state.commands.push({ kind: "sweep", at, request });
}

function askedOf(state: DrainState, p: DrainPartition, role: SweepRole): SweepPartition {
  return {
    partition: p.partition,
    role,
    cursor: p.cursor,
    until: p.until,
    maxEventTime: p.maxEventTime,
    floor: role === "join" ? later(p.floor, state.s.watermark) : p.floor,
    leaderEpoch: p.leaderEpoch,
    last: p.last,
    hollowTo: p.hollowTo,
  };
}

function requestOf(
  state: DrainState,
  n: number,
  group: SweepGroup,
  partitions: readonly SweepPartition[],
  bytes: number,
  at: "fleet" | "control",
): SweepRequest {
  const { rules, s } = state;
  const leftMs = leftOf(state);
  const sweepsWait = at === "fleet" && state.partitions.some((p) => p.mode === "active");
  const isQuiet = !sweepsWait && group.partitions.every((p) => p.mode === "idle");
  // Shared work is dealt anew all the time: who has little to do takes from the others.
  const isShared = Math.min(s.spread, s.slots) > 1;
  const paceMs = isShared ? Math.min(rules.paceMs, rules.sliceMs) : rules.paceMs;
  // Not sooner than a broker answers, however short slices are.
  const sharedMs = Math.max(LEAST_SWEEP_MS, 2 * rules.sliceMs);
  const quietMs = isShared ? sharedMs : isQuiet ? IDLE_QUIET_MS : QUIET_MS;
  return {
    n,
    generation: rules.generation,
    topic: rules.topic,
    topicId: rules.topicId,
    codeHash: s.hashes.at(-1) ?? "",
    partitions,
    boundary: boundaryOf(state, partitions),
    silentMs: silentMsOf(state, group.partitions),
    paceMs: Math.min(paceMs, leftMs),
    quietMs: Math.min(quietMs, leftMs),
    sliceMs: Math.min(rules.sliceMs, leftMs),
    limits: limitsOf(group.narrow, bytes),
    setAside: isPoison(group.narrow),
  };
}

/** The next time at which a window can close or complete, after the smallest watermark in it. */
function boundaryOf({ rules, s }: DrainState, partitions: readonly SweepPartition[]) {
  const counting = partitions.filter((p) => p.role === "fold")
    .map((p) => partitionWatermark(p, rules.delayMs)).filter((time) => time !== null);
  const from = counting.length > 0 ? smallest(counting) : s.watermark;
  return from === null ? null : boundaryAfter(rules.windowing, rules.latenessMs, from);
}

/** For how long all must be silent until one of them becomes idle, or the run-on fires a timer. */
function silentMsOf(state: DrainState, partitions: readonly DrainPartition[]): number | null {
  const { runOnFrom, watermark } = state.s;
  const { idleAfterMs } = state.rules;
  const least = Math.min(LEAST_SILENT_MS, idleAfterMs / 4);
  if (runOnFrom !== null && watermark !== null) {
    const next = state.windows.nextTime(watermark);
    if (next === null) return null;
    return Math.max(least, ...partitions.map((p) => next - runOnFrom - p.ranOnMs));
  }
  const left = partitions.filter((p) => p.mode === "active" && p.until === null)
    .map((p) => idleAfterMs - p.silentMs);
  return left.length === 0 ? null : Math.max(least, Math.min(...left));
}

/** Tells the supervisor that records wait while no worker is ready, now and then. */
export function wake(state: DrainState): void {
  const { slots, wokenAtMs } = state.s;
  if (slots > 0) return;
  if (wokenAtMs !== null && state.nowMs - wokenAtMs < WAKE_EVERY_MS) return;
  const { held } = state;
  const waits = state.partitions.some((p) =>
    p.mode === "active" && (p.waits || lagOf(p) > 0) && !held.has(p.partition)
  );
  if (!waits) return;
  state.change({ wokenAtMs: state.nowMs });
  state.commands.push({ kind: "wake" });
}

/**
 * When to decide again at the latest; null for when a message comes. What lies in the past is no
 * reason: it has just been decided that nothing follows from it.
 */
export function nextDecision({ windows, settles, s, nowMs }: DrainState): number | null {
  const times = [
    settles.size < SETTLES_OUT ? windows.nextTryMs() : null,
    s.wokenAtMs === null ? null : s.wokenAtMs + WAKE_EVERY_MS,
  ].filter((time) => time !== null).filter((time) => time > nowMs);
  return smallest(times);
}
