/**
 * What Temporal's client throws, turned into Tidegate's errors: one table says for every gRPC status
 * whether the call may succeed later.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { errorText, type TgCode, TidegateError } from "../../core/errors.ts";

/** What a failed call means. */
export interface Verdict {
  /** The code it is told with. */
  readonly code: TgCode;
  /** Whether the same call may succeed later without anybody's help. */
  readonly retryable: boolean;
}

const UNREACHABLE: Verdict = { code: "TG_TEMPORAL_UNREACHABLE", retryable: true };
/** A server that is there, or the process that runs the workflows, has given no usable answer. */
const UNANSWERED: Verdict = { code: "TG_TEMPORAL_UNANSWERED", retryable: true };
/** Refused, but by what may change meanwhile: a key is renewed, a namespace is being registered. */
const REFUSED_NOW: Verdict = { code: "TG_TEMPORAL_REFUSED", retryable: true };
/** Refused for what was asked, which is as wrong the next time. */
const REFUSED: Verdict = { code: "TG_TEMPORAL_REFUSED", retryable: false };

/**
 * The verdict on every gRPC status. Callers interpret NOT_FOUND and ALREADY_EXISTS themselves where
 * they are answers about a workflow; what is left of them here is about the namespace.
 */
export const VERDICTS: readonly (readonly [status: string, verdict: Verdict])[] = [
  // An error without a status: something between us and the server.
  ["OK", UNANSWERED],
  // The native client's own word for a deadline that has passed.
  ["CANCELLED", UNANSWERED],
  ["UNKNOWN", UNANSWERED],
  ["INVALID_ARGUMENT", REFUSED],
  ["DEADLINE_EXCEEDED", UNANSWERED],
  ["NOT_FOUND", REFUSED_NOW],
  ["ALREADY_EXISTS", REFUSED],
  ["PERMISSION_DENIED", REFUSED_NOW],
  ["RESOURCE_EXHAUSTED", UNANSWERED],
  // Such as a query of a workflow whose first task nobody has run yet.
  ["FAILED_PRECONDITION", UNANSWERED],
  ["ABORTED", UNANSWERED],
  ["OUT_OF_RANGE", UNANSWERED],
  // A server that is too old for the call.
  ["UNIMPLEMENTED", REFUSED],
  ["INTERNAL", UNANSWERED],
  ["UNAVAILABLE", UNREACHABLE],
  ["DATA_LOSS", UNANSWERED],
  ["UNAUTHENTICATED", REFUSED_NOW],
];

const NEXT: Readonly<Partial<Record<TgCode, string>>> = {
  TG_TEMPORAL_UNREACHABLE: "Check TEMPORAL_ADDRESS, or run: deno task stack up.",
  TG_TEMPORAL_UNANSWERED:
    "Try again; if it stays, see whether the control process and the server are overloaded.",
  TG_TEMPORAL_REFUSED:
    "Check TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and TEMPORAL_TLS_*, and the server's version.",
};

/**
 * Turns what Temporal's client throws into one of Tidegate's errors.
 *
 * @param error What was thrown.
 * @param what The call, for the message.
 * @returns The error to throw instead; the same one where it says nothing of the server.
 */
export function fromTemporal(error: unknown, what: string): unknown {
  const cause = innermost(error);
  if (cause instanceof TidegateError) return cause;
  const known = verdictOf(cause);
  if (known === null) return error;
  const { status, verdict: { code, retryable } } = known;
  const verb = code === "TG_TEMPORAL_REFUSED" ? "accept" : "answer";
  return new TidegateError(
    code,
    `Cannot ${what}: Temporal must ${verb} the call, got ${status}: ${errorText(cause)}`,
    { cause: error, retryable, next: NEXT[code] ?? "" },
  );
}

/** Whether a failed call of Temporal may succeed later without anybody's help. */
export function mayPass(error: unknown): boolean {
  const told = fromTemporal(error, "");
  return told instanceof TidegateError && told.retryable;
}

/**
 * The status of a failed call; null if it did not fail at the server.
 *
 * @param error What was thrown.
 * @returns The name of a gRPC status.
 */
export function statusOf(error: unknown): string | null {
  return verdictOf(innermost(error))?.status ?? null;
}

/** Errors of the SDK that carry no status, by their names: their classes are loaded with clients. */
const NAMED: Readonly<Record<string, { readonly status: string; readonly verdict: Verdict }>> = {
  TransportError: { status: "no connection", verdict: UNREACHABLE },
  // The client was closed while the call was under way.
  IllegalStateError: { status: "closed connection", verdict: UNREACHABLE },
  // What a query is answered in the moment in which its run continues as new, for example.
  QueryNotRegisteredError: { status: "a failed query", verdict: UNANSWERED },
  WorkflowNotFoundError: { status: "NOT_FOUND", verdict: REFUSED_NOW },
  NamespaceNotFoundError: { status: "NOT_FOUND", verdict: REFUSED_NOW },
};

function verdictOf(cause: unknown): { status: string; verdict: Verdict } | null {
  if (!(cause instanceof Error)) return null;
  if ("code" in cause && typeof cause.code === "number" && "details" in cause) {
    const [status, verdict] = VERDICTS[cause.code] ?? [`status ${cause.code}`, UNANSWERED];
    return { status, verdict };
  }
  return NAMED[cause.name] ?? null;
}

/** The error that the client has wrapped. */
function innermost(error: unknown): unknown {
  let inner = error;
  for (let depth = 0; depth < 8 && inner instanceof Error; depth++) {
    const ours = inner instanceof TidegateError;
    if (ours || verdictOf(inner) !== null || inner.cause === undefined) return inner;
    inner = inner.cause;
  }
  return inner;
}

/**
 * Lets an object's calls fail with Tidegate's errors.
 *
 * @param calls Calls of the server.
 * @returns The same calls.
 */
export function withCodes<T extends object>(calls: T): T {
  return new Proxy(calls, {
    get(target, name) {
      const call: unknown = Reflect.get(target, name);
      if (typeof call !== "function") return call;
      return (...args: unknown[]): unknown => {
        const answer: unknown = Reflect.apply(call, target, args);
        if (!(answer instanceof Promise)) return answer;
        return answer.catch((error: unknown) => {
          throw fromTemporal(error, `call ${String(name)}`);
        });
      };
    },
  });
}

/** The pause before a call is made again, in ms. */
const RETRY_MS = 250;

/**
 * Makes a call until it is answered, as long as its failure is one that may pass.
 *
 * @param withinMs After this time a failure is final; at least two tries are made.
 */
export async function retried<T>(withinMs: number, call: () => Promise<T>): Promise<T> {
  const until = performance.now() + withinMs;
  for (let tries = 1;; tries++) {
    try {
      return await call();
    } catch (error) {
      if (!mayPass(error) || (tries > 1 && performance.now() > until)) throw error;
    }
    await sleep(RETRY_MS);
  }
}
