/**
 * Starting one server: choose ports, configure, start in the background, record, wait; and its end.
 *
 * A pid alone is reused by the system, so the state file keeps the process's start time beside it, and
 * only a process with both is ever sent a signal.
 *
 * @module
 */
import { join } from "node:path";
import { TidegateError } from "../core/errors.ts";
import { type Machine, thisMachine, until } from "./machine.ts";
import { choosePorts } from "./ports.ts";
import type { ServerRecord } from "./state.ts";
import type { Launch, ServerPlan } from "./types.ts";

/**
 * Reads the answer of `cat /proc/PID/stat /proc/sys/kernel/random/boot_id`.
 *
 * @param text The answer: one line of `proc(5)`'s stat, then the boot's id.
 * @returns The identity, or null for a zombie, a dead process or an answer of another shape.
 */
export function identityFromProc(text: string): string | null {
  // The command's name stands in parentheses and may itself hold spaces, newlines and parentheses.
  const end = text.lastIndexOf(")");
  if (end < 0) return null;
  const fields = text.slice(end + 1).trim().split(/\s+/);
  // Counted from the state, which is field 3 of stat: the start time is field 22.
  const state = fields[0];
  const startTicks = fields[19];
  const bootId = fields.at(-1);
  if (state === undefined || /^[ZXx]$/.test(state)) return null;
  if (startTicks === undefined || !/^\d+$/.test(startTicks)) return null;
  if (bootId === undefined || !/^[0-9a-f-]{36}$/.test(bootId)) return null;
  return `proc ${bootId} ${startTicks}`;
}

/**
 * Reads the answer of `ps -o stat=,lstart= -p PID`, for systems without `/proc`.
 *
 * @returns The identity, or null for a zombie or an answer of another shape.
 */
export function identityFromPs(text: string): string | null {
  const match = /^\s*(\S+)\s+(\S.*\d{4})\s*$/.exec(text);
  if (match === null || match[1]?.startsWith("Z")) return null;
  return `ps ${match[2]}`;
}

/**
 * Tells which process a pid stands for now. `/proc` is read by `cat`, because Deno reads it only with
 * all permissions.
 *
 * @returns Equal for the whole life of one process, different for any other; null if there is none.
 */
export async function identify(
  pid: number,
  machine: Machine = thisMachine,
): Promise<string | null> {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  if (Deno.build.os === "linux") {
    const files = [`/proc/${pid}/stat`, "/proc/sys/kernel/random/boot_id"];
    const answer = await machine.run("cat", files);
    if (answer !== null) return answer.code === 0 ? identityFromProc(answer.stdout) : null;
  }
  const env = { LC_ALL: "C" };
  const answer = await machine.run("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { env });
  return answer?.code === 0 ? identityFromPs(answer.stdout) : null;
}

/** Moves the present log aside, so that a log holds one run. */
export async function rotateLog(path: string): Promise<void> {
  try {
    await Deno.rename(path, `${path}.1`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Reads the end of a log.
 *
 * @returns The last lines that aren't empty; none if there is no such file.
 */
export async function tailOfLog(path: string, lines = 12): Promise<string[]> {
  try {
    using file = await Deno.open(path, { read: true });
    const { size } = await file.stat();
    // Enough for some lines of a stack trace; a log may be large.
    const from = Math.max(0, size - 16_384);
    await file.seek(from, Deno.SeekMode.Start);
    const text = await new Response(file.readable).text();
    return text.split("\n").filter((line) => line.trim() !== "").slice(-lines);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Whether a log's end says that a port was taken between choosing it and listening on it. */
export function saysPortTaken(tail: readonly string[]): boolean {
  return tail.some((line) => /address already in use|bind.*in use|port .*in use/i.test(line));
}

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
  /** Resolves with the exit code at the process's end; a running one does not keep this one alive. */
  readonly exited: Promise<number>;
}

/**
 * Starts a program in a session of its own, so that neither Ctrl-C in the terminal nor the end of
 * this process reaches it. The shell is only there to open the log file (Deno can't hand a file to
 * a child) and becomes the program itself: the pid stays.
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
  const exited = child.status.then((status) => status.code);
  const identity = await identify(child.pid);
  // The code of one that has ended already is about to come, and is waited for.
  if (identity !== null) child.unref();
  return { pid: child.pid, identity, exited };
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

/** How long a server may take until it answers, in ms. */
export const READY_WITHIN_MS = 90_000;

/** Where to start and whom to tell. */
export interface LaunchContext {
  /** The data folder, absolute. */
  readonly dataDir: string;
  /** Takes progress. */
  readonly say: (line: string) => void;
  /** Writes down that the server was started, or by null that it has ended. */
  record(record: ServerRecord | null, ports: readonly number[]): Promise<void>;
}

/** A server that could not be started. */
interface Failure {
  readonly what: string;
  readonly tail: readonly string[];
}

const label = (plan: ServerPlan) => `${plan.product} ${plan.version}`;

function stackError(plan: ServerPlan, failure: Failure, logFile: string): TidegateError {
  const said = failure.tail.map((line) => `\n  ${line}`).join("");
  const message = `Cannot start ${label(plan)}: ${failure.what}${said}`;
  const next = `Read ${logFile}. If the data was made by another version, ` +
    "`deno task stack reset` begins anew (topics and workflows are lost).";
  return new TidegateError("TG_STACK", message, { next });
}

/** Waits until the server is ready or has ended. */
async function awaitReady(launch: Launch, process: BackgroundProcess): Promise<number | boolean> {
  const end = new AbortController();
  let code: number | null = null;
  process.exited.then((exit) => {
    code = exit;
    end.abort();
  });
  const isReady = await until(launch.ready, { timeoutMs: READY_WITHIN_MS, signal: end.signal });
  return code ?? isReady;
}

/** Starts the server once; a failure is returned, so that the caller may try again. */
async function attempt(
  plan: ServerPlan,
  ports: readonly number[],
  context: LaunchContext,
): Promise<ServerRecord | Failure> {
  const launch = await plan.configure(ports);
  const cwd = join(context.dataDir, "logs");
  const logFile = join(cwd, `${plan.role}.log`);
  await rotateLog(logFile);
  context.say(`starting ${label(plan)} on ${launch.address}`);
  const from = Date.now();
  const process = await startBackground({ ...launch.invocation, cwd, logFile });
  const ended = async (code: number): Promise<Failure> => ({
    what: `it ended with exit code ${code}; its last words:`,
    tail: await tailOfLog(logFile),
  });
  const { pid, identity } = process;
  if (identity === null) return await ended(await process.exited);
  const record: ServerRecord = {
    ...{ pid, identity, logFile, address: launch.address, webUi: launch.webUi },
    ...{ product: plan.product, version: plan.version, source: plan.source },
    startedAt: new Date(from).toISOString(),
  };
  await context.record(record, ports);
  const outcome = await awaitReady(launch, process);
  if (outcome === true) {
    context.say(`${label(plan)} is up after ${((Date.now() - from) / 1000).toFixed(1)} s`);
    return record;
  }
  if (outcome === false) await stopProcess(pid, identity);
  await context.record(null, ports);
  if (outcome !== false) return await ended(outcome);
  const what = `it did not answer on ${launch.address} within ${READY_WITHIN_MS / 1000} s`;
  return { what: `${what}; its last words:`, tail: await tailOfLog(logFile) };
}

/**
 * Starts one server and waits until it is ready.
 *
 * A port that somebody took in the moment between choosing and listening costs another try.
 *
 * @throws {TidegateError} `TG_PORT_TAKEN`, `TG_BUILD_FAILED`, or `TG_STACK` with the end of its log.
 */
export async function launchServer(
  plan: ServerPlan,
  context: LaunchContext,
): Promise<ServerRecord> {
  await plan.prepare();
  await Deno.mkdir(join(context.dataDir, "logs"), { recursive: true });
  for (let tries = 1;; tries++) {
    const ports = choosePorts(plan.ports, plan.extraPorts);
    const outcome = await attempt(plan, ports, context);
    if ("pid" in outcome) return outcome;
    if (tries < 3 && saysPortTaken(outcome.tail)) {
      context.say(`${label(plan)} found a port taken at the last moment; trying others`);
      continue;
    }
    throw stackError(plan, outcome, join(context.dataDir, "logs", `${plan.role}.log`));
  }
}
