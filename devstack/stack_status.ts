/**
 * `stack status`: looking, without starting or changing anything.
 *
 * @module
 */
import { findFirst } from "./find.ts";
import {
  answers,
  FINDERS,
  isAlive,
  isGiven,
  openSession,
  ownServer,
  serves,
  type Session,
} from "./session.ts";
import type { ServerRole, ServerStatus, StackOptions, StackStatus } from "./types.ts";

async function statusOf(
  role: ServerRole,
  session: Session,
): Promise<ServerStatus & { webUi: string | null }> {
  const { options, stateFile, search } = session;
  const record = stateFile.state.servers[role];
  if (!isGiven(role, options) && record !== undefined && await isAlive(record)) {
    const server = ownServer(record);
    if (await serves(role, record.address)) {
      return { state: "up", server, note: "", webUi: record.webUi };
    }
    const note = `process ${record.pid} runs and does not answer; see ${record.logFile}`;
    return { state: "silent", server, note, webUi: null };
  }
  const { given, compose } = FINDERS[role];
  const nothing = () => Promise.resolve(null);
  const found = await findFirst({ given, compose, path: nothing, built: nothing }, search);
  if (found.kind !== "there") {
    const note = record === undefined
      ? "not started; `deno task stack up` starts it"
      : `process ${record.pid} has ended; see ${record.logFile}`;
    return { state: "down", server: null, note, webUi: null };
  }
  const { server, webUi } = found;
  if (await answers(role, server.address)) return { state: "up", server, note: "", webUi };
  const note = `nothing answers on ${server.address} in plain text`;
  return { state: "silent", server, note, webUi: null };
}

/**
 * Looks which servers there are. Starts nothing, changes nothing, waits for nobody.
 *
 * @param options As for {@linkcode stackUp}.
 * @returns The state of both servers.
 */
export async function stackStatus(options: StackOptions): Promise<StackStatus> {
  const session = await openSession(options);
  const [broker, temporal] = await Promise.all([
    statusOf("broker", session),
    statusOf("temporal", session),
  ]);
  const { webUi, ...rest } = temporal;
  const { webUi: _none, ...first } = broker;
  return { broker: first, temporal: rest, webUi };
}
