/**
 * Programs that checks need and that Go builds once for all projects of a machine, as `devstack/` does
 * with the servers.
 *
 * @module
 */

import { join } from "node:path";
import { ensureBuilt, type Recipe } from "../../devstack/build.ts";
import { defaultCacheDir } from "../../devstack/machine.ts";

/** A program, or several, of one Go module. */
export interface GoBuild {
  /** What it is, for people. */
  readonly title: string;
  /** Its folder in the cache, without version and platform. */
  readonly folder: string;
  /** The version, with its `v`. */
  readonly version: string;
  /** Packages, each a program. */
  readonly packages: readonly string[];
  /** How long the first build takes, in words. */
  readonly takes: string;
  /** Its size in MB. */
  readonly megabytes: number;
}

/**
 * Docker Compose, which needs no engine to check files. v5.0.2 is the last that `go install` takes:
 * later ones exclude versions in their `go.mod`. Measured 2026-11-22: 74 s with an empty cache.
 */
export const COMPOSE_BUILD: GoBuild = {
  title: "Docker Compose",
  folder: "compose",
  version: "v5.0.2",
  packages: ["github.com/docker/compose/v5/cmd"],
  takes: "1 to 2 minutes",
  megabytes: 28,
};

/**
 * Temporal's server and its schema tool, of the version that Compose takes. Measured 2026-11-22: 5
 * minutes with an empty cache on 2 cores.
 *
 * @param version The version, without a `v`.
 */
export function temporalServerBuild(version: string): GoBuild {
  const module = "go.temporal.io/server/cmd";
  return {
    title: "Temporal's server and schema tool",
    folder: "temporal-server",
    version: `v${version}`,
    packages: [`${module}/server`, `${module}/tools/sql`],
    takes: "5 minutes",
    megabytes: 170,
  };
}

/**
 * Builds what is not built yet.
 *
 * @param build What to build.
 * @returns The folder of the programs, each named like the last part of its package.
 * @throws {TidegateError} `TG_BUILD_FAILED`
 */
export async function ensureGoBuild(build: GoBuild): Promise<string> {
  const cacheDir = defaultCacheDir((name) => Deno.env.get(name) || undefined);
  return await ensureBuilt(recipeOf(build), { cacheDir, say: (line) => console.error(line) });
}

function recipeOf({ title, folder, version, packages, takes, megabytes }: GoBuild): Recipe {
  return {
    title: `${title} ${version}`,
    folder: `${folder}-${version.slice(1)}-${Deno.build.os}-${Deno.build.arch}`,
    takes,
    megabytes,
    files: {},
    command: (into) => ({
      program: "go",
      args: ["install", "-v", "-ldflags", "-s -w", ...packages.map((one) => `${one}@${version}`)],
      env: { GOBIN: into, GOOS: "", GOARCH: "", GOFLAGS: "", GOTOOLCHAIN: "auto" },
    }),
    progress: (lines) => `${lines.length} steps`,
    async check(into, machine) {
      for (const one of packages) {
        const program = join(into, one.split("/").at(-1) ?? "");
        if (!await machine.exists(program)) return `${program} was not built`;
      }
      return null;
    },
  };
}
