/**
 * How a command ends: its exit code, errors in words, Ctrl-C, and the end of those who started it.
 *
 * @module
 */

import process from "node:process";
import { errorText, type TgCode, TidegateError } from "../core/errors.ts";
import { say } from "./output.ts";

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
 */
export async function exitWith(command: () => Promise<number>): Promise<never> {
  try {
    Deno.exit(await command());
  } catch (error) {
    say(errorReport(error));
    if (debugging() && error instanceof Error) say(String(error.stack));
    const wrong = error instanceof TidegateError && WRONG_USE.includes(error.code);
    Deno.exit(wrong ? 2 : 1);
  }
}

/** An error for people: its code, what happened, and what to do next; never a stack. */
export function errorReport(error: unknown): string {
  const { code, message, next } = error instanceof TidegateError ? error : inOurWords(error);
  return `${code}: ${message}${next === "" ? "" : `\n  ${next}`}`;
}

/** An error of a library, or one of ours that should not be. */
function inOurWords(error: unknown): Pick<TidegateError, "code" | "message" | "next"> {
  if (error instanceof Error && error.name === "ServiceError") {
    const reason = error.cause instanceof Error ? error.cause.message : error.message;
    return {
      code: "TG_TEMPORAL_UNREACHABLE",
      message: `Temporal did not do what it was asked: ${oneLine(reason)}`,
      next: "Try again; if it stays so, see whether the server is busy, or its disk is full.",
    };
  }
  return {
    code: "TG_UNEXPECTED",
    message: oneLine(errorText(error)),
    next: debugging() ? "" : "To see where it happened, set TIDEGATE_DEBUG=1 and try again.",
  };
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}

/** Read here, and not from the configuration, which may be what is wrong. */
function debugging(): boolean {
  const name = "TIDEGATE_DEBUG";
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" && Deno.env.get(name) === "1";
}

/** Waits for Ctrl-C or SIGTERM, until `dispose` is called. */
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

/** How often it looks, in ms. */
const LOOK_MS = 1_000;
/** Programs that start Deno for a person; above the topmost of them is the person. */
const STARTERS = /^(?:deno|node|npm|npx)/;
/** Nobody is started through more processes than that. */
const DEEPEST = 16;

/** A wait for the end of those who started this process. */
export interface ParentWatch {
  /** Resolves when one of them has ended. */
  readonly promise: Promise<void>;
  /** Stops looking. */
  dispose(): void;
}

/**
 * Begins to look whether those who started this process are there: the parent, and where `npx`, `npm`
 * or `deno task` are above it, those too. A terminal sends Ctrl-C to all of its foreground processes,
 * but who ends `npx` by its id, or closes the program that started it, reaches nobody below: `npx`
 * and `deno task` hand no signal on.
 */
export async function parentGone(): Promise<ParentWatch> {
  const parent = Deno.ppid;
  const above = await startersAbove(parent);
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    if (Deno.ppid !== parent || !above.every(isThere)) resolve();
  }, LOOK_MS);
  Deno.unrefTimer(timer);
  return { promise, dispose: () => clearInterval(timer) };
}

/** The ancestors up to the topmost starter; a shell between two starters counts. */
async function startersAbove(parent: number): Promise<number[]> {
  const chain: number[] = [];
  let kept = 0;
  for (let pid = parent; pid > 1 && chain.length < DEEPEST;) {
    const found = await look(pid);
    if (found === null) break;
    chain.push(pid);
    if (STARTERS.test(found.name)) kept = chain.length;
    pid = found.parent;
  }
  return chain.slice(0, kept);
}

async function look(pid: number): Promise<{ parent: number; name: string } | null> {
  try {
    const { stdout } = await new Deno.Command("ps", {
      args: ["-o", "ppid=,comm=", "-p", String(pid)],
      stdin: "null",
      stderr: "null",
    }).output();
    const [, parent, name] = /^\s*(\d+)\s+(?:.*\/)?(.+?)\s*$/.exec(
      new TextDecoder().decode(stdout),
    ) ?? [];
    return parent === undefined || name === undefined ? null : { parent: Number(parent), name };
  } catch {
    return null;
  }
}

/** Signal 0 only asks. */
function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is there all the same.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
