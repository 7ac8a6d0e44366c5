/**
 * The life of one slot of the fleet, the place of one worker process: when its process is started,
 * ended, killed and started again, and how long a failing one is left alone. A state machine: events
 * in, at most one act on the process out.
 *
 * @module
 */

import type { Slot, SlotEvent, SlotLimits, SlotPause, SlotStep } from "./slot_state.ts";

/**
 * Whether a slot has a process.
 *
 * @param slot The slot.
 * @returns True from its start until it has ended.
 */
export function isOccupied({ phase: { state } }: Slot): boolean {
  return state === "starting" || state === "ready" || state === "draining";
}

/**
 * When a slot must be told the time.
 *
 * @param slot The slot.
 * @param limits The limits.
 * @returns The time; Infinity if nothing depends on it.
 */
export function slotDueMs({ phase }: Slot, limits: SlotLimits): number {
  switch (phase.state) {
    case "starting":
      return phase.sinceMs + limits.readyWithinMs;
    case "draining":
      return phase.killAtMs ?? Infinity;
    case "backing off":
    case "open":
      return phase.untilMs;
    default:
      return Infinity;
  }
}

/**
 * Tells a slot what has happened. Events that mean nothing to it as it stands change nothing.
 *
 * @param slot The slot.
 * @param event What has happened.
 * @param nowMs The time.
 * @param limits The limits.
 * @returns The slot after it, and what is to be done.
 */
export function stepSlot(
  slot: Slot,
  event: SlotEvent,
  nowMs: number,
  limits: SlotLimits,
): SlotStep {
  const { phase } = slot;
  switch (event.kind) {
    case "want":
      return want({ ...slot, wanted: true }, nowMs);
    case "unwant":
      return unwant({ ...slot, wanted: false }, nowMs, limits.graceMs, limits);
    case "replace":
      if (phase.state !== "starting" && phase.state !== "ready") return { slot, act: null };
      return unwant({ ...slot, wanted: false }, nowMs, limits.replaceGraceMs, limits);
    case "ready":
      if (phase.state !== "starting") return { slot, act: null };
      return still({ ...slot, phase: { state: "ready", sinceMs: nowMs }, problem: null });
    case "tick":
      return nowMs < slotDueMs(slot, limits) ? still(slot) : due(slot, nowMs, limits);
    case "exited":
      return exited(slot, event, nowMs, limits);
    case "not started":
      if (phase.state !== "starting") return still(slot);
      return failed(slot, event, nowMs, limits);
  }
}

function want(slot: Slot, nowMs: number): SlotStep {
  const { phase } = slot;
  if (phase.state !== "absent") return still(slot);
  if (phase.pause === null || nowMs >= phase.pause.untilMs) return start(slot, nowMs);
  return still({ ...slot, phase: phase.pause });
}

function unwant(slot: Slot, nowMs: number, graceMs: number, limits: SlotLimits): SlotStep {
  const { phase } = slot;
  switch (phase.state) {
    case "backing off":
    case "open":
      return still({ ...slot, phase: { state: "absent", pause: phase } });
    case "starting":
    case "ready":
      return {
        slot: {
          ...forgiven(slot, nowMs, limits),
          phase: {
            state: "draining",
            sinceMs: nowMs,
            killAtMs: nowMs + graceMs,
            wasReady: phase.state === "ready",
            failed: false,
          },
        },
        act: "end",
      };
    default:
      return still(slot);
  }
}

function due(slot: Slot, nowMs: number, limits: SlotLimits): SlotStep {
  const { phase } = slot;
  switch (phase.state) {
    case "starting": {
      const seconds = limits.readyWithinMs / 1000;
      return {
        slot: {
          ...slot,
          phase: {
            state: "draining",
            sinceMs: nowMs,
            killAtMs: null,
            wasReady: false,
            failed: true,
          },
          problem: `not ready within ${seconds} s`,
        },
        act: "kill",
      };
    }
    case "draining":
      return { slot: { ...slot, phase: { ...phase, killAtMs: null } }, act: "kill" };
    case "backing off":
    case "open":
      return start(slot, nowMs);
    default:
      return still(slot);
  }
}

function exited(
  slot: Slot,
  event: { readonly how: string; readonly jitter: number },
  nowMs: number,
  limits: SlotLimits,
): SlotStep {
  const { phase } = slot;
  if (!isOccupied(slot)) return still(slot);
  if (phase.state !== "draining") {
    return failed(forgiven(slot, nowMs, limits), { ...event, lasting: false }, nowMs, limits);
  }
  if (phase.failed) {
    const how = slot.problem ?? event.how;
    return failed(slot, { how, jitter: event.jitter, lasting: false }, nowMs, limits);
  }
  const absent: Slot = { ...slot, phase: { state: "absent", pause: null } };
  return slot.wanted ? start(absent, nowMs) : still(absent);
}

/** The slot is left without a process: at once started again, or after a pause. */
function failed(
  slot: Slot,
  { how, jitter, lasting }: {
    readonly how: string;
    readonly jitter: number;
    readonly lasting: boolean;
  },
  nowMs: number,
  limits: SlotLimits,
): SlotStep {
  const recent = slot.failedMs.filter((ms) => nowMs - ms < limits.openWithinMs);
  const failedMs = [...recent, nowMs];
  const open = lasting || slot.trial || failedMs.length >= limits.openAfter;
  const streak = slot.streak + 1;
  const counted: Slot = {
    ...slot,
    failures: slot.failures + 1,
    streak,
    failedMs,
    trial: slot.trial || open,
    problem: how,
  };
  const ms = pauseMs(streak, jitter, limits);
  const pause: SlotPause | null = open
    ? { state: "open", untilMs: nowMs + limits.openMs }
    : ms > 0
    ? { state: "backing off", untilMs: nowMs + ms }
    : null;
  if (!slot.wanted) return still({ ...counted, phase: { state: "absent", pause } });
  return pause === null ? start(counted, nowMs) : still({ ...counted, phase: pause });
}

/**
 * How long a slot waits before it is started again.
 *
 * @param streak How many failures there were in a row, from 1.
 * @param jitter A random number from 0 to 1, which makes the pause up to a quarter shorter or
 * longer, so that slots that failed together don't start together.
 * @param limits The limits.
 * @returns The pause in ms; 0 after the first failure.
 */
export function pauseMs(
  streak: number,
  jitter: number,
  { firstPauseMs, longestPauseMs }: SlotLimits,
): number {
  if (streak <= 1) return 0;
  return Math.min(longestPauseMs, firstPauseMs * 2 ** (streak - 2)) * (0.75 + jitter / 2);
}

/** What the slot is once its process has been ready for long enough: as if it had never failed. */
function forgiven(slot: Slot, nowMs: number, { wellAfterMs }: SlotLimits): Slot {
  const { phase } = slot;
  if (phase.state !== "ready" || nowMs - phase.sinceMs < wellAfterMs) return slot;
  return { ...slot, streak: 0, failedMs: [], trial: false };
}

function start(slot: Slot, nowMs: number): SlotStep {
  return {
    slot: {
      ...slot,
      phase: { state: "starting", sinceMs: nowMs },
      lives: slot.lives + 1,
      restarts: slot.restarts + (slot.problem === null ? 0 : 1),
    },
    act: "start",
  };
}

function still(slot: Slot): SlotStep {
  return { slot, act: null };
}
