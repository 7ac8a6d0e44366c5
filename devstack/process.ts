/**
 * Processes that outlive the command which started them, and their end.
 *
 * @module
 */
import { TidegateError } from "../core/errors.ts";
import { identify } from "./identity.ts";
import { until } from "./wait.ts";

/** A program to start in the background. */
export interface BackgroundCommand {
  /** Program, by name or path. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Environment variables on top of the present ones. */
  readonly env: Readonly<Record<string, string>>;
  /** Working directory; crash dumps land there. */
  readonly cwd: string;
  /** File that takes stdout and stderr, appended to. */
  readonly logFile: string;
}

/** A process started in the background. */
export interface BackgroundProcess {
  /** Process id. */
  readonly pid: number;
  /** What tells it from a later process with the same pid; null if it has ended already. */
  readonly identity: string | null;
  /** Resolves with the exit code at the process's end; does not keep this process alive. */
  readonly exited: Promise<number>;
}

/**
 * Starts a program in a session of its own, so that neither Ctrl-C in the terminal nor the end of
 * this process reaches it. The shell is only there to open the log file (Deno can't hand a file to
 * a child) and becomes the program itself: the pid stays.
 *
 * @param command What to start.
 * @returns The process.
 */
export async function startBackground(command: BackgroundCommand): Promise<BackgroundProcess> {
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec "$@" >>"$0" 2>&1', command.logFile, command.program, ...command.args],
    env: { ...command.env },
    cwd: command.cwd,
    detached: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  child.unref();
  const exited = child.status.then((status) => status.code);
  return { pid: child.pid, identity: await identify(child.pid), exited };
}

/** Sends a signal; a process that is already gone is fine. */
function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Options of {@linkcode stopProcess}. */
export interface StopOptions {
  /**
   * Time between SIGTERM and SIGKILL in ms.
   * @default {15000}
   */
  readonly graceMs?: number;
}

/**
 * Ends a process: SIGTERM, after a grace time SIGKILL, and waits until it is gone. Does nothing if
 * the pid now stands for another process.
 *
 * @param pid Process id.
 * @param identity What the process was identified by when it was started.
 * @param options The grace time.
 * @returns Whether the process was there.
 * @throws {TidegateError} `TG_STACK` if even SIGKILL did not end it.
 */
export async function stopProcess(
  pid: number,
  identity: string,
  options: StopOptions = {},
): Promise<boolean> {
  const { graceMs = 15_000 } = options;
  const gone = async () => await identify(pid) !== identity;
  if (await gone()) return false;
  signal(pid, "SIGTERM");
  if (await until(gone, { timeoutMs: graceMs })) return true;
  signal(pid, "SIGKILL");
  if (await until(gone, { timeoutMs: 5_000 })) return true;
  throw new TidegateError("TG_STACK", `Cannot stop process ${pid}: SIGKILL did not end it in 5 s`, {
    next: "It hangs in the system (often a disk that does not answer); look at its state with ps.",
  });
}
