/**
 * All of Tidegate's client code against a broker that speaks no more than Redpanda does: the commands
 * as a person runs them, through a proxy that hides what Redpanda lacks and refuses what goes beyond.
 */

import assert from "node:assert/strict";
import { startProxy } from "../adapters/_proxy.ts";
import { REDPANDA_APIS } from "../_support/redpanda_apis.ts";
import { until } from "../_support/until.ts";
import { KAFKA, NO_SERVERS, TEMPORAL } from "../_support/servers.ts";

const ROOT = new URL("../../../", import.meta.url);
const DEFINITION = `
import logs from ${JSON.stringify(new URL("pipelines/cs_student_logs.ts", ROOT).href)};
import { derivePipeline } from ${JSON.stringify(new URL("definition/define.ts", ROOT).href)};
export default derivePipeline(logs, "NAME", { delayMs: 2_000 });
`;

/** The APIs that the whole path uses; without one of them it would prove less. */
const USED = {
  Produce: 0,
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  ApiVersions: 18,
  CreateTopics: 19,
  DeleteTopics: 20,
  InitProducerId: 22,
  DescribeConfigs: 32,
  DeleteGroups: 42,
};

for (const version of ["24.1", "26.2"] as const) {
  Deno.test({
    name: `the whole path keeps to what Redpanda ${version} speaks`,
    ignore: NO_SERVERS,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => wholePath(version),
  });
}

async function wholePath(version: keyof typeof REDPANDA_APIS): Promise<void> {
  const caps = REDPANDA_APIS[version];
  const proxy = startProxy(KAFKA.brokers[0] ?? "", { caps, strict: true });
  const name = `redpanda-${crypto.randomUUID().slice(0, 8)}`;
  const dir = await Deno.makeTempDir({ prefix: "tidegate-redpanda-" });
  const file = `${dir}/pipeline.ts`;
  const cli = (...args: string[]) => runCli(file, proxy.address, args);
  try {
    await Deno.writeTextFile(file, DEFINITION.replace("NAME", name));
    await cli("setup");
    const sent = JSON.parse(
      await cli("produce", "--count=800", "--rate=20", "--invalid=1%", "--late=1%", "--json"),
    );
    assert.equal(sent.sent, 800);
    const event = { student_id: "s1", course: "CS-101", activity: "commit", lines_of_code: 3 };
    const line = { ...event, cpu_usage_pct: 5, event_time: new Date().toISOString() };
    await Deno.writeTextFile(`${dir}/more.jsonl`, `${JSON.stringify(line)}\n`.repeat(50));
    assert.equal(JSON.parse(await cli("replay", `${dir}/more.jsonl`, "--json")).sent, 50);

    const drained = JSON.parse(await cli("run", "--until-drained", "--flush", "--json"));
    assert.equal(drained.ok, true);
    assert.equal(drained.events.read, 850);
    assert.ok(drained.events.late > 0 && drained.events.invalid > 0);
    const rows = (await cli("windows", "--closed", "--json")).trim().split("\n")
      .map((row) => JSON.parse(row));
    assert.equal(rows.reduce((sum, row) => sum + row.events, 0), drained.pairs.closed);
    assert.equal(JSON.parse(await cli("status", "--json")).lag, 0);

    // Begins at a time: offsets are looked up by timestamp.
    const again = ["--new-generation", `--from=${new Date(Date.now() - 3_600_000).toISOString()}`];
    const anew = JSON.parse(await cli("run", "--until-drained", "--flush", "--json", ...again));
    assert.equal(anew.events.read, 850);

    await live(file, proxy.address, name);
  } finally {
    await removePipeline(name, proxy.address);
    await proxy.close();
    await Deno.remove(dir, { recursive: true });
  }
  assert.deepEqual(proxy.refused, []);
  const seen = new Set(proxy.seen.map(({ key }) => key));
  const unused = Object.entries(USED).filter(([, key]) => !seen.has(key)).map(([api]) => api);
  assert.deepEqual(unused, [], "the whole path no longer uses them");
}

/** Runs live until the cursors are shown as the group's offsets. */
async function live(pipeline: string, broker: string, name: string): Promise<void> {
  const { createKafkaAdmin } = await import("../../../adapters/kafka/admin.ts");
  const admin = createKafkaAdmin({ brokers: [broker] });
  const child = startCli(pipeline, broker, ["start"]);
  let said = "";
  const read = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) said += text;
  })();
  try {
    await until("the start", () => said.includes('"started"') || undefined, { withinMs: 60_000 });
    await until("850 records of the group", async () => {
      const offsets = await admin.committedOffsets(`tidegate-${name}`, `${name}.source`);
      const sum = [...offsets.values()].reduce((all, offset) => all + offset, 0);
      return sum === 850 ? true : undefined;
    }, { withinMs: 60_000 });
  } finally {
    child.kill("SIGTERM");
    const [errors, { code }] = await Promise.all([
      new Response(child.stderr).text(),
      child.status,
      read,
    ]);
    assert.equal(code, 0, `${errors}${said}`);
    await admin.close();
  }
}

async function runCli(pipeline: string, broker: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await startCli(pipeline, broker, args).output();
  const text = new TextDecoder();
  assert.equal(code, 0, `${args.join(" ")}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

function startCli(pipeline: string, broker: string, args: string[]): Deno.ChildProcess {
  const config = `--config=${new URL("deno.json", ROOT).pathname}`;
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "-A",
      config,
      new URL("cli/main.ts", ROOT).href,
      ...args,
    ],
    env: {
      KAFKA_BROKERS: broker,
      TEMPORAL_ADDRESS: TEMPORAL.address,
      TIDEGATE_PIPELINE: pipeline,
      TIDEGATE_PORT: "0",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function removePipeline(name: string, broker: string): Promise<void> {
  const { connectTemporal } = await import("../../../adapters/temporal/client.ts");
  const { createPipelineClient } = await import("../../../adapters/temporal/pipeline_client.ts");
  const { createKafkaAdmin } = await import("../../../adapters/kafka/admin.ts");
  const client = await connectTemporal(TEMPORAL);
  await createPipelineClient(client, { pipeline: name, shards: 1 }).terminateAll("test over");
  await client.connection.close();
  const admin = createKafkaAdmin({ brokers: [broker] });
  await admin.deleteTopics(["source", "results", "late", "invalid"].map((t) => `${name}.${t}`));
  await admin.deleteGroup(`tidegate-${name}`);
  await admin.close();
}

Deno.test({
  name: "the proxy refuses what Redpanda would, or this would prove nothing",
  ignore: NO_SERVERS,
  async fn() {
    const proxy = startProxy(KAFKA.brokers[0] ?? "", { caps: REDPANDA_APIS["26.2"], strict: true });
    const port = Number(proxy.address.split(":")[1]);
    /** Sends the head of a request; the answer without its length, null if the connection ends. */
    const ask = async (key: number, version: number) => {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const head = new Uint8Array([0, 0, 0, 10, 0, key, 0, version, 0, 0, 0, 7, 0xff, 0xff]);
      await connection.write(head);
      const bytes = new Uint8Array(64);
      const count = await connection.read(bytes);
      return count === null ? null : bytes.slice(4, count);
    };
    try {
      // Fetch 14, Produce 8, and the new consumer protocol's heartbeat.
      for (const [key, version] of [[1, 14], [0, 8], [68, 0]] as const) {
        assert.equal(await ask(key, version), null);
      }
      assert.deepEqual(proxy.refused, [
        { key: 1, version: 14 },
        { key: 0, version: 8 },
        { key: 68, version: 0 },
      ]);
      // ApiVersions 4: correlation id 7, UNSUPPORTED_VERSION, one API, 18, from 0 to 3.
      const answer = [0, 0, 0, 7, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 3];
      assert.deepEqual([...await ask(18, 4) ?? []], answer);
    } finally {
      await proxy.close();
    }
  },
});
