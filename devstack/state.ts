/**
 * The state file `stack.json`: which servers were started with this data folder; and the lock that
 * lets one command at a time change them. A server is written down before it is waited for, so that
 * a start which was interrupted can be taken up or stopped.
 *
 * @module
 */
import { withProgress } from "./machine.ts";
import type { Product, ServerRole } from "./types.ts";

/** An object of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** Whether a value is an object with fields (no array). */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses JSON that should be an object.
 *
 * @returns The object's fields, or null if it is no JSON or no object.
 */
export function parseFields(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** A server that was started with this data folder. */
export interface ServerRecord {
  /** Process id. */
  readonly pid: number;
  /** What tells the process from a later one with the same pid. */
  readonly identity: string;
  /** `host:port` for clients. */
  readonly address: string;
  /** What kind of server it is. */
  readonly product: Product;
  /** Its version. */
  readonly version: string;
  /** Whether the program was on the PATH or built. */
  readonly source: "path" | "built";
  /** Its log file. */
  readonly logFile: string;
  /** Address of its Web UI, or null if it has none. */
  readonly webUi: string | null;
  /** When it was started, as an ISO time; for people. */
  readonly startedAt: string;
}

/** Ports that were used last, so that a restart on any free port keeps the addresses. */
export interface LastPorts {
  /** The broker's port. */
  readonly broker?: number;
  /** Temporal's port. */
  readonly temporal?: number;
  /** The Web UI's port. */
  readonly ui?: number;
}

/** Everything in the state file. */
export interface StackState {
  /** The servers that were started and not stopped. */
  readonly servers: { readonly [role in ServerRole]?: ServerRecord };
  /** Ports that were used last. */
  readonly lastPorts: LastPorts;
}

/** The state of a data folder in which nothing was started. */
export const EMPTY_STATE: StackState = { servers: {}, lastPorts: {} };

function isSource(value: unknown): value is "path" | "built" {
  return value === "path" || value === "built";
}

function isProduct(value: unknown): value is Product {
  return value === "Kafka" || value === "Redpanda" || value === "Kafka API" || value === "Temporal";
}

function parseRecord(value: unknown): ServerRecord | null {
  if (!isFields(value)) return null;
  const { pid, identity, address, product, version, source, logFile, webUi, startedAt } = value;
  if (
    typeof pid !== "number" || !Number.isInteger(pid) || typeof identity !== "string" ||
    typeof address !== "string" || !isProduct(product) || typeof version !== "string" ||
    !isSource(source) || typeof logFile !== "string" || typeof startedAt !== "string" ||
    !(webUi === null || typeof webUi === "string")
  ) return null;
  return { pid, identity, address, product, version, source, logFile, webUi, startedAt };
}

function parsePorts(value: unknown): LastPorts {
  if (!isFields(value)) return {};
  const port = (name: string): number | undefined => {
    const found = value[name];
    return typeof found === "number" && Number.isInteger(found) && found > 0 && found < 65_536
      ? found
      : undefined;
  };
  const broker = port("broker");
  const temporal = port("temporal");
  const ui = port("ui");
  return {
    ...(broker === undefined ? {} : { broker }),
    ...(temporal === undefined ? {} : { temporal }),
    ...(ui === undefined ? {} : { ui }),
  };
}

/**
 * Reads the state file's text. What is not understood is left out: a broken file means that nothing
 * is known of running servers, and a taken port will say so.
 */
export function parseState(text: string): StackState {
  const json = parseFields(text);
  if (json?.version !== 1) return EMPTY_STATE;
  const servers = isFields(json.servers) ? json.servers : {};
  const broker = parseRecord(servers.broker);
  const temporal = parseRecord(servers.temporal);
  return {
    servers: {
      ...(broker === null ? {} : { broker }),
      ...(temporal === null ? {} : { temporal }),
    },
    lastPorts: parsePorts(json.lastPorts),
  };
}

/** Writes the state as the state file's text. */
export function formatState(state: StackState): string {
  return JSON.stringify({ version: 1, ...state }, null, 2) + "\n";
}

/** The state with one server's record put in, or taken out by null. */
export function withServer(
  state: StackState,
  role: ServerRole,
  record: ServerRecord | null,
): StackState {
  const { [role]: _before, ...others } = state.servers;
  return { ...state, servers: record === null ? others : { ...others, [role]: record } };
}

/** The state file of one data folder; changes made at the same time are written one by one. */
export class StateFile {
  readonly #path: string;
  #state: StackState = EMPTY_STATE;
  #written: Promise<void> = Promise.resolve();

  /**
   * Takes the path; reads nothing yet.
   *
   * @param path Path of the file; its folder must exist before a change.
   */
  constructor(path: string) {
    this.#path = path;
  }

  /** The state as last read or changed. */
  get state(): StackState {
    return this.#state;
  }

  /** Reads the file; a missing one is the empty state. */
  async load(): Promise<StackState> {
    try {
      this.#state = parseState(await Deno.readTextFile(this.#path));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      this.#state = EMPTY_STATE;
    }
    return this.#state;
  }

  /** Changes the state and writes it; a reader sees the old file or the new one, never a half. */
  async change(edit: (state: StackState) => StackState): Promise<void> {
    this.#state = edit(this.#state);
    const text = formatState(this.#state);
    const path = this.#path;
    this.#written = this.#written.then(async () => {
      const draft = `${path}.${Deno.pid}.tmp`;
      await Deno.writeTextFile(draft, text);
      await Deno.rename(draft, path);
    });
    await this.#written;
  }
}

/** Options of {@linkcode withLock}. */
export interface LockOptions {
  /** Told at once and then every 10 s while somebody else has the lock; a full clause. */
  readonly onWait: (clause: string) => void;
}

/** The holder's pid as it stands in the file, or `unknown`. */
async function holderOf(path: string): Promise<string> {
  const text = (await Deno.readTextFile(path)).trim();
  return /^\d+$/.test(text) ? text : "unknown";
}

/**
 * Runs some work while holding an advisory lock on a file. The system drops it when its holder dies,
 * however it dies, so a lock never goes stale. The holder's pid is in the file, for people.
 *
 * @param path The lock file; its folder must exist. It is never removed, since that would let two
 * processes lock two files of one name.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: LockOptions,
): Promise<T> {
  using file = await Deno.open(path, { read: true, write: true, create: true });
  if (!await file.tryLock(true)) {
    const holder = await holderOf(path);
    const clause = `process ${holder} has it; waiting`;
    options.onWait(clause);
    await withProgress(file.lock(true), 10_000, (seconds) => {
      options.onWait(`${clause} … ${seconds} s`);
    });
  }
  try {
    await file.truncate(0);
    await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
    return await work();
  } finally {
    await file.truncate(0);
    await file.unlock();
  }
}
