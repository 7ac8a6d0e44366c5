import assert from "node:assert/strict";
import fc from "fast-check";
import {
  clusterId,
  devServerArgs,
  escapeProperty,
  kafkaJars,
  kafkaProperties,
  kafkaScripts,
  readClusterId,
} from "../../devstack/servers.ts";

Deno.test("kafkaProperties: one process, local only", () => {
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

Deno.test("devServerArgs: settings are JSON, so a duration keeps its quotes", () => {
  const args = devServerArgs({ database: "/p/t.db", port: 17233, uiPort: 18233 });
  const after = (flag: string) => args.filter((_, i) => args[i - 1] === flag);
  assert.deepEqual(after("--dynamic-config-value"), [
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    'history.timerProcessorMaxTimeShift="50ms"',
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "system.enableActivityEagerExecution=true",
  ]);
  assert.deepEqual(after("--sqlite-pragma"), ["journal_mode=WAL", "synchronous=NORMAL"]);
  assert.deepEqual(
    ["--ip", "--port", "--ui-port", "--db-filename", "--log-level"].flatMap(after),
    ["127.0.0.1", "17233", "18233", "/p/t.db", "error"],
  );
});
