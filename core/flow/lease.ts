/**
 * One control process a pipeline: who holds the lease, and which generation of the pipeline's state
 * its definition may go on with.
 *
 * @module
 */

import { TidegateError } from "../errors.ts";
import { type Fingerprint, fingerprintDifferences } from "../plan.ts";

/** A control process. */
export interface Owner {
  /** Its host. */
  readonly host: string;
  /** Its process id there. */
  readonly pid: number;
  /** Tells two lives of one pid apart. */
  readonly id: string;
}

/** A lease as the supervisor keeps it. */
export interface Lease {
  /** Who holds it. */
  readonly owner: Owner;
  /** Since when, epoch ms. */
  readonly sinceMs: number;
  /** When it ends unless it is renewed, epoch ms. */
  readonly untilMs: number;
}

/** The refusal of a control process where another one holds the lease. */
export function controlRunning(
  pipeline: string,
  { owner: { host, pid }, sinceMs }: Lease,
): TidegateError {
  return new TidegateError(
    "TG_CONTROL_RUNNING",
    `A control process of pipeline ${pipeline} is running: host ${host}, pid ${pid}, ` +
      `since ${new Date(sinceMs).toISOString()}`,
    { next: "Stop that one first, or wait 30 s if it has died." },
  );
}

/** What a control process asks for when it takes or renews the lease. */
export interface LeaseRequest {
  /** Who asks. */
  readonly owner: Owner;
  /** For how long, in ms. */
  readonly ttlMs: number;
  /** The fingerprint of its definition. */
  readonly fingerprint: Fingerprint;
  /** Begin a new generation. */
  readonly newGeneration: boolean;
  /** The id of an owner of the same host that is known to be dead. */
  readonly evict: string | null;
  /**
   * The last generation of which there are traces on the server: more than the supervisor knows of
   * if it was lost itself. A new generation comes after it.
   * @default {0}
   */
  readonly used?: number;
}

/** The supervisor's answer. */
export type LeaseAnswer =
  | {
    /** The lease is held. */
    readonly granted: true;
    /** The generation of the pipeline's state. */
    readonly generation: number;
  }
  | {
    /** The lease is refused. */
    readonly granted: false;
    /** Somebody else holds it. */
    readonly code: "TG_CONTROL_RUNNING";
    /** Who holds it. */
    readonly lease: Lease;
  }
  | {
    /** The lease is refused. */
    readonly granted: false;
    /** The definition is not the one that the state was made by. */
    readonly code: "TG_DEFINITION_CHANGED";
    /** What differs, a line each. */
    readonly differences: readonly string[];
  };

/** The supervisor's state. */
export interface SupervisorState {
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The fingerprint of the definition that the state was made by. */
  readonly fingerprint: Fingerprint | null;
  /** The lease of the control process. */
  readonly lease: Lease | null;
}

/** The state before the first lease. */
export const NO_LEASE: SupervisorState = { generation: 0, fingerprint: null, lease: null };

/**
 * Decides on a request for the lease. The holder renews it; another one is refused until it ends,
 * is given back, or its holder is known to be dead. A changed definition is refused unless a new
 * generation is asked for.
 *
 * @param state The supervisor's state.
 * @param request The request.
 * @param nowMs The workflow's time.
 * @returns The new state and the answer.
 */
export function decideLease(
  state: SupervisorState,
  request: LeaseRequest,
  nowMs: number,
): { state: SupervisorState; answer: LeaseAnswer } {
  const { lease } = state;
  const renewal = lease?.owner.id === request.owner.id;
  const taken = lease !== null && !renewal && nowMs < lease.untilMs &&
    lease.owner.id !== request.evict;
  if (taken) return { state, answer: { granted: false, code: "TG_CONTROL_RUNNING", lease } };
  const differences = state.fingerprint === null
    ? []
    : fingerprintDifferences(state.fingerprint, request.fingerprint);
  const renew = request.newGeneration && !renewal;
  if (differences.length > 0 && !renew) {
    return { state, answer: { granted: false, code: "TG_DEFINITION_CHANGED", differences } };
  }
  const begins = state.generation === 0 || renew;
  const generation = begins ? Math.max(state.generation, request.used ?? 0) + 1 : state.generation;
  return {
    state: {
      generation,
      fingerprint: request.fingerprint,
      lease: {
        owner: request.owner,
        sinceMs: renewal ? lease.sinceMs : nowMs,
        untilMs: nowMs + request.ttlMs,
      },
    },
    answer: { granted: true, generation },
  };
}

/**
 * Gives the lease back; only its holder can.
 *
 * @param state The supervisor's state.
 * @param ownerId Who gives it back.
 * @returns The new state.
 */
export function releaseLease(state: SupervisorState, ownerId: string): SupervisorState {
  return state.lease?.owner.id === ownerId ? { ...state, lease: null } : state;
}
