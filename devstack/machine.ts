/**
 * What the dev stack needs of the machine: its programs and their versions, behind an interface, so
 * that the order of the sources is tested without any of them; and waiting for what the outside does
 * not announce.
 *
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { TidegateError } from "../core/errors.ts";

/** What a program did. */
export interface RunResult {
  /** Its exit code; -1 where it was ended by the time limit. */
  readonly code: number;
  /** What it wrote to stdout. */
  readonly stdout: string;
  /** What it wrote to stderr. */
  readonly stderr: string;
}

/** Options of {@linkcode Machine.run}. */
export interface RunOptions {
  /**
   * Time limit in ms; the program is killed at its end.
   * @default {10000}
   */
  readonly timeoutMs?: number;
  /**
   * Environment variables on top of the present ones.
   * @default {{}}
   */
  readonly env?: Readonly<Record<string, string>>;
}

/** The machine as the finders see it. */
export interface Machine {
  /** Runs a program to its end; null where there is no such program. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<RunResult | null>;
  /** An environment variable, or undefined where it is unset or empty. */
  env(name: string): string | undefined;
  /** Whether there is a file or folder at the path. */
  exists(path: string): Promise<boolean>;
}

/** Whether the error says that a program or file is not there or can't be run. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotADirectory;
}

/** The machine this process runs on. */
export const thisMachine: Machine = {
  async run(program, args, options = {}) {
    const { timeoutMs = 10_000, env = {} } = options;
    const limit = AbortSignal.timeout(timeoutMs);
    try {
      const command = new Deno.Command(program, {
        args: [...args],
        env: { ...env },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        signal: limit,
      });
      const output = await command.output();
      const text = new TextDecoder();
      return {
        code: limit.aborted ? -1 : output.code,
        stdout: text.decode(output.stdout),
        stderr: text.decode(output.stderr),
      };
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  },
  env(name) {
    return Deno.env.get(name) || undefined;
  },
  async exists(path) {
    try {
      await Deno.stat(path);
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  },
};

/**
 * The folder of what is built once for all projects.
 *
 * @returns `$TIDEGATE_CACHE`, else `$XDG_CACHE_HOME/tidegate`, else `~/.cache/tidegate`.
 */
export function defaultCacheDir(env: (name: string) => string | undefined): string {
  const own = env("TIDEGATE_CACHE");
  if (own !== undefined) return own;
  const xdg = env("XDG_CACHE_HOME");
  if (xdg !== undefined) return `${xdg}/tidegate`;
  return `${env("HOME") ?? "."}/.cache/tidegate`;
}

/**
 * Compares dotted versions by their leading numbers, as in `1.29` and `1.29.1`.
 *
 * @returns Negative if `a` is older, 0 if none is, positive if `a` is newer.
 */
export function compareVersions(a: string, b: string): number {
  const numbers = (text: string) => (/\d+(?:\.\d+)*/.exec(text)?.[0] ?? "0").split(".").map(Number);
  const [left, right] = [numbers(a), numbers(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The version in `go version go1.26.8 linux/amd64`, or null. */
export function readGoVersion(text: string): string | null {
  return /\bgo(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? null;
}

/** The major version in the answer of `java -version`, or null; 1.8 is Java 8. */
export function readJavaMajor(text: string): number | null {
  const match = /version "(?:1\.)?(\d+)/.exec(text);
  return match === null ? null : Number(match[1]);
}

/** The server's version in `temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)`, or null. */
export function readTemporalServerVersion(text: string): string | null {
  return /\(Server (\d+(?:\.\d+)+)/.exec(text)?.[1] ?? null;
}

/** The version in `4.1.0 (Commit:…)`, the answer of Kafka's scripts to `--version`, or null. */
export function readKafkaVersion(text: string): string | null {
  // Java may say something before, such as "Picked up JAVA_TOOL_OPTIONS".
  return /^(\d+(?:\.\d+)+)(?:-\S+)?(?=\s|$)/m.exec(text)?.[1] ?? null;
}

/** A program that is missing or too old. */
export interface MissingTool {
  /** Its name. */
  readonly tool: string;
  /** What was found instead; null if there is none. */
  readonly found: string | null;
  /** What it is needed for, after "to". */
  readonly purpose: string;
  /** What to install, a full sentence. */
  readonly install: string;
}

/**
 * One error for everything that is missing.
 *
 * @param missing What is missing; at least one.
 * @param docker Whether a Docker engine answers.
 */
export function toolsMissing(missing: readonly MissingTool[], docker: boolean): TidegateError {
  const names = missing.map(({ tool, found, purpose }) =>
    `${tool} (to ${purpose}${found === null ? "" : `; found ${found}`})`
  );
  const installs = [...new Set(missing.map((one) => one.install))];
  const instead = docker
    ? "Or, since Docker is running here: `docker compose up -d --wait`."
    : "Or use servers that are running elsewhere: set KAFKA_BROKERS and TEMPORAL_ADDRESS.";
  return new TidegateError(
    "TG_TOOL_MISSING",
    `Cannot start the local servers: this machine must have ${names.join(", ")}`,
    { next: [...installs, instead].join(" ") },
  );
}

/** A Java that was found. */
export interface Java {
  /** The program, a path or `java`. */
  readonly program: string;
  /** Its major version. */
  readonly major: number;
}

/**
 * Finds Java: `$JAVA_HOME/bin/java`, else `java` on the PATH.
 *
 * @returns What was found first, however old, or null. macOS has a `java` that only says that there
 * is none; it counts as none.
 */
export async function findJava(machine: Machine): Promise<Java | null> {
  const home = machine.env("JAVA_HOME");
  const programs = home === undefined ? ["java"] : [`${home}/bin/java`, "java"];
  for (const program of programs) {
    const answer = await machine.run(program, ["-version"]);
    const major = answer?.code === 0 ? readJavaMajor(answer.stderr + answer.stdout) : null;
    if (major !== null) return { program, major };
  }
  return null;
}

/** Options of {@linkcode until}. */
export interface UntilOptions {
  /** How long to try, in ms. */
  readonly timeoutMs: number;
  /**
   * Pause between two tries, in ms.
   * @default {50}
   */
  readonly everyMs?: number;
  /**
   * Ends the waiting early.
   * @default {undefined} only time ends it
   */
  readonly signal?: AbortSignal;
}

/**
 * Tries until the answer is true.
 *
 * @param test What to try; never runs twice at the same time.
 * @returns Whether it became true in time.
 */
export async function until(
  test: () => Promise<boolean>,
  options: UntilOptions,
): Promise<boolean> {
  const { timeoutMs, everyMs = 50, signal } = options;
  const deadline = Date.now() + timeoutMs;
  while (!signal?.aborted) {
    if (await test()) return true;
    if (Date.now() >= deadline) return false;
    await sleep(everyMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  }
  return false;
}

/**
 * Says how long something has been going on, while it goes on.
 *
 * @param tick Called with the seconds since the start.
 */
export async function withProgress<T>(
  work: Promise<T>,
  everyMs: number,
  tick: (seconds: number) => void,
): Promise<T> {
  const from = Date.now();
  const timer = setInterval(() => tick(Math.round((Date.now() - from) / 1000)), everyMs);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
