/**
 * What a stack is: the options, where a server comes from, what `stack up`, `status` and `down`
 * answer, and what it takes to start a server, as data and three steps.
 *
 * @module
 */
import type { MissingTool } from "./machine.ts";
import type { WantedPort } from "./ports.ts";

/** Options of every call on the local servers. */
export interface StackOptions {
  /**
   * Folder of the servers' data, logs and state file; relative to the working directory.
   * @default ".tidegate" in the settings table
   */
  readonly dataDir: string;
  /**
   * Folder of what is built once for all projects of this machine.
   * @default {"$TIDEGATE_CACHE, else $XDG_CACHE_HOME/tidegate, else ~/.cache/tidegate"}
   */
  readonly cacheDir?: string;
  /** Port of the broker; 0 takes the one used last with this data, else any free one. */
  readonly brokerPort: number;
  /** Port of Temporal's gRPC frontend; 0 takes the one used last, else any free one. */
  readonly temporalPort: number;
  /** Port of Temporal's Web UI; 0 takes the one used last, else any free one. */
  readonly uiPort: number;
  /**
   * `KAFKA_BROKERS` if it is set: nothing is started for it.
   * @default {undefined} a broker is found or started
   */
  readonly kafkaBrokers?: string;
  /**
   * `TEMPORAL_ADDRESS` if it is set: nothing is started for it.
   * @default {undefined} a server is found or started
   */
  readonly temporalAddress?: string;
  /**
   * The sources that may be used; their order is fixed. Tests that need servers of their own leave
   * `compose` out.
   * @default {["given", "compose", "path", "built"]}
   */
  readonly sources?: readonly ServerSource[];
  /** Takes progress, one plain line for people a call (meant for stderr). */
  readonly say: (line: string) => void;
}

/**
 * Where a server comes from: an address in the settings, the project's compose file, a program on
 * the PATH, or Tidegate's own build.
 */
export type ServerSource = "given" | "compose" | "path" | "built";

/** The sources in the order in which they are tried. */
export const SERVER_SOURCES: readonly ServerSource[] = ["given", "compose", "path", "built"];

/** Which of the two servers. */
export type ServerRole = "broker" | "temporal";

/** What kind of server answers; `Kafka API` where the protocol does not tell. */
export type Product = "Kafka" | "Redpanda" | "Kafka API" | "Temporal";

/** One server that Tidegate uses. */
export interface StackServer {
  /** `host:port` for clients; the list as given for `KAFKA_BROKERS`. */
  readonly address: string;
  /** What kind of server it is. */
  readonly product: Product;
  /** Its version without a product name, or `unknown` where it does not tell. */
  readonly version: string;
  /** Process id of a server that Tidegate started, else null. */
  readonly pid: number | null;
  /** Where it comes from. */
  readonly source: ServerSource;
  /** Whether Tidegate started it with this data folder, now or earlier; only those are stopped. */
  readonly startedByUs: boolean;
}

/** The two servers, up and answering (given ones may not answer yet). */
export interface Stack {
  /** The Kafka-API broker. */
  readonly broker: StackServer;
  /** The Temporal server. */
  readonly temporal: StackServer;
  /** Address of Temporal's Web UI, or null where it is not known. */
  readonly webUi: string | null;
}

/** `up`: answers. `silent`: the process or container is there and does not answer. `down`: nothing. */
export type ServerState = "up" | "silent" | "down";

/** One server as `stackStatus` finds it. */
export interface ServerStatus {
  /** Whether it answers. */
  readonly state: ServerState;
  /** The server, or null where there is none. */
  readonly server: StackServer | null;
  /** One sentence for people on a server that is not up; empty on one that is. */
  readonly note: string;
}

/** The two servers as `stackStatus` finds them. */
export interface StackStatus {
  /** The Kafka-API broker. */
  readonly broker: ServerStatus;
  /** The Temporal server. */
  readonly temporal: ServerStatus;
  /** Address of Temporal's Web UI, or null where it is not known or Temporal is down. */
  readonly webUi: string | null;
}

/** What `stackDown` and `stackReset` did. */
export interface StackStopped {
  /** The servers that were stopped. */
  readonly stopped: readonly StackServer[];
  /** Sentences on servers that were left alone because Tidegate did not start them. */
  readonly left: readonly string[];
}

/** How to run a program. */
export interface Invocation {
  /** Program, by name or path. */
  readonly program: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** Environment variables on top of the present ones. */
  readonly env: Readonly<Record<string, string>>;
}

/** A server that is configured and only needs to be started. */
export interface Launch {
  /** What to run. */
  readonly invocation: Invocation;
  /** `host:port` for clients. */
  readonly address: string;
  /** Address of its Web UI, or null if it has none. */
  readonly webUi: string | null;
  /** Whether it is ready, asked again and again. */
  ready(): Promise<boolean>;
}

/** A server that could be started. */
export interface ServerPlan {
  /** Which of the two servers. */
  readonly role: ServerRole;
  /** What kind of server. */
  readonly product: Product;
  /** Its version. */
  readonly version: string;
  /** Whether the program is on the PATH or built. */
  readonly source: "path" | "built";
  /** The ports that settings name. */
  readonly ports: readonly WantedPort[];
  /** How many more free ports it needs for itself. */
  readonly extraPorts: number;
  /** Whether `prepare` has something to build, which may take minutes. */
  readonly mustBuild: boolean;
  /** Builds what is missing. */
  prepare(): Promise<void>;
  /** Writes the configuration and the first data, given the ports. */
  configure(ports: readonly number[]): Promise<Launch>;
}

/** What a search for a server has found. */
export type Found =
  | { readonly kind: "there"; readonly server: StackServer; readonly webUi: string | null }
  | { readonly kind: "startable"; readonly plan: ServerPlan }
  | { readonly kind: "missing"; readonly tools: readonly MissingTool[] };
