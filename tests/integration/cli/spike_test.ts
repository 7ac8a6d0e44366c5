/**
 * The load test as a person runs it, shortened: what it comes to, and that it leaves nothing behind,
 * however it ends.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { LoadTestReport } from "../../../lab/load_test/report.ts";
import { KAFKA, NO_SERVERS, TEMPORAL } from "../_support/servers.ts";
import { until } from "../_support/until.ts";

const ROOT = new URL("../../../", import.meta.url);
/** The pipeline that the command makes for itself. */
const NAME = "tidegate-spike";
/** The phases end after this time at most, in ms, on a busy machine. */
const RUN_MS = 300_000;

/** The report as `--json` prints it. */
type Printed = LoadTestReport & {
  readonly audit: { readonly ok: boolean };
  readonly page: string;
};

Deno.test({
  name: "spike: from 0 to 4 and back to 0, and the account and every window hold",
  ignore: NO_SERVERS,
  async fn() {
    await withFolder(async (folder) => {
      // 9 and 36 events/s: three quarters of one worker's time, and more than three can do.
      const spike = new Spike(
        folder,
        ["--baseline=15", "--spike=15", "--cooldown=80", "--rate=9"],
        ["--zero", "--idle-to-zero=10s", "--price=0.2", "--json"],
      );
      const { code, out, err } = await spike.ended(RUN_MS);
      const report: Printed = JSON.parse(out);
      assert.equal(out.trim().split("\n").length, 1, "one line of JSON and nothing else");
      assert.deepEqual(inOrder(report.fleet, [0, 1, 4, 1, 0, 1]), [], `${report.fleet}\n${err}`);
      assert.ok(report.fleet.every((workers) => workers >= 0 && workers <= 4));
      assert.equal(report.audit.ok, true);
      assert.deepEqual(report.recomputed?.differences, []);
      assert.equal(report.recomputed?.ok, true);
      assert.ok((report.recomputed?.rows ?? 0) > 0);
      // Whether phases passed depends on the machine; what is said of it must agree.
      const passed = report.verdicts.every((verdict) => verdict.passed);
      assert.deepEqual(report.verdicts.map(({ phase }) => phase), [
        "baseline",
        "spike",
        "cooldown",
        "zero",
      ]);
      assert.equal(report.ok, passed);
      assert.equal(code, report.ok ? 0 : 1);
      // The text, on standard error, is the same report.
      assert.match(err, /^Table II/m);
      assert.match(err, /^the account holds$/m);
      assert.match(err, report.ok ? /^the spike has passed$/m : /^THE SPIKE FAILED$/m);
      assert.ok(!err.includes("\x1b"), "a pipe gets no escape codes");
      assert.match(await Deno.readTextFile(report.page), /<svg .*<\/svg>.*Table II/s);
      await assertNothingLeft(spike);
    });
  },
});

Deno.test({
  name: "spike: Ctrl-C in the middle, and a second one at a time",
  ignore: NO_SERVERS,
  async fn() {
    await withFolder(async (folder) => {
      const spike = new Spike(folder);
      await spike.isReady();
      const other = await new Spike(folder).ended(60_000);
      assert.deepEqual([other.code, other.out], [2, ""]);
      assert.match(other.err, /TG_CONTROL_RUNNING: Another spike is running/);
      spike.kill("SIGINT");
      const { code, out } = await spike.ended(60_000);
      assert.equal(code, 1);
      assert.match(out, /^interrupted: what it made is removed$/m);
      await assertNothingLeft(spike);
    });
  },
});

Deno.test({
  name: "spike: it ends when who started it is gone",
  ignore: NO_SERVERS,
  async fn() {
    await withFolder(async (folder) => {
      // A shell in between, as npx and deno task are.
      const spike = new Spike(folder, [], [], true);
      await spike.isReady();
      spike.kill("SIGKILL");
      await assertNothingLeft(spike);
    });
  },
});

/** A spike as a child process. */
class Spike {
  /** The processes that it had when it was ready, itself included. */
  pids: number[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;
  #out = "";
  #err = "";

  constructor(
    folder: string,
    phases: readonly string[] = [],
    more: readonly string[] = [],
    byShell = false,
  ) {
    const config = `--config=${new URL("deno.json", ROOT).pathname}`;
    const cli = new URL("cli/main.ts", ROOT).href;
    const args = ["run", "--quiet", "--no-check", "-A", config, cli, "spike", ...phases, ...more];
    const command = byShell
      // A shell with something left to do does not become what it starts.
      ? new Deno.Command("sh", {
        ...this.#options(folder),
        args: ["-c", '"$@"; exit 0', "sh", Deno.execPath(), ...args],
      })
      : new Deno.Command(Deno.execPath(), { ...this.#options(folder), args });
    this.#child = command.spawn();
    this.#read = Promise.all([
      this.#follow(this.#child.stdout, (text) => this.#out += text),
      this.#follow(this.#child.stderr, (text) => this.#err += text),
    ]);
  }

  /** Waits until it has a worker that folds. */
  async isReady(): Promise<void> {
    await until("a worker", () => / 1 ready/.test(this.#out) || undefined, {
      withinMs: 60_000,
      seen: () => [this.#out, this.#err],
    });
    this.pids = await descendants(this.#child.pid);
    assert.ok(this.pids.length >= 2);
  }

  /** Sends a signal to the process that was started. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end. */
  async ended(withinMs: number): Promise<{ code: number; out: string; err: string }> {
    const timer = setTimeout(() => this.#child.kill("SIGINT"), withinMs);
    const { code } = await this.#child.status;
    clearTimeout(timer);
    await this.#read;
    return { code, out: this.#out, err: this.#err };
  }

  /** Waits until nobody writes to its pipes any more: it and all its children have ended. */
  async gone(): Promise<void> {
    await this.#child.status;
    await this.#read;
  }

  #options(folder: string) {
    return {
      cwd: ROOT,
      env: {
        KAFKA_BROKERS: KAFKA.brokers.join(","),
        TEMPORAL_ADDRESS: TEMPORAL.address,
        TIDEGATE_DATA_DIR: folder,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    } as const;
  }

  async #follow(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
  }
}

/** What of the wanted numbers does not come in the given ones, in that order. */
function inOrder(numbers: readonly number[], wanted: readonly number[]): number[] {
  const left = [...wanted];
  for (const number of numbers) if (number === left[0]) left.shift();
  return left;
}

/** The processes that run; one that has ended without being waited for does not. */
async function running(): Promise<ReadonlySet<number>> {
  const { stdout } = await new Deno.Command("ps", { args: ["-eo", "pid=,stat="] }).output();
  const rows = new TextDecoder().decode(stdout).trim().split("\n").map((row) => row.trim());
  return new Set(rows.filter((row) => !/ Z/.test(row)).map((row) => parseInt(row)));
}

/** A process and all below it. */
async function descendants(root: number): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", { args: ["-eo", "pid=,ppid="] }).output();
  const rows = new TextDecoder().decode(stdout).trim().split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [root];
  for (const pid of found) {
    found.push(
      ...rows.flatMap(([child, parent]) => child !== undefined && parent === pid ? [child] : []),
    );
  }
  return found;
}

/** No process, no topic, no group and no running workflow is left. */
async function assertNothingLeft(spike: Spike): Promise<void> {
  const { connectTemporal } = await import("../../../adapters/temporal/client.ts");
  const { createKafkaAdmin } = await import("../../../adapters/kafka/admin.ts");
  await spike.gone();
  // The last of them may still be on its way out, or have ended without anybody to take notice.
  await until("the end of its processes", async () => {
    const alive = await running();
    return spike.pids.every((pid) => !alive.has(pid)) || undefined;
  });
  const admin = createKafkaAdmin(KAFKA);
  const client = await connectTemporal(TEMPORAL);
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(NAME));
    assert.deepEqual(topics, []);
    const query = `WorkflowId STARTS_WITH "${NAME}/" AND ExecutionStatus = "Running"`;
    // The list follows what has happened by a moment.
    await until("no running workflow", async () => {
      const { count } = await client.workflow.count(query);
      return count === 0 || undefined;
    });
  } finally {
    await Promise.all([admin.close(), client.connection.close()]);
  }
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tidegate-spike-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
