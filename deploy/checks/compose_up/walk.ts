/**
 * What is done with the Compose files on an engine, and what must come of it: the README's commands
 * word for word, then what an operator does and what goes wrong.
 *
 * @module
 */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { errorText } from "../../../core/errors.ts";

/** An engine, and a checkout that its Compose works in. */
export interface Site {
  /** The checkout. */
  readonly folder: string;
  /** What commands find the engine by. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether processes of containers are processes of this machine: of an engine of our own. */
  readonly ownEngine: boolean;
}

/** A command may take so long, in ms. */
const COMMAND_MS = 300_000;
/** What must come, comes within this time, in ms. */
const PATIENCE_MS = 150_000;
/** The load test's flags; keyed by course, account and windows are judged, not how fast it is. */
const SPIKE = "spike --keyed-by=course --baseline=8 --spike=12 --cooldown=8";
/** The services that stay, each of which is killed. */
const STAYING = ["console", "producer", "temporal", "redpanda", "tidegate"];
/** What a process ends with that was not stopped in time. */
const KILLED = 137;

/** The commands of a section of the README. */
export function readmeCommands(readme: string, section: string): string[] {
  const [, rest = ""] = readme.split(`\n## ${section}\n`);
  const [text = ""] = rest.split("\n## ");
  return [...text.matchAll(/^```sh\n(.*?)^```/gms)]
    .flatMap(([, block = ""]) => block.split("\n"))
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "");
}

/** The only command that begins so. */
export function commandOf(commands: readonly string[], start: string): string {
  const found = commands.filter((line) => line.startsWith(start));
  if (found.length !== 1) throw new Error(`the README must have one command "${start} …"`);
  return found[0] ?? "";
}

/** The project, with the files and variables that its commands are given. */
class Project {
  readonly #site: Site;
  readonly #env: Readonly<Record<string, string>>;

  constructor(site: Site, env: Readonly<Record<string, string>> = {}) {
    this.#site = site;
    this.#env = env;
  }

  /** Runs a command line and returns its standard output; it must succeed. */
  async run(line: string): Promise<string> {
    const { code, stdout, stderr } = await this.#try(line);
    if (code === 0) return stdout;
    throw new Error(`${line} ended with ${code}:\n${tail(stdout, 15)}\n${tail(stderr, 25)}`);
  }

  /** Runs a command line of the check, and says how long it took. */
  async does(line: string, what = ""): Promise<string> {
    const from = performance.now();
    const said = await this.run(line);
    step(`${line}${what === "" ? "" : `: ${what}`}, ${seconds(from)}`);
    return said;
  }

  /** Whether a command line succeeds. */
  async succeeds(line: string): Promise<boolean> {
    return (await this.#try(line)).code === 0;
  }

  async #try(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
    const ran = await new Deno.Command("timeout", {
      args: [String(COMMAND_MS / 1000), "sh", "-c", line],
      cwd: this.#site.folder,
      env: { ...this.#site.env, ...this.#env },
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    return { code: ran.code, stdout: text.decode(ran.stdout), stderr: text.decode(ran.stderr) };
  }

  /** The project's containers: service to id, those that have ended too. */
  async containers(): Promise<{ id: string; service: string }[]> {
    const label = "com.docker.compose";
    const format = `{{.ID}} {{.Label "${label}.service"}}`;
    const listed = await this.run(
      `docker ps --all --filter label=${label}.project=tidegate --format '${format}'`,
    );
    return lines(listed).map((line) => line.split(" "))
      .map(([id = "", service = ""]) => ({ id, service }));
  }

  /** One container of a service. */
  async container(service: string): Promise<string> {
    const found = (await this.containers()).find((one) => one.service === service);
    assert.ok(found, `there must be a container of ${service}`);
    return found.id;
  }

  /** How many records are folded, by the account; throws if it does not hold. */
  async folded(): Promise<number> {
    const said = await this.run("docker compose exec -T tidegate tidegate audit --json");
    const account = JSON.parse(said);
    assert.equal(account.ok, true, said);
    return Number(account.events?.read);
  }

  /** Every row by its window and key. */
  async rows(flag = ""): Promise<Map<string, string>> {
    const said = await this.run(
      `docker compose exec -T tidegate tidegate windows ${flag} --json`,
    );
    // Nothing but rows may be on standard output.
    return new Map(
      lines(said).map((line) => {
        const { window, key, events } = JSON.parse(line);
        return [JSON.stringify([window.start, key]), String(events)];
      }),
    );
  }

  /** Waits until more is folded than now; returns how long that took. */
  async foldsOn(): Promise<string> {
    const from = performance.now();
    const before = await eventually("an account", () => this.folded());
    await eventually("more records folded", async () => {
      assert.ok(await this.folded() > before, `no more than ${before} records are folded`);
    });
    return seconds(from);
  }

  /** What is left of the project, apart from volumes. */
  async leftovers(): Promise<string[]> {
    const label = "--filter label=com.docker.compose.project=tidegate";
    return lines(await this.run(`docker ps --all --quiet ${label}`))
      .concat(lines(await this.run(`docker network ls --quiet ${label}`)));
  }

  /** The project's volumes. */
  async volumes(): Promise<string[]> {
    const label = "--filter label=com.docker.compose.project=tidegate";
    return lines(await this.run(`docker volume ls --quiet ${label}`));
  }

  /** What a failure needs to be understood. */
  async evidence(): Promise<string> {
    const ps = await this.#try("docker compose ps --all");
    const logs = await this.#try("docker compose logs --tail 25");
    return `${ps.stdout}${ps.stderr}\n${logs.stdout}${logs.stderr}`;
  }
}

/** Does the walk; throws at the first thing that does not hold. */
export async function walk(site: Site): Promise<void> {
  const commands = readmeCommands(
    await Deno.readTextFile(`${site.folder}/README.md`),
    "With Docker Compose",
  );
  const parts: readonly (readonly [Project, (project: Project) => Promise<void>])[] = [
    [new Project(site), (project) => readme(project, commands)],
    [new Project(site), (project) => killed(project, site.ownEngine)],
    [new Project(site), stopped],
    [new Project(site, { COMPOSE_FILE: "docker-compose.yml:docker-compose.workers.yml" }), workers],
    [new Project(site), (project) => removed(project, commandOf(commands, "docker compose down"))],
    [
      new Project(site, {
        COMPOSE_FILE: "docker-compose.yml:docker-compose.postgres.yml",
        POSTGRES_PASSWORD: "checked",
      }),
      postgres,
    ],
  ];
  for (const [project, part] of parts) {
    try {
      await part(project);
    } catch (error) {
      throw new Error(`${errorText(error)}\n${await project.evidence()}`);
    }
  }
}

/** The README's commands, word for word but for the load test's flags. */
async function readme(project: Project, commands: readonly string[]): Promise<void> {
  await project.does(commandOf(commands, "docker compose up"));
  await hardened(project);
  for (
    const url of ["8088/", "8088/readyz", "18233/", "18080/", "19644/v1/cluster/health_overview"]
  ) {
    await answers(`http://127.0.0.1:${url}`);
  }
  step("page, Temporal Web UI, Console and admin API answer on their ports");

  const spike = `${commandOf(commands, "docker compose run")} ${SPIKE}`;
  const running = project.does(spike);
  await Promise.all([
    running,
    eventually("the load test's page", () => answers("http://127.0.0.1:8089/")),
  ]);
  const said = await running;
  assert.match(said, /^live page: http:\/\/127\.0\.0\.1:8089\/?$/m, said);
  assert.match(said, /^the account and every window hold$/m, said);
  const page = /^page: (tidegate:\/data\/reports\/\S+\.html)$/m.exec(said)?.[1];
  assert.ok(page, `the report must be named so that it can be copied:\n${tail(said, 5)}`);
  await project.does(`docker compose cp ${page} .`, "the report it names");

  const look = commandOf(commands, "docker compose exec");
  await eventually("rows of closed windows", async () => {
    assert.match(await project.run(look), /^\d{4}-\S+ .*closed$/m);
  });
  step(`${look}: rows of closed windows`);
  assert.ok((await project.rows()).size > 0);
  step("docker compose exec -T tidegate tidegate windows --json: rows and nothing else");
  const status = await project.run(`${commandOf(commands, "deno task status")} 2>&1`);
  assert.match(status, /of Docker Compose on 127\.0\.0\.1:19092[^]*^control process: /m, status);
  step("deno task status: finds these servers");
  const logs = await project.run("docker compose logs --no-color tidegate setup");
  assert.doesNotMatch(logs, /memory constraint/, "V8's limit must be below the container's");
  assert.match(logs, /live page: http:\/\/127\.0\.0\.1:8088\/?"/);
  step("no process has a heap limit above its container's memory");
}

/** No container runs anything as root or has a port beyond loopback. */
async function hardened(project: Project): Promise<void> {
  const seen: string[] = [];
  for (const { id, service } of await project.containers()) {
    const [state = "", ports = "{}"] = lines(
      await project.run(
        `docker inspect --format '{{.State.Status}}\n{{json .NetworkSettings.Ports}}' ${id}`,
      ),
    );
    for (const published of Object.values<{ HostIp: string }[] | null>(JSON.parse(ports))) {
      for (const { HostIp } of published ?? []) {
        assert.equal(HostIp, "127.0.0.1", `${service} publishes a port on ${HostIp}`);
      }
    }
    if (state !== "running") continue;
    const users = lines(await project.run(`docker top ${id} -eo uid,pid`)).slice(1)
      .map((line) => line.trim().split(/\s+/)[0] ?? "");
    assert.ok(users.length > 0 && !users.includes("0"), `${service} runs as ${users}`);
    seen.push(`${service} ${[...new Set(users)]}`);
  }
  step(`nothing runs as root, all ports are on loopback: ${seen.sort().join(", ")}`);
}

/** Every container is killed in turn; all go on, and nothing is lost. */
async function killed(project: Project, ownEngine: boolean): Promise<void> {
  for (const service of STAYING) {
    const id = await project.container(service);
    const inspect = `docker inspect --format '{{.State.Pid}} {{.RestartCount}}' ${id}`;
    const [pid = "", count = ""] = (await project.run(inspect)).trim().split(" ");
    const from = performance.now();
    if (ownEngine) {
      // As a crash: the engine starts it again by its policy, which it does not after `docker kill`.
      Deno.kill(Number(pid), "SIGKILL");
      await eventually(`${service} started again`, async () => {
        assert.notEqual((await project.run(inspect)).trim().split(" ")[1], count);
      });
    } else {
      await project.run(`docker kill ${id} && docker start ${id}`);
    }
    if (service === "console") {
      await eventually("Console", () => answers("http://127.0.0.1:18080/"));
    } else await eventually("the page", () => answers("http://127.0.0.1:8088/readyz"));
    await project.foldsOn();
    step(`SIGKILL of ${service}: back, more records folded, ${seconds(from)}`);
  }
  await project.does("docker compose restart");
  step(`all restarted: more records folded, ${await project.foldsOn()}`);
  await project.does("docker compose exec -T tidegate tidegate audit", "the account holds");
}

/** Everything ends within its time, and `down` and `up` keep all data. */
async function stopped(project: Project): Promise<void> {
  await project.run("docker compose stop producer");
  // What was sent last is folded, then nothing changes.
  const quiet = await eventually("all folded", async () => {
    const [before, rows] = [await project.folded(), await project.rows("--closed")];
    await sleep(3_000);
    assert.equal(await project.folded(), before);
    return { before, rows };
  });
  await project.does("docker compose stop");
  for (const { id, service } of await project.containers()) {
    const code = (await project.run(`docker inspect --format '{{.State.ExitCode}}' ${id}`)).trim();
    assert.notEqual(Number(code), KILLED, `${service} did not end within its time`);
  }
  step("every container ended by itself within its time");
  await project.does("docker compose down");
  assert.deepEqual(await project.leftovers(), []);
  await project.does("docker compose up -d --wait", "without a producer");
  assert.equal(await eventually("the account", () => project.folded()), quiet.before);
  const rows = await project.rows("--closed");
  assert.ok(quiet.rows.size > 0);
  for (const [row, events] of quiet.rows) assert.equal(rows.get(row), events, `row ${row}`);
  step(`all is there: ${quiet.before} records folded, ${quiet.rows.size} rows of closed windows`);
}

/** Workers as a service: as many as `--scale` says. */
async function workers(project: Project): Promise<void> {
  for (const count of [3, 1, 0, 2]) {
    const up = `docker compose up -d --wait --scale producer=1 --scale worker=${count}`;
    await project.does(up);
    const { length } = (await project.containers()).filter(({ service }) => service === "worker");
    assert.equal(length, count);
    if (count > 0) step(`${count} workers as a service: more folded, ${await project.foldsOn()}`);
    else await project.run("docker compose exec -T tidegate tidegate status");
  }
  await hardened(project);
  await project.does("docker compose down", "with the same files");
  assert.deepEqual(await project.leftovers(), []);
}

/** `down` leaves nothing but the data, with -v nothing. */
async function removed(project: Project, down: string): Promise<void> {
  await project.run("docker compose up -d --wait --scale producer=1");
  await project.does(down);
  assert.deepEqual(await project.leftovers(), []);
  assert.equal((await project.volumes()).length, 3);
  await project.does(`${down} -v`);
  assert.deepEqual(await project.volumes(), []);
  step("nothing is left of it");
}

/** Temporal's server with PostgreSQL. */
async function postgres(project: Project): Promise<void> {
  await project.does("docker compose up -d --wait --scale producer=1", "with PostgreSQL");
  await hardened(project);
  await answers("http://127.0.0.1:18233/");
  step(`Temporal with PostgreSQL: more records folded, ${await project.foldsOn()}`);
  await eventually("rows", async () => assert.ok((await project.rows()).size > 0));
  await project.does("docker compose restart temporal postgres");
  step(`both restarted: more records folded, ${await project.foldsOn()}`);
  await project.does("docker compose down -v", "with the same files");
  assert.deepEqual([...await project.leftovers(), ...await project.volumes()], []);
}

async function answers(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  await response.body?.cancel();
  assert.equal(response.status, 200, url);
}

/** Tries until it holds; throws what it threw last. */
async function eventually<T>(what: string, test: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await test();
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s: ${errorText(error)}`);
      }
      await sleep(500);
    }
  }
}

/** Says what holds. */
export function step(what: string): void {
  console.log(`ok     ${what}`);
}

function seconds(from: number): string {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}

function lines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

function tail(text: string, count: number): string {
  return text.trim().split("\n").slice(-count).map((line) => `    ${line}`).join("\n");
}
