/**
 * What activities share: how their errors cross to the workflow, and what those of the control
 * process are made of.
 *
 * @module
 */

import { ApplicationFailure } from "@temporalio/activity";
import type { LogReader, LogWriter } from "../adapters/kafka/log.ts";
import type { WindowClient } from "../adapters/temporal/window_client.ts";
import type { SpanAttributes, Trace, Traced } from "../adapters/tracing.ts";
import { TidegateError } from "../core/errors.ts";
import type { PipelineObserver } from "./observer.ts";

/** What the activities of the control process work with. */
export interface ControlTools {
  /** The log. */
  readonly reader: LogReader;
  /** Writes results. */
  readonly writer: LogWriter;
  /** Calls of windows and clocks. */
  readonly windows: WindowClient;
  /** Is told of what they do. */
  readonly observer: Required<PipelineObserver>;
  /** Does work as spans. */
  readonly trace: Trace;
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
