/**
 * `stack down` and `stack reset`: stopping what was started here, and nothing else.
 *
 * @module
 */
import { join } from "node:path";
import { ADDRESS_SETTING, findFirst } from "./find.ts";
import { stopProcess } from "./process.ts";
import { exclusively, FINDERS, ownServer, ROLES, type Session } from "./session.ts";
import { withServer } from "./state.ts";
import type { ServerRole, StackOptions, StackServer, StackStopped } from "./types.ts";

/** What `stack reset` removes from the data folder, and nothing else. */
const DATA: readonly string[] = [
  ...["kafka", "redpanda", "temporal", "stack.json"],
  ...["broker.log", "broker.log.1", "temporal.log", "temporal.log.1", "kafka"]
    .map((name) => join("logs", name)),
];

/** Stops one server of ours, or says why there is none to stop. */
async function stopOne(
  role: ServerRole,
  session: Session,
): Promise<{ stopped: StackServer | null; left: string | null }> {
  const { stateFile, search } = session;
  const record = stateFile.state.servers[role];
  if (record !== undefined) {
    const was = await stopProcess(record.pid, record.identity);
    await stateFile.change((state) => withServer(state, role, null));
    return { stopped: was ? ownServer(record) : null, left: null };
  }
  const { given, compose } = FINDERS[role];
  const nothing = () => Promise.resolve(null);
  const found = await findFirst({ given, compose, path: nothing, built: nothing }, search);
  if (found.kind !== "there") return { stopped: null, left: null };
  const { address, source } = found.server;
  const how = source === "compose"
    ? "runs in compose; `docker compose down` stops it"
    : `is set by ${ADDRESS_SETTING[role]}; Tidegate did not start it`;
  return { stopped: null, left: `${role} ${address} ${how}` };
}

async function down(session: Session): Promise<StackStopped> {
  const results = await Promise.all(ROLES.map((role) => stopOne(role, session)));
  return {
    stopped: results.flatMap(({ stopped }) => stopped === null ? [] : [stopped]),
    left: results.flatMap(({ left }) => left === null ? [] : [left]),
  };
}

/**
 * Stops the servers that were started with this data folder, and only those; waits until they have
 * ended. Their data stay.
 *
 * @param options As for {@linkcode stackUp}.
 * @returns What was stopped, and what was left alone.
 * @throws {TidegateError} `TG_STACK` if a server can't be ended.
 */
export function stackDown(options: StackOptions): Promise<StackStopped> {
  return exclusively(options, down);
}

/**
 * Stops the servers and removes their data and logs: topics, workflows, everything. Other files in
 * the data folder and the builds in the cache stay.
 *
 * @param options As for {@linkcode stackUp}.
 * @returns What was stopped, and what was left alone.
 * @throws {TidegateError} `TG_STACK` if a server can't be ended.
 */
export function stackReset(options: StackOptions): Promise<StackStopped> {
  return exclusively(options, async (session) => {
    const result = await down(session);
    for (const name of DATA) {
      try {
        await Deno.remove(join(session.dataDir, name), { recursive: true });
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    return result;
  });
}
