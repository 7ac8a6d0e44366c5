/**
 * The commands as a person runs them, on real servers, with the second example pipeline.
 *
 * @module
 */

import assert from "node:assert/strict";
import { KAFKA, NO_SERVERS, TEMPORAL } from "../_support/servers.ts";

const ROOT = new URL("../../../", import.meta.url);
const CLI = new URL("cli.ts", ROOT).href;
/** A copy of the second example under a name and topics of its own. */
const DEFINITION = `
import sensors from ${JSON.stringify(new URL("pipelines/sensor_minutes.ts", ROOT).href)};
import { derivePipeline } from ${JSON.stringify(new URL("pipelines/derive.ts", ROOT).href)};
export default derivePipeline(sensors, "NAME");
`;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

Deno.test({
  name: "the second example: produce, run, windows, status, audit, and again",
  ignore: NO_SERVERS,
  async fn(t) {
    await withPipeline(async (cli) => {
      await t.step("produce sends what it says", async () => {
        const sent = await cli(
          "produce",
          "--count=3000",
          "--rate=50",
          "--from=2026-01-05T08:00:00Z",
          "--disorder=10s",
          "--late=1%",
          "--invalid=0.5%",
          "--json",
        );
        assert.equal(sent.code, 0, sent.err);
        const summary = JSON.parse(sent.out);
        assert.equal(summary.sent, 3000);
        assert.equal(sum(Object.values(summary.perPartition)), 3000);
      });

      await t.step("windows before the first start says that there is none", async () => {
        const asked = await cli("windows");
        assert.equal(asked.code, 1);
        assert.match(asked.err, /^TG_CONTROL_NOT_RUNNING: .*was never started/m);
      });

      await t.step(
        "run drains, closes what the watermark closes, and the account holds",
        async () => {
          const run = await cli("run", "--until-drained", "--json");
          assert.equal(run.code, 0, run.err);
          const account = JSON.parse(run.out);
          assert.equal(account.ok, true);
          assert.equal(account.events.read, 3000);
          assert.equal(account.events.lateByFloor, 0);
          assert.ok(account.windows.closed > 0 && account.windows.open > 0);
        },
      );

      await t.step("windows tells open from closed, without a control process", async () => {
        const open = lines(await cli("windows", "--open", "--json"));
        const closed = lines(await cli("windows", "--closed", "--json"));
        assert.ok(open.length > 0 && closed.length > 0);
        assert.ok(open.every((row) => row.final === false));
        const [row] = closed;
        assert.deepEqual(Object.keys(row.key), ["house", "quantity"]);
        assert.deepEqual(Object.keys(row.values), ["readings", "coldest", "warmest", "mean"]);
        assert.equal(row.values.readings, row.events);
        assert.ok(row.values.coldest <= row.values.mean && row.values.mean <= row.values.warmest);
      });

      await t.step(
        "a second run with --flush closes the rest and reads nothing twice",
        async () => {
          const run = await cli("run", "--until-drained", "--flush", "--json");
          assert.equal(run.code, 0, run.err);
          const account = JSON.parse(run.out);
          assert.equal(account.events.read, 3000);
          assert.equal(account.windows.open, 0);
          const closed = lines(await cli("windows", "--closed", "--json"));
          assert.ok(closed.every((row) => row.final === true));
          assert.equal(sum(closed.map((row) => row.events)), account.pairs.closed);
        },
      );

      await t.step("status and audit agree", async () => {
        const status = JSON.parse((await cli("status", "--json")).out);
        assert.equal(status.control, null);
        assert.equal(status.lag, 0);
        assert.equal(status.partitions.length, 3);
        const audit = await cli("audit");
        assert.equal(audit.code, 0, audit.err);
        assert.match(audit.out, /the account holds/);
      });
    });
  },
});

Deno.test({
  name: "wrong use and wrong configuration exit with 2 and name what is wrong",
  ignore: NO_SERVERS,
  async fn() {
    await withPipeline(async (cli) => {
      const cases: [string[], RegExp][] = [
        [["nonsense"], /TG_USAGE: there is no command nonsense/],
        [["audit", "--jsno"], /TG_USAGE: .*\n.*--jsno/],
        [["run"], /TG_USAGE: Cannot run without --until-drained/],
        [["windows", "--open", "--closed"], /TG_USAGE: .*not both/],
        [["start", "--from=earliest"], /TG_USAGE: .*--new-generation/],
        [["produce", "--rate=-1", "--late=200%"], /--rate.*\n.*--late/],
        [["audit", "--pipeline=missing.ts"], /TG_INPUT: .*missing\.ts/],
        [["conformance", "missing.jsonl"], /TG_INPUT: .*missing\.jsonl/],
        [["start"], /TG_TOPIC_MISSING: .*\n.*produce/],
      ];
      for (const [args, expected] of cases) {
        const [command = "", ...rest] = args;
        const ran = await cli(command, ...rest);
        assert.equal(ran.code, 2, `${args.join(" ")}: ${ran.err}`);
        assert.match(ran.err, expected);
        assert.equal(ran.out, "");
      }
    });
  },
});

Deno.test({
  name: "every command explains itself and exits with 0",
  ignore: NO_SERVERS,
  async fn() {
    await withPipeline(async (cli) => {
      const { out } = await cli("--help");
      const commands = out.split("\n").flatMap((line) => /^ {2}([a-z]+) /.exec(line)?.[1] ?? []);
      assert.ok(commands.length >= 12);
      for (const command of commands) {
        const help = await cli(command, "--help");
        assert.equal(help.code, 0);
        assert.match(help.out, new RegExp(`^Usage: deno task ${command}`));
      }
    });
  },
});

async function withPipeline(
  work: (cli: (...args: string[]) => Promise<Ran>) => Promise<void>,
): Promise<void> {
  const name = `cli-${crypto.randomUUID().slice(0, 8)}`;
  const dir = await Deno.makeTempDir({ prefix: "tidegate-cli-" });
  const file = `${dir}/pipeline.ts`;
  await Deno.writeTextFile(file, DEFINITION.replace("NAME", name));
  try {
    await work((...args) => runCli(file, args));
  } finally {
    await removePipeline(name);
    await Deno.remove(dir, { recursive: true });
  }
}

async function runCli(pipeline: string, args: readonly string[]): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", `--config=${new URL("deno.json", ROOT).pathname}`]
      .concat(CLI, args),
    env: {
      KAFKA_BROKERS: KAFKA.brokers.join(","),
      TEMPORAL_ADDRESS: TEMPORAL.address,
      TIDEGATE_PIPELINE: pipeline,
    },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

async function removePipeline(name: string): Promise<void> {
  const { connectTemporal } = await import("../../../adapters/temporal_client.ts");
  const { createPipelineClient } = await import("../../../adapters/temporal_pipeline.ts");
  const { createKafkaAdmin } = await import("../../../adapters/kafka_admin.ts");
  const client = await connectTemporal(TEMPORAL);
  await createPipelineClient(client, { pipeline: name, shards: 1 }).terminateAll("test over");
  await client.connection.close();
  const admin = createKafkaAdmin(KAFKA);
  await admin.deleteTopics(["source", "results", "late", "invalid"].map((t) => `${name}.${t}`));
  await admin.deleteGroup(`tidegate-${name}`);
  await admin.close();
}

function lines(ran: Ran) {
  assert.equal(ran.code, 0, ran.err);
  return ran.out.trim().split("\n").map((line) => JSON.parse(line));
}

function sum(numbers: readonly unknown[]): number {
  return numbers.reduce<number>((total, n) => total + Number(n), 0);
}
