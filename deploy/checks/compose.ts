/**
 * `deno task check:compose`: checks the Compose files, for every second file and profile, by Docker
 * Compose itself (its schema, merging and interpolation; it needs no engine for that) and by our own
 * rules.
 *
 * @module
 */

import { settingNames } from "../../cli/config.ts";
import { SPECS } from "../../commands/specs.ts";
import { ROOT } from "../../scripts/deno.ts";
import { COMPOSE_BUILD, ensureGoBuild } from "./go_builds.ts";
import { orUnchecked } from "./unchecked.ts";
import { parseProject, type Project } from "./compose/project.ts";
import { composeProblems } from "./compose/rules.ts";

/** The files of a project, and its profiles. */
interface Combination {
  readonly files: readonly string[];
  readonly profiles: readonly string[];
}

const BASE = "docker-compose.yml";
const POSTGRES = "docker-compose.postgres.yml";
const WORKERS = "docker-compose.workers.yml";

/** Everything that can be brought up. */
const COMBINATIONS: readonly Combination[] = [[], [POSTGRES], [WORKERS], [POSTGRES, WORKERS]]
  .flatMap((more) => [[], ["demo"]].map((profiles) => ({ files: [BASE, ...more], profiles })));

/**
 * Reads a project as Compose itself does.
 *
 * @param program Docker Compose.
 * @param files The Compose files.
 * @param profiles The profiles.
 * @returns The project, or what Compose says is wrong.
 */
export async function composeProject(
  program: string,
  files: readonly string[],
  profiles: readonly string[] = [],
): Promise<Project | string> {
  const ran = await new Deno.Command(program, {
    args: [
      ...files.flatMap((file) => ["--file", file]),
      ...profiles.flatMap((profile) => ["--profile", profile]),
      ...["config", "--format", "json"],
    ],
    cwd: ROOT,
    // Settings of the user's shell and of an .env file must not reach the check.
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: Deno.env.get("HOME") ?? "",
      COMPOSE_DISABLE_ENV_FILE: "1",
      POSTGRES_PASSWORD: "checked",
    },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  const said = text.decode(ran.stderr).trim();
  // A warning, such as of a variable that is not set, is a mistake of ours too.
  return ran.success && said === "" ? parseProject(text.decode(ran.stdout)) : said;
}

async function check(): Promise<boolean> {
  const program = `${await ensureGoBuild(COMPOSE_BUILD)}/cmd`;
  const context = {
    commands: Object.keys(SPECS),
    settings: settingNames,
  };
  let ok = true;
  for (const { files, profiles } of COMBINATIONS) {
    const label = [...files, ...profiles.map((profile) => `--profile ${profile}`)].join(" ");
    const project = await composeProject(program, files, profiles);
    const problems = typeof project === "string" ? [project] : composeProblems(project, context);
    const names = typeof project === "string" ? [] : project.services.map(({ name }) => name);
    console.log(`${problems.length === 0 ? "ok    " : "FAILED"} ${label}`);
    console.log(`       ${names.sort().join(" ")}`);
    for (const problem of problems) console.log(`       - ${problem}`);
    ok &&= problems.length === 0;
  }
  return ok;
}

if (import.meta.main) {
  const ok = await orUnchecked(check);
  console.log(ok ? "The Compose files hold." : "The Compose files don't hold.");
  Deno.exit(ok ? 0 : 1);
}
