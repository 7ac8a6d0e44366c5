/**
 * Starting one server: build, choose ports, configure, start in the background, record, wait.
 *
 * @module
 */
import { join } from "node:path";
import { TidegateError } from "../core/errors.ts";
import { rotateLog, saysPortTaken, tailOfLog } from "./logs.ts";
import type { Launch, ServerPlan } from "./plan.ts";
import { choosePorts } from "./ports.ts";
import { type BackgroundProcess, startBackground, stopProcess } from "./process.ts";
import type { ServerRecord } from "./state.ts";
import { until } from "./wait.ts";

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
 * @param plan What to start.
 * @param context Where, whom to tell, and where to write it down.
 * @returns The running server's record.
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
