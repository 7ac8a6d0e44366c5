/**
 * `deno task check:postgres`: Temporal's server on PostgreSQL, set up by the very scripts and settings
 * of docker-compose.postgres.yml, and a pipeline on it. The programs are those of the images'
 * versions, built by Go; PostgreSQL is this machine's.
 *
 * @module
 */

import { errorText } from "../../core/errors.ts";
import { dirname, join } from "node:path";
import { ensureBuilt, TEMPORAL_PROGRAM, temporalRecipe } from "../../devstack/build.ts";
import { defaultCacheDir, thisMachine, until } from "../../devstack/machine.ts";
import { isTaken } from "../../devstack/ports.ts";
import { temporalServes } from "../../devstack/probe.ts";
import { stackDown, stackUp } from "../../devstack/stack.ts";
import type { StackOptions } from "../../devstack/types.ts";
import { ROOT } from "../../scripts/deno.ts";
import { COMPOSE_BUILD, ensureGoBuild, temporalServerBuild } from "./go_builds.ts";
import { composeProject } from "./compose.ts";
import type { Project, Service } from "./compose/project.ts";
import { must } from "./image/clean_root.ts";

const FILES = ["docker-compose.yml", "docker-compose.postgres.yml"];
const PASSWORD = "checked";
/** Where a pipeline is tried: produce, drain, windows, against the oracle. */
const TESTS = [
  "tests/integration/path/smoke_test.ts",
  "tests/integration/path/generations_test.ts",
];

/** The module of Temporal's server, which holds the schema. */
const MODULE = "go.temporal.io/server";
/** Ports that the server takes besides the frontend's, by their variables. */
const OTHER_PORTS = [
  "FRONTEND_HTTP_PORT",
  "HISTORY_GRPC_PORT",
  "MATCHING_GRPC_PORT",
  "WORKER_GRPC_PORT",
  "FRONTEND_MEMBERSHIP_PORT",
  "HISTORY_MEMBERSHIP_PORT",
  "MATCHING_MEMBERSHIP_PORT",
  "WORKER_MEMBERSHIP_PORT",
];

/** Undoes what was done, the last first. */
const undo: (() => Promise<unknown>)[] = [];

const step = (what: string) => console.log(`ok     ${what}`);

/** Free ports that fit into Temporal's table of members, whose column ends at 32767. */
function lowPorts(count: number): number[] {
  const found: number[] = [];
  for (let port = 20_000 + Deno.pid % 10_000; found.length < count; port++) {
    if (!isTaken(port)) found.push(port);
  }
  return found;
}

/** PostgreSQL refuses to run as root. */
function asPostgres(...words: string[]): string[] {
  if (Deno.uid() !== 0) return words;
  const user = ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--reset-env"];
  return ["setpriv", ...user, ...words];
}

/** The folder of PostgreSQL's programs; null if it is not installed. */
async function postgresBin(): Promise<string | null> {
  const onPath = await thisMachine.run("pg_config", ["--bindir"]);
  const debian = "/usr/lib/postgresql";
  const versions = await thisMachine.exists(debian)
    ? [...Deno.readDirSync(debian)].map(({ name }) => `${debian}/${name}/bin`).sort().reverse()
    : [];
  for (const folder of [...versions, ...onPath?.code === 0 ? [onPath.stdout.trim()] : []]) {
    if (await thisMachine.exists(`${folder}/initdb`)) return folder;
  }
  return null;
}

async function startPostgres(bin: string, work: string, port: number): Promise<void> {
  const folder = join(work, "postgres");
  const passwordFile = join(work, "password");
  await Deno.writeTextFile(passwordFile, `${PASSWORD}\n`);
  await Deno.mkdir(folder);
  if (Deno.uid() === 0) await must("chown", "postgres", work, folder, passwordFile);
  const data = join(folder, "data");
  const run = async (...words: string[]) => {
    const [program = "", ...args] = asPostgres(...words);
    return await must(program, ...args);
  };
  await run(
    `${bin}/initdb`,
    ...["--pgdata", data, "--username=temporal", "--auth=scram-sha-256"],
    `--pwfile=${passwordFile}`,
  );
  const options = `-p ${port} -k ${folder} -c listen_addresses=127.0.0.1`;
  const log = join(folder, "log");
  await run(`${bin}/pg_ctl`, "--pgdata", data, "-o", options, "--log", log, "--wait", "start");
  undo.push(() => run(`${bin}/pg_ctl`, "--pgdata", data, "--mode=fast", "stop"));
}

/** The version of Temporal's images. */
function versionOf({ services }: Project, name: string): string {
  const image = services.find((one) => one.name === name)?.image ?? "";
  return image.slice(image.lastIndexOf(":") + 1);
}

/** Runs the command of a one-shot with its environment, twice: it must be safe to repeat. */
async function runOneShot(
  project: Project,
  name: string,
  changes: Readonly<Record<string, string>>,
): Promise<void> {
  const { command: [program = "", ...args] } = serviceOf(project, name);
  const env = { ...environmentOf(project, name), ...changes };
  for (const time of ["", ", again"]) {
    const ran = await thisMachine.run(program, args, { env, timeoutMs: 120_000 });
    const said = `${ran?.stdout}${ran?.stderr}`.trim().split("\n");
    if (ran?.code !== 0) throw new Error(`${name} failed:\n${said.slice(-20).join("\n")}`);
    step(`${name}${time}: ${ran.stdout.trim().split("\n").at(-1)}`);
  }
}

async function startServer(
  program: string,
  env: Readonly<Record<string, string>>,
  { address, log }: { address: string; log: string },
): Promise<void> {
  // As the image's entry point ends: no configuration file, all by the environment.
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec "$0" start >"$1" 2>&1', program, log],
    env,
    cwd: dirname(log),
    stdin: "null",
  }).spawn();
  let ended = false;
  const status = child.status.finally(() => ended = true);
  undo.push(async () => {
    if (ended) {
      console.error(`Temporal's server ended by itself:\n${await Deno.readTextFile(log)}`);
    } else {
      child.kill("SIGTERM");
    }
    await status;
  });
  if (await until(() => temporalServes(address), { timeoutMs: 60_000, everyMs: 250 })) return;
  throw new Error(`Temporal does not answer on ${address}:\n${await Deno.readTextFile(log)}`);
}

/** Brings everything up and tries it. */
async function check(bin: string, work: string): Promise<boolean> {
  const compose = await composeProject(`${await ensureGoBuild(COMPOSE_BUILD)}/cmd`, FILES);
  if (typeof compose === "string") throw new Error(compose);
  const version = versionOf(compose, "temporal");
  const built = await ensureGoBuild(temporalServerBuild(version));
  const cacheDir = defaultCacheDir((name) => Deno.env.get(name) || undefined);
  const say = (line: string) => console.log(line);
  const cli = await ensureBuilt(temporalRecipe, { cacheDir, say });
  const module = JSON.parse(await must("go", "mod", "download", "-json", `${MODULE}@v${version}`));

  // The images' programs under their names there.
  const programs = join(work, "programs");
  await Deno.mkdir(programs);
  await Deno.symlink(join(built, "sql"), join(programs, "temporal-sql-tool"));
  await Deno.symlink(join(cli, TEMPORAL_PROGRAM), join(programs, "temporal"));
  const path = { PATH: `${programs}:${Deno.env.get("PATH")}` };

  const [postgres = 0, frontend = 0, ...ports] = lowPorts(2 + OTHER_PORTS.length);
  await startPostgres(bin, work, postgres);
  step(`PostgreSQL: ${(await must(`${bin}/postgres`, "--version")).trim()}`);

  await runOneShot(compose, "temporal-schema", {
    ...path,
    SQL_HOST: "127.0.0.1",
    SQL_PORT: String(postgres),
    SQL_PASSWORD: PASSWORD,
    SCHEMA_DIR: join(module.Dir, "schema/postgresql/v12"),
  });

  const settings = join(work, "settings.yaml");
  await Deno.writeTextFile(settings, environmentOf(compose, "temporal").TEMPORAL_SETTINGS ?? "");
  const address = `127.0.0.1:${frontend}`;
  const others = OTHER_PORTS.map((name, i) => [name, String(ports[i])]);
  await startServer(join(built, "server"), {
    ...environmentOf(compose, "temporal"),
    POSTGRES_SEEDS: "127.0.0.1",
    POSTGRES_PWD: PASSWORD,
    DB_PORT: String(postgres),
    BIND_ON_IP: "127.0.0.1",
    DYNAMIC_CONFIG_FILE_PATH: settings,
    FRONTEND_GRPC_PORT: String(frontend),
    ...Object.fromEntries(others),
  }, { address, log: join(work, "temporal.log") });
  step(`Temporal's server ${version} is up, with the environment of docker-compose.postgres.yml`);

  await runOneShot(compose, "temporal-namespace", { ...path, TEMPORAL_ADDRESS: address });

  const options: StackOptions = {
    dataDir: join(work, "servers"),
    brokerPort: 0,
    temporalPort: 0,
    uiPort: 0,
    temporalAddress: address,
    sources: ["given", "path", "built"],
    say,
  };
  const stack = await stackUp(options);
  undo.push(() => stackDown(options));
  const tests = new Deno.Command(Deno.execPath(), {
    args: ["test", "--no-check", "-A", ...TESTS],
    cwd: ROOT,
    env: {
      TIDEGATE_TEST_BROKER: stack.broker.address,
      TIDEGATE_TEST_TEMPORAL: address,
    },
  }).spawn();
  return (await tests.status).success;
}

function serviceOf({ services }: Project, name: string): Service {
  const found = services.find((one) => one.name === name);
  if (found === undefined) throw new Error(`docker-compose.postgres.yml must have ${name}`);
  return found;
}

function environmentOf(project: Project, name: string): Record<string, string> {
  return Object.fromEntries(serviceOf(project, name).environment);
}

if (import.meta.main) {
  const bin = await postgresBin();
  if (bin === null) {
    console.error("Cannot check PostgreSQL: it must be installed (Debian: postgresql)");
    Deno.exit(2);
  }
  const work = await Deno.makeTempDir({ prefix: "tidegate-postgres-" });
  await Deno.chmod(work, 0o755);
  let ok = false;
  try {
    ok = await check(bin, work);
  } catch (error) {
    console.error(errorText(error));
  }
  for (const one of undo.reverse()) await one().catch((error) => console.error(error));
  await Deno.remove(work, { recursive: true });
  console.log(ok ? "Temporal on PostgreSQL holds." : "Temporal on PostgreSQL does not hold.");
  Deno.exit(ok ? 0 : 1);
}
