/**
 * What every command on a pipeline begins with: the configuration, the definition, and the servers.
 *
 * @module
 */

import { isAbsolute, resolve } from "node:path";
import type { KafkaSettings } from "../adapters/kafka/log.ts";
import type { TemporalSettings } from "../adapters/temporal/client.ts";
import { type Config, loadConfig } from "./config.ts";
import { say } from "./output.ts";
import { TidegateError } from "../core/errors.ts";
import { stackStatus, stackUp } from "../devstack/stack.ts";
import type { StackOptions } from "../devstack/types.ts";
import type { Pipeline } from "../definition/define.ts";
import { loadPipeline } from "../definition/load.ts";

/** What a command on a pipeline works with. */
export interface Session {
  /** The configuration. */
  readonly config: Config;
  /** The pipeline's definition. */
  readonly pipeline: Pipeline;
  /** Its file, absolute. */
  readonly pipelineFile: string;
  /** How to reach the broker. */
  readonly kafka: KafkaSettings;
  /** How to reach Temporal. */
  readonly temporal: TemporalSettings;
  /** The Temporal Web UI; null where it is not known. */
  readonly webUi: string | null;
}

/** What a command does about servers that no address is given for. */
export type ServerUse =
  /** Brings them up. */
  | "start"
  /** Brings the broker up; Temporal too, unless a broker's address is given. */
  | "broker"
  /** Uses them if they are up: there is nothing to ask of servers that are down. */
  | "ask";

/**
 * Reads the configuration and the definition, and sees to the servers.
 *
 * @param settings The settings' flags that were given.
 * @param use What to do about servers that no address is given for.
 * @throws {TidegateError} `TG_CONFIG`, `TG_DEFINITION`, `TG_INPUT`, `TG_STACK` if they are down, or
 * what the stack throws.
 */
export async function openSession(
  settings: Readonly<Record<string, unknown>>,
  use: ServerUse = "start",
): Promise<Session> {
  const config = readConfig(settings);
  const pipelineFile = isAbsolute(config.pipelineFile)
    ? config.pipelineFile
    : resolve(config.pipelineFile);
  const pipeline = await loadPipeline(pipelineFile);
  return { config, pipeline, pipelineFile, ...await servers(config, use) };
}

/** Reads the configuration of the settings' flags that were given, and of the environment. */
export function readConfig(flags: Readonly<Record<string, unknown>>): Config {
  return loadConfig(Deno.env.toObject(), { flags });
}

async function servers(
  config: Config,
  use: ServerUse,
): Promise<Pick<Session, "kafka" | "temporal" | "webUi">> {
  const { kafka, temporal } = config;
  if (use === "broker" && kafka.brokers !== undefined) {
    // Temporal is not asked for anything, so its address does not matter.
    const address = temporal.address ?? "";
    return {
      kafka: { ...kafka, brokers: kafka.brokers },
      temporal: { ...temporal, address },
      webUi: null,
    };
  }
  if (use === "ask") await refuseDown(config);
  const stack = await inDataFolder(config, () => stackUp(stackOptions(config)));
  return {
    kafka: { ...kafka, brokers: kafka.brokers ?? [stack.broker.address] },
    temporal: { ...temporal, address: temporal.address ?? stack.temporal.address },
    webUi: config.webUi ?? stack.webUi,
  };
}

/**
 * Does some work that writes to the data folder.
 *
 * @throws {TidegateError} `TG_CONFIG` if the folder can't be written.
 */
export async function inDataFolder<T>(
  { dataDir }: Pick<Config, "dataDir">,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof Error) || !cause.message.includes("(os error ")) throw cause;
    if (!cause.message.includes(dataDir)) throw cause;
    throw new TidegateError(
      "TG_CONFIG",
      `TIDEGATE_DATA_DIR (--data-dir) must be a folder that can be written: ${cause.message}`,
      { next: "Name another folder, or correct its rights.", cause },
    );
  }
}

/** Asking must not build and start servers: there would be nothing in them. */
async function refuseDown(config: Config): Promise<void> {
  const { broker, temporal } = await stackStatus(stackOptions(config));
  const down = [
    ...(broker.state === "down" ? ["the broker"] : []),
    ...(temporal.state === "down" ? ["Temporal"] : []),
  ];
  if (down.length === 0) return;
  throw new TidegateError("TG_STACK", `Not running here: ${down.join(" and ")}`, {
    next: "Bring the local servers up with: deno task stack up; or set KAFKA_BROKERS and " +
      "TEMPORAL_ADDRESS.",
  });
}

/** The options of the local stack. */
export function stackOptions(config: Config): StackOptions {
  const { kafka, temporal, brokerPort, temporalPort, uiPort, dataDir, cacheDir } = config;
  return {
    brokerPort,
    temporalPort,
    uiPort,
    dataDir,
    cacheDir,
    say,
    ...(kafka.brokers === undefined ? {} : { kafkaBrokers: kafka.brokers.join(",") }),
    ...(temporal.address === undefined ? {} : { temporalAddress: temporal.address }),
  };
}
