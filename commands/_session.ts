/**
 * What every command on a pipeline begins with: the configuration, the definition, and the servers.
 *
 * @module
 */

import { isAbsolute, resolve } from "node:path";
import type { KafkaSettings } from "../adapters/log.ts";
import type { TemporalSettings } from "../adapters/temporal_client.ts";
import { type Config, loadConfig, settingFlags } from "../config.ts";
import { stackUp } from "../local/mod.ts";
import type { Pipeline } from "../pipelines/define.ts";
import { loadPipeline } from "../pipelines/load.ts";

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

/** Tells people what goes on: on standard error, so that results can be piped. */
export function say(line: string): void {
  console.error(line);
}

/** The flags of the settings that every command on a pipeline takes. */
export const SESSION_FLAGS = settingFlags();

/**
 * Reads the configuration and the definition, and brings up the servers that no address is given for.
 *
 * @param flags The values of the settings' flags that were given.
 * @returns The session.
 * @throws {TidegateError} `TG_CONFIG`, `TG_DEFINITION`, `TG_INPUT`, or what the stack throws.
 */
export async function openSession(
  flags: Readonly<Record<string, unknown>>,
): Promise<Session> {
  const config = readConfig(flags);
  const pipelineFile = isAbsolute(config.pipelineFile)
    ? config.pipelineFile
    : resolve(config.pipelineFile);
  const pipeline = await loadPipeline(pipelineFile);
  return { config, pipeline, pipelineFile, ...await servers(config) };
}

/**
 * Reads the configuration.
 *
 * @param flags The values of the settings' flags that were given.
 * @returns The configuration.
 */
export function readConfig(flags: Readonly<Record<string, unknown>>): Config {
  const texts = Object.entries(flags).filter((entry): entry is [string, string] =>
    typeof entry[1] === "string"
  );
  return loadConfig(Deno.env.toObject(), {
    flags: Object.fromEntries(texts),
    readFile: (path) => Deno.readTextFileSync(path),
  });
}

/**
 * The addresses of the servers; those that are not given are brought up.
 *
 * @param config The configuration.
 * @returns How to reach the broker and Temporal.
 */
export async function servers(
  config: Config,
): Promise<Pick<Session, "kafka" | "temporal" | "webUi">> {
  const { kafka, temporal } = config;
  const stack = await stackUp(stackOptions(config));
  return {
    kafka: { ...kafka, brokers: kafka.brokers ?? [stack.broker.address] },
    temporal: { ...temporal, address: temporal.address ?? stack.temporal.address },
    webUi: stack.webUi,
  };
}

/**
 * The options of the local stack.
 *
 * @param config The configuration.
 * @returns The options.
 */
export function stackOptions(config: Config) {
  const { kafka, temporal, stack, dataDir, cacheDir } = config;
  return {
    ...stack,
    dataDir,
    cacheDir,
    say,
    ...(kafka.brokers === undefined ? {} : { kafkaBrokers: kafka.brokers.join(",") }),
    ...(temporal.address === undefined ? {} : { temporalAddress: temporal.address }),
  };
}
