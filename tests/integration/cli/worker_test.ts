/**
 * Workers that no control process starts, as a person or a container runs them.
 */

import assert from "node:assert/strict";
import { KAFKA, NO_SERVERS, TEMPORAL } from "../_support/servers.ts";
import { until } from "../_support/until.ts";

const ROOT = new URL("../../../", import.meta.url);

/** A copy of the second example under another name; changed, its windows are other ones. */
function definition(name: string, changed: boolean): string {
  const path = (file: string) => JSON.stringify(new URL(file, ROOT).href);
  return `
import sensors from ${path("pipelines/sensor_minutes.ts")};
import { derivePipeline } from ${path("definition/define.ts")};
const own = derivePipeline(sensors, ${JSON.stringify(name)});
export default ${changed ? "{ ...own, plan: { ...own.plan, delayMs: 1_234 } }" : "own"};
`;
}

/** A command that runs. */
class Running implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;

  constructor(pipeline: string, ...args: string[]) {
    const config = `--config=${new URL("deno.json", ROOT).pathname}`;
    this.#child = new Deno.Command(Deno.execPath(), {
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
        KAFKA_BROKERS: KAFKA.brokers.join(","),
        TEMPORAL_ADDRESS: TEMPORAL.address,
        TIDEGATE_PIPELINE: pipeline,
        TIDEGATE_LAUNCHER: "external",
        TIDEGATE_PORT: "0",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#read = Promise.all([this.#take(this.#child.stdout), this.#take(this.#child.stderr)])
      .then(() => undefined);
  }

  /** Waits for a line. */
  async line(wanted: RegExp): Promise<string> {
    return await until(
      `a line like ${wanted}`,
      () => this.lines.find((line) => wanted.test(line)),
      { withinMs: 60_000, everyMs: 20, seen: () => this.lines },
    );
  }

  /** Waits for its end; tells it to end if a signal is given. */
  async end(signal?: Deno.Signal): Promise<number> {
    if (signal !== undefined) this.#child.kill(signal);
    const { code } = await this.#child.status;
    await this.#read;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
    await this.#read;
  }

  async #take(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts);
    }
    this.lines.push(rest);
  }
}

/** The committed offsets of a pipeline's group, by partition. */
async function committed(name: string): Promise<ReadonlyMap<number, number>> {
  const { createKafkaAdmin } = await import("../../../adapters/kafka/admin.ts");
  const admin = createKafkaAdmin(KAFKA);
  try {
    return await admin.committedOffsets(`tidegate-${name}`, `${name}.source`);
  } finally {
    await admin.close();
  }
}

Deno.test({
  name: "a worker of its own sweeps for a control process that starts none, and leaves in order",
  ignore: NO_SERVERS,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await withPipeline(async (own, other, name) => {
      await using setup = new Running(own, "setup", "--json");
      assert.equal(await setup.end(), 0, setup.lines.join("\n"));
      assert.equal(JSON.parse(setup.lines[0] ?? "").partitions, 3);
      // Where it begins, for scalers: all that is in the topic before would be lag otherwise.
      assert.deepEqual(
        [...await committed(name)].sort(([a], [b]) => a - b),
        [[0, 0], [1, 0], [2, 0]],
      );
      await using produce = new Running(own, "produce", "--count=600", "--rate=20");
      assert.equal(await produce.end(), 0, produce.lines.join("\n"));

      await using worker = new Running(own, "worker", "--health-port=0");
      await worker.line(/"started"/);
      const health = /http:\/\/[\d.:]+/.exec(await worker.line(/"health"/))?.[0];
      const statusOf = async (path: string) => {
        const answer = await fetch(`${health}/${path}`);
        await answer.body?.cancel();
        return answer.status;
      };
      await worker.line(/no control process answers yet/);
      assert.deepEqual(
        [await statusOf("healthz"), await statusOf("readyz"), await statusOf("x")],
        [200, 503, 404],
      );

      await using run = new Running(own, "run", "--until-drained", "--flush", "--json");
      await worker.line(/sweeps for generation 1/);
      assert.equal(await statusOf("readyz"), 200);
      assert.deepEqual((await pollers(name)).map((one) => one.replace(/\d+@.*/, "")), [
        `${name}-external-`,
      ]);
      assert.equal(await run.end(), 0, run.lines.join("\n"));
      const audit = run.lines.find((line) => line.startsWith("{"));
      assert.equal(JSON.parse(audit ?? "{}").events.read, 600);

      await using control = new Running(own, "start");
      await control.line(/"started"/);
      await using wrong = new Running(other, "worker");
      assert.equal(await wrong.end(), 2, wrong.lines.join("\n"));
      assert.match(
        wrong.lines.join("\n"),
        /TG_DEFINITION_CHANGED: .*\n\s+watermark\.delay: was 15s, is 1s234ms/,
      );

      assert.equal(await worker.end("SIGTERM"), 0, worker.lines.join("\n"));
      assert.equal(await control.end("SIGTERM"), 0, control.lines.join("\n"));
    });
  },
});

async function pollers(name: string): Promise<string[]> {
  const { connectTemporal } = await import("../../../adapters/temporal/client.ts");
  const { sweepPollers } = await import("../../../adapters/temporal/server.ts");
  const client = await connectTemporal(TEMPORAL);
  try {
    return await until("a poller", async () => {
      const found = await sweepPollers(client, name, 1);
      return found.length > 0 ? found : undefined;
    });
  } finally {
    await client.connection.close();
  }
}

async function withPipeline(
  work: (own: string, other: string, name: string) => Promise<void>,
): Promise<void> {
  const name = `worker-${crypto.randomUUID().slice(0, 8)}`;
  const dir = await Deno.makeTempDir({ prefix: "tidegate-worker-" });
  await Deno.writeTextFile(`${dir}/own.ts`, definition(name, false));
  await Deno.writeTextFile(`${dir}/other.ts`, definition(name, true));
  try {
    await work(`${dir}/own.ts`, `${dir}/other.ts`, name);
  } finally {
    await removePipeline(name);
    await Deno.remove(dir, { recursive: true });
  }
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
