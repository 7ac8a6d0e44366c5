/**
 * `deno task check:image`: does the Dockerfile's steps in a clean root, then starts what comes of it
 * as Compose does: by the image's entry, as its user, with its environment, the root read-only,
 * against real local servers. For machines without an engine; needs root and debootstrap.
 *
 * @module
 */

import { errorText } from "../../core/errors.ts";
import { dirname, join } from "node:path";
import { defaultCacheDir, thisMachine } from "../../devstack/machine.ts";
import { choosePorts } from "../../devstack/ports.ts";
import { stackDown, stackUp } from "../../devstack/stack.ts";
import type { StackOptions } from "../../devstack/types.ts";
import { ROOT } from "../../scripts/deno.ts";
import { buildImage, type BuiltImage, numeric } from "./image/build.ts";
import { must, rootCommand } from "./image/clean_root.ts";
import { contextFilter } from "./image/context.ts";
import { parseDockerfile } from "./image/dockerfile.ts";

/** What the image's own files and packages may take, in MB: half again what they do. */
const LARGEST_MB = 330;
const UP_WITHIN_MS = 60_000;
const DOWN_WITHIN_MS = 40_000;
const EVENTS = 2_000;

const text = (file: string) => Deno.readTextFile(new URL(file, ROOT));

/** A container's stand-in: the image's entry in its root. */
class Running {
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<unknown>;

  constructor(readonly name: string, command: readonly string[]) {
    const [program = "", ...args] = command;
    this.#child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#read = Promise.all([this.#take(this.#child.stdout), this.#take(this.#child.stderr)]);
  }

  /** Waits for its end. */
  async end(withinMs: number): Promise<number> {
    const late = setTimeout(() => this.#child.kill("SIGKILL"), withinMs);
    const { code } = await this.#child.status;
    clearTimeout(late);
    await this.#read;
    return code;
  }

  /** Tells process 1 of its namespace to end, as an engine does. */
  async stop(): Promise<number> {
    const first = await must("ps", "--ppid", String(this.#child.pid), "-o", "pid=");
    Deno.kill(Number(first.trim()), "SIGTERM");
    return await this.end(DOWN_WITHIN_MS);
  }

  /** Ends it at once if it still runs: `unshare` takes process 1 of its namespace with it. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#child.status;
  }

  /** What it printed, for a failure. */
  said(): string {
    return this.lines.slice(-30).map((line) => `    ${line}`).join("\n");
  }

  async #take(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) {
      this.lines.push(...part.split("\n").filter((line) => line !== ""));
    }
  }
}

/** Containers of one image, with the same settings and volume. */
class Trial {
  readonly running: Running[] = [];

  constructor(
    readonly image: BuiltImage,
    readonly volume: string,
    readonly env: Readonly<Record<string, string>>,
  ) {}

  /** The command line of a container. */
  command(words: readonly string[], env: Readonly<Record<string, string>> = {}): string[] {
    const { image, volume } = this;
    const all = new Map([...image.env, ...Object.entries(this.env), ...Object.entries(env)]);
    return rootCommand({ ...image, user: numeric(image.user), env: all, words, volume });
  }

  /** Starts a container that stays. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
    const words = [...this.image.entrypoint, ...args.length > 0 ? args : this.image.cmd];
    const running = new Running(words.at(-1) ?? "", this.command(words, env));
    this.running.push(running);
    return running;
  }

  /** Runs a container to its end; it must succeed. */
  async run(...args: string[]): Promise<string[]> {
    const running = this.start(args);
    const code = await running.end(UP_WITHIN_MS);
    if (code === 0) return running.lines;
    throw new Error(`${args.join(" ")} ended with ${code}:\n${running.said()}`);
  }

  /** Waits until the health check, run inside, holds. */
  async healthy(port: number, path: string, running: Running): Promise<void> {
    const words = ["/app/deploy/image/healthy", String(port), path];
    const [program = "", ...args] = this.command(words);
    const deadline = performance.now() + UP_WITHIN_MS;
    while ((await thisMachine.run(program, args))?.code !== 0) {
      if (performance.now() < deadline) continue;
      throw new Error(`${running.name} is not healthy on ${port}${path}:\n${running.said()}`);
    }
  }

  /** Ends a container as an engine does; it must leave in order. */
  async stop(running: Running): Promise<void> {
    const code = await running.stop();
    if (code !== 0) throw new Error(`${running.name} ended with ${code}:\n${running.said()}`);
  }
}

/** Copies what the Dockerfile may see. */
async function makeContext(folder: string): Promise<void> {
  const isIn = contextFilter(await text(".dockerignore"));
  const listed = await must("git", "-C", ROOT.pathname, "ls-files", "-co", "--exclude-standard");
  for (const path of listed.split("\n").filter((line) => line !== "" && isIn(line))) {
    await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
    await Deno.copyFile(new URL(path, ROOT), join(folder, path));
  }
}

/** Prints the packages of the image by size; throws if it holds too much. */
async function weigh(root: string): Promise<void> {
  const kilobytes = async (path: string) => {
    const out = await must("du", "--summarize", "--block-size=1K", path);
    return Number(out.split("\t")[0]);
  };
  const store = join(root, "app/node_modules/.deno");
  const packages: [string, number][] = [];
  for await (const { name, isDirectory } of Deno.readDir(store)) {
    if (isDirectory && name !== "node_modules") {
      packages.push([name, await kilobytes(join(store, name))]);
    }
  }
  packages.sort(([, a], [, b]) => b - a);
  for (const [name, size] of packages) {
    console.log(`${(size / 1024).toFixed(1).padStart(8)} MB  ${name}`);
  }
  const [app, cache] = await Promise.all([
    kilobytes(join(root, "app")),
    kilobytes(join(root, "deno-dir")),
  ]);
  const total = Math.round((app + cache) / 1024);
  console.log(`${packages.length} packages; /app and /deno-dir: ${total} MB`);
  if (total > LARGEST_MB) throw new Error(`The image holds ${total} MB, more than ${LARGEST_MB}`);
  const tools = packages.filter(([name]) =>
    /^(?:fast-check|typescript|@temporalio\+testing)@/.test(name)
  );
  if (tools.length > 0) throw new Error(`The image holds test tools: ${tools.join(", ")}`);
}

/** Starts everything as Compose does, and looks whether it works. */
async function tryOut(trial: Trial): Promise<void> {
  const step = (what: string) => console.log(`ok     ${what}`);
  const [setup = ""] = await trial.run("setup");
  step(`setup: ${setup}`);

  const [port = 0, workerPort = 0] = choosePorts([], 2);
  const control = trial.start([], {
    TIDEGATE_PORT: String(port),
    TIDEGATE_LAUNCHER: "external",
  });
  await trial.healthy(port, "/readyz", control);
  step("tidegate: the default command is ready, by its health check");
  if (control.lines.some((line) => line.includes("building"))) {
    throw new Error(`The bundle was built again:\n${control.said()}`);
  }

  const worker = trial.start(["worker", `--health-port=${workerPort}`]);
  await trial.healthy(workerPort, "/readyz", worker);
  step("worker: is ready, by its health check");

  const [sent = ""] = (await trial.run("produce", `--count=${EVENTS}`, "--rate=50")).slice(-1);
  step(`producer: ${sent}`);
  await untilRead(trial);
  step(`all ${EVENTS} records are read, by a worker beside the control process`);

  await trial.stop(worker);
  await trial.stop(control);
  step("tidegate and worker leave in order on SIGTERM");

  const own = trial.start([], { TIDEGATE_PORT: String(port), TIDEGATE_MIN_WORKERS: "1" });
  await trial.healthy(port, "/readyz", own);
  await trial.run("task", "produce", "--count=100", "--rate=50");
  await untilRead(trial, EVENTS + 100);
  step("tidegate with workers of its own reads too");
  await trial.stop(own);
}

async function untilRead(trial: Trial, count = EVENTS): Promise<void> {
  const deadline = performance.now() + UP_WITHIN_MS;
  for (;;) {
    const line = (await trial.run("audit", "--json")).find((one) => one.startsWith("{")) ?? "{}";
    if (JSON.parse(line).events?.read === count) return;
    if (performance.now() > deadline) {
      const said = trial.running.filter(({ name }) => /start|worker/.test(name))
        .map((one) => one.said()).join("\n");
      throw new Error(`Not all of ${count} records are read: ${line}\n${said}`);
    }
  }
}

async function check(work: string): Promise<void> {
  const cacheDir = defaultCacheDir((name) => Deno.env.get(name) || undefined);
  await makeContext(join(work, "context"));
  const image = await buildImage(parseDockerfile(await text("Dockerfile")), {
    context: join(work, "context"),
    work,
    cacheDir,
    denoVersion: Deno.version.deno,
  });
  await weigh(image.root);
  const options: StackOptions = {
    dataDir: join(work, "servers"),
    brokerPort: 0,
    temporalPort: 0,
    uiPort: 0,
    sources: ["path", "built"],
    say: (line) => console.log(line),
  };
  const stack = await stackUp(options);
  // As a fresh named volume: it takes the owner of the folder that it is mounted over.
  const volume = join(work, "volume");
  await must("cp", "--archive", join(image.root, "data"), volume);
  const trial = new Trial(image, volume, {
    KAFKA_BROKERS: stack.broker.address,
    TEMPORAL_ADDRESS: stack.temporal.address,
    TIDEGATE_HOST: "127.0.0.1",
  });
  try {
    await tryOut(trial);
  } finally {
    await Promise.all(trial.running.map((one) => one.kill()));
    await stackDown(options);
  }
}

/** What is missing on this machine; empty if nothing is. */
async function missing(): Promise<string[]> {
  const found = await Promise.all(
    ["debootstrap", "unshare", "chroot", "git"].map(async (program) => ({
      program,
      there: await thisMachine.run(program, ["--version"]) !== null,
    })),
  );
  const programs = found.filter(({ there }) => !there).map(({ program }) => program);
  return Deno.uid() === 0 ? programs : [...programs, "the rights of root"];
}

if (import.meta.main) {
  const lacks = await missing();
  if (lacks.length > 0) {
    console.error(
      `Cannot check the image: ${lacks.join(", ")} must be there (Debian: debootstrap)`,
    );
    Deno.exit(2);
  }
  const work = await Deno.makeTempDir({ prefix: "tidegate-image-" });
  let ok = false;
  try {
    await check(work);
    ok = true;
  } catch (error) {
    console.error(errorText(error));
  }
  await must("rm", "--recursive", "--force", "--one-file-system", work);
  console.log(ok ? "The image holds." : "The image does not hold.");
  Deno.exit(ok ? 0 : 1);
}
