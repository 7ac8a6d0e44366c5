import assert from "node:assert/strict";
import { parseCommand } from "../../cli/args.ts";
import {
  type Env,
  loadConfig,
  settingFlags,
  settingNames,
  settingsTable,
} from "../../cli/config.ts";
import { TidegateError } from "../../core/errors.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

/** Reads from a table of files. */
function reading(files: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    const text = files[path];
    if (text === undefined) throw new Deno.errors.NotFound(`No such file: readfile '${path}'`);
    return text;
  };
}

/** The problems of a refused configuration, without the head. */
function problemsOf(
  env: Env,
  files: Readonly<Record<string, string>> = {},
  flags: Readonly<Record<string, string>> = {},
): string[] {
  try {
    loadConfig(env, { flags, readFile: reading(files) });
  } catch (error) {
    assert.ok(error instanceof TidegateError);
    assert.equal(error.code, "TG_CONFIG");
    const [head, ...problems] = error.message.split("\n  ");
    assert.equal(head, "Cannot use the configuration:");
    return problems;
  }
  return [];
}

Deno.test("without settings, everything has its default", () => {
  assert.deepEqual(loadConfig({ HOME: "/home/me" }), {
    kafka: {},
    temporal: { namespace: "default" },
    pipelineFile: "pipelines/cs_student_logs.ts",
    port: 8088,
    host: "127.0.0.1",
    minWorkers: 0,
    maxWorkers: 4,
    webUi: undefined,
    pageUrl: undefined,
    filesAt: undefined,
    launcher: "process",
    deployment: "tidegate-worker",
    paceMs: 5000,
    sliceMs: 2000,
    deliverMs: 5000,
    idleToZeroMs: 60_000,
    brokerPort: 19092,
    temporalPort: 17233,
    uiPort: 18233,
    dataDir: ".tidegate",
    debug: "0",
    cacheDir: "/home/me/.cache/tidegate",
  });
  assert.equal(loadConfig({}).cacheDir, ".tidegate/cache");
  assert.equal(loadConfig({ XDG_CACHE_HOME: "/c", HOME: "/h" }).cacheDir, "/c/tidegate");
  assert.equal(loadConfig({ TIDEGATE_CACHE: "/x", HOME: "/h" }).cacheDir, "/x");
});

Deno.test("a secured broker and a secured Temporal", () => {
  const readFile = reading({
    "/ca": PEM,
    "/cert": PEM,
    "/key": PEM,
    "/pw": "p w\n",
    "/api": "k\r\n",
  });
  const config = loadConfig({
    KAFKA_BROKERS: "a:9092, b:9092",
    KAFKA_TLS_CA: "/ca",
    KAFKA_SASL: "scram-512",
    KAFKA_USERNAME: "me",
    KAFKA_PASSWORD_FILE: "/pw",
    TEMPORAL_ADDRESS: "t:7233",
    TEMPORAL_NAMESPACE: "logs",
    TEMPORAL_TLS_CA: "system",
    TEMPORAL_TLS_CERT: "/cert",
    TEMPORAL_TLS_KEY: PEM,
    TEMPORAL_API_KEY_FILE: "/api",
  }, { readFile });
  assert.deepEqual(config.kafka, {
    brokers: ["a:9092", "b:9092"],
    tls: { ca: PEM },
    sasl: { mechanism: "scram-512", username: "me", password: "p w" },
  });
  assert.deepEqual(config.temporal, {
    namespace: "logs",
    address: "t:7233",
    tls: { cert: PEM, key: PEM.trim() },
    apiKey: "k",
  });
});

Deno.test("TLS by the system's authorities, and for an API key", () => {
  const env = { KAFKA_BROKERS: "a:1", KAFKA_TLS_CA: "system" };
  assert.deepEqual(loadConfig(env).kafka, { brokers: ["a:1"], tls: {} });
  const cloud = loadConfig({ TEMPORAL_ADDRESS: "t:1", TEMPORAL_API_KEY: "k" });
  assert.deepEqual(cloud.temporal.tls, {});
});

Deno.test("a flag goes before the environment, an empty variable is unset", () => {
  const env = { TIDEGATE_PORT: "1000", TIDEGATE_MAX_WORKERS: "", TIDEGATE_IDLE_TO_ZERO: "5m" };
  const flags = { port: "2000", "slice-ms": "500", unrelated: "x", json: true };
  const config = loadConfig(env, { flags });
  assert.deepEqual([config.port, config.maxWorkers, config.sliceMs], [2000, 4, 500]);
  assert.equal(config.idleToZeroMs, 300_000);
});

Deno.test("all problems are found at once, each with its setting", () => {
  const env = {
    KAFKA_BROKERS: "broker",
    KAFKA_TLS_CERT: "/gone",
    KAFKA_USERNAME: "me",
    TEMPORAL_API_KEY: "k",
    TIDEGATE_PORT: "http",
    TIDEGATE_MIN_WORKERS: "9",
    TIDEGATE_PACE_MS: "5",
    TIDEGATE_IDLE_TO_ZERO: "soon",
    TIDEGATE_BROKER_PORT: "17233",
  };
  assert.deepEqual(problemsOf(env), [
    'KAFKA_BROKERS (--kafka-brokers) must be one or more host:port, separated by commas, got "broker"',
    "KAFKA_TLS_CERT (--kafka-tls-cert) needs KAFKA_TLS_KEY beside it, which is not set",
    'KAFKA_TLS_CERT must name a file that can be read, got "/gone": NotFound',
    "KAFKA_USERNAME (--kafka-username) needs KAFKA_SASL beside it, which is not set",
    "TEMPORAL_API_KEY needs TEMPORAL_ADDRESS beside it, which is not set",
    'TIDEGATE_PORT (--port) must be a whole number from 0 to 65535, got "http"',
    'TIDEGATE_PACE_MS (--pace-ms) must be a whole number from 10 to 60000, got "5"',
    "TIDEGATE_IDLE_TO_ZERO (--idle-to-zero) must be a duration such as 500ms, 10s, 1m or 2h of at " +
    'least 1s, got "soon"',
    'TIDEGATE_MIN_WORKERS (--min-workers) must be at most TIDEGATE_MAX_WORKERS (4), got "9"',
    'TIDEGATE_TEMPORAL_PORT (--temporal-port) must differ from TIDEGATE_BROKER_PORT, got "17233"',
  ]);
});

Deno.test("settings that belong together are asked for together", () => {
  const brokers = { KAFKA_BROKERS: "a:1" };
  const needs = (env: Env) =>
    problemsOf(env, { "/f": PEM }).map((line) => line.split(" beside")[0]);
  assert.deepEqual(needs({ ...brokers, KAFKA_TLS_KEY: "/f" }), [
    "KAFKA_TLS_KEY (--kafka-tls-key) needs KAFKA_TLS_CERT",
  ]);
  assert.deepEqual(needs({ ...brokers, KAFKA_SASL: "plain" }), [
    "KAFKA_SASL (--kafka-sasl) needs KAFKA_USERNAME",
    "KAFKA_SASL (--kafka-sasl) needs KAFKA_PASSWORD",
  ]);
  assert.deepEqual(needs({ ...brokers, KAFKA_PASSWORD: "x" }), ["KAFKA_PASSWORD needs KAFKA_SASL"]);
  assert.deepEqual(needs({ KAFKA_TLS_CA: "/f" }), [
    "KAFKA_TLS_CA (--kafka-tls-ca) needs KAFKA_BROKERS",
  ]);
  assert.deepEqual(needs({ TEMPORAL_TLS_CERT: "/f", TEMPORAL_TLS_KEY: "/f" }), [
    "TEMPORAL_TLS_CERT (--temporal-tls-cert) needs TEMPORAL_ADDRESS",
  ]);
  assert.deepEqual(problemsOf({ TIDEGATE_PORT: "0", TIDEGATE_UI_PORT: "1" }), []);
});

Deno.test("files of secrets and certificates: missing, empty, both given, not PEM", () => {
  const brokers = { KAFKA_BROKERS: "a:1", KAFKA_SASL: "plain", KAFKA_USERNAME: "u" };
  assert.deepEqual(problemsOf({ ...brokers, KAFKA_PASSWORD_FILE: "/gone" }), [
    'KAFKA_PASSWORD_FILE must name a file that can be read, got "/gone": NotFound',
  ]);
  assert.deepEqual(problemsOf({ ...brokers, KAFKA_PASSWORD_FILE: "/f" }, { "/f": "\n" }), [
    "KAFKA_PASSWORD_FILE must name a file that is not empty",
  ]);
  const both = { ...brokers, KAFKA_PASSWORD_FILE: "/f", KAFKA_PASSWORD: "hunter2" };
  assert.deepEqual(problemsOf(both, { "/f": "hunter3" }), [
    "KAFKA_PASSWORD and KAFKA_PASSWORD_FILE must not both be set",
  ]);
  assert.deepEqual(problemsOf({ KAFKA_BROKERS: "a:1", KAFKA_TLS_CA: "/f" }, { "/f": "DER" }), [
    'KAFKA_TLS_CA (--kafka-tls-ca) must be a PEM file, and "/f" is none',
  ]);
});

Deno.test("secrets are never printed, not even misplaced ones", () => {
  const secret = "s3cr3t".repeat(40);
  const problems = problemsOf(
    {
      KAFKA_PASSWORD: secret,
      TEMPORAL_API_KEY: secret,
      KAFKA_TLS_KEY: secret,
      TEMPORAL_TLS_KEY: `x\n${secret}`,
    },
    {},
    { "kafka-username": "me" },
  );
  assert.ok(problems.length >= 6);
  assert.ok(!problems.join("\n").includes("s3cr3t"));
});

Deno.test("settings become flags of a command, unchecked and without defaults", () => {
  const settings = settingFlags(["TIDEGATE_PORT", "KAFKA_PASSWORD", "KAFKA_PASSWORD_FILE"]);
  assert.deepEqual(Object.keys(settings), ["kafka-password-file", "port"]);
  const spec = { name: "start", summary: "Starts.", flags: {}, settings };
  assert.deepEqual(parseCommand(spec, ["--port", "x"]).settings, { port: "x" });
  assert.equal(loadConfig({}, { flags: { port: "7" } }).port, 7);
});

Deno.test("the manual's table has a row for every setting", () => {
  const lines = settingsTable().trimEnd().split("\n");
  assert.equal(lines[0], "| Setting | Flag | Value | Default | What it does |");
  assert.equal(lines.length, 2 + settingNames.length - 2);
  for (const name of settingNames.slice(0, -2)) {
    assert.ok(lines.some((line) => line.startsWith(`| \`${name}\` |`)), name);
  }
  const cells = lines.map((line) => line.replaceAll("\\|", "").split("|").length);
  assert.deepEqual(new Set(cells), new Set([7]));
});
