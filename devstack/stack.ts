/**
 * `stack up`, `status`, `down` and `reset`: taking what is there, starting what is not, and stopping
 * what was started here, nothing else. Begin reading here.
 *
 * @module
 */
import { join } from "node:path";
import { TidegateError } from "../core/errors.ts";
import { ADDRESS_SETTING, findFirst } from "./find.ts";
import { launchServer, READY_WITHIN_MS, stopProcess } from "./launch.ts";
import { toolsMissing, until } from "./machine.ts";
import { isTaken, LOCALHOST, portsTaken } from "./ports.ts";
import {
  answers,
  exclusively,
  FINDERS,
  isAlive,
  isGiven,
  openSession,
  ownServer,
  ROLES,
  serves,
  type Session,
} from "./session.ts";
import { type LastPorts, type ServerRecord, withServer } from "./state.ts";
import {
  type Found,
  SERVER_SOURCES,
  type ServerPlan,
  type ServerRole,
  type ServerStatus,
  type Stack,
  type StackOptions,
  type StackServer,
  type StackStatus,
  type StackStopped,
} from "./types.ts";

/** Says so where a running server listens on another port than the settings want. */
function comparePorts(role: ServerRole, record: ServerRecord, options: StackOptions): void {
  const wanted = role === "broker" ? options.brokerPort : options.temporalPort;
  if (wanted === 0 || record.address.endsWith(`:${wanted}`)) return;
  options.say(
    `${record.product} is already up on ${record.address}; \`stack down\` first to move it to ` +
      `port ${wanted}`,
  );
}

/** Takes up a server that was started earlier with this folder, if it still lives. */
async function takeUp(role: ServerRole, session: Session): Promise<ServerRecord | null> {
  const { options, stateFile } = session;
  const record = stateFile.state.servers[role];
  if (record === undefined) return null;
  if (!await isAlive(record)) return await forget(role, record, session);
  comparePorts(role, record, options);
  const settled = async () => await serves(role, record.address) || !await isAlive(record);
  const inTime = await until(settled, { timeoutMs: READY_WITHIN_MS });
  // It may have been on its way out: then it has ended, and another one can take its place.
  if (!await isAlive(record)) return await forget(role, record, session);
  if (inTime) return record;
  const { product, pid, address, logFile } = record;
  throw new TidegateError(
    "TG_STACK",
    `Cannot use ${product} (process ${pid}): it must answer on ${address}, got silence for ` +
      `${READY_WITHIN_MS / 1000} s`,
    { next: `Read ${logFile}; \`deno task stack down\` and \`up\` start it anew.` },
  );
}

/** Notes that a server has ended without being told to. */
async function forget(role: ServerRole, record: ServerRecord, session: Session): Promise<null> {
  const { options, stateFile } = session;
  const { product, pid, logFile } = record;
  options.say(`${product} (process ${pid}) has ended without \`stack down\`; see ${logFile}`);
  await stateFile.change((state) => withServer(state, role, null));
  return null;
}

/** Something that stands for one server on the way up. */
type Standing =
  | { readonly kind: "ours"; readonly record: ServerRecord }
  | Found;

async function standingOf(role: ServerRole, session: Session): Promise<Standing> {
  if (!isGiven(role, session.options)) {
    const record = await takeUp(role, session);
    if (record !== null) return { kind: "ours", record };
  }
  return await findFirst(FINDERS[role], session.search);
}

/** Everything that stands in the way, before anything is built or started. */
async function refuseEarly(standings: readonly Standing[], session: Session): Promise<void> {
  const { options, search } = session;
  const tools = standings.flatMap((one) => one.kind === "missing" ? one.tools : []);
  if (tools.length > 0) {
    throw toolsMissing(tools, (await search.compose()).engine);
  }
  if (standings.some((one) => one.kind === "missing")) {
    const sources = (options.sources ?? SERVER_SOURCES).join(", ");
    throw new TidegateError("TG_STACK", `Cannot find a server in any of the sources: ${sources}`);
  }
  const plans = standings.flatMap((one) => one.kind === "startable" ? [one.plan] : []);
  // Before minutes of building, and with both servers' ports together.
  await checkPorts(plans);
  if (plans.some((plan) => plan.mustBuild)) {
    const allowed = (options.sources ?? SERVER_SOURCES).includes("compose");
    if (allowed && (await search.compose()).engine) {
      options.say(
        "Docker is running here and nothing is built yet: `docker compose up -d --wait` is the " +
          "quicker alternative (Ctrl-C, then that)",
      );
    }
  }
}

/** Refuses taken ports; a broker or Temporal that answers there is pointed out. */
async function checkPorts(plans: readonly ServerPlan[]): Promise<void> {
  const taken = plans.flatMap((plan) => plan.ports).filter((one) => isTaken(one.port));
  if (taken.length === 0) return;
  const hints: string[] = [];
  for (const { role, ports } of plans) {
    const main = ports[0];
    if (main === undefined || !taken.includes(main)) continue;
    const address = `${LOCALHOST}:${main.port}`;
    if (await answers(role, address)) hints.push(`${ADDRESS_SETTING[role]}=${address}`);
  }
  throw portsTaken(
    taken,
    hints.length === 0
      ? ""
      : `Servers of the right kind answer there: to use them, set ${hints.join(" and ")}.`,
  );
}

/** The ports of a record, for a restart on the same addresses. */
function portsOf(role: ServerRole, [port, ui]: readonly number[]): LastPorts {
  if (port === undefined) return {};
  if (role === "broker") return { broker: port };
  return { temporal: port, ...(ui === undefined ? {} : { ui }) };
}

/** Brings one server up; what this call itself has started goes into `started`. */
async function bringUp(
  role: ServerRole,
  standing: Standing,
  session: Session,
  started: ServerRecord[],
): Promise<{ server: StackServer; webUi: string | null }> {
  const { options, dataDir, stateFile } = session;
  if (standing.kind === "missing") throw new TidegateError("TG_STACK", `Cannot find ${role}`);
  if (standing.kind === "there") {
    await awaitForeign(role, standing.server, options);
    return standing;
  }
  const record = standing.kind === "ours" ? standing.record : await launchServer(standing.plan, {
    dataDir,
    say: options.say,
    record: (record, ports) =>
      stateFile.change((state) => ({
        ...withServer(state, role, record),
        lastPorts: { ...state.lastPorts, ...portsOf(role, ports) },
      })),
  });
  if (standing.kind === "startable") started.push(record);
  return { server: ownServer(record), webUi: record.webUi };
}

/** Looks at a server that is not ours: compose's must answer, a given one may be late. */
async function awaitForeign(
  role: ServerRole,
  server: StackServer,
  options: StackOptions,
): Promise<void> {
  const { address, source } = server;
  if (source === "given") {
    if (!await answers(role, address)) {
      options.say(`${ADDRESS_SETTING[role]} is ${address}: nothing answers there in plain text`);
    }
    return;
  }
  const test = () => answers(role, address);
  if (await until(test, { timeoutMs: 30_000, everyMs: 250 })) {
    options.say(`using ${server.product} ${server.version} of Docker Compose on ${address}`);
    return;
  }
  throw new TidegateError(
    "TG_STACK",
    `Cannot use compose's ${role}: it must answer on ${address}, got silence for 30 s`,
    { next: "Read `docker compose logs`." },
  );
}

/** Stops what this call has started: a half stack is of no use, and nobody knows of it. */
async function takeBack(started: readonly ServerRecord[], session: Session): Promise<void> {
  const { stateFile } = session;
  await Promise.all(started.map(({ pid, identity }) => stopProcess(pid, identity)));
  for (const role of ROLES) {
    const record = stateFile.state.servers[role];
    if (record !== undefined && started.includes(record)) {
      await stateFile.change((state) => withServer(state, role, null));
    }
  }
}

async function up(session: Session): Promise<Stack> {
  const { options } = session;
  const [broker, temporal] = await Promise.all([
    standingOf("broker", session),
    standingOf("temporal", session),
  ]);
  await refuseEarly([broker, temporal], session);
  const started: ServerRecord[] = [];
  const failures: unknown[] = [];
  const isBuilding = [broker, temporal].some((one) =>
    one.kind === "startable" && one.plan.mustBuild
  );
  const bring = async (role: ServerRole, standing: Standing) => {
    try {
      return await bringUp(role, standing, session, started);
    } catch (error) {
      failures.push(error);
      // The first failure is thrown in the end. Where the other server takes minutes to build,
      // nobody should have to wait for the news; and the second failure must not get lost.
      const say = failures.length > 1 || isBuilding;
      if (say && error instanceof Error) options.say(error.message);
      return null;
    }
  };
  const [first, second] = await Promise.all([bring("broker", broker), bring("temporal", temporal)]);
  if (first === null || second === null) {
    await takeBack(started, session);
    throw failures[0];
  }
  return { broker: first.server, temporal: second.server, webUi: second.webUi };
}

/**
 * Brings a broker and a Temporal server up, and waits until both are ready. What is up already is
 * taken as it is; servers that are started stay up after this process.
 *
 * @throws {TidegateError} `TG_TOOL_MISSING` naming all that is missing, `TG_PORT_TAKEN`,
 * `TG_BUILD_FAILED`, `TG_STACK` with the last lines of a server's log. Nothing that this call
 * started stays behind then.
 */
export async function stackUp(options: StackOptions): Promise<Stack> {
  // With both addresses set there is nothing to start, and no folder is needed.
  if (ROLES.every((role) => isGiven(role, options))) return await up(await openSession(options));
  return await exclusively(options, up);
}

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

/** Looks which servers there are. Starts nothing, changes nothing, waits for nobody. */
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

/** What `stack reset` removes from the data folder, and nothing else. */
const DATA: readonly string[] = [
  ...["kafka", "temporal", "stack.json"],
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
 * @throws {TidegateError} `TG_STACK` if a server can't be ended.
 */
export function stackDown(options: StackOptions): Promise<StackStopped> {
  return exclusively(options, down);
}

/**
 * Stops the servers and removes their data and logs: topics, workflows, everything. Other files in
 * the data folder and the builds in the cache stay.
 *
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
