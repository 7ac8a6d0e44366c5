/**
 * Repeats requests for which the reader or admin went to the wrong broker, or too early.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";
import { BrokerAnswer, fromAnswer } from "./errors.ts";
import { closed } from "./log_errors.ts";
import { BatchError } from "./record_batch.ts";

/** Options of {@linkcode repeatWhileStale}. */
export interface RepeatOptions {
  /** What is being done, for messages: "fetch clicks/0". */
  readonly what: string;
  /** Drops what may be stale, before each repetition. */
  forget(): void;
  /** Ends the pauses because the client is closed. */
  readonly closing: AbortSignal;
  /** Ends the pauses because the caller wants no more. */
  readonly signal?: AbortSignal | undefined;
}

/** Pauses before repetitions after stale metadata, in ms: 3.1 s together. */
const PAUSES_MS = [20, 50, 100, 200, 400, 800, 1500] as const;

/**
 * Runs a request; repeats it after fresh metadata where the broker's answer or a lost connection
 * calls for it, and throws Tidegate's errors otherwise.
 *
 * @param options What to drop, and what ends it.
 * @param once The request.
 * @returns What the request answered.
 * @throws {TidegateError} `TG_BROKER_UNREACHABLE`, `TG_CONFIG`, or what `once` threw.
 */
export async function repeatWhileStale<T>(
  options: RepeatOptions,
  once: () => Promise<T>,
): Promise<T> {
  const { what, closing, signal } = options;
  for (let attempt = 0;; attempt++) {
    try {
      return await once();
    } catch (error) {
      if (closing.aborted) throw error;
      const lost = error instanceof TidegateError && error.code === "TG_BROKER_UNREACHABLE" &&
        error.retryable;
      const damaged = error instanceof BatchError;
      const answer = error instanceof BrokerAnswer ? error : null;
      if (lost || answer !== null) options.forget();
      // A kept connection may have died unnoticed, or bytes have been damaged on the way: one more
      // try tells that from a dead broker and a damaged log.
      if ((lost || damaged) && attempt === 0) continue;
      const pause = PAUSES_MS[attempt];
      if (answer?.isStale === true && pause !== undefined) {
        await pauseFor(pause, what, signal, closing);
      } else if (answer !== null) {
        throw fromAnswer(answer, what);
      } else {
        throw damaged ? unreadable(what, error) : error;
      }
    }
  }
}

function unreadable(what: string, error: BatchError): TidegateError {
  return new TidegateError("TG_BROKER_UNREACHABLE", `Cannot ${what}: ${error.message}`, {
    cause: error,
    retryable: true,
    next: "If it stays so, the partition's log is damaged on the broker.",
  });
}

/**
 * Waits, or rejects as soon as one of the signals says so.
 *
 * @param ms How long, in ms.
 * @param what What is being done, for messages.
 * @param signal Ends it with its reason.
 * @param closing Ends it because the client is closed.
 */
export function pauseFor(
  ms: number,
  what: string,
  signal: AbortSignal | undefined,
  closing: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      closing.removeEventListener("abort", onAbort);
      finish();
    };
    const onAbort = (): void =>
      end(() => reject(signal?.aborted === true ? signal.reason : closed(what)));
    const timer = setTimeout(() => end(resolve), ms);
    signal?.addEventListener("abort", onAbort);
    closing.addEventListener("abort", onAbort);
    if (signal?.aborted === true || closing.aborted) onAbort();
  });
}
