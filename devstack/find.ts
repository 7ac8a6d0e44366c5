/**
 * The order of the sources: set addresses, the project's compose servers, programs on the PATH, own
 * builds. Each source is one small function; the first that finds something wins.
 *
 * @module
 */
import type { ComposeView } from "./compose.ts";
import type { Machine } from "./machine.ts";
import type { Found } from "./plan.ts";
import type { LastPorts } from "./state.ts";
import { SERVER_SOURCES, type ServerRole, type ServerSource, type StackOptions } from "./types.ts";

/** What every search may use. */
export interface Search {
  /** What the caller wants. */
  readonly options: StackOptions;
  /** The data folder, absolute. */
  readonly dataDir: string;
  /** The cache folder. */
  readonly cacheDir: string;
  /** The machine. */
  readonly machine: Machine;
  /** The ports used last. */
  readonly lastPorts: LastPorts;
  /** Asks Docker; only once, however often it is called. */
  compose(): Promise<ComposeView>;
}

/** Looks in one source; null if there is nothing. */
export type Finder = (search: Search) => Promise<Found | null>;

/** One finder a source. */
export type Finders = Readonly<Record<ServerSource, Finder>>;

/**
 * Looks for a server in all allowed sources, in their order.
 *
 * @param finders The finders of one kind of server.
 * @param search What they may use.
 * @returns What the first source with anything has; `missing` with no tools if none has.
 */
export async function findFirst(finders: Finders, search: Search): Promise<Found> {
  const allowed = search.options.sources ?? SERVER_SOURCES;
  for (const source of SERVER_SOURCES) {
    const found = allowed.includes(source) ? await finders[source](search) : null;
    if (found !== null) return found;
  }
  return { kind: "missing", tools: [] };
}

/** The setting that names a server's address. */
export const ADDRESS_SETTING: Readonly<Record<ServerRole, string>> = {
  broker: "KAFKA_BROKERS",
  temporal: "TEMPORAL_ADDRESS",
};
