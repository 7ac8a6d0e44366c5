/** One child process of the launcher. */

import { deadline } from "../deadline.ts";
import { eachLine } from "./child_lines.ts";

/**
 * What a child prints may come after its end, and a process of its own may hold its streams open for
 * longer: it is waited for this long, in ms.
 */
const LAST_WORDS_MS = 100;

/** How to start a child. */
export interface ChildOptions {
  /** The program. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Environment variables besides ours. */
  readonly env: Readonly<Record<string, string>>;
  /** The first line of its standard input, which then stays open. */
  readonly input: string;
  /** Told the lines that it prints, and whether on standard error. */
  readonly onLine: (line: string, isError: boolean) => void;
}

/** How a child ended. */
export interface ChildEnd {
  /** Its exit code. */
  readonly code: number;
  /** The signal that ended it; null if it ended by itself. */
  readonly signal: Deno.Signal | null;
}

/** A running child. */
export interface Child {
  /** Its process id. */
  readonly pid: number;
  /** Resolves as soon as it has ended. */
  readonly ended: Promise<ChildEnd>;
  /** Resolves once it has ended and what it printed has been told. */
  readonly told: Promise<void>;
  /** Sends it a signal, if it still runs. */
  signal(signal: Deno.Signal): void;
}

/**
 * Starts a child. It has a session of its own, so that Ctrl-C in a terminal, which reaches all of
 * the foreground group, is for the control process alone to answer.
 *
 * @param options How to start it.
 * @returns The child.
 * @throws {Error} If the program can't be started.
 */
export function startChild({ command, args, env, input, onLine }: ChildOptions): Child {
  const child = new Deno.Command(command, {
    args: [...args],
    env: { ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
  const stdin = child.stdin.getWriter();
  // A child that ends at once does not read it; its end is noticed below.
  stdin.write(new TextEncoder().encode(`${input}\n`)).catch(() => undefined);
  const printed = Promise.all([
    eachLine(child.stdout, (line) => onLine(line, false)),
    eachLine(child.stderr, (line) => onLine(line, true)),
  ]);
  const ended = child.status.then(({ code, signal }) => ({ code, signal }));
  return {
    pid: child.pid,
    ended,
    told: ended.then(async () => {
      await deadline(Promise.all([printed, stdin.close().catch(() => undefined)]), LAST_WORDS_MS);
    }),
    signal(signal) {
      try {
        child.kill(signal);
      } catch {
        // It has ended by itself.
      }
    },
  };
}
