/**
 * The state file `stack.json`: which servers were started with this data folder. Written before a
 * server is waited for, so that a start which was interrupted can be taken up or stopped.
 *
 * @module
 */
import { isFields, parseFields } from "./json.ts";
import type { Product, ServerRole } from "./types.ts";

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
 *
 * @param text The file's text.
 * @returns The state.
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
