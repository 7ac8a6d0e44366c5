/**
 * Keeps a command running: `start --keep` on a machine where nobody else would start it again after a
 * crash of the runtime.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";

/** The pause before a start after a crash, in ms; it doubles with each that follows soon. */
const PAUSE_MS = 1_000;
/** The longest pause, in ms. */
const LONGEST_PAUSE_MS = 30_000;
/** A life that lasts so long begins the pauses anew, in ms. */
const LONG_LIFE_MS = 60_000;
/** Exit codes of commands that have ended by themselves: done, failed, wrong use. */
const ENDED = [0, 1, 2];
/** What the command may do: what `deno task start` may. */
const PERMISSIONS = ["net", "env", "sys", "read", "write", "run", "ffi"];

/** How a command is kept. */
export interface KeepOptions {
  /** Its arguments, the command's name first. */
  readonly args: readonly string[];
  /** Receives log lines. */
  readonly say: (line: string) => void;
  /**
   * What is run with them.
   * @default this program by the runtime that runs it
   */
  readonly program?: readonly [command: string, ...args: string[]];
}

/**
 * Runs a command in a process of its own, and again when that crashes, until it ends by itself or
 * this process is told to end: then so is the command.
 *
 * @returns The command's exit code.
 */
export async function keep({ args, say, program = ownProgram() }: KeepOptions): Promise<number> {
  const [command, ...before] = program;
  const over = new AbortController();
  let child: Deno.ChildProcess | null = null;
  const stop = () => {
    over.abort();
    // It may have heard Ctrl-C itself.
    if (child !== null) tell(child);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  try {
    for (let pauseMs = PAUSE_MS;;) {
      const bornMs = performance.now();
      child = new Deno.Command(command, { args: [...before, ...args] }).spawn();
      const { code, signal } = await child.status;
      if (over.signal.aborted || (signal === null && ENDED.includes(code))) return code;
      if (performance.now() - bornMs >= LONG_LIFE_MS) pauseMs = PAUSE_MS;
      const how = signal ?? `exit code ${code}`;
      say(`THE PROCESS CRASHED (${how}): it is started again in ${pauseMs / 1_000} s`);
      await sleep(pauseMs, undefined, { signal: over.signal }).catch(() => undefined);
      if (over.signal.aborted) return code;
      pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * pauseMs);
    }
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
  }
}

function tell(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGTERM");
  } catch {
    // It has ended.
  }
}

function ownProgram(): [string, ...string[]] {
  const permissions = PERMISSIONS.map((name) => `--allow-${name}`);
  return [Deno.execPath(), "run", "--quiet", ...permissions, Deno.mainModule];
}
