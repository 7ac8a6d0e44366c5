/**
 * Errors that nobody awaited, such as one thrown in a timer of a client. The runtime would end the
 * process for them, in the middle of whatever it does. Here they are told with a code, and the process
 * goes on, because all state is in Temporal and whatever failed is tried again; only if they come in
 * a flood it is to stop, in order.
 *
 * @module
 */

import { errorText, TidegateError } from "../core/errors.ts";

/** So many in a minute are a flood. */
const FLOOD = 20;
const MINUTE_MS = 60_000;

/** What is done about such errors. */
export interface StrayErrorOptions {
  /** Receives log lines. */
  readonly say: (line: string) => void;
  /** Is called once, at the end of the process's patience: it must stop in order. */
  readonly stop: (why: TidegateError) => void;
}

/** Handles such errors of this process until it is disposed of. */
export function handleStrayErrors({ say, stop }: StrayErrorOptions): Disposable {
  const times: number[] = [];
  let stopped = false;
  const handle = (error: unknown) => {
    say(`TG_UNEXPECTED: an error that nobody awaited, the process goes on: ${whereOf(error)}`);
    times.push(performance.now());
    const first = times.at(-FLOOD);
    if (stopped || first === undefined || performance.now() - first > MINUTE_MS) return;
    stopped = true;
    stop(
      new TidegateError("TG_UNEXPECTED", `${FLOOD} errors within a minute that nobody awaited`, {
        cause: error,
        next: "See them in the log, and report them.",
      }),
    );
  };
  const rejected = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    handle(event.reason);
  };
  const thrown = (event: ErrorEvent) => {
    event.preventDefault();
    handle(event.error ?? event.message);
  };
  globalThis.addEventListener("unhandledrejection", rejected);
  globalThis.addEventListener("error", thrown);
  return {
    [Symbol.dispose]() {
      globalThis.removeEventListener("unhandledrejection", rejected);
      globalThis.removeEventListener("error", thrown);
    },
  };
}

/** An error in a line: what it says, and where it was thrown. */
function whereOf(error: unknown): string {
  const frame = error instanceof Error ? /^ +(at .*)$/m.exec(error.stack ?? "")?.[1] : undefined;
  return frame === undefined ? errorText(error) : `${errorText(error)} (${frame})`;
}
