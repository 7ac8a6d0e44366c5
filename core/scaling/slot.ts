/**
 * The life of one slot of the fleet, the place of one worker process: when its process is started,
 * ended, killed and started again, and how long a failing one is left alone. A state machine: events
 * in, at most one act on the process out.
 *
 * @module
 */

/**
 * The state of a slot. `absent`: no process, none wanted. `starting`: its process does not take work
 * yet. `ready`: it does. `draining`: it has been told to end, and ends its sweep with what it has.
 * `backing off`: it failed, and is started again soon. `open`: it failed too often, or can't be
 * started at all, and is left alone for a while.
 */
export type SlotState = "absent" | "starting" | "ready" | "draining" | "backing off" | "open";

/** Times and counts that slots go by. */
export interface SlotLimits {
  /** A process that is not ready within this time has failed and is killed, in ms. */
  readonly readyWithinMs: number;
  /** A process that was told to end is killed after this, in ms. */
  readonly graceMs: number;
  /** The same for a process that is replaced because it makes no progress, in ms. */
  readonly replaceGraceMs: number;
  /** The first restart after a failure is at once; the second waits this long, in ms. */
  readonly firstPauseMs: number;
  /** Each pause is twice the one before, up to this, in ms. */
  readonly longestPauseMs: number;
  /** A process that has been ready for this long is well: earlier failures are forgotten, in ms. */
  readonly wellAfterMs: number;
  /** So many failures within `openWithinMs` open the slot. */
  readonly openAfter: number;
  /** The time in which failures are counted for opening, in ms. */
  readonly openWithinMs: number;
  /** How long an open slot is left alone, in ms. */
  readonly openMs: number;
}

/**
 * The grace is longer than the 20 s that a worker gives its activities. A process that is replaced
 * has made no progress for half a minute: it gets less.
 */
export const SLOT_LIMITS: SlotLimits = {
  readyWithinMs: 20_000,
  graceMs: 25_000,
  replaceGraceMs: 5_000,
  firstPauseMs: 1_000,
  longestPauseMs: 30_000,
  wellAfterMs: 30_000,
  openAfter: 5,
  openWithinMs: 30_000,
  openMs: 60_000,
};

/** A pause before the next start. */
export interface SlotPause {
  /** What it is for. */
  readonly state: "backing off" | "open";
  /** Until when. */
  readonly untilMs: number;
}

/** Where a slot is in its life. */
export type SlotPhase =
  | {
    /** There is no process, and none is wanted. */
    readonly state: "absent";
    /** A pause that must be kept if a process is wanted again before its end. */
    readonly pause: SlotPause | null;
  }
  | SlotPause
  | {
    /** There is a process. */
    readonly state: "starting" | "ready";
    /** Since when. */
    readonly sinceMs: number;
  }
  | {
    /** There is a process, and it is to end. */
    readonly state: "draining";
    /** Since when. */
    readonly sinceMs: number;
    /** When it is killed; null if it has been. */
    readonly killAtMs: number | null;
    /** Whether it took work before. */
    readonly wasReady: boolean;
    /** Whether it must end because it has failed. */
    readonly failed: boolean;
  };

/** A slot. Times are of any one clock that never goes back. */
export interface Slot {
  /** Whether there is to be a process. */
  readonly wanted: boolean;
  /** Where it is in its life. */
  readonly phase: SlotPhase;
  /** How many processes it has had, attempts to start one included. */
  readonly lives: number;
  /** How many of these were started because the one before had failed. */
  readonly restarts: number;
  /** All failures there were. */
  readonly failures: number;
  /** Failures since a process was last well. */
  readonly streak: number;
  /** When it failed lately, oldest first. */
  readonly failedMs: readonly number[];
  /** Whether it has been open, and no process has been well since: one more failure opens it. */
  readonly trial: boolean;
  /** What the last failure was; null once a process is ready again. */
  readonly problem: string | null;
}

/** What happens to a slot. */
export type SlotEvent =
  | {
    /** There is to be a process, or none; or the one there is to end, and none to follow yet. */
    readonly kind: "want" | "unwant" | "replace";
  }
  | {
    /** The process takes work; or: time has passed. */
    readonly kind: "ready" | "tick";
  }
  | {
    /** The process has ended. */
    readonly kind: "exited";
    /** How, for people. */
    readonly how: string;
    /** A random number from 0 to 1, for the pause. */
    readonly jitter: number;
  }
  | {
    /** The process could not be started. */
    readonly kind: "not started";
    /** Why, for people. */
    readonly how: string;
    /** Whether the next attempt would fail as well, such as for a missing program. */
    readonly lasting: boolean;
    /** A random number from 0 to 1, for the pause. */
    readonly jitter: number;
  };

/** What is to be done: start a process, tell it to end (SIGTERM), or kill it (SIGKILL). */
export type SlotAct = "start" | "end" | "kill";

/** A slot after an event. */
export interface SlotStep {
  /** The slot. */
  readonly slot: Slot;
  /** What is to be done with its process; null for nothing. */
  readonly act: SlotAct | null;
}

/** A slot that has never had a process. */
export const NEW_SLOT: Slot = {
  wanted: false,
  phase: { state: "absent", pause: null },
  lives: 0,
  restarts: 0,
  failures: 0,
  streak: 0,
  failedMs: [],
  trial: false,
  problem: null,
};

/** Whether a slot has a process: from its start until it has ended. */
export function isOccupied({ phase: { state } }: Slot): boolean {
  return state === "starting" || state === "ready" || state === "draining";
}

/** When a slot must be told the time; Infinity if nothing depends on it. */
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

/** Tells a slot what has happened. Events that mean nothing to it in its state change nothing. */
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
 * How long a slot waits before it is started again, in ms: not at all after the first failure of a row.
 *
 * @param jitter A random number from 0 to 1, which makes the pause up to a quarter shorter or
 * longer, so that slots that failed together don't start together.
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
