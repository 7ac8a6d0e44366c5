/**
 * Building a server once for all projects of a machine: in a folder beside the final one, renamed
 * when it is complete, one builder at a time. Versions are pinned, because a build must give the same
 * servers on every machine; sizes and times are what a person is told before waiting.
 *
 * @module
 */
import { join } from "node:path";
import { TidegateError } from "../core/errors.ts";
import { type Machine, readTemporalServerVersion, thisMachine, withProgress } from "./machine.ts";
import { withLock } from "./state.ts";

/** A pinned build. */
export interface Pin {
  /** Version to build. */
  readonly version: string;
  /** How long the first build takes, in words for people. */
  readonly takes: string;
  /** Size of the result on disk in MB. */
  readonly megabytes: number;
}

/** A pinned build by Go. */
export interface TemporalPin extends Pin {
  /** The package to install. */
  readonly module: string;
  /** The version of the server inside. */
  readonly serverVersion: string;
  /** The variable that holds the program's own version; empty unless the linker sets it. */
  readonly versionVariable: string;
  /** How many packages are compiled with an empty cache. */
  readonly packages: number;
}

/** A pinned build by Maven. */
export interface KafkaPin extends Pin {
  /** The Scala version in the artifact's name. */
  readonly scalaVersion: string;
  /** The version of the logger, which must be the one of the slf4j-api that this Kafka wants. */
  readonly slf4jVersion: string;
  /** The Maven plugin that copies jars, with its version. */
  readonly copyPlugin: string;
}

/**
 * Temporal's CLI, whose dev server is used. Later versions have a replace directive in their
 * `go.mod` and refuse `go install`.
 *
 * Measured 2026-11-22 on 2 cores: 3 to 5 min with an empty Go cache, 10 s with a full one; 252 MB,
 * 213 MB stripped.
 */
export const TEMPORAL_PIN: TemporalPin = {
  version: "1.5.1",
  takes: "3 to 5 minutes",
  megabytes: 213,
  module: "github.com/temporalio/cli/cmd/temporal",
  serverVersion: "1.29.1",
  versionVariable: "github.com/temporalio/cli/temporalcli.Version",
  packages: 1298,
};

/** Apache Kafka. Measured 2026-11-22 on 2 cores: 15 s with an empty Maven cache; 54 MB, 93 jars. */
export const KAFKA_PIN: KafkaPin = {
  version: "4.1.0",
  takes: "10 to 30 seconds",
  megabytes: 54,
  scalaVersion: "2.13",
  slf4jVersion: "1.7.36",
  copyPlugin: "org.apache.maven.plugins:maven-dependency-plugin:3.8.1",
};

/**
 * The oldest versions that are good enough where the PATH has the programs.
 *
 * Go 1.21 is the first that fetches a newer toolchain by itself, which Temporal's `go.mod` (1.25)
 * asks for. Kafka 3.3 is the first with KRaft for production. Temporal server 1.29 is the one that
 * was measured; older ones were not tried, so they are not taken.
 */
export const OLDEST = {
  go: "1.21",
  java: 17,
  kafka: "3.3",
  temporalServer: "1.29",
} as const;

/** How one thing is built. */
export interface Recipe {
  /** Its name with its version, as in `Temporal 1.5.1`. */
  readonly title: string;
  /** Its folder in the cache; names the version, and the platform where it matters. */
  readonly folder: string;
  /** How long it takes the first time, in words. */
  readonly takes: string;
  /** Its size in MB. */
  readonly megabytes: number;
  /** The program that builds, and its arguments, given the folder to build into. */
  command(into: string): { program: string; args: string[]; env: Record<string, string> };
  /** Files to write before, by name in the folder. */
  readonly files: Readonly<Record<string, string>>;
  /** How far it is, in words, given the lines that the program has printed; may be empty. */
  progress(lines: readonly string[]): string;
  /** Looks at the result; the reason why it is not complete, or null if it is. */
  check(into: string, machine: Machine): Promise<string | null>;
}

/** Where to build and whom to tell. */
export interface BuildContext {
  /** The cache folder. */
  readonly cacheDir: string;
  /** Takes progress. */
  readonly say: (line: string) => void;
}

const TICK_MS = 10_000;

/** Runs the builder; its output goes to a log file and to `onLine`. */
async function runBuilder(
  command: { program: string; args: string[]; env: Record<string, string> },
  cwd: string,
  logFile: string,
  onLine: (line: string) => void,
): Promise<number> {
  using log = await Deno.open(logFile, { write: true, create: true, truncate: true });
  const child = new Deno.Command(command.program, {
    args: command.args,
    env: command.env,
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const drain = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      for (let at = 0; at < chunk.length;) at += await log.write(chunk.subarray(at));
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(onLine);
    }
    if (rest !== "") onLine(rest);
  };
  const [status] = await Promise.all([child.status, drain(child.stdout), drain(child.stderr)]);
  return status.code;
}

/** Removes what builders that were interrupted have left. Only under the lock. */
async function removeLeftovers(cacheDir: string, prefix: string): Promise<void> {
  for await (const entry of Deno.readDir(cacheDir)) {
    if (entry.name.startsWith(prefix)) {
      await Deno.remove(join(cacheDir, entry.name), { recursive: true });
    }
  }
}

/** Builds into a folder of its own; the error where that fails. */
async function build(recipe: Recipe, context: BuildContext, into: string): Promise<void> {
  const { cacheDir, say } = context;
  const { title, takes, megabytes, folder } = recipe;
  for (const [name, text] of Object.entries(recipe.files)) {
    await Deno.writeTextFile(join(into, name), text);
  }
  const logFile = join(cacheDir, `${folder}.log`);
  const head = `building ${title}`;
  say(`${head} (about ${takes} the first time, ${megabytes} MB, once; into ${cacheDir}/${folder})`);
  const lines: string[] = [];
  const command = recipe.command(into);
  const failed = (what: string, next: string) =>
    new TidegateError("TG_BUILD_FAILED", `Cannot build ${title}: ${what}`, { next });
  const ran = runBuilder(command, into, logFile, (line) => lines.push(line));
  const code = await withProgress(ran, TICK_MS, (seconds) => {
    const far = recipe.progress(lines);
    say(`${head} … ${seconds} s${far === "" ? "" : `, ${far}`}`);
  });
  if (code !== 0) {
    const tail = lines.filter((line) => line.trim() !== "").slice(-8).join("\n  ");
    throw failed(
      `${command.program} ended with exit code ${code}\n  ${tail}`,
      `Read ${logFile}. Without a network, build where there is one and copy ${cacheDir}.`,
    );
  }
  const incomplete = await recipe.check(into, thisMachine);
  if (incomplete !== null) throw failed(incomplete, `Read ${logFile}.`);
}

/** Builds beside the target and moves the complete result there. Only under the lock. */
async function buildBeside(recipe: Recipe, context: BuildContext, target: string): Promise<void> {
  const { cacheDir, say } = context;
  const prefix = `${recipe.folder}.tmp-`;
  await removeLeftovers(cacheDir, prefix);
  const into = join(cacheDir, `${prefix}${Deno.pid}`);
  await Deno.mkdir(into);
  const from = Date.now();
  try {
    await build(recipe, context, into);
  } catch (error) {
    await Deno.remove(into, { recursive: true });
    throw error;
  }
  await Deno.rename(into, target);
  say(`built ${recipe.title} in ${Math.round((Date.now() - from) / 1000)} s`);
}

/**
 * Builds what is not built yet. An interrupted build leaves nothing that passes for a complete one;
 * of two builders one waits, and then takes what the other has built.
 *
 * @throws {TidegateError} `TG_BUILD_FAILED` with the last lines of the builder's output.
 */
export async function ensureBuilt(recipe: Recipe, context: BuildContext): Promise<string> {
  const target = join(context.cacheDir, recipe.folder);
  if (await thisMachine.exists(target)) return target;
  const onWait = (clause: string) =>
    context.say(`${recipe.title} is being built already: ${clause}`);
  try {
    await Deno.mkdir(context.cacheDir, { recursive: true });
    await withLock(`${target}.lock`, async () => {
      if (!await thisMachine.exists(target)) await buildBeside(recipe, context, target);
    }, { onWait });
    return target;
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    const message = `Cannot build ${recipe.title}: ${error.message}`;
    const next = `Make sure that ${context.cacheDir} can be written, or set TIDEGATE_CACHE.`;
    throw new TidegateError("TG_BUILD_FAILED", message, { next, cause: error });
  }
}

/** The folder of the jars inside the built folder. */
export const KAFKA_JARS = "libs";

/**
 * Writes the `pom.xml` that names what is needed: the broker, its tools, and a logger (without one
 * the broker's errors would go nowhere).
 */
export function kafkaPom(): string {
  const { version, scalaVersion, slf4jVersion } = KAFKA_PIN;
  const dependency = (group: string, artifact: string, wanted: string) =>
    `    <dependency>
      <groupId>${group}</groupId>
      <artifactId>${artifact}</artifactId>
      <version>${wanted}</version>
    </dependency>
`;
  return `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidegate</groupId>
  <artifactId>local-broker</artifactId>
  <version>1</version>
  <dependencies>
${dependency("org.apache.kafka", `kafka_${scalaVersion}`, version)}${
    dependency("org.apache.kafka", "kafka-tools", version)
  }${dependency("org.slf4j", "slf4j-simple", slf4jVersion)}  </dependencies>
</project>
`;
}

/**
 * How Kafka's jars are fetched: by Maven, since Kafka has no package that a language's own tools
 * install, but all of its parts are published as Maven artifacts.
 */
export const kafkaRecipe: Recipe = {
  title: `Kafka ${KAFKA_PIN.version}`,
  folder: `kafka-${KAFKA_PIN.version}`,
  takes: KAFKA_PIN.takes,
  megabytes: KAFKA_PIN.megabytes,
  files: { "pom.xml": kafkaPom() },
  command(into) {
    const goal = `${KAFKA_PIN.copyPlugin}:copy-dependencies`;
    const output = `-DoutputDirectory=${join(into, KAFKA_JARS)}`;
    return { program: "mvn", args: ["-B", goal, output], env: {} };
  },
  progress(lines) {
    const files = lines.filter((line) => line.includes("Downloaded from")).length;
    return files === 0 ? "" : `${files} files fetched`;
  },
  async check(into, machine) {
    const { version, scalaVersion, slf4jVersion } = KAFKA_PIN;
    const jars = [
      `kafka_${scalaVersion}-${version}.jar`,
      `kafka-tools-${version}.jar`,
      `slf4j-simple-${slf4jVersion}.jar`,
    ];
    for (const jar of jars) {
      if (!await machine.exists(join(into, KAFKA_JARS, jar))) return `${jar} was not fetched`;
    }
    return null;
  },
};

/** The program's name inside the built folder. */
export const TEMPORAL_PROGRAM = "temporal";

/** How Temporal's CLI, which holds the dev server, is built by Go. */
export const temporalRecipe: Recipe = {
  title: `Temporal ${TEMPORAL_PIN.version}`,
  folder: `temporal-${TEMPORAL_PIN.version}-${Deno.build.os}-${Deno.build.arch}`,
  takes: TEMPORAL_PIN.takes,
  megabytes: TEMPORAL_PIN.megabytes,
  files: {},
  command(into) {
    const { module, version, versionVariable } = TEMPORAL_PIN;
    // Without debug tables the file is a sixth smaller.
    const link = `-s -w -X ${versionVariable}=${version}`;
    return {
      program: "go",
      args: ["install", "-v", "-ldflags", link, `${module}@v${version}`],
      // A cross-compiling environment, or flags for another project, must not leak in. Some systems
      // turn off the fetching of the newer Go that Temporal's go.mod asks for.
      env: { GOBIN: into, GOOS: "", GOARCH: "", GOFLAGS: "", GOTOOLCHAIN: "auto" },
    };
  },
  progress(lines) {
    const modules = lines.filter((line) => line.startsWith("go: downloading")).length;
    const packages = lines.filter((line) => /^[a-z][\w.\-/]*$/.test(line)).length;
    if (packages > 0) return `${packages} of at most ${TEMPORAL_PIN.packages} packages compiled`;
    return modules === 0 ? "" : `${modules} modules fetched`;
  },
  async check(into, machine) {
    const answer = await machine.run(join(into, TEMPORAL_PROGRAM), ["--version"]);
    const version = answer === null ? null : readTemporalServerVersion(answer.stdout);
    return version === TEMPORAL_PIN.serverVersion
      ? null
      : `its server must be ${TEMPORAL_PIN.serverVersion}, got ${version ?? "no answer"}`;
  },
};
