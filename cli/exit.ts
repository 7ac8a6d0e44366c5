/**
 * How a command ends: its exit code, and errors in words.
 *
 * @module
 */

import { type TgCode, TidegateError } from "../core/errors.ts";

/** Codes of wrong use or configuration; a command that meets one exits with 2. */
const WRONG_USE: readonly TgCode[] = [
  "TG_CONFIG",
  "TG_CONTROL_RUNNING",
  "TG_DEFINITION",
  "TG_DEFINITION_CHANGED",
  "TG_INPUT",
  "TG_PORT_TAKEN",
  "TG_TOOL_MISSING",
  "TG_TOPIC_MISSING",
  "TG_TOPIC_RECREATED",
  "TG_USAGE",
];

/**
 * Runs a command and ends the process with its exit code: 0 done, 1 failed, 2 wrong use or
 * configuration.
 *
 * @param command The command; gives its exit code.
 */
export async function exitWith(command: () => Promise<number>): Promise<never> {
  try {
    Deno.exit(await command());
  } catch (error) {
    console.error(errorText(error));
    const wrong = error instanceof TidegateError && WRONG_USE.includes(error.code);
    Deno.exit(wrong ? 2 : 1);
  }
}

/**
 * An error in words: its code, what happened, and what to do next.
 *
 * @param error What was thrown.
 * @returns The text.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof TidegateError)) {
    return error instanceof Error ? error.stack ?? error.message : String(error);
  }
  const next = error.next === "" ? "" : `\n  ${error.next}`;
  return `${error.code}: ${error.message}${next}`;
}

/**
 * Waits for Ctrl-C or SIGTERM.
 *
 * @returns The promise of it, and how to stop listening.
 */
export function interrupted(): { promise: Promise<void>; dispose: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = () => resolve();
  Deno.addSignalListener("SIGINT", stop);
  Deno.addSignalListener("SIGTERM", stop);
  const dispose = () => {
    Deno.removeSignalListener("SIGINT", stop);
    Deno.removeSignalListener("SIGTERM", stop);
  };
  return { promise, dispose };
}

/**
 * Waits for something that may take a minute, such as a server that is away. Ctrl-C ends the process
 * at once: nothing has been promised by then, and child processes end with their parent.
 *
 * @param work What is waited for.
 * @param stop Ctrl-C.
 * @returns What the work gives.
 */
export async function orInterrupted<T>(work: Promise<T>, stop: Promise<void>): Promise<T> {
  let over = false;
  void stop.then(() => {
    if (!over) Deno.exit(1);
  });
  try {
    return await work;
  } finally {
    over = true;
  }
}
