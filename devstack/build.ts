/**
 * Building a server once for all projects of a machine: in a folder beside the final one, renamed
 * when it is complete, one builder at a time.
 *
 * @module
 */
import { join } from "node:path";
import { TidegateError } from "../core/errors.ts";
import { withLock } from "./lock.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { withProgress } from "./wait.ts";

/** How one thing is built. */
export interface Recipe {
  /** Its name with its version, as in `Temporal 1.5.1`. */
  readonly title: string;
  /** Its folder in the cache; names the version, and the platform where it matters. */
  readonly folder: string;
  /** How long it takes the first time, in words. */
  readonly takes: string;
  /** Its size in MB. */
  readonly megabytes: number;
  /** The program that builds, and its arguments, given the folder to build into. */
  command(into: string): { program: string; args: string[]; env: Record<string, string> };
  /** Files to write before, by name in the folder. */
  readonly files: Readonly<Record<string, string>>;
  /** How far it is, in words, given the lines that the program has printed; may be empty. */
  progress(lines: readonly string[]): string;
  /** Looks at the result; the reason why it is not complete, or null if it is. */
  check(into: string, machine: Machine): Promise<string | null>;
}

/** Where to build and whom to tell. */
export interface BuildContext {
  /** The cache folder. */
  readonly cacheDir: string;
  /** Takes progress. */
  readonly say: (line: string) => void;
}

const TICK_MS = 10_000;

/** Runs the builder; its output goes to a log file and to `onLine`. */
async function runBuilder(
  command: { program: string; args: string[]; env: Record<string, string> },
  cwd: string,
  logFile: string,
  onLine: (line: string) => void,
): Promise<number> {
  using log = await Deno.open(logFile, { write: true, create: true, truncate: true });
  const child = new Deno.Command(command.program, {
    args: command.args,
    env: command.env,
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const drain = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      for (let at = 0; at < chunk.length;) at += await log.write(chunk.subarray(at));
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(onLine);
    }
    if (rest !== "") onLine(rest);
  };
  const [status] = await Promise.all([child.status, drain(child.stdout), drain(child.stderr)]);
  return status.code;
}

/** Removes what builders that were interrupted have left. Only under the lock. */
async function removeLeftovers(cacheDir: string, prefix: string): Promise<void> {
  for await (const entry of Deno.readDir(cacheDir)) {
    if (entry.name.startsWith(prefix)) {
      await Deno.remove(join(cacheDir, entry.name), { recursive: true });
    }
  }
}

/** Builds into a folder of its own; the error where that fails. */
async function build(recipe: Recipe, context: BuildContext, into: string): Promise<void> {
  const { cacheDir, say } = context;
  const { title, takes, megabytes, folder } = recipe;
  for (const [name, text] of Object.entries(recipe.files)) {
    await Deno.writeTextFile(join(into, name), text);
  }
  const logFile = join(cacheDir, `${folder}.log`);
  const head = `building ${title}`;
  say(`${head} (about ${takes} the first time, ${megabytes} MB, once; into ${cacheDir}/${folder})`);
  const lines: string[] = [];
  const command = recipe.command(into);
  const failed = (what: string, next: string) =>
    new TidegateError("TG_BUILD_FAILED", `Cannot build ${title}: ${what}`, { next });
  const ran = runBuilder(command, into, logFile, (line) => lines.push(line));
  const code = await withProgress(ran, TICK_MS, (seconds) => {
    const far = recipe.progress(lines);
    say(`${head} … ${seconds} s${far === "" ? "" : `, ${far}`}`);
  });
  if (code !== 0) {
    const tail = lines.filter((line) => line.trim() !== "").slice(-8).join("\n  ");
    throw failed(
      `${command.program} ended with exit code ${code}\n  ${tail}`,
      `Read ${logFile}. Without a network, build where there is one and copy ${cacheDir}.`,
    );
  }
  const incomplete = await recipe.check(into, thisMachine);
  if (incomplete !== null) throw failed(incomplete, `Read ${logFile}.`);
}

/** Builds beside the target and moves the complete result there. Only under the lock. */
async function buildBeside(recipe: Recipe, context: BuildContext, target: string): Promise<void> {
  const { cacheDir, say } = context;
  const prefix = `${recipe.folder}.tmp-`;
  await removeLeftovers(cacheDir, prefix);
  const into = join(cacheDir, `${prefix}${Deno.pid}`);
  await Deno.mkdir(into);
  const from = Date.now();
  try {
    await build(recipe, context, into);
  } catch (error) {
    await Deno.remove(into, { recursive: true });
    throw error;
  }
  await Deno.rename(into, target);
  say(`built ${recipe.title} in ${Math.round((Date.now() - from) / 1000)} s`);
}

/**
 * Builds what is not built yet. An interrupted build leaves nothing that passes for a complete one;
 * of two builders one waits, and then takes what the other has built.
 *
 * @param recipe What to build.
 * @param context Where, and whom to tell.
 * @returns The folder of the result.
 * @throws {TidegateError} `TG_BUILD_FAILED` with the last lines of the builder's output.
 */
export async function ensureBuilt(recipe: Recipe, context: BuildContext): Promise<string> {
  const target = join(context.cacheDir, recipe.folder);
  if (await thisMachine.exists(target)) return target;
  const onWait = (clause: string) =>
    context.say(`${recipe.title} is being built already: ${clause}`);
  try {
    await Deno.mkdir(context.cacheDir, { recursive: true });
    await withLock(`${target}.lock`, async () => {
      if (!await thisMachine.exists(target)) await buildBeside(recipe, context, target);
    }, { onWait });
    return target;
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    const message = `Cannot build ${recipe.title}: ${error.message}`;
    const next = `Make sure that ${context.cacheDir} can be written, or set TIDEGATE_CACHE.`;
    throw new TidegateError("TG_BUILD_FAILED", message, { next, cause: error });
  }
}
