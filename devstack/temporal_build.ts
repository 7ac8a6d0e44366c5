/**
 * Building Temporal's CLI, which holds the dev server, by Go.
 *
 * @module
 */
import { join } from "node:path";
import type { Recipe } from "./build.ts";
import { TEMPORAL_PIN } from "./pins.ts";
import { readTemporalServerVersion } from "./tools.ts";

/** The program's name inside the built folder. */
export const TEMPORAL_PROGRAM = "temporal";

/** How Temporal is built. */
export const temporalRecipe: Recipe = {
  title: `Temporal ${TEMPORAL_PIN.version}`,
  folder: `temporal-${TEMPORAL_PIN.version}-${Deno.build.os}-${Deno.build.arch}`,
  takes: TEMPORAL_PIN.takes,
  megabytes: TEMPORAL_PIN.megabytes,
  files: {},
  command(into) {
    const { module, version, versionVariable } = TEMPORAL_PIN;
    // Without debug tables the file is a sixth smaller.
    const link = `-s -w -X ${versionVariable}=${version}`;
    return {
      program: "go",
      args: ["install", "-v", "-ldflags", link, `${module}@v${version}`],
      // A cross-compiling environment, or flags for another project, must not leak in. Some systems
      // turn off the fetching of the newer Go that Temporal's go.mod asks for.
      env: { GOBIN: into, GOOS: "", GOARCH: "", GOFLAGS: "", GOTOOLCHAIN: "auto" },
    };
  },
  progress(lines) {
    const modules = lines.filter((line) => line.startsWith("go: downloading")).length;
    const packages = lines.filter((line) => /^[a-z][\w.\-/]*$/.test(line)).length;
    if (packages > 0) return `${packages} of at most ${TEMPORAL_PIN.packages} packages compiled`;
    return modules === 0 ? "" : `${modules} modules fetched`;
  },
  async check(into, machine) {
    const answer = await machine.run(join(into, TEMPORAL_PROGRAM), ["--version"]);
    const version = answer === null ? null : readTemporalServerVersion(answer.stdout);
    return version === TEMPORAL_PIN.serverVersion
      ? null
      : `its server must be ${TEMPORAL_PIN.serverVersion}, got ${version ?? "no answer"}`;
  },
};
