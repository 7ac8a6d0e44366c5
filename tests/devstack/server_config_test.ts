import assert from "node:assert/strict";
import fc from "fast-check";
import {
  clusterId,
  escapeProperty,
  kafkaProperties,
  readClusterId,
} from "../../devstack/kafka_config.ts";
import { kafkaPom, kafkaRecipe } from "../../devstack/kafka_build.ts";
import { kafkaJars, kafkaScripts } from "../../devstack/kafka_server.ts";
import { redpandaBootstrapYaml, redpandaYaml } from "../../devstack/redpanda_server.ts";
import { temporalRecipe } from "../../devstack/temporal_build.ts";
import { devServerArgs } from "../../devstack/temporal_server.ts";
import { readServerVersion } from "../../devstack/probe_temporal.ts";

Deno.test("kafkaProperties: one process, local only, the settings of design §9", () => {
  const text = kafkaProperties({ logDir: "/p/kafka/data", port: 19092, controllerPort: 40001 });
  const lines = text.trimEnd().split("\n");
  for (
    const line of [
      "process.roles=broker,controller",
      "listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:40001",
      "advertised.listeners=PLAINTEXT://127.0.0.1:19092",
      "controller.quorum.voters=1@127.0.0.1:40001",
      "log.dirs=/p/kafka/data",
      "auto.create.topics.enable=false",
      "group.initial.rebalance.delay.ms=0",
      "offsets.topic.replication.factor=1",
      "transaction.state.log.replication.factor=1",
      "transaction.state.log.min.isr=1",
    ]
  ) assert.ok(lines.includes(line), line);
  // What Tidegate leaves to Kafka's defaults, and what each topic sets for itself.
  assert.doesNotMatch(text, /message\.max\.bytes|timestamp\.type/);
});

Deno.test("escapeProperty: Java reads it back", () => {
  assert.equal(escapeProperty("/home/é\\x"), "/home/\\u00e9\\\\x");
  const unescape = (text: string) =>
    text.replace(
      /\\(?:u([0-9a-f]{4})|(\\))/g,
      (_all, code: string | undefined) =>
        code === undefined ? "\\" : String.fromCharCode(Number.parseInt(code, 16)),
    );
  fc.assert(fc.property(fc.string({ unit: "binary" }), (value) => {
    const escaped = escapeProperty(value);
    assert.match(escaped, /^[\x20-\x7e]*$/);
    assert.equal(unescape(escaped), value);
  }));
});

Deno.test("clusterId: 22 characters that never look like a flag", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (random) => {
    assert.match(clusterId(random), /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
  }));
  assert.match(clusterId(new Uint8Array(16).fill(0xfb)), /^A/);
});

Deno.test("readClusterId: out of meta.properties", () => {
  const text = "#\n#Sun Nov 22\nnode.id=1\nversion=1\ncluster.id=J5TZ0S3GTz2EJHcF9kYzuQ\n";
  assert.equal(readClusterId(text), "J5TZ0S3GTz2EJHcF9kYzuQ");
  assert.equal(readClusterId("node.id=1\n"), null);
});

Deno.test("kafka: the same two programs from scripts and from jars", () => {
  const scripts = kafkaScripts("/k/bin/", ".sh", "/p/logs");
  assert.equal(scripts.serve("s.properties").program, "/k/bin/kafka-server-start.sh");
  assert.deepEqual(scripts.format("s.properties", "ID"), {
    program: "/k/bin/kafka-storage.sh",
    args: ["format", "-t", "ID", "-c", "s.properties"],
    env: { KAFKA_HEAP_OPTS: "-Xmx512m", LOG_DIR: "/p/logs", EXTRA_ARGS: "-name kafkaServer" },
  });
  const jars = kafkaJars("java", "/c/kafka");
  assert.deepEqual(jars.format("s.properties", "ID").args.slice(-6), [
    "kafka.tools.StorageTool",
    ...["format", "-t", "ID", "-c", "s.properties"],
  ]);
  const { args } = jars.serve("s.properties");
  assert.deepEqual(args.slice(-4), ["-cp", "/c/kafka/libs/*", "kafka.Kafka", "s.properties"]);
  assert.ok(args.includes("-Xmx512m"));
});

Deno.test("redpandaYaml: one node, local only; a path can't break out", () => {
  const text = redpandaYaml('/p/a "b": c', [19092, 40001, 40002]);
  assert.match(text, /^ {2}data_directory: "\/p\/a \\"b\\": c"$/m);
  assert.match(text, /^ {2}kafka_api: \[\{ address: 127\.0\.0\.1, port: 19092 \}\]$/m);
  assert.match(text, /^ {2}rpc_server: \{ address: 127\.0\.0\.1, port: 40001 \}$/m);
  assert.match(redpandaBootstrapYaml(), /^auto_create_topics_enabled: false$/m);
});

Deno.test("devServerArgs: settings are JSON, so a duration keeps its quotes", () => {
  const args = devServerArgs({ database: "/p/t.db", port: 17233, uiPort: 18233 });
  const after = (flag: string) => args.filter((_, i) => args[i - 1] === flag);
  assert.deepEqual(after("--dynamic-config-value"), [
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    'history.timerProcessorMaxTimeShift="50ms"',
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
  ]);
  assert.deepEqual(after("--sqlite-pragma"), ["journal_mode=WAL", "synchronous=NORMAL"]);
  assert.deepEqual(
    ["--ip", "--port", "--ui-port", "--db-filename", "--log-level"].flatMap(after),
    ["127.0.0.1", "17233", "18233", "/p/t.db", "error"],
  );
});

Deno.test("builds: pinned to a version, in a folder that names it", () => {
  const go = temporalRecipe.command("/c/t");
  assert.equal(go.args.at(-1), "github.com/temporalio/cli/cmd/temporal@v1.5.1");
  assert.equal(go.env.GOBIN, "/c/t");
  assert.match(temporalRecipe.folder, /^temporal-1\.5\.1-/);
  assert.equal(kafkaRecipe.folder, "kafka-4.1.0");
  const pom = kafkaPom();
  assert.match(pom, /kafka_2\.13<\/artifactId>\s*<version>4\.1\.0</);
  assert.match(pom, /kafka-tools<\/artifactId>\s*<version>4\.1\.0</);
  assert.doesNotMatch(pom, /SNAPSHOT|LATEST|RELEASE|\[/);
});

Deno.test("builds: how far they are, in words", () => {
  assert.equal(temporalRecipe.progress([]), "");
  const fetching = ["go: downloading a.b/c v1.0.0", "go: downloading a.b/d v1.0.0"];
  assert.equal(temporalRecipe.progress(fetching), "2 modules fetched");
  const compiling = [...fetching, "internal/abi", "github.com/a/b", "# github.com/a/b"];
  assert.match(temporalRecipe.progress(compiling), /^2 of at most \d+ packages compiled$/);
  assert.equal(kafkaRecipe.progress(["[INFO] Downloaded from x: y"]), "1 files fetched");
});

Deno.test("readServerVersion: field 1 of GetSystemInfoResponse", () => {
  const version = new TextEncoder().encode("1.29.1");
  assert.equal(readServerVersion(new Uint8Array([0x0a, 6, ...version, 0x12, 0])), "1.29.1");
  assert.equal(readServerVersion(new Uint8Array([0x12, 0])), "unknown");
  assert.equal(readServerVersion(new Uint8Array([])), "unknown");
});
