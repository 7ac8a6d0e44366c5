/**
 * What activities share: how their errors cross to the workflow.
 *
 * @module
 */

import { ApplicationFailure } from "@temporalio/activity";
import type { SpanAttributes, Trace, Traced } from "../adapters/tracing.ts";
import { TidegateError } from "../core/errors.ts";

/**
 * Lets each work of a process end the one before: who has been given up hears of it at once, and not
 * only when it next says that it is alive.
 */
export class OneAtATime {
  #last = new AbortController();

  /** A work begins; answers the signal that ends it. */
  begin(): AbortSignal {
    this.#last.abort(new Error("another one has begun"));
    this.#last = new AbortController();
    return this.#last.signal;
  }
}

/** Does work without spans. */
export const untraced: Trace = <T>(
  _name: string,
  _attributes: SpanAttributes,
  work: Traced<T>,
): Promise<T> => work(() => undefined);

/** Errors cross to the workflow by their code as the failure's type. */
export async function named<T>(
  work: () => Promise<T>,
  { mayBeFinal } = { mayBeFinal: true },
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TidegateError)) throw error;
    throw ApplicationFailure.create({
      type: error.code,
      message: error.next === "" ? error.message : `${error.message}. ${error.next}`,
      nonRetryable: mayBeFinal && !error.retryable && error.code !== "TG_BROKER_UNREACHABLE",
      cause: error,
    });
  }
}
