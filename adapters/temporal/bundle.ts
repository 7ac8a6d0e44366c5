/**
 * The workflow bundle, built once for a content of the workflow code and kept in the data folder.
 * Run as a program, it builds the one that an image brings with it.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { TidegateError } from "../../core/errors.ts";

const ROOT = new URL("../../", import.meta.url);
/** What the bundle depends on besides its sources. */
const PINS = ["deno.json", "adapters/temporal/build_bundle.ts"];

/** Where an image has its bundle: its root can't be written to, and no data folder has one yet. */
const PREBUILT = fileURLToPath(new URL(".bundle", ROOT));

/** Bundles are kept for this long, in ms. */
const OLD_MS = 24 * 3_600_000;

/**
 * The path of the workflow bundle; builds it if there is none of the present workflow code.
 *
 * @param dataDir The data folder.
 * @param say Told before a build, which takes some seconds.
 * @returns The path of a JavaScript file.
 * @throws {TidegateError} `TG_BUILD_FAILED`
 */
export async function workflowBundle(
  dataDir: string,
  say: (line: string) => void,
): Promise<string> {
  const folder = `${dataDir}/bundle`;
  const name = `workflows-${await sourcesHash()}.js`;
  for (const path of [`${PREBUILT}/${name}`, `${folder}/${name}`]) {
    if (await exists(path)) return path;
  }
  say("building the workflow bundle (some seconds, once)");
  const path = await build(folder, name);
  await removeOld(folder);
  return path;
}

/** Builds beside the target and moves the complete file there. */
async function build(folder: string, name: string): Promise<string> {
  const path = `${folder}/${name}`;
  await Deno.mkdir(folder, { recursive: true });
  const draft = `${path}.${Deno.pid}.tmp`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-env",
      "--allow-sys",
      "--allow-read",
      `--allow-write=${folder}`,
      "--allow-ffi",
      new URL("build_bundle.ts", import.meta.url).href,
      draft,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    throw new TidegateError(
      "TG_BUILD_FAILED",
      `Cannot build the workflow bundle: ${new TextDecoder().decode(stderr)}`,
    );
  }
  await Deno.rename(draft, path);
  return path;
}

/** Bundles of other contents that nobody has begun to read for a day. */
async function removeOld(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    const { mtime } = await Deno.stat(path);
    if (mtime !== null && Date.now() - mtime.getTime() > OLD_MS) await Deno.remove(path);
  }
}

async function sourcesHash(): Promise<string> {
  const hash = createHash("sha256");
  const files = [...PINS];
  for (const room of ["core", "workflows"]) await addSources(room, files);
  for (const file of files.sort()) {
    hash.update(`${file}\n`);
    hash.update(await Deno.readFile(new URL(file, ROOT)));
  }
  return hash.digest("hex").slice(0, 16);
}

/** Adds the TypeScript files of a folder and of those in it: rules live at any depth. */
async function addSources(folder: string, files: string[]): Promise<void> {
  for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) await addSources(path, files);
    else if (entry.isFile && entry.name.endsWith(".ts")) files.push(path);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  console.log(await build(PREBUILT, `workflows-${await sourcesHash()}.js`));
}
