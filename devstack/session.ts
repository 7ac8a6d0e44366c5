/**
 * One command's view of a data folder, and what all of the commands ask of a server.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { askCompose, type ComposeView } from "./compose.ts";
import { brokerFinders, type Finders, type Search, temporalFinders } from "./find.ts";
import { identify } from "./launch.ts";
import { defaultCacheDir, thisMachine } from "./machine.ts";
import { probeBrokers, probeTemporal, temporalServes } from "./probe.ts";
import { type ServerRecord, StateFile, withLock } from "./state.ts";
import type { ServerRole, StackOptions, StackServer } from "./types.ts";

/** The two servers. */
export const ROLES = ["broker", "temporal"] as const satisfies readonly ServerRole[];

/** Where each of them can come from. */
export const FINDERS: Readonly<Record<ServerRole, Finders>> = {
  broker: brokerFinders,
  temporal: temporalFinders,
};

/** One command's view of a data folder. */
export interface Session {
  /** What the caller wants. */
  readonly options: StackOptions;
  /** The data folder, absolute. */
  readonly dataDir: string;
  /** Which servers were started with it. */
  readonly stateFile: StateFile;
  /** What looking for servers may use. */
  readonly search: Search;
}

/** Opens the data folder as it is; changes nothing. */
export async function openSession(options: StackOptions): Promise<Session> {
  const dataDir = resolve(options.dataDir);
  const stateFile = new StateFile(join(dataDir, "stack.json"));
  const { lastPorts } = await stateFile.load();
  const env = (name: string) => thisMachine.env(name);
  const cacheDir = resolve(options.cacheDir ?? defaultCacheDir(env));
  let view: Promise<ComposeView> | undefined;
  const compose = () => view ??= askCompose(thisMachine);
  const search = { options, dataDir, cacheDir, machine: thisMachine, lastPorts, compose };
  return { options, dataDir, stateFile, search };
}

/** Runs work that changes the data folder, one command at a time. */
export async function exclusively<T>(
  options: StackOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const dataDir = resolve(options.dataDir);
  await Deno.mkdir(dataDir, { recursive: true });
  const onWait = (clause: string) =>
    options.say(`another command works on the local servers: ${clause}`);
  const locked = async () => await work(await openSession(options));
  return await withLock(join(dataDir, "stack.lock"), locked, { onWait });
}

/** Whether the server's address is set, so that nothing is started for it. */
export function isGiven(role: ServerRole, options: StackOptions): boolean {
  return (role === "broker" ? options.kafkaBrokers : options.temporalAddress) !== undefined;
}

/** Whether a server answers at all. */
export async function answers(role: ServerRole, address: string): Promise<boolean> {
  return role === "broker"
    ? await probeBrokers(address) !== null
    : await probeTemporal(address) !== null;
}

/** Whether a server that this folder owns can be worked with. */
export async function serves(role: ServerRole, address: string): Promise<boolean> {
  return role === "broker" ? await answers(role, address) : await temporalServes(address);
}

/** A server of ours, as others see it. */
export function ownServer(record: ServerRecord): StackServer {
  const { address, product, version, pid, source } = record;
  return { address, product, version, pid, source, startedByUs: true };
}

/** Whether the very process of the record still lives. */
export async function isAlive(record: ServerRecord): Promise<boolean> {
  return await identify(record.pid) === record.identity;
}
