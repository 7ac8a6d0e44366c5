/**
 * Starting Kafka, from its own scripts on the PATH or from jars that Tidegate has fetched.
 *
 * @module
 */
import { join } from "node:path";
import { TidegateError } from "../core/errors.ts";
import { KAFKA_JARS } from "./kafka_build.ts";
import { clusterId, kafkaProperties, readClusterId } from "./kafka_config.ts";
import { type Machine, thisMachine } from "./machine.ts";
import type { Invocation, Launch } from "./plan.ts";
import { LOCALHOST } from "./ports.ts";
import { probeBroker } from "./probe_broker.ts";

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

/**
 * Kafka's jars.
 *
 * @param java The Java program.
 * @param folder The built folder.
 */
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
 * @param programs Kafka's programs.
 * @param dir Folder of this broker's data, absolute.
 * @param ports Port for clients, port of the controller.
 * @param machine Runs the formatter.
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
