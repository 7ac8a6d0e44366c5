/**
 * The settings of Tidegate, one row each. The rows are read by `config.ts`, become flags of the
 * commands, and make the manual's table.
 *
 * @module
 */

import type { TextFlag } from "./flags.ts";
import {
  addressesKind,
  addressKind,
  durationKind,
  integerKind,
  oneOfKind,
  textKind,
  urlKind,
  type ValueKind,
} from "./values.ts";

/** One setting. */
export interface Setting<T> {
  /** The environment variable. */
  readonly name: string;
  /** What its value is, and how it is read. */
  readonly kind: ValueKind<T>;
  /** The text that stands for the value where it isn't set; null if nothing does. */
  readonly default: string | null;
  /** What it does, a sentence. */
  readonly sentence: string;
  /**
   * A secret: never printed, no flag of its own (a command line can be read by every user of a
   * machine), and also read from the file that `<name>_FILE` names.
   * @default {false}
   */
  readonly secret?: boolean;
}

const port = integerKind({ min: 1, max: 65535 });
const pemKind: ValueKind<string> = { ...textKind, placeholder: "FILE", must: "a PEM file" };
const authorityKind: ValueKind<string> = {
  ...pemKind,
  must: "a PEM file, or the word system for the authorities that the system trusts",
};
const fileKind: ValueKind<string> = { ...textKind, placeholder: "FILE", must: "a file" };
const folderKind: ValueKind<string> = { ...textKind, placeholder: "FOLDER", must: "a folder" };

/** All settings, in the order of the manual. */
export const settings = {
  kafkaBrokers: row(
    "KAFKA_BROKERS",
    addressesKind,
    null,
    "The brokers of Redpanda or Kafka; the local stack's if unset.",
  ),
  kafkaTlsCa: row(
    "KAFKA_TLS_CA",
    authorityKind,
    null,
    "The authority of the brokers' certificates, a PEM file or `system`; turns TLS on.",
  ),
  kafkaTlsCert: row(
    "KAFKA_TLS_CERT",
    pemKind,
    null,
    "The client's certificate for the brokers, a PEM file; turns TLS on.",
  ),
  kafkaTlsKey: row("KAFKA_TLS_KEY", pemKind, null, "The key of that certificate, a PEM file."),
  kafkaSasl: row(
    "KAFKA_SASL",
    oneOfKind(["plain", "scram-256", "scram-512"]),
    null,
    "How to log in at the brokers; no login if unset.",
  ),
  kafkaUsername: row("KAFKA_USERNAME", textKind, null, "The user to log in as."),
  kafkaPassword: secret("KAFKA_PASSWORD", "The user's password."),
  temporalAddress: row(
    "TEMPORAL_ADDRESS",
    addressKind,
    null,
    "The Temporal server; the local stack's if unset.",
  ),
  temporalNamespace: row("TEMPORAL_NAMESPACE", textKind, "default", "The Temporal namespace."),
  temporalTlsCa: row(
    "TEMPORAL_TLS_CA",
    authorityKind,
    null,
    "The authority of the server's certificate, a PEM file or `system`; turns TLS on.",
  ),
  temporalTlsCert: row(
    "TEMPORAL_TLS_CERT",
    pemKind,
    null,
    "The client's certificate for Temporal, a PEM file; turns TLS on.",
  ),
  temporalTlsKey: row(
    "TEMPORAL_TLS_KEY",
    pemKind,
    null,
    "The key of that certificate, a PEM file.",
  ),
  temporalApiKey: secret("TEMPORAL_API_KEY", "The API key for Temporal; turns TLS on."),
  pipeline: row(
    "TIDEGATE_PIPELINE",
    fileKind,
    "pipelines/cs_student_logs.ts",
    "The file of the pipeline's definition.",
  ),
  port: row(
    "TIDEGATE_PORT",
    integerKind({ min: 0, max: 65535 }),
    "8088",
    "The port of the dashboard; 0 takes any free one.",
  ),
  host: row(
    "TIDEGATE_HOST",
    textKind,
    "127.0.0.1",
    "The address that the dashboard listens on; 0.0.0.0 lets everybody in who can reach it.",
  ),
  webUi: row(
    "TIDEGATE_WEB_UI",
    urlKind,
    null,
    "Where people reach the Temporal Web UI, a URL; the local stack's if unset.",
  ),
  minWorkers: row(
    "TIDEGATE_MIN_WORKERS",
    integerKind({ min: 0, max: 64 }),
    "0",
    "The fewest worker processes.",
  ),
  maxWorkers: row(
    "TIDEGATE_MAX_WORKERS",
    integerKind({ min: 1, max: 64 }),
    "4",
    "The most worker processes.",
  ),
  launcher: row(
    "TIDEGATE_LAUNCHER",
    oneOfKind(["process", "none", "kubernetes"]),
    "process",
    "Who starts the workers: the control process itself, somebody else, or the Deployment of a " +
      "Kubernetes cluster that it scales.",
  ),
  deployment: row(
    "TIDEGATE_DEPLOYMENT",
    textKind,
    "tidegate-worker",
    "The Deployment of the workers, for TIDEGATE_LAUNCHER=kubernetes.",
  ),
  paceMs: row(
    "TIDEGATE_PACE_MS",
    integerKind({ min: 10, max: 60_000 }),
    "1000",
    "The least time between two slices of a partition that has caught up, in ms.",
  ),
  sliceMs: row(
    "TIDEGATE_SLICE_MS",
    integerKind({ min: 50, max: 30_000 }),
    "1000",
    "The longest time that folding one slice may take, in ms.",
  ),
  idleToZero: row(
    "TIDEGATE_IDLE_TO_ZERO",
    durationKind({ min: 1000 }),
    "60s",
    "How long nothing may happen before the last worker is stopped.",
  ),
  brokerPort: row("TIDEGATE_BROKER_PORT", port, "19092", "The port of the local stack's broker."),
  temporalPort: row(
    "TIDEGATE_TEMPORAL_PORT",
    port,
    "17233",
    "The port of the local stack's Temporal server.",
  ),
  uiPort: row(
    "TIDEGATE_UI_PORT",
    port,
    "18233",
    "The port of the local stack's Temporal Web UI.",
  ),
  dataDir: row(
    "TIDEGATE_DATA_DIR",
    folderKind,
    ".tidegate",
    "Where the local stack keeps its data, and processes their state files.",
  ),
  cacheDir: row(
    "TIDEGATE_CACHE",
    folderKind,
    null,
    "Where servers for the local stack are kept once fetched or built; " +
      "`tidegate` in the user's cache folder if unset.",
  ),
} as const;

function row<T>(
  name: string,
  kind: ValueKind<T>,
  standard: string | null,
  sentence: string,
): Setting<T> {
  return { name, kind, default: standard, sentence };
}

function secret(name: string, sentence: string): Setting<string> {
  return { name, kind: textKind, default: null, sentence, secret: true };
}

/**
 * The flag of a setting.
 *
 * @param name The environment variable.
 * @returns Its name in lower case with dashes, without Tidegate's own prefix.
 */
export function flagOf(name: string): string {
  return name.replace(/^TIDEGATE_/, "").toLowerCase().replaceAll("_", "-");
}

/** What a person may set: each setting but secrets under its name, secrets also by a file. */
interface Entry {
  readonly name: string;
  readonly flag: string | null;
  readonly placeholder: string;
  readonly default: string | null;
  readonly sentence: string;
}

function entries(): Entry[] {
  const all: readonly Setting<unknown>[] = Object.values(settings);
  return all.flatMap((setting): Entry[] => {
    const entry = {
      name: setting.name,
      flag: setting.secret === true ? null : flagOf(setting.name),
      placeholder: setting.kind.placeholder,
      default: setting.default,
      sentence: setting.sentence,
    };
    if (setting.secret !== true) return [entry];
    const name = `${setting.name}_FILE`;
    const sentence = `The file that holds ${setting.name}.`;
    return [entry, { ...entry, name, flag: flagOf(name), placeholder: "FILE", sentence }];
  });
}

/** The environment variables that {@linkcode loadConfig} of `config.ts` looks at. */
export const settingNames: readonly string[] = [
  ...entries().map(({ name }) => name),
  "XDG_CACHE_HOME",
  "HOME",
];

/**
 * The settings as flags for a command's spec. Their text goes to `loadConfig` unchecked, so that
 * a setting is checked in one place, wherever it comes from.
 *
 * @param wanted The settings' environment variables; all of them if left out.
 * @returns The flags by name.
 */
export function settingFlags(wanted?: readonly string[]): Readonly<Record<string, TextFlag>> {
  const flags: Record<string, TextFlag> = {};
  for (const { name, flag, placeholder, sentence, default: standard } of entries()) {
    if (flag === null || (wanted !== undefined && !wanted.includes(name))) continue;
    const description = standard === null ? sentence : `${sentence} (${standard})`;
    const brief = wanted === undefined;
    flags[flag] = { type: "string", description, placeholder, env: name, brief };
  }
  return flags;
}

/**
 * The manual's table of settings.
 *
 * @returns A Markdown table with one row per setting, ending in a line break.
 */
export function settingsTable(): string {
  const code = (text: string) => `\`${text.replaceAll("|", "\\|")}\``;
  const rows = entries().map((entry) => [
    code(entry.name),
    entry.flag === null ? "–" : code(`--${entry.flag}`),
    code(entry.placeholder),
    entry.default === null ? "–" : code(entry.default),
    entry.sentence,
  ]);
  const head = [["Setting", "Flag", "Value", "Default", "What it does"], Array(5).fill("---")];
  return [...head, ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
