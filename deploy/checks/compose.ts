/**
 * `deno task check:compose`: checks the Compose files, with every second file, by Docker Compose
 * itself (its schema, merging and interpolation; it needs no engine for that) and by our own rules.
 *
 * @module
 */

import { settingNames } from "../../cli/config.ts";
import { SPECS } from "../../commands/specs.ts";
import { ROOT } from "../../scripts/deno.ts";
import { COMPOSE_BUILD, ensureGoBuild } from "./go_builds.ts";
import { orUnchecked } from "./unchecked.ts";
import { parseProject, type Project } from "./compose/project.ts";
import { composeProblems, fixedPorts } from "./compose/rules.ts";

const BASE = "docker-compose.yml";
const POSTGRES = "docker-compose.postgres.yml";
const WORKERS = "docker-compose.workers.yml";

/** Everything that can be brought up. */
const COMBINATIONS = [[], [POSTGRES], [WORKERS], [POSTGRES, WORKERS]]
  .map((more) => [BASE, ...more]);

/**
 * Reads a project as Compose itself does.
 *
 * @param program Docker Compose.
 * @param files The Compose files.
 * @returns The project, or what Compose says is wrong.
 */
export async function composeProject(
  program: string,
  files: readonly string[],
): Promise<Project | string> {
  const ran = await new Deno.Command(program, {
    args: [
      ...files.flatMap((file) => ["--file", file]),
      // Services of all profiles, so that the rules see them.
      ...["--profile", "*", "config", "--format", "json"],
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
  for (const files of COMBINATIONS) {
    const project = await composeProject(program, files);
    const texts = await Promise.all(files.map((file) => Deno.readTextFile(new URL(file, ROOT))));
    const problems = [
      ...(typeof project === "string" ? [project] : composeProblems(project, context)),
      ...texts.flatMap(fixedPorts),
    ];
    const names = typeof project === "string" ? [] : project.services.map(({ name }) => name);
    console.log(`${problems.length === 0 ? "ok    " : "FAILED"} ${files.join(" ")}`);
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
