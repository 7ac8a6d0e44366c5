/**
 * What is known of one slot of the fleet, the place of one worker process, and what can happen to it.
 *
 * @module
 */

/**
 * How a slot stands. `absent`: no process, none wanted. `starting`: its process does not take work
 * yet. `ready`: it does. `draining`: it has been told to end, and finishes the slice at hand.
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
  /** The same for a process that is replaced because it does not get on, in ms. */
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
 * The limits of design §7. The grace is longer than the 20 s that a worker gives its activities. A
 * process that is replaced has been stuck for half a minute: it gets less.
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
