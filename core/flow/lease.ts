/**
 * One control process a pipeline: who holds the lease, and which generation of the pipeline's state
 * its definition may go on with.
 *
 * @module
 */

import { TidegateError } from "../errors.ts";
import { formatInstant } from "../event_time/instants.ts";
import {
  type Fingerprint,
  fingerprintDifferences,
  type StartPosition,
  withoutCode,
} from "../plan.ts";

/** A control process. */
export interface Owner {
  /** Its host. */
  readonly host: string;
  /** Its process id there. */
  readonly pid: number;
  /** Tells two lives of one pid apart. */
  readonly id: string;
  /**
   * Where its process id counts, from the boot of a machine to its end: two processes that say the
   * same here see each other's.
   * @default {undefined}
   */
  readonly bootId?: string;
}

/** A lease as the supervisor keeps it. */
export interface Lease {
  /** Who holds it. */
  readonly owner: Owner;
  /** Since when, epoch ms. */
  readonly sinceMs: number;
  /** When it ends unless it is renewed, epoch ms. */
  readonly untilMs: number;
  /**
   * The hash of the code that folds for its holder.
   * @default {undefined}
   */
  readonly codeHash?: string;
}

/** What a process can know of the life of the lease's holder. */
export type HolderLife =
  /** It has died. */
  | "dead"
  /** It lives iff there is a process of its number. */
  | "by-pid"
  /** It is elsewhere: only the end of its lease tells. */
  | "unknown";

/**
 * What a process can know of the life of the lease's holder. The numbers of processes mean nothing
 * on another machine, after another boot, or in another container, be the host's name the same.
 */
export function lifeOf(holder: Owner, asker: Owner): HolderLife {
  if (holder.bootId === undefined || asker.bootId === undefined) {
    return holder.host === asker.host ? "by-pid" : "unknown";
  }
  if (holder.bootId !== asker.bootId) return "unknown";
  return holder.pid === asker.pid && holder.id !== asker.id ? "dead" : "by-pid";
}

/** The code of a control process, as it is told to the supervisor. */
export interface LeasedCode {
  /** The hash of all of it. */
  readonly hash: string;
  /** Its files, with a hash each. */
  readonly files: readonly (readonly [path: string, hash: string])[];
}

/** A hash of code that may fold for a generation. */
export interface AcceptedCode {
  /** The hash. */
  readonly hash: string;
  /** Whose control process brought it, `<pid>@<host>`. */
  readonly by: string;
  /** When, epoch ms. */
  readonly atMs: number;
  /** It began the generation, or a person said that it means the same. */
  readonly why: "first" | "same-meaning";
}

/** The code of a generation. */
export interface GenerationCode {
  /** What may fold, in the order of coming. */
  readonly accepted: readonly AcceptedCode[];
  /** The files of the last of them, to tell what differs. */
  readonly files: LeasedCode["files"];
}

/** The refusal of a control process where another one holds the lease. */
export function controlRunning(
  pipeline: string,
  { owner: { host, pid }, sinceMs, untilMs }: Lease,
): TidegateError {
  return new TidegateError(
    "TG_CONTROL_RUNNING",
    `A control process of pipeline ${pipeline} is running: host ${host}, pid ${pid}, ` +
      `since ${formatInstant(sinceMs)}`,
    { next: `Stop that one first, or wait until ${formatInstant(untilMs)} if it has died.` },
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
  /**
   * Where the generation is to begin if it begins with this request.
   * @default {"earliest"}
   */
  readonly from?: StartPosition;
  /**
   * The code that folds for it.
   * @default nothing is compared but the fingerprint
   */
  readonly code?: LeasedCode;
  /**
   * Whether a person says that the code means the same as the generation's, although it differs.
   * @default {false}
   */
  readonly sameMeaning?: boolean;
}

/** The supervisor's answer. */
export type LeaseAnswer =
  | {
    /** The lease is held. */
    readonly granted: true;
    /** The generation of the pipeline's state. */
    readonly generation: number;
    /** Where it begins to read: decided once, by whoever began it. */
    readonly from: StartPosition;
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
    /**
     * Whether only code differs, so that a person can say that it means the same.
     * @default {false}
     */
    readonly sameMeaningHelps?: boolean;
  };

/** What a control process asks for to keep the lease. */
export interface LeaseRenewal {
  /** Who asks. */
  readonly ownerId: string;
  /** The generation that it was granted. */
  readonly generation: number;
  /** For how long from now on, in ms. */
  readonly ttlMs: number;
}

/** The supervisor's answer to a renewal. */
export type RenewalAnswer =
  | {
    /** The lease is held on. */
    readonly granted: true;
  }
  | {
    /** The lease is somebody else's, nobody's, or one of another generation. */
    readonly granted: false;
    /** The control process must end. */
    readonly code: "TG_CONTROL_LOST";
  };

/** The supervisor's state. */
export interface SupervisorState {
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The fingerprint of the definition that the state was made by. */
  readonly fingerprint: Fingerprint | null;
  /** The lease of the control process. */
  readonly lease: Lease | null;
  /**
   * Where the generation begins to read.
   * @default {"earliest"}
   */
  readonly from?: StartPosition;
  /**
   * The code that may fold for the generation.
   * @default {undefined}, not told by any control process yet
   */
  readonly code?: GenerationCode;
}

/** The state before the first lease. */
export const NO_LEASE: SupervisorState = { generation: 0, fingerprint: null, lease: null };

/** Accepted hashes that are kept, the first one and the latest. */
const MAX_ACCEPTED = 100;
/** Files that a refusal names. */
const MAX_NAMED = 20;

/**
 * Decides on a request for the lease. A repeated request of the holder is granted again; another one
 * is refused until the lease ends, is given back, or its holder is known to be dead. A changed
 * definition is refused unless a new generation is asked for; changed code also, unless a person
 * says that it means the same.
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
  const repeated = lease?.owner.id === request.owner.id;
  const taken = lease !== null && !repeated && nowMs < lease.untilMs &&
    lease.owner.id !== request.evict;
  if (taken) return { state, answer: { granted: false, code: "TG_CONTROL_RUNNING", lease } };
  const anew = request.newGeneration && !repeated;
  const refusal = anew ? null : refusalOf(state, request);
  if (refusal !== null) return { state, answer: refusal };
  const begins = state.generation === 0 || anew;
  // Nothing is taken for granted of a supervisor that has been lost: a number is never used twice.
  const generation = begins ? Math.max(state.generation, request.used ?? 0) + 1 : state.generation;
  const code = codeOf(begins ? undefined : state.code, request, nowMs);
  const from = (begins ? request.from : state.from) ?? "earliest";
  return {
    state: {
      generation,
      from,
      fingerprint: request.fingerprint,
      lease: {
        owner: request.owner,
        sinceMs: repeated ? lease.sinceMs : nowMs,
        untilMs: nowMs + request.ttlMs,
        ...(request.code === undefined ? {} : { codeHash: request.code.hash }),
      },
      ...(code === undefined ? {} : { code }),
    },
    answer: { granted: true, generation, from },
  };
}

/** Why the generation's state may not be gone on with by this definition and code; null if it may. */
function refusalOf(
  { fingerprint, code }: SupervisorState,
  { fingerprint: asked, code: brought, sameMeaning = false }: LeaseRequest,
): LeaseAnswer | null {
  const before = fingerprint ?? asked;
  const settings = fingerprintDifferences(before, asked);
  const refused = { granted: false, code: "TG_DEFINITION_CHANGED" } as const;
  if (brought === undefined) {
    return settings.length === 0 ? null : { ...refused, differences: settings };
  }
  const known = code?.accepted.some(({ hash }) => hash === brought.hash) === true;
  const files = code === undefined || known ? [] : fileDifferences(code.files, brought.files);
  const lasting = fingerprintDifferences(withoutCode(before), withoutCode(asked));
  const sameMeaningHelps = lasting.length === 0;
  const same = known || sameMeaning || settings.length + files.length === 0;
  if (sameMeaningHelps && same) return null;
  return { ...refused, differences: [...settings, ...files], sameMeaningHelps };
}

/** What differs between the files of two hashes, a line each; never nothing. */
export function fileDifferences(before: LeasedCode["files"], after: LeasedCode["files"]): string[] {
  const [was, is] = [new Map(before), new Map(after)];
  const paths = [...new Set([...was.keys(), ...is.keys()])].sort()
    .filter((path) => was.get(path) !== is.get(path));
  const lines = paths.slice(0, MAX_NAMED).map((path) =>
    `${path}: ${!was.has(path) ? "is new" : is.has(path) ? "has changed" : "is gone"}`
  );
  const more = paths.length - lines.length;
  if (more > 0) lines.push(`and ${more} more files`);
  return lines.length > 0 ? lines : ["the code has changed"];
}

/** The code of the generation after a granted request. */
function codeOf(
  before: GenerationCode | undefined,
  { code, owner }: LeaseRequest,
  nowMs: number,
): GenerationCode | undefined {
  if (code === undefined) return before;
  if (before?.accepted.some(({ hash }) => hash === code.hash)) return before;
  const accepted: AcceptedCode = {
    hash: code.hash,
    by: `${owner.pid}@${owner.host}`,
    atMs: nowMs,
    why: before === undefined ? "first" : "same-meaning",
  };
  const [first, ...later] = before?.accepted ?? [];
  return {
    accepted: first === undefined
      ? [accepted]
      : [first, ...later.slice(2 - MAX_ACCEPTED), accepted],
    files: code.files,
  };
}

/**
 * Decides on a renewal, which begins nothing: a supervisor that does not know the owner and its
 * generation has been lost, or has given the lease to somebody else.
 *
 * @param nowMs The workflow's time.
 */
export function renewLease(
  state: SupervisorState,
  { ownerId, generation, ttlMs }: LeaseRenewal,
  nowMs: number,
): { state: SupervisorState; answer: RenewalAnswer } {
  const { lease } = state;
  if (lease?.owner.id !== ownerId || state.generation !== generation) {
    return { state, answer: { granted: false, code: "TG_CONTROL_LOST" } };
  }
  return {
    state: { ...state, lease: { ...lease, untilMs: nowMs + ttlMs } },
    answer: { granted: true },
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
