/**
 * The configuration: the settings' rows, read from flags and the environment, checked one by one
 * and against each other. All problems are found at once; secrets are never printed.
 *
 * @module
 */

import type { KafkaSettings } from "../adapters/kafka/log.ts";
import type { LauncherChoice } from "../processes/launchers.ts";
import type { Env } from "./args.ts";
import { type SettingSources, SettingsReader } from "./reader.ts";
import { type Setting, settings } from "./settings.ts";

export { settingFlags, settingNames, settingsTable } from "./settings.ts";

/** How to reach the broker; without `brokers`, it is the local stack's. */
export interface KafkaConfig extends Omit<KafkaSettings, "brokers"> {
  /** `host:port` of one or more brokers. */
  readonly brokers?: readonly string[];
}

/** TLS material as PEM text; without `ca`, the system's authorities are trusted. */
export interface TlsConfig {
  /** The authority's certificate. */
  readonly ca?: string;
  /** The client's certificate. */
  readonly cert?: string;
  /** The key of the client's certificate. */
  readonly key?: string;
}

/** How to reach Temporal; without `address`, it is the local stack's. */
export interface TemporalConfig {
  /** `host:port` of the server. */
  readonly address?: string;
  /** The namespace. */
  readonly namespace: string;
  /** TLS material; plain text if left out. */
  readonly tls?: TlsConfig;
  /** The API key. */
  readonly apiKey?: string;
}

/** The local stack's ports. */
export interface StackConfig {
  /** The broker's port. */
  readonly brokerPort: number;
  /** The Temporal server's port. */
  readonly temporalPort: number;
  /** The Temporal Web UI's port. */
  readonly uiPort: number;
}

/** The configuration. */
export interface Config {
  /** The broker. */
  readonly kafka: KafkaConfig;
  /** Temporal. */
  readonly temporal: TemporalConfig;
  /** The file of the pipeline's definition. */
  readonly pipelineFile: string;
  /** The port of the dashboard; 0 takes any free one. */
  readonly port: number;
  /** The address that the dashboard listens on. */
  readonly host: string;
  /** Where people reach the Temporal Web UI; the local stack's if left out. */
  readonly webUi?: string;
  /** The fewest worker processes. */
  readonly minWorkers: number;
  /** The most worker processes. */
  readonly maxWorkers: number;
  /** Who starts the workers. */
  readonly launcher: LauncherChoice;
  /** The least time between two slices of a caught-up partition. */
  readonly paceMs: number;
  /** The time budget of a slice. */
  readonly sliceMs: number;
  /** How long nothing may happen before the last worker is stopped. */
  readonly idleToZeroMs: number;
  /** The local stack's ports. */
  readonly stack: StackConfig;
  /** Where the local stack keeps its data. */
  readonly dataDir: string;
  /** Where servers for the local stack are kept. */
  readonly cacheDir: string;
}

/**
 * Reads the configuration. A flag goes before the environment, which goes before the default; an
 * empty environment variable counts as unset.
 *
 * @param env The environment.
 * @param sources Flags, and how to read a file.
 * @returns The configuration.
 * @throws {TidegateError} `TG_CONFIG`, with every problem on a line of its own.
 */
export function loadConfig(env: Env, sources: SettingSources = {}): Config {
  const reader = new SettingsReader(env, sources);
  const webUi = reader.optional(settings.webUi);
  const config = {
    kafka: kafkaConfig(reader),
    temporal: temporalConfig(reader),
    pipelineFile: reader.required(settings.pipeline, ""),
    port: reader.required(settings.port, 0),
    host: reader.required(settings.host, ""),
    ...(webUi === undefined ? {} : { webUi }),
    minWorkers: reader.required(settings.minWorkers, 0),
    maxWorkers: reader.required(settings.maxWorkers, Infinity),
    launcher: launcherChoice(reader),
    paceMs: reader.required(settings.paceMs, 0),
    sliceMs: reader.required(settings.sliceMs, 0),
    idleToZeroMs: reader.required(settings.idleToZero, 0),
    stack: {
      brokerPort: reader.required(settings.brokerPort, 0),
      temporalPort: reader.required(settings.temporalPort, 0),
      uiPort: reader.required(settings.uiPort, 0),
    },
    dataDir: reader.required(settings.dataDir, ""),
    cacheDir: reader.optional(settings.cacheDir) ?? userCache(env),
  };
  if (config.minWorkers > config.maxWorkers) {
    const max = `${settings.maxWorkers.name} (${config.maxWorkers})`;
    reader.problem(settings.minWorkers, `must be at most ${max}, got "${config.minWorkers}"`);
  }
  checkPorts(config, reader);
  reader.finish();
  return config;
}

function kafkaConfig(reader: SettingsReader): KafkaConfig {
  const brokers = reader.optional(settings.kafkaBrokers);
  const tls = tlsConfig(reader, settings.kafkaTlsCa, settings.kafkaTlsCert, settings.kafkaTlsKey);
  const mechanism = reader.optional(settings.kafkaSasl);
  const username = reader.optional(settings.kafkaUsername);
  const password = reader.optional(settings.kafkaPassword);
  if (reader.isSet(settings.kafkaSasl)) {
    reader.needs(settings.kafkaSasl, settings.kafkaUsername);
    reader.needs(settings.kafkaSasl, settings.kafkaPassword);
  } else {
    reader.needs(settings.kafkaUsername, settings.kafkaSasl);
    reader.needs(settings.kafkaPassword, settings.kafkaSasl);
  }
  const { kafkaTlsCa, kafkaTlsCert, kafkaSasl } = settings;
  for (const setting of [kafkaTlsCa, kafkaTlsCert, kafkaSasl]) {
    // The local broker has neither TLS nor logins: the setting would be dropped in silence.
    reader.needs(setting, settings.kafkaBrokers);
  }
  const sasl = mechanism === undefined || username === undefined || password === undefined
    ? undefined
    : { mechanism, username, password };
  return {
    ...(brokers === undefined ? {} : { brokers }),
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

function temporalConfig(reader: SettingsReader): TemporalConfig {
  const { temporalTlsCa, temporalTlsCert, temporalTlsKey, temporalApiKey } = settings;
  const address = reader.optional(settings.temporalAddress);
  const tls = tlsConfig(reader, temporalTlsCa, temporalTlsCert, temporalTlsKey);
  const apiKey = reader.optional(temporalApiKey);
  for (const setting of [temporalTlsCa, temporalTlsCert, temporalApiKey]) {
    reader.needs(setting, settings.temporalAddress);
  }
  return {
    namespace: reader.required(settings.temporalNamespace, ""),
    ...(address === undefined ? {} : { address }),
    // An API key never travels in plain text.
    ...(tls === undefined && apiKey === undefined ? {} : { tls: tls ?? {} }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

function launcherChoice(reader: SettingsReader): LauncherChoice {
  const kind = reader.required(settings.launcher, "process");
  const deployment = reader.required(settings.deployment, "");
  return kind === "kubernetes" ? { kind, deployment } : { kind };
}

function tlsConfig(
  reader: SettingsReader,
  caSetting: Setting<string>,
  certSetting: Setting<string>,
  keySetting: Setting<string>,
): TlsConfig | undefined {
  reader.needs(certSetting, keySetting);
  reader.needs(keySetting, certSetting);
  const ca = reader.authority(caSetting);
  const cert = reader.pem(certSetting);
  const key = reader.pem(keySetting);
  if (!reader.isSet(caSetting) && !reader.isSet(certSetting)) return undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function checkPorts(config: Config, reader: SettingsReader): void {
  const taken = new Map<number, string>();
  const ports: readonly (readonly [Setting<number>, number])[] = [
    [settings.port, config.port],
    [settings.brokerPort, config.stack.brokerPort],
    [settings.temporalPort, config.stack.temporalPort],
    [settings.uiPort, config.stack.uiPort],
  ];
  for (const [setting, port] of ports) {
    const other = port === 0 ? undefined : taken.get(port);
    if (other !== undefined) {
      reader.problem(setting, `must differ from ${other}, got "${port}"`);
    }
    taken.set(port, setting.name);
  }
}

function userCache(env: Env): string {
  if (env.XDG_CACHE_HOME) return `${env.XDG_CACHE_HOME}/tidegate`;
  return env.HOME ? `${env.HOME}/.cache/tidegate` : ".tidegate/cache";
}
