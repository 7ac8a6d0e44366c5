/**
 * The modules that a definition loads, as the runtime resolves them, with packages by version.
 *
 * @module
 */

import { fileURLToPath, pathToFileURL } from "node:url";
import { TidegateError } from "../core/errors.ts";
import { sha256 } from "./code_strip.ts";

/** How a part of the code is read. */
export type Reading =
  /** A script: by the JavaScript that it becomes. */
  | "script"
  /** JSON: by its values. */
  | "json"
  /** By its bytes, or by its name where it is a package's version. */
  | "exact"
  /** A `deno.json`: by what it makes of names of modules. */
  | "names";

/** A part of the code that has not been read. */
export interface Found {
  /** Where it is: see `CodePart`. */
  readonly path: string;
  /** How it is read. */
  readonly as: Reading;
  /**
   * What it says, where it is no local file.
   * @default {undefined}
   */
  readonly text?: string;
  /**
   * A name that tells the language, where the path doesn't.
   * @default {undefined}
   */
  readonly name?: string;
}

/** The project: definitions are loaded by its `deno.json`, wherever they lie. */
export const ROOT = new URL("../", import.meta.url);
/** How long the runtime may take, in ms. */
const INFO_MS = 20_000;

/** A module as `deno info --json` tells of it; only what is used. */
interface Module {
  readonly specifier: string;
  readonly kind?: string;
  readonly mediaType?: string;
  readonly local?: string;
  readonly npmPackage?: string;
  readonly error?: string;
  readonly dependencies?: readonly {
    readonly assertionType?: string;
    readonly code?: { readonly specifier?: string };
  }[];
}

/** What `deno info --json` answers; only what is used. */
interface Info {
  readonly modules: readonly Module[];
  readonly redirects: Readonly<Record<string, string>>;
}

/** A lock; only what is used. */
interface Lock {
  readonly npm?: Readonly<
    Record<string, {
      readonly integrity?: string;
      readonly dependencies?: readonly string[];
      readonly optionalDependencies?: readonly string[];
    }>
  >;
}

/**
 * A file's path: relative to the project, or to the definition's folder, and then with a dot.
 * {@linkcode fileOf} finds it again, on every machine.
 */
export function pathOf(url: URL, definition: URL): string {
  if (url.href.startsWith(ROOT.href)) return url.href.slice(ROOT.href.length);
  const to = url.pathname.split("/");
  const from = definition.pathname.split("/").slice(0, -1);
  let same = 0;
  while (same < from.length && same < to.length - 1 && from[same] === to[same]) same++;
  const up = from.length - same;
  return (up === 0 ? "./" : "../".repeat(up)) + to.slice(same).join("/");
}

/** The file of a path. */
export function fileOf(path: string, definition: URL): URL {
  return new URL(path, /^\.\.?\//.test(path) ? definition : ROOT);
}

/**
 * Lists the modules that a definition loads; those of which it takes types alone are not loaded.
 *
 * @throws {TidegateError} `TG_DEFINITION` if the runtime can't read the definition.
 */
export async function modulesOf(definition: URL): Promise<Found[]> {
  const [info, lock] = await Promise.all([infoOf(definition), lockOf()]);
  const known = new Map(info.modules.map((module) => [module.specifier, module]));
  const problem = known.get(definition.href)?.error;
  if (problem !== undefined) throw unlisted(definition, problem);
  const found = new Map<string, Found>();
  const reached = new Set<string>();
  const visit = async (asked: string, type: string | undefined): Promise<void> => {
    const specifier = info.redirects[asked] ?? asked;
    const key = `${specifier} ${type ?? ""}`;
    if (reached.has(key)) return;
    reached.add(key);
    const module = known.get(specifier) ?? { specifier };
    const part = await foundOf(module, type, { lock, definition });
    const before = part === null ? undefined : found.get(part.path);
    // What is imported as text is exact, also where it is a script elsewhere.
    if (part !== null && before?.as !== "exact") found.set(part.path, part);
    for (const { code, assertionType } of module.dependencies ?? []) {
      if (code?.specifier !== undefined) await visit(code.specifier, assertionType);
    }
  };
  await visit(definition.href, undefined);
  return [...found.values()];
}

async function infoOf(definition: URL): Promise<Info> {
  const config = fileURLToPath(new URL("deno.json", ROOT));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--quiet", "--config", config, definition.href],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(INFO_MS),
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw unlisted(definition, decoder.decode(stderr).trim() || "no answer");
  // The answer of the runtime that is pinned, so it is of this shape.
  return JSON.parse(decoder.decode(stdout)) as Info;
}

async function lockOf(): Promise<Lock> {
  // Written by the runtime that is pinned, so it is of this shape.
  return JSON.parse(await Deno.readTextFile(new URL("deno.lock", ROOT))) as Lock;
}

function unlisted(definition: URL, why: string): TidegateError {
  return new TidegateError(
    "TG_DEFINITION",
    `Cannot list the modules of "${fileURLToPath(definition)}": ${why}`,
    { next: "Correct the file; deno info names what is wrong with it." },
  );
}

/** A module as a part of the code; null for the runtime's own. */
async function foundOf(
  module: Module,
  type: string | undefined,
  { lock, definition }: { lock: Lock; definition: URL },
): Promise<Found | null> {
  const { specifier, kind, npmPackage, local, mediaType } = module;
  if (kind === "node") return null;
  if (npmPackage !== undefined) return packagePart(npmPackage, lock);
  const jsr = /^https:\/\/jsr\.io\/(@[^/]+\/[^/]+)\/([^/]+)\//.exec(specifier);
  // A published version never changes.
  if (jsr !== null) return { path: `jsr:${jsr[1]}@${jsr[2]}`, as: "exact", text: "" };
  if (specifier.startsWith("file:")) {
    const installed = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+\//.exec(specifier)?.[0];
    if (installed !== undefined) return packagePart(await installedVersion(installed), lock);
    const path = pathOf(new URL(specifier), definition);
    return { path, as: readingOf(path, type) };
  }
  if (/^https?:/.test(specifier) && local !== undefined) {
    const name = `remote${EXTENSIONS[mediaType ?? ""] ?? ""}`;
    // The runtime's own notes stand behind the text.
    const text = (await Deno.readTextFile(local)).replace(/\n\/\/ denoCacheMetadata=.*$/, "");
    return { path: specifier, as: readingOf(name, type), name, text };
  }
  // What is in its name (`data:`), or could not be resolved, which is for the import to tell.
  const path = specifier.length > 100
    ? `${specifier.slice(0, 60)}…${sha256(specifier)}`
    : specifier;
  return { path, as: "exact", text: specifier };
}

/** The extension that tells a language, by the runtime's name of it. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  Cjs: ".cjs",
  Cts: ".cts",
  JavaScript: ".js",
  JSX: ".jsx",
  Json: ".json",
  Mjs: ".mjs",
  Mts: ".mts",
  TSX: ".tsx",
  TypeScript: ".ts",
};

function readingOf(name: string, type: string | undefined): Reading {
  if (type === "json" || (type === undefined && name.endsWith(".json"))) return "json";
  return type === undefined && /\.[cm]?[jt]sx?$/.test(name) ? "script" : "exact";
}

/** Name and version of a package in a `node_modules` folder that the runtime only reads. */
async function installedVersion(folder: string): Promise<string> {
  const text = await Deno.readTextFile(new URL("package.json", folder));
  const { name, version } = JSON.parse(text) as { name?: string; version?: string };
  return `${name}@${version}`;
}

/** A package by its version, and by all that the lock says of it and of what it needs. */
function packagePart(id: string, { npm = {} }: Lock): Found {
  // Ids also name peers, differently from one lock to another.
  const versionOf = (key: string) => /^@?[^@]+@[^_]+/.exec(key)?.[0] ?? key;
  const keysOf = (asked: string) =>
    Object.hasOwn(npm, asked)
      ? [asked]
      : Object.keys(npm).filter((key) => key.startsWith(`${asked}@`) || versionOf(key) === asked);
  const said = new Map<string, string>();
  const visit = (asked: string): void => {
    for (const key of keysOf(asked)) {
      if (said.has(key)) continue;
      const { integrity = "", dependencies = [], optionalDependencies = [] } = npm[key] ?? {};
      said.set(key, `${versionOf(key)} ${integrity}`);
      [...dependencies, ...optionalDependencies].forEach(visit);
    }
  };
  visit(id);
  const text = [...new Set(said.values())].sort().join("\n");
  return { path: `npm:${versionOf(id)}`, as: "exact", text };
}

/** The `file:` URL of a file that is given by URL or by path. */
export function urlOf(file: string): URL {
  return file.startsWith("file:") ? new URL(file) : pathToFileURL(file);
}
