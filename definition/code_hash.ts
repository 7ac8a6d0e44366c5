/**
 * Which code folds: the module graph of a definition and the rules of the project, as one hash and
 * a list of files. Types, comments and layout don't count; whatever else differs in the JavaScript
 * that runs does.
 *
 * @module
 */

import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { errorText, TidegateError } from "../core/errors.ts";
import type { LeasedCode } from "../core/flow/lease.ts";
import { fileOf, type Found, modulesOf, type Reading, ROOT, urlOf } from "./code_modules.ts";
import type { Pipeline } from "./define.ts";
import { type Script, scriptHashes, sha256 } from "./code_strip.ts";
import { loadPipeline } from "./load.ts";

/** A part of the code. */
export interface CodePart {
  /**
   * Where it is: relative to the project (`core/plan.ts`), or to the definition's folder if it lies
   * outside (`./helper.ts`); or a package with its version (`npm:zod@4.6.7`), or a URL.
   */
  readonly path: string;
  /** The hash of what it says; hex. */
  readonly hash: string;
  /** The hash of its bytes; null for what is no local file. */
  readonly bytes: string | null;
  /** How it is read. */
  readonly as: Reading;
}

/** The code that folds for one definition; plain data, for the processes that are to use it. */
export interface Code {
  /** The hash of all parts; hex. */
  readonly hash: string;
  /** The parts, by path. */
  readonly parts: readonly CodePart[];
  /**
   * What decides which modules names stand for on this machine. It is not in the hash, since what
   * it comes to is; but a process that finds it changed can't know what it has loaded.
   */
  readonly names: readonly CodePart[];
}

/** What decides what is folded, beside the definition's own modules. */
const RULES = [
  "core/",
  "activities/enrich.ts",
  "activities/side_record.ts",
  "activities/sweep.ts",
  "adapters/kafka/record_batch.ts",
];
/** How many workers there are decides nothing of what they fold. */
const NO_RULES = "core/scaling/";
/** What names of modules stand for. */
const NAMES: readonly Found[] = [
  { path: "deno.json", as: "names" },
  { path: "deno.lock", as: "exact" },
];
/** How long scripts may take to be stripped, in ms. */
const CHILD_MS = 20_000;
/** Parts that the supervisor is told of one by one. */
const MAX_LEASED = 200;
/** Hashes that are remembered. */
const MAX_REMEMBERED = 2_000;

/** Where {@linkcode codeOf} remembers what it knows. */
export interface CodeOptions {
  /**
   * A folder for the hashes of files that have been read before; they are found by the files'
   * bytes, so that none can be out of date.
   * @default nothing is remembered
   */
  readonly cacheDir?: string;
}

/**
 * Lists the code that folds for a definition. Needs the permission to run Deno.
 *
 * @param file A path relative to the working directory, or a `file:` URL.
 * @throws {TidegateError} `TG_DEFINITION` if the runtime can't list the definition's modules.
 */
export async function codeOf(file: string, options: CodeOptions = {}): Promise<Code> {
  const definition = urlOf(file);
  const [modules, rules, names, memory] = await Promise.all([
    modulesOf(definition),
    rulesOf(),
    Promise.all(NAMES.map((found) => read(found, definition))),
    Memory.open(options.cacheDir),
  ]);
  const found = new Map([...rules, ...modules].map((part) => [part.path, part]));
  const paths = [...found.values()].sort((a, b) => a.path < b.path ? -1 : 1);
  const contents = await Promise.all(paths.map((part) => read(part, definition)));
  const hashes = await hashesOf(contents, memory);
  const parts = contents.map((part, i) => partOf(part, hashes[i] ?? ""));
  return {
    hash: sha256(JSON.stringify(parts.map(({ path, hash }) => [path, hash]))),
    parts,
    names: names.map((part) => partOf(part, plainHash(part))),
  };
}

/**
 * Compares the files of this machine with a list, reading those alone.
 *
 * @param code The code that is to fold.
 * @param file The definition, as for {@linkcode codeOf}.
 * @throws {TidegateError} `TG_CODE`, retryable, with the paths that differ.
 */
export async function checkCode(code: Code, file: string): Promise<void> {
  const definition = urlOf(file);
  const listed = [...code.parts, ...code.names].filter(({ bytes }) => bytes !== null);
  const contents = await Promise.all(listed.map((part) => read(part, definition)));
  const changed = listed.flatMap((part, i) => {
    const now = contents[i];
    return now === undefined || now.bytes === part.bytes ? [] : [{ part, now }];
  });
  if (changed.length === 0) return;
  // A comment, most likely; in this process, which may start no other.
  const hashes = await hashesOf(changed.map(({ now }) => now), null);
  const other = changed.filter(({ part }, i) => part.hash !== hashes[i]);
  if (other.length === 0) return;
  const lines = other.map(({ part, now }) =>
    `${part.path}: ${now.content === null ? "is gone" : "has changed"}`
  );
  throw new TidegateError(
    "TG_CODE",
    `Cannot fold: the code must be ${code.hash}, but it was edited:\n  ${lines.join("\n  ")}`,
    {
      retryable: true,
      next:
        "Take the change back, or restart the control process to fold by the files as they are.",
    },
  );
}

/**
 * Loads a pipeline whose code is to be the listed one: compared before it is imported, and after,
 * since a file may be edited between the two.
 *
 * @throws {TidegateError} `TG_CODE`, and what `loadPipeline` throws.
 */
export async function loadByCode(code: Code, file: string): Promise<Pipeline> {
  await checkCode(code, file);
  const pipeline = await loadPipeline(file);
  await checkCode(code, file);
  return pipeline;
}

/** The code as the supervisor keeps it: small, since it travels with its state. */
export function leasedCode({ hash, parts }: Code): LeasedCode {
  const files = parts.map(({ path, hash }) => [path, hash.slice(0, 16)] as const);
  const rest = files.slice(MAX_LEASED);
  const more = rest.length === 0
    ? []
    : [["(other files)", sha256(JSON.stringify(rest)).slice(0, 16)] as const];
  return { hash, files: [...files.slice(0, MAX_LEASED), ...more] };
}

/** The project's own rules; what these files load of it is among them. */
async function rulesOf(): Promise<Found[]> {
  const paths: string[] = [];
  const visit = async (path: string): Promise<void> => {
    if (!path.endsWith("/")) {
      if (path.endsWith(".ts")) paths.push(path);
    } else if (path !== NO_RULES) {
      const entries = await Array.fromAsync(Deno.readDir(new URL(path, ROOT)));
      await Promise.all(
        entries.map(({ name, isDirectory }) => visit(`${path}${name}${isDirectory ? "/" : ""}`)),
      );
    }
  };
  await Promise.all(RULES.map(visit));
  return paths.map((path) => ({ path, as: "script" }));
}

/** A part that has been read. */
interface Content extends Found {
  /** Null if there is no such file. */
  readonly content: string | Uint8Array | null;
  /** The hash of a local file's bytes. */
  readonly bytes: string | null;
}

async function read({ path, as, text, name }: Found, definition: URL): Promise<Content> {
  const found = { path, as, ...(name === undefined ? {} : { name }) };
  if (text !== undefined) return { ...found, content: text, bytes: null };
  try {
    const content = await Deno.readFile(fileOf(path, definition));
    return { ...found, content, bytes: sha256(content) };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { ...found, content: null, bytes: "" };
  }
}

function partOf({ path, bytes, as }: Content, hash: string): CodePart {
  return { path, hash, bytes, as };
}

/** Hashes of what parts say; scripts are stripped in a child if there is a memory to spare it. */
async function hashesOf(contents: readonly Content[], memory: Memory | null): Promise<string[]> {
  const keyOf = ({ content, name, path }: Content) => {
    const language = /\.\w+$/.exec(name ?? path)?.[0] ?? "";
    return `${sha256(content ?? "")}${language}`;
  };
  const unknown = contents.filter((part) =>
    part.as === "script" && part.content !== null && memory?.get(keyOf(part)) === undefined
  );
  const scripts = unknown.map(({ content, name, path }): Script => ({
    name: name ?? path,
    text: typeof content === "string" ? content : new TextDecoder().decode(content ?? undefined),
  }));
  const stripped = scripts.length === 0
    ? []
    : memory === null
    ? await scriptHashes(scripts)
    : await strippedByChild(scripts);
  const news = new Map(unknown.map((part, i) => [keyOf(part), stripped[i] ?? ""]));
  if (news.size > 0) await memory?.add(news);
  return contents.map((part) => {
    if (part.as !== "script" || part.content === null) return plainHash(part);
    const key = keyOf(part);
    return news.get(key) ?? memory?.get(key) ?? "";
  });
}

/** The hash of what needs no stripping. */
function plainHash({ as, content }: Content): string {
  if (content === null) return sha256("gone");
  if (as === "exact" || as === "script") return sha256(content);
  const text = typeof content === "string" ? content : new TextDecoder().decode(content);
  try {
    const value: unknown = JSON.parse(text);
    return sha256(JSON.stringify(as === "names" ? namesIn(value) : value));
  } catch {
    return sha256(text);
  }
}

/** What a `deno.json` makes of names of modules. */
function namesIn(config: unknown): unknown {
  if (typeof config !== "object" || config === null) return config;
  const names = ["imports", "scopes", "importMap", "workspace", "nodeModulesDir", "links", "lock"];
  return names.map((name) => Reflect.get(config, name));
}

async function strippedByChild(scripts: readonly Script[]): Promise<string[]> {
  const program = new URL("code_strip.ts", import.meta.url).href;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-env", "--allow-read", "--allow-ffi", program],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(CHILD_MS),
  }).spawn();
  const ended = child.output();
  const input = new Blob([JSON.stringify(scripts)]).stream();
  const told = input.pipeTo(child.stdin).then(() => null, errorText);
  const { success, stdout, stderr } = await ended;
  const problem = await told;
  const decoder = new TextDecoder();
  const hashes: unknown = success ? JSON.parse(decoder.decode(stdout)) : null;
  if (!Array.isArray(hashes) || hashes.length !== scripts.length || !hashes.every(isHash)) {
    const why = decoder.decode(stderr).trim() || problem || "it answered something else";
    throw new TidegateError("TG_BUILD_FAILED", `Cannot tell code from comments: ${why}`, {
      next: "Run deno install --frozen, and try again.",
    });
  }
  return hashes;
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{32}$/.test(value);
}

/** Hashes of what scripts say, by their bytes, in a file of the transpiler and its settings. */
class Memory {
  readonly #file: string | null;
  #known: ReadonlyMap<string, string>;

  private constructor(file: string | null, known: ReadonlyMap<string, string>) {
    this.#file = file;
    this.#known = known;
  }

  static async open(folder: string | undefined): Promise<Memory> {
    if (folder === undefined) return new Memory(null, new Map());
    const settings = await Deno.readFile(new URL("code_strip.ts", import.meta.url));
    const tool = sha256(`${import.meta.resolve("@swc/core")} ${sha256(settings)}`);
    const file = `${folder}/code-${tool}.json`;
    try {
      const value: unknown = JSON.parse(await Deno.readTextFile(file));
      const entries = typeof value === "object" && value !== null ? Object.entries(value) : [];
      const known = entries.filter((entry): entry is [string, string] => isHash(entry[1]));
      return new Memory(file, new Map(known));
    } catch {
      return new Memory(file, new Map());
    }
  }

  get(key: string): string | undefined {
    return this.#known.get(key);
  }

  /** Remembers more, if the folder can be written to. */
  async add(news: ReadonlyMap<string, string>): Promise<void> {
    const kept = [...news, ...this.#known].slice(0, MAX_REMEMBERED);
    this.#known = new Map(kept);
    if (this.#file === null) return;
    const draft = `${this.#file}.${crypto.randomUUID()}.tmp`;
    try {
      await Deno.mkdir(new URL(".", pathToFileURL(resolve(this.#file))), { recursive: true });
      await Deno.writeTextFile(draft, JSON.stringify(Object.fromEntries(kept)));
      await Deno.rename(draft, this.#file);
    } catch {
      // It costs time only.
    }
  }
}
