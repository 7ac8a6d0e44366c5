/**
 * The programs that local servers need: reading their versions, and the one error that names all
 * that is missing.
 *
 * @module
 */
import { TidegateError } from "../core/errors.ts";
import type { Machine } from "./machine.ts";

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

/** The version in `Redpanda v24.3.1 - 1b2c…`, the answer of `redpanda --version`, or null. */
export function readRedpandaVersion(text: string): string | null {
  return /\bv?(\d+\.\d+\.\d+)/.exec(text)?.[1] ?? null;
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
 * @returns `TG_TOOL_MISSING`.
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
 * @param machine The machine.
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
