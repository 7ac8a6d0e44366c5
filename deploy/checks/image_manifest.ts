/**
 * `deno task manifest`: writes the image's own `deno.json` and lock into `deploy/image/`. They are
 * the project's without what only tests and scripts import: `deno install` knows no development
 * dependencies, and would put test tools into the image.
 *
 * @module
 */

import denoJson from "../../deno.json" with { type: "json" };
import { ROOT, runDeno } from "../../scripts/deno.ts";
import { readSource, sources } from "../../scripts/sources.ts";

/** Where the image's manifest is. */
export const IMAGE_MANIFEST = "deploy/image/manifest.json";
/** Where the image's lock is. */
export const IMAGE_LOCK = "deploy/image/lock.json";

/** Not imported by us, but named to pin the version that another package takes. */
const PINS = ["@swc/core"];

/**
 * Makes the image's `deno.json`.
 *
 * @param texts The texts of the modules that the image holds.
 * @returns Its text.
 */
export function imageManifest(texts: readonly string[]): string {
  const isUsed = (name: string) =>
    PINS.includes(name) ||
    texts.some((text) => text.includes(`"${name}"`) || text.includes(`"${name}/`));
  const { imports, compilerOptions } = denoJson;
  // Without the workspace: its members only narrow what types see, and no types are checked there.
  const manifest = {
    // What the build has installed is what runs: nothing is fetched later.
    nodeModulesDir: "manual",
    lock: { path: "./deno.lock", frozen: true },
    imports: Object.fromEntries(Object.entries(imports).filter(([name]) => isUsed(name))),
    compilerOptions,
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/**
 * The texts of the modules that the image holds: all but tests, scripts and checks.
 *
 * @returns The texts.
 */
export function imageSources(): string[] {
  return sources().filter((path) => !/^(?:tests|scripts|deploy)\//.test(path)).map(readSource);
}

/** Lets Deno cut the project's lock down to a manifest: only it knows the lock's exact form. */
async function imageLock(manifest: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "tidegate-manifest-" });
  try {
    await Deno.writeTextFile(`${folder}/deno.json`, manifest);
    await Deno.copyFile(new URL("deno.lock", ROOT), `${folder}/deno.lock`);
    const args = ["install", "--quiet", "--frozen=false", "--lockfile-only"];
    const { code, stderr } = await runDeno(args, folder);
    if (code !== 0) throw new Error(`Cannot cut the lock: ${stderr}`);
    return await Deno.readTextFile(`${folder}/deno.lock`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const manifest = imageManifest(imageSources());
  const lock = await imageLock(manifest);
  await Deno.mkdir(new URL("deploy/image/", ROOT), { recursive: true });
  await Deno.writeTextFile(new URL(IMAGE_MANIFEST, ROOT), manifest);
  await Deno.writeTextFile(new URL(IMAGE_LOCK, ROOT), lock);
  const { npm } = JSON.parse(lock);
  console.log(`wrote ${IMAGE_MANIFEST} and ${IMAGE_LOCK} (${Object.keys(npm).length} packages)`);
}
