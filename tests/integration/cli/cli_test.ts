/**
 * The commands as a person runs them, on real servers, with the second example pipeline.
 *
 * @module
 */

import assert from "node:assert/strict";
import { KAFKA, NO_SERVERS, TEMPORAL } from "../_support/servers.ts";
import { until } from "../_support/until.ts";

const ROOT = new URL("../../../", import.meta.url);
const CLI = new URL("cli/main.ts", ROOT).href;
/** A copy of the second example under a name and topics of its own. */
const DEFINITION = `
import sensors from ${JSON.stringify(new URL("pipelines/sensor_minutes.ts", ROOT).href)};
import { derivePipeline } from ${JSON.stringify(new URL("definition/define.ts", ROOT).href)};
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
          const audit = JSON.parse(run.out);
          assert.deepEqual([audit.ok, audit.unknown, audit.notes], [true, [], []]);
          assert.equal(audit.events.read, 3000);
          assert.equal(audit.pairs.waiting, 0, "what stays open can be seen");
          assert.ok(audit.windows.closed > 0 && audit.windows.open > 0);
        },
      );

      await t.step("windows tells open from closed, without a control process", async () => {
        const open = lines(await cli("windows", "--open", "--json"));
        const closed = lines(await cli("windows", "--closed", "--json"));
        assert.ok(open.length > 0 && closed.length > 0);
        assert.ok(open.every((row) => row.final === false && row.state === "open"));
        assert.ok(closed.every((row) => row.state === (row.final ? "closed" : "revision")));
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
          const audit = JSON.parse(run.out);
          assert.equal(audit.events.read, 3000);
          assert.equal(audit.windows.open, 0);
          const closed = lines(await cli("windows", "--closed", "--json"));
          assert.ok(closed.every((row) => row.final === true));
          assert.equal(sum(closed.map((row) => row.events)), audit.pairs.closed);
        },
      );

      await t.step("status and audit agree", async () => {
        const status = JSON.parse((await cli("status", "--json")).out);
        assert.equal(status.control, null);
        assert.equal(status.lag, 0);
        assert.deepEqual(status.partitions.map((p: { state: string }) => p.state), [
          "parked",
          "parked",
          "parked",
        ]);
        assert.deepEqual([status.sweeps, status.windows.open, status.windows.lost], [[], 0, 0]);
        const audit = await cli("audit");
        assert.equal(audit.code, 0, audit.err);
        assert.match(audit.out, /the account holds/);
      });
    });
  },
});

Deno.test({
  name: "start follows the load, scale and status show and change the fleet, Ctrl-C ends it",
  ignore: NO_SERVERS,
  async fn(t) {
    await withPipeline(async (cli, spawn) => {
      assert.equal((await cli("produce", "--count=10", "--from=2026-01-05T08:00:00Z")).code, 0);
      const start = spawn("start");
      try {
        await t.step("the records wake a worker", async () => {
          await start.until(/"kind":"fleet","message":"0 → 1 worker: /);
          await until("a worker", async () => {
            const { fleet } = JSON.parse((await cli("status", "--json")).out);
            assert.deepEqual([fleet.min, fleet.max, fleet.override], [0, 4, null]);
            return fleet.states.ready === 1 || undefined;
          });
        });
        await t.step("a person sets the number", async () => {
          const scaled = await cli("scale", "--to=2", "--max=3", "--json");
          assert.equal(scaled.code, 0, scaled.err);
          const { max, override } = JSON.parse(scaled.out);
          assert.deepEqual([max, override], [3, { workers: 2, by: "person" }]);
          await start.until(/→ 2 workers: A person has set the fleet/);
          const status = await cli("status");
          assert.match(status.out, /workers 2 wanted: .*\(set by a person/);
        });
        await t.step("what can't be is refused", async () => {
          for (const args of [["--to=4"], ["--min=9"], [], ["--to=1", "--auto"]]) {
            const refused = await cli("scale", ...args);
            assert.equal(refused.code, 2, refused.err);
            assert.match(refused.err, /^TG_USAGE: Cannot /m);
          }
        });
        await t.step("and lets the load decide again", async () => {
          const released = await cli("scale", "--auto");
          assert.equal(released.code, 0, released.err);
          assert.match(released.out, /^the load decides: 0 to 3 workers/);
          assert.doesNotMatch(released.out, /A person has set/, "the reason of before");
        });
        await t.step("a second one is told who runs, also where the port is taken", async () => {
          const [, port] = await start.until(/live page: http:\/\/127\.0\.0\.1:(\d+)/);
          for (const flag of ["--port=0", `--port=${port}`]) {
            const second = await cli("start", flag);
            assert.equal(second.code, 2, second.err);
            assert.match(second.err, /TG_CONTROL_RUNNING: .* is running: host /);
          }
        });
      } finally {
        start.interrupt();
      }
      assert.equal(await start.ended, 0);
    });
  },
});

Deno.test({
  name: "a run in which nothing can be aggregated says why, with a sample, and ends with 1",
  ignore: NO_SERVERS,
  async fn() {
    await withPipeline(async (cli) => {
      const file = await Deno.makeTempFile({ suffix: ".jsonl" });
      const line = JSON.stringify({ at: "2026-01-05T08:00:00Z", temperature: "warm" });
      await Deno.writeTextFile(file, `${line}\n`.repeat(20));
      try {
        // It also commits where the pipeline begins: nothing is lag before it has begun.
        assert.equal((await cli("setup")).code, 0);
        assert.equal((await cli("replay", file)).code, 0);
        const run = await cli("run", "--until-drained", "--flush");
        assert.equal(run.code, 1, run.err);
        assert.match(
          run.out + run.err,
          /NOTHING WAS AGGREGATED: of 20 records 20 are invalid and 0 skewed; such as invalid \(schema at .+\) at partition \d, offset \d+: \{"at".*"warm"/,
        );
      } finally {
        await Deno.remove(file);
      }
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
  work: (
    cli: (...args: string[]) => Promise<Ran>,
    spawn: (...args: string[]) => Running,
  ) => Promise<void>,
): Promise<void> {
  const name = `cli-${crypto.randomUUID().slice(0, 8)}`;
  const dir = await Deno.makeTempDir({ prefix: "tidegate-cli-" });
  const file = `${dir}/pipeline.ts`;
  await Deno.writeTextFile(file, DEFINITION.replace("NAME", name));
  try {
    await work((...args) => runCli(file, args), (...args) => new Running(cliCommand(file, args)));
  } finally {
    await removePipeline(name);
    await Deno.remove(dir, { recursive: true });
  }
}

/** A command that runs until it is told to end. */
class Running {
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;
  #out = "";

  constructor(command: Deno.Command) {
    this.#child = command.spawn();
    const printed = Promise.all([
      this.#follow(this.#child.stdout),
      this.#follow(this.#child.stderr),
    ]);
    this.ended = this.#child.status.then(async ({ code }) => {
      await printed;
      return code;
    });
  }

  /** Waits until it has printed something, and gives the match. */
  until(wanted: RegExp): Promise<RegExpExecArray> {
    return until(String(wanted), () => wanted.exec(this.#out) ?? undefined, {
      withinMs: 60_000,
      seen: () => this.#out,
    });
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  async #follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#out += text;
  }
}

async function runCli(pipeline: string, args: readonly string[]): Promise<Ran> {
  const { code, stdout, stderr } = await cliCommand(pipeline, args).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

function cliCommand(pipeline: string, args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "-A", `--config=${new URL("deno.json", ROOT).pathname}`]
      .concat(CLI, args),
    env: {
      KAFKA_BROKERS: KAFKA.brokers.join(","),
      TEMPORAL_ADDRESS: TEMPORAL.address,
      TIDEGATE_PIPELINE: pipeline,
      // Any free one: tests run beside each other.
      TIDEGATE_PORT: "0",
    },
    stdout: "piped",
    stderr: "piped",
  });
}

async function removePipeline(name: string): Promise<void> {
  const { connectTemporal } = await import("../../../adapters/temporal/client.ts");
  const { createPipelineClient } = await import("../../../adapters/temporal/pipeline_client.ts");
  const { createKafkaAdmin } = await import("../../../adapters/kafka/admin.ts");
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
