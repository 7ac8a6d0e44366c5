/**
 * How the servers are configured: a single Kafka process that is broker and controller at once
 * (KRaft), from its own scripts or from jars; and Temporal's dev server.
 *
 * @module
 */
import { join } from "node:path";
import { TidegateError } from "../core/errors.ts";
import { KAFKA_JARS } from "./build.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { LOCALHOST } from "./ports.ts";
import { probeBroker, temporalServes } from "./probe.ts";
import type { Invocation, Launch } from "./types.ts";

/** What differs from one Kafka to the next. */
export interface KafkaConfig {
  /** Folder of the log, absolute, without a comma. */
  readonly logDir: string;
  /** Port for clients. */
  readonly port: number;
  /** Port of the controller's listener; only the process itself connects to it. */
  readonly controllerPort: number;
}

/**
 * Writes a value of a Java properties file, which Java reads as ISO 8859-1.
 *
 * @returns The value with backslashes and everything beyond ASCII escaped.
 */
export function escapeProperty(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Writes `server.properties`. */
export function kafkaProperties(config: KafkaConfig): string {
  const { logDir, port, controllerPort } = config;
  const properties: Record<string, string | number | boolean> = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@${LOCALHOST}:${controllerPort}`,
    "listeners": `PLAINTEXT://${LOCALHOST}:${port},CONTROLLER://${LOCALHOST}:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://${LOCALHOST}:${port}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": logDir,
    // A misspelt topic must be an error, not a new topic.
    "auto.create.topics.enable": false,
    // A group's first member must not wait 3 s for others.
    "group.initial.rebalance.delay.ms": 0,
    // One broker: nothing can be replicated. One partition each: the first commit or transaction
    // would otherwise wait for 50 of them to be made.
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 1,
    // After a crash the new process waits until the old one's session has run out: 9 s by default.
    "broker.session.timeout.ms": 4000,
    "broker.heartbeat.interval.ms": 1000,
    // The compactor's buffer is 128 MB of heap by default; 16 MB hold 600,000 keys.
    "log.cleaner.dedupe.buffer.size": 16_777_216,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${escapeProperty(String(value))}\n`)
    .join("");
}

/** The cluster's id in the text of `meta.properties`, or null. */
export function readClusterId(metaProperties: string): string | null {
  return /^cluster\.id=(\S+)$/m.exec(metaProperties)?.[1] ?? null;
}

/**
 * Makes a cluster id of the form that Kafka wants.
 *
 * @returns The bytes in URL-safe base64; a leading `-`, which would read as a flag, becomes `A`.
 */
export function clusterId(random: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...random.subarray(0, 16)));
  const safe = base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return safe.startsWith("-") ? `A${safe.slice(1)}` : safe;
}

/** The two programs of a Kafka that are needed here. */
export interface KafkaPrograms {
  /** Formats the log's folder for a new cluster. */
  format(properties: string, clusterId: string): Invocation;
  /** Runs the broker. */
  serve(properties: string): Invocation;
}

// Twice what a broker with a few dozen partitions needs.
const HEAP = "-Xmx512m";

/**
 * Kafka's own scripts.
 *
 * @param bin What stands before their names: a folder with a slash, or nothing for the PATH.
 * @param suffix `.sh`, or nothing as in Homebrew's package.
 * @param logs Folder for what the scripts themselves log.
 */
export function kafkaScripts(bin: string, suffix: string, logs: string): KafkaPrograms {
  // Without EXTRA_ARGS the script turns on a log of the garbage collector.
  const env = { KAFKA_HEAP_OPTS: HEAP, LOG_DIR: logs, EXTRA_ARGS: "-name kafkaServer" };
  return {
    format: (properties, id) => ({
      program: `${bin}kafka-storage${suffix}`,
      args: ["format", "-t", id, "-c", properties],
      env,
    }),
    serve: (properties) => ({
      program: `${bin}kafka-server-start${suffix}`,
      args: [properties],
      env,
    }),
  };
}

/** Kafka's jars. */
export function kafkaJars(java: string, folder: string): KafkaPrograms {
  const classPath = ["-cp", join(folder, KAFKA_JARS, "*")];
  const log = "-Dorg.slf4j.simpleLogger";
  const quiet = [
    `${log}.defaultLogLevel=warn`,
    `${log}.showDateTime=true`,
    `${log}.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX`,
  ];
  return {
    // One short run: compiling it well would take longer than the run itself (0.7 s against 1.9 s).
    format: (properties, id) => ({
      program: java,
      args: [
        "-XX:TieredStopAtLevel=1",
        ...quiet,
        ...classPath,
        "kafka.tools.StorageTool",
        ...["format", "-t", id, "-c", properties],
      ],
      env: {},
    }),
    serve: (properties) => ({
      program: java,
      args: [
        ...["-Xms128m", HEAP, "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"],
        ...["-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"],
        ...quiet,
        ...classPath,
        "kafka.Kafka",
        properties,
      ],
      env: {},
    }),
  };
}

/** The cluster id of a formatted folder, or null if it is not formatted. */
async function formattedAs(logDir: string): Promise<string | null> {
  try {
    return readClusterId(await Deno.readTextFile(join(logDir, "meta.properties")));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Writes the configuration and, the first time, formats the log's folder.
 *
 * @param dir Folder of this broker's data, absolute.
 * @param ports Port for clients, port of the controller.
 * @returns What to start; it is ready when this very cluster answers, not just any broker.
 * @throws {TidegateError} `TG_STACK` if the folder can't be formatted, `TG_CONFIG` if Kafka can't
 * use its name.
 */
export async function configureKafka(
  programs: KafkaPrograms,
  dir: string,
  ports: readonly [port: number, controllerPort: number],
  machine: Machine = thisMachine,
): Promise<Launch> {
  const logDir = join(dir, "data");
  if (logDir.includes(",")) {
    const message =
      `Cannot start Kafka: the data folder must have no comma in its name, got ${dir}`;
    throw new TidegateError("TG_CONFIG", message, { next: "Move the project." });
  }
  await Deno.mkdir(dir, { recursive: true });
  const properties = join(dir, "server.properties");
  const [port, controllerPort] = ports;
  await Deno.writeTextFile(properties, kafkaProperties({ logDir, port, controllerPort }));
  let id = await formattedAs(logDir);
  if (id === null) {
    // What an interrupted formatting has left would stop the next one.
    if (await machine.exists(logDir)) await Deno.remove(logDir, { recursive: true });
    id = clusterId(crypto.getRandomValues(new Uint8Array(16)));
    const { program, args, env } = programs.format(properties, id);
    const answer = await machine.run(program, args, { env, timeoutMs: 60_000 });
    if (answer?.code !== 0) {
      const said = answer === null ? `${program} was not found` : answer.stdout + answer.stderr;
      throw new TidegateError("TG_STACK", `Cannot format Kafka's folder ${logDir}: ${said.trim()}`);
    }
  }
  return {
    invocation: programs.serve(properties),
    address: `${LOCALHOST}:${port}`,
    webUi: null,
    ready: async () => (await probeBroker({ host: LOCALHOST, port }))?.clusterId === id,
  };
}

/**
 * Go's collector runs less often, within a bound. Measured on 2 cores with signals to 150 workflows,
 * in pairs: 13 to 33 % less CPU a signal, with the same memory after it.
 */
const GO_RUNTIME = { GOGC: "800", GOMEMLIMIT: "1GiB" };

/**
 * Settings without which every dispatch waits: measured 2026-11-22, a sequential activity takes
 * 100 ms with the defaults and 13 ms with these; a timer of 50 ms takes 1 s and 61 ms. Values are JSON, hence the quotes.
 */
export const DEV_SERVER_SETTINGS: Readonly<Record<string, string>> = {
  "history.transferProcessorMaxPollRPS": "2000",
  "history.timerProcessorMaxPollRPS": "2000",
  "history.timerProcessorMaxTimeShift": '"50ms"',
  // A queue in one piece: with the four that are usual, a few pollers find tasks late and unfairly.
  "matching.numTaskqueueReadPartitions": "1",
  "matching.numTaskqueueWritePartitions": "1",
  // An activity that the worker which asks for it can take goes out with the answer: a settle took
  // 12 ms with it, in this server's default of versions before 1.32 about 100.
  "system.enableActivityEagerExecution": "true",
};

/** What differs from one dev server to the next. */
export interface DevServerConfig {
  /** The database's file, absolute. */
  readonly database: string;
  /** Port of the gRPC frontend. */
  readonly port: number;
  /** Port of the Web UI. */
  readonly uiPort: number;
}

/** The arguments of `temporal` for a dev server. */
export function devServerArgs(config: DevServerConfig): string[] {
  const settings = Object.entries(DEV_SERVER_SETTINGS)
    .flatMap(([name, value]) => ["--dynamic-config-value", `${name}=${value}`]);
  return [
    ...["server", "start-dev", "--ip", LOCALHOST],
    ...["--port", String(config.port), "--ui-port", String(config.uiPort)],
    ...["--db-filename", config.database],
    // Durable across the death of the process; only a power cut could cost the last commits.
    ...["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"],
    ...settings,
    ...["--log-level", "error", "--color", "never"],
  ];
}

/**
 * Prepares the database's folder.
 *
 * @param dir Folder of the database, absolute.
 * @param ports Port of the frontend, port of the Web UI.
 * @returns What to start.
 */
export async function configureTemporal(
  program: string,
  dir: string,
  ports: readonly [port: number, uiPort: number],
): Promise<Launch> {
  await Deno.mkdir(dir, { recursive: true });
  const [port, uiPort] = ports;
  const address = `${LOCALHOST}:${port}`;
  return {
    invocation: {
      program,
      args: devServerArgs({ database: join(dir, "temporal.db"), port, uiPort }),
      env: GO_RUNTIME,
    },
    address,
    webUi: `http://${LOCALHOST}:${uiPort}`,
    ready: () => temporalServes(address),
  };
}
