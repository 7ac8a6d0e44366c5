/**
 * The settings, in one table: each is a zod schema with its environment variable, its sentence and
 * its default. The flags of the commands and the manual's table are made of it, and the
 * configuration is read by it: all problems at once, and secrets are never printed.
 *
 * @module
 */

import { z } from "zod";
import type { KafkaSettings } from "../adapters/kafka/log.ts";
import type { TemporalSettings } from "../adapters/temporal/client.ts";
import { TidegateError } from "../core/errors.ts";
import {
  address,
  addresses,
  defaultOf,
  duration,
  type Flags,
  integer,
  text,
  url,
  word,
  wordingOf,
} from "./args.ts";
import { markdownTable } from "./output.ts";

/** What a setting is beside its schema. */
interface Row {
  /** The environment variable; the flag is made of it. */
  readonly env: string;
  /**
   * A secret has no flag (a command line can be read by every user of a machine), and is also read
   * from the file that `<env>_FILE` names.
   */
  readonly secret: boolean;
  /** Whether there is a flag beside the variable. */
  readonly hasFlag: boolean;
}

const ROWS = z.registry<Row>();

function setting<S extends z.ZodType>(env: string, sentence: string, schema: S): S {
  const described = schema.describe(sentence);
  ROWS.add(described, { env, secret: false, hasFlag: true });
  return described;
}

/** A setting without a flag: it counts before any flag is read. */
function variable<S extends z.ZodType>(env: string, sentence: string, schema: S): S {
  const described = schema.describe(sentence);
  ROWS.add(described, { env, secret: false, hasFlag: false });
  return described;
}

function secret(env: string, sentence: string) {
  const described = text().optional().describe(sentence);
  ROWS.add(described, { env, secret: true, hasFlag: false });
  return described;
}

const port = () => integer({ min: 1, max: 65535 });
const file = () => text("FILE", "a file");
const folder = () => text("FOLDER", "a folder");
const pem = () => text("FILE", "a PEM file").optional();
const authority = () =>
  text("FILE", "a PEM file, or the word system for the authorities that the system trusts")
    .optional();

const KAFKA = {
  brokers: setting(
    "KAFKA_BROKERS",
    "The brokers of Redpanda or Kafka; the local stack's if unset.",
    addresses().optional(),
  ),
  ca: setting(
    "KAFKA_TLS_CA",
    "The authority of the brokers' certificates, a PEM file or `system`; turns TLS on.",
    authority(),
  ),
  cert: setting(
    "KAFKA_TLS_CERT",
    "The client's certificate for the brokers, a PEM file; turns TLS on.",
    pem(),
  ),
  key: setting("KAFKA_TLS_KEY", "The key of that certificate, a PEM file.", pem()),
  sasl: setting(
    "KAFKA_SASL",
    "How to log in at the brokers; no login if unset.",
    word(["plain", "scram-256", "scram-512"]).optional(),
  ),
  username: setting("KAFKA_USERNAME", "The user to log in as.", text().optional()),
  password: secret("KAFKA_PASSWORD", "The user's password."),
};

const TEMPORAL = {
  address: setting(
    "TEMPORAL_ADDRESS",
    "The Temporal server; the local stack's if unset.",
    address().optional(),
  ),
  namespace: setting("TEMPORAL_NAMESPACE", "The Temporal namespace.", text().prefault("default")),
  ca: setting(
    "TEMPORAL_TLS_CA",
    "The authority of the server's certificate, a PEM file or `system`; turns TLS on.",
    authority(),
  ),
  cert: setting(
    "TEMPORAL_TLS_CERT",
    "The client's certificate for Temporal, a PEM file; turns TLS on.",
    pem(),
  ),
  key: setting("TEMPORAL_TLS_KEY", "The key of that certificate, a PEM file.", pem()),
  apiKey: secret("TEMPORAL_API_KEY", "The API key for Temporal; turns TLS on."),
};

/** The settings of Tidegate itself, by their names in the configuration. */
export const TIDEGATE = {
  pipelineFile: setting(
    "TIDEGATE_PIPELINE",
    "The file of the pipeline's definition.",
    file().prefault("pipelines/cs_student_logs.ts"),
  ),
  port: setting(
    "TIDEGATE_PORT",
    "The port of the dashboard; 0 takes any free one.",
    integer({ min: 0, max: 65535 }).prefault("8088"),
  ),
  host: setting(
    "TIDEGATE_HOST",
    "The address that the dashboard listens on; 0.0.0.0 lets everybody in who can reach it.",
    text().prefault("127.0.0.1"),
  ),
  webUi: setting(
    "TIDEGATE_WEB_UI",
    "Where people reach the Temporal Web UI, a URL; the local stack's if unset.",
    url().optional(),
  ),
  pageUrl: setting(
    "TIDEGATE_PAGE_URL",
    "Where people reach the live page, a URL; the address that it listens on if unset.",
    url().optional(),
  ),
  filesAt: setting(
    "TIDEGATE_FILES_AT",
    "What stands before the paths that are printed, for whoever is not where the files are: " +
      "`tidegate:` for `docker compose cp`.",
    text().optional(),
  ),
  minWorkers: setting(
    "TIDEGATE_MIN_WORKERS",
    "The fewest worker processes.",
    integer({ min: 0, max: 64 }).prefault("0"),
  ),
  maxWorkers: setting(
    "TIDEGATE_MAX_WORKERS",
    "The most worker processes.",
    integer({ min: 1, max: 64 }).prefault("4"),
  ),
  launcher: setting(
    "TIDEGATE_LAUNCHER",
    "Who starts the workers: the control process itself, somebody else, or the Deployment of a " +
      "Kubernetes cluster that it scales.",
    word(["process", "external", "kubernetes"]).prefault("process"),
  ),
  deployment: setting(
    "TIDEGATE_DEPLOYMENT",
    "The Deployment of the workers, for TIDEGATE_LAUNCHER=kubernetes.",
    text().prefault("tidegate-worker"),
  ),
  paceMs: setting(
    "TIDEGATE_PACE_MS",
    "How long a sweep goes on that has folded something, in ms; windows close when they can, " +
      "whatever this is.",
    integer({ min: 10, max: 60_000 }).prefault("5000"),
  ),
  sliceMs: setting(
    "TIDEGATE_SLICE_MS",
    "How long a sweep folds in a backlog before it answers, in ms.",
    integer({ min: 50, max: 30_000 }).prefault("2000"),
  ),
  deliverMs: setting(
    "TIDEGATE_DELIVER_MS",
    "How often a window that stays open gets its events, to be looked at, in ms; 0 for never.",
    integer({ min: 0, max: 600_000 }).prefault("5000"),
  ),
  idleToZeroMs: setting(
    "TIDEGATE_IDLE_TO_ZERO",
    "How long nothing may happen before the last worker is stopped.",
    duration({ min: 1000 }).prefault("60s"),
  ),
  brokerPort: setting(
    "TIDEGATE_BROKER_PORT",
    "The port of the local stack's broker.",
    port().prefault("19092"),
  ),
  temporalPort: setting(
    "TIDEGATE_TEMPORAL_PORT",
    "The port of the local stack's Temporal server.",
    port().prefault("17233"),
  ),
  uiPort: setting(
    "TIDEGATE_UI_PORT",
    "The port of the local stack's Temporal Web UI.",
    port().prefault("18233"),
  ),
  dataDir: setting(
    "TIDEGATE_DATA_DIR",
    "Where the local stack keeps its data, and processes their state files.",
    folder().prefault(".tidegate"),
  ),
  cacheDir: setting(
    "TIDEGATE_CACHE",
    "Where servers for the local stack are kept once fetched or built; " +
      "`tidegate` in the user's cache folder if unset.",
    folder().optional(),
  ),
  debug: variable(
    "TIDEGATE_DEBUG",
    "1 prints the stack of the error that ends a command.",
    word(["0", "1"]).prefault("0"),
  ),
};

/** A setting of the table. */
type Setting = z.ZodType;

/** Environment variables. */
export type Env = Readonly<Record<string, string | undefined>>;

/** How to reach the broker; without `brokers`, it is the local stack's. */
export interface KafkaConfig extends Omit<KafkaSettings, "brokers"> {
  /** `host:port` of one or more brokers. */
  readonly brokers?: readonly string[];
}

/** How to reach Temporal; without `address`, it is the local stack's. */
export interface TemporalConfig extends Omit<TemporalSettings, "address"> {
  /** `host:port` of the server. */
  readonly address?: string;
}

/** The values of settings, by their names in the table. */
export type Values<T extends Readonly<Record<string, z.ZodType>>> = {
  readonly [K in keyof T]: z.output<T[K]>;
};

/** The configuration: the settings by their names in the table, those of the servers as objects. */
export interface Config extends Values<typeof TIDEGATE> {
  /** The broker. */
  readonly kafka: KafkaConfig;
  /** Temporal. */
  readonly temporal: TemporalConfig;
  /** Where servers for the local stack are kept. */
  readonly cacheDir: string;
}

/** Where settings come from, beside the environment. */
export interface SettingSources {
  /**
   * Flags by name as `parseCommand` gives them; those that are no setting's are passed over.
   * @default {{}}
   */
  readonly flags?: Readonly<Record<string, unknown>>;
  /**
   * Reads a text file.
   * @default {Deno.readTextFileSync}
   */
  readonly readFile?: (path: string) => string;
}

/**
 * Reads the configuration. A flag goes before the environment, which goes before the default; an
 * empty environment variable counts as unset.
 *
 * @throws {TidegateError} `TG_CONFIG`, with every problem on a line of its own.
 */
export function loadConfig(env: Env, sources: SettingSources = {}): Config {
  const settings = new SettingsReader(env, sources);
  const kafka = kafkaConfig(settings);
  const temporal = temporalConfig(settings);
  const own = settings.values(TIDEGATE);
  checkWorkers(settings);
  checkPorts(settings);
  settings.finish();
  return { ...own, kafka, temporal, cacheDir: own.cacheDir ?? userCache(env) };
}

function kafkaConfig(settings: SettingsReader): KafkaConfig {
  const { brokers, sasl: mechanism, username, password } = settings.values(KAFKA);
  const tls = tlsConfig(settings, KAFKA);
  settings.needs(KAFKA.sasl, KAFKA.username, KAFKA.password);
  settings.needs(KAFKA.username, KAFKA.sasl);
  settings.needs(KAFKA.password, KAFKA.sasl);
  // The local broker has neither TLS nor logins: the setting would be dropped in silence.
  for (const one of [KAFKA.ca, KAFKA.cert, KAFKA.sasl]) settings.needs(one, KAFKA.brokers);
  return {
    ...(brokers === undefined ? {} : { brokers }),
    ...(tls === undefined ? {} : { tls }),
    ...(mechanism === undefined || username === undefined || password === undefined
      ? {}
      : { sasl: { mechanism, username, password } }),
  };
}

function temporalConfig(settings: SettingsReader): TemporalConfig {
  const { address, namespace, apiKey } = settings.values(TEMPORAL);
  const tls = tlsConfig(settings, TEMPORAL);
  for (const one of [TEMPORAL.ca, TEMPORAL.cert, TEMPORAL.apiKey]) {
    settings.needs(one, TEMPORAL.address);
  }
  return {
    namespace,
    ...(address === undefined ? {} : { address }),
    // An API key never travels in plain text.
    ...(tls === undefined && apiKey === undefined ? {} : { tls: tls ?? {} }),
    ...(apiKey === undefined ? {} : { apiKey }),
  };
}

function tlsConfig(
  settings: SettingsReader,
  table: Pick<typeof KAFKA, "ca" | "cert" | "key">,
): TemporalConfig["tls"] | undefined {
  settings.needs(table.cert, table.key);
  settings.needs(table.key, table.cert);
  const ca = settings.text(table.ca) === "system" ? undefined : settings.pem(table.ca);
  const cert = settings.pem(table.cert);
  const key = settings.pem(table.key);
  if (!settings.isSet(table.ca) && !settings.isSet(table.cert)) return undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function checkWorkers(settings: SettingsReader): void {
  const { minWorkers, maxWorkers } = TIDEGATE;
  const [min, max] = [settings.value(minWorkers), settings.value(maxWorkers)];
  if (min === undefined || max === undefined || min <= max) return;
  settings.problem(minWorkers, `must be at most ${rowOf(maxWorkers).env} (${max}), got "${min}"`);
}

function checkPorts(settings: SettingsReader): void {
  const taken = new Map<number, string>();
  const { port, brokerPort, temporalPort, uiPort } = TIDEGATE;
  for (const one of [port, brokerPort, temporalPort, uiPort]) {
    const value = settings.value(one);
    if (value === undefined || value === 0) continue;
    const other = taken.get(value);
    if (other !== undefined) settings.problem(one, `must differ from ${other}, got "${value}"`);
    taken.set(value, rowOf(one).env);
  }
}

function userCache(env: Env): string {
  if (env.XDG_CACHE_HOME) return `${env.XDG_CACHE_HOME}/tidegate`;
  return env.HOME ? `${env.HOME}/.cache/tidegate` : ".tidegate/cache";
}

const PEM_HEAD = "-----BEGIN ";

/** Reads settings from where they may stand, and keeps the problems until all are found. */
class SettingsReader {
  readonly #problems: string[] = [];
  readonly #env: Env;
  readonly #flags: Readonly<Record<string, unknown>>;
  readonly #readFile: (path: string) => string;

  constructor(env: Env, { flags = {}, readFile = Deno.readTextFileSync }: SettingSources) {
    this.#env = env;
    this.#flags = flags;
    this.#readFile = readFile;
  }

  /** Reads a table, and notes a problem for every value that is wrong. */
  values<T extends Readonly<Record<string, Setting>>>(table: T): Values<T> {
    const values = Object.entries(table).map(([name, schema]) => {
      const given = this.#given(schema);
      const read = schema.safeParse(given);
      if (!read.success) {
        const got = rowOf(schema).secret ? "" : `, got "${given}"`;
        this.problem(schema, `must be ${wordingOf(schema).must}${got}`);
      }
      return [name, read.data];
    });
    // Where one is wrong it is undefined, and the table is not used: `finish` throws.
    return Object.fromEntries(values) as Values<T>;
  }

  /** Reads one setting; undefined where it is wrong. */
  value<S extends Setting>(schema: S): z.output<S> | undefined {
    return schema.safeParse(this.text(schema)).data;
  }

  /** Reads the PEM file that a setting names, or the PEM text that it is. */
  pem(schema: Setting): string | undefined {
    const path = this.text(schema);
    if (path === undefined || path.startsWith(PEM_HEAD)) return path;
    const content = this.#file(rowOf(schema).env, path);
    if (content !== undefined && !content.includes(PEM_HEAD)) {
      this.problem(schema, `must be a PEM file, and ${shown(path)} is none`);
    }
    return content;
  }

  /** The text of a setting, as a flag or a variable gives it. */
  text(schema: Setting): string | undefined {
    return this.#named(rowOf(schema).env)?.trim();
  }

  /** Whether a setting was given, rightly or wrongly. */
  isSet(schema: Setting): boolean {
    const { env, secret } = rowOf(schema);
    return this.#named(env) !== undefined || (secret && this.#named(`${env}_FILE`) !== undefined);
  }

  /** Notes a problem for every other setting that one needs beside it and that isn't given. */
  needs(schema: Setting, ...others: readonly Setting[]): void {
    if (!this.isSet(schema)) return;
    for (const other of others.filter((one) => !this.isSet(one))) {
      this.problem(schema, `needs ${rowOf(other).env} beside it, which is not set`);
    }
  }

  /** Notes a problem. */
  problem(schema: Setting, words: string): void {
    const { env, hasFlag } = rowOf(schema);
    this.#problems.push(`${env}${hasFlag ? ` (--${flagOf(env)})` : ""} ${words}`);
  }

  /** Throws what was found. */
  finish(): void {
    if (this.#problems.length === 0) return;
    throw new TidegateError(
      "TG_CONFIG",
      ["Cannot use the configuration:", ...this.#problems].join("\n  "),
      { next: "Correct the settings; docs/operations.md lists them all." },
    );
  }

  #given(schema: Setting): string | undefined {
    const { env, secret } = rowOf(schema);
    if (!secret) return this.text(schema);
    const given = this.#named(env);
    const path = this.#named(`${env}_FILE`);
    if (path === undefined) return given;
    if (given !== undefined) {
      this.problem(schema, `and ${env}_FILE must not both be set`);
      return given;
    }
    const content = this.#file(`${env}_FILE`, path)?.replace(/\r?\n$/, "");
    if (content === "") this.#problems.push(`${env}_FILE must name a file that is not empty`);
    return content || undefined;
  }

  #named(env: string): string | undefined {
    const flag = this.#flags[flagOf(env)];
    return (typeof flag === "string" ? flag : undefined) ?? (this.#env[env] || undefined);
  }

  #file(env: string, path: string): string | undefined {
    try {
      return this.#readFile(path);
    } catch (error) {
      // The error's message repeats the path, which shown() may have held back.
      const reason = error instanceof Error ? error.name : "unknown";
      this.#problems.push(
        `${env} must name a file that can be read, got ${shown(path)}: ${reason}`,
      );
      return undefined;
    }
  }
}

/** A path as a problem shows it; key material that was put where its path belongs stays unseen. */
function shown(path: string): string {
  return path.length > 200 || path.includes("\n") ? "a long text" : `"${path}"`;
}

function rowOf(schema: Setting): Row {
  const row = ROWS.get(schema);
  if (row === undefined) throw new TypeError("Cannot read a setting that is not in the table");
  return row;
}

/** The flag of a variable: in lower case with dashes, without Tidegate's own prefix. */
function flagOf(env: string): string {
  return env.replace(/^TIDEGATE_/, "").toLowerCase().replaceAll("_", "-");
}

/** What a person may set: each setting under its name, secrets also by a file. */
interface Entry {
  readonly env: string;
  readonly flag: string | null;
  readonly placeholder: string;
  readonly default: string | null;
  readonly sentence: string;
}

const ENTRIES: readonly Entry[] = [KAFKA, TEMPORAL, TIDEGATE].flatMap((table) =>
  Object.values<Setting>(table).flatMap((schema): Entry[] => {
    const { env, secret, hasFlag } = rowOf(schema);
    const entry = {
      env,
      flag: hasFlag ? flagOf(env) : null,
      placeholder: wordingOf(schema).placeholder,
      default: defaultOf(schema),
      sentence: schema.description ?? "",
    };
    if (!secret) return [entry];
    const inFile = `${env}_FILE`;
    const sentence = `The file that holds ${env}.`;
    return [entry, { ...entry, env: inFile, flag: flagOf(inFile), placeholder: "FILE", sentence }];
  })
);

/** The environment variables that {@linkcode loadConfig} looks at. */
export const settingNames: readonly string[] = [
  ...ENTRIES.map(({ env }) => env),
  "XDG_CACHE_HOME",
  "HOME",
];

/**
 * The settings as flags for a command's spec. Their text goes to {@linkcode loadConfig} unchecked,
 * so that a setting is checked in one place, wherever it comes from.
 *
 * @param wanted The settings' environment variables; all of them if left out.
 */
export function settingFlags(wanted?: readonly string[]): Flags {
  const flags: Record<string, z.ZodType> = {};
  for (const { env, flag, placeholder, sentence, default: standard } of ENTRIES) {
    if (flag === null || (wanted !== undefined && !wanted.includes(env))) continue;
    const description = `${sentence}${
      standard === null ? "" : ` (${standard})`
    } [env:\u00a0${env}]`;
    flags[flag] = text(placeholder).optional().describe(description);
  }
  return flags;
}

/** The manual's table of settings, in Markdown. */
export function settingsTable(): string {
  const code = (words: string) => `\`${words.replaceAll("|", "\\|")}\``;
  const rows = ENTRIES.map((entry) => [
    code(entry.env),
    entry.flag === null ? "" : code(`--${entry.flag}`),
    code(entry.placeholder),
    entry.default === null ? "" : code(entry.default),
    entry.sentence,
  ]);
  return markdownTable(["Setting", "Flag", "Value", "Default", "What it does"], rows);
}
