/**
 * A server that could be started: what it takes, as data and three steps, so that starting, waiting
 * and giving up are written once for all kinds of servers.
 *
 * @module
 */
import type { WantedPort } from "./ports.ts";
import type { Product, ServerRole, StackServer } from "./types.ts";
import type { MissingTool } from "./tools.ts";

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
