/**
 * `deno task check:compose:up`: brings the Compose files up on an engine and does what the README
 * and an operator do. If an engine answers that has or can pull the images, on that one; else, as
 * root, on one of our own, in namespaces of its own, with stand-ins built here under their names.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { errorText } from "../../core/errors.ts";
import { thisMachine } from "../../devstack/machine.ts";
import { ROOT } from "../../scripts/deno.ts";
import { composeProject } from "./compose.ts";
import { inNamespaces, removeGroups, startEngine } from "./compose_up/engine.ts";
import {
  buildStandIn,
  importRoots,
  makeParts,
  type StandIn,
  standIns,
} from "./compose_up/stand_ins.ts";
import { type Site, step, walk } from "./compose_up/walk.ts";
import { COMPOSE_BUILD, ensureGoBuild } from "./go_builds.ts";
import { must } from "./image/clean_root.ts";
import { parseDockerfile } from "./image/dockerfile.ts";
import { orUnchecked, UNCHECKED } from "./unchecked.ts";

/** Set for the process in the namespaces: the folder to work in. */
const INSIDE = "TIDEGATE_CHECK_INSIDE";
/** The projects that name all images. */
const PROJECTS = [
  ["docker-compose.yml"],
  ["docker-compose.yml", "docker-compose.postgres.yml"],
];
/** Programs that an engine of our own needs, and Debian's packages of them. */
const NEEDED = {
  dockerd: "docker.io",
  docker: "docker.io",
  containerd: "containerd",
  runc: "runc",
  iptables: "iptables",
  debootstrap: "debootstrap",
  unshare: "util-linux",
  setpriv: "util-linux",
  ip: "iproute2",
  git: "git",
};

const say = (line: string) => console.log(line);

/** Every image that is pulled, by its name: its tag. */
async function pulledImages(): Promise<Map<string, string>> {
  const compose = `${await ensureGoBuild(COMPOSE_BUILD)}/cmd`;
  const images: string[] = [];
  for (const files of PROJECTS) {
    const project = await composeProject(compose, files);
    if (typeof project === "string") throw new Error(project);
    images.push(...project.services.map(({ image }) => image));
  }
  const dockerfile = parseDockerfile(await Deno.readTextFile(new URL("Dockerfile", ROOT)));
  return new Map(
    [...images, ...dockerfile.map((stage) => stage.base)]
      .map((image): [string, string] => {
        const colon = image.lastIndexOf(":");
        return [image.slice(0, colon), image.slice(colon + 1)];
      })
      .filter(([name]) => name !== "tidegate"),
  );
}

/** Docker Compose as a plugin of `docker`, in a configuration of its own. */
async function composePlugin(work: string): Promise<Record<string, string>> {
  const folder = join(work, "docker");
  await Deno.mkdir(join(folder, "cli-plugins"), { recursive: true });
  const program = join(await ensureGoBuild(COMPOSE_BUILD), "cmd");
  await Deno.symlink(program, join(folder, "cli-plugins/docker-compose"));
  return { DOCKER_CONFIG: folder };
}

/** A copy of what is checked in or about to be, as made under a umask of 077. */
async function checkout(work: string): Promise<string> {
  const folder = join(work, "checkout");
  const listed = await must("git", "-C", ROOT.pathname, "ls-files", "-co", "--exclude-standard");
  for (const path of listed.split("\n").filter((line) => line !== "")) {
    if (!await thisMachine.exists(new URL(path, ROOT).pathname)) continue;
    await Deno.mkdir(dirname(join(folder, path)), { recursive: true });
    await Deno.copyFile(new URL(path, ROOT), join(folder, path));
  }
  await must("chmod", "--recursive", "go-rwx", folder);
  // For `deno task` on this machine.
  await Deno.symlink(new URL("node_modules", ROOT), join(folder, "node_modules"));
  return folder;
}

/** The stand-ins, built in an engine. */
async function buildAll(
  images: ReadonlyMap<string, string>,
  work: string,
  env: Readonly<Record<string, string>>,
): Promise<StandIn[]> {
  const docker = async (...args: string[]) => {
    const ran = await thisMachine.run("docker", args, { env, timeoutMs: 300_000 });
    if (ran?.code === 0) return ran.stdout;
    throw new Error(`docker ${args.join(" ")} failed:\n${ran?.stdout}${ran?.stderr}`);
  };
  const parts = await makeParts(images.get("temporalio/server") ?? "", say);
  const all = await standIns(parts);
  await importRoots(parts, docker);
  for (const [image, tag] of images) {
    const standIn = all.find((one) => one.image === image);
    if (standIn === undefined) throw new Error(`there must be a stand-in of ${image}`);
    await buildStandIn(standIn, tag, { docker, work });
  }
  return all.filter(({ image }) => images.has(image));
}

/** The check on an engine of our own, in the namespaces; an engine that does not start is no check. */
async function inside(work: string): Promise<boolean> {
  const images = await pulledImages();
  const engine = await startEngine(work);
  if (typeof engine === "string") {
    console.error(`Cannot check Compose: dockerd does not start here:\n${engine}`);
    Deno.exit(UNCHECKED);
  }
  const env = { ...engine, ...await composePlugin(work) };
  const from = performance.now();
  const used = await buildAll(images, work, env);
  step(`${used.length} stand-ins are built, ${Math.round((performance.now() - from) / 1000)} s`);
  await walk(siteOf(await checkout(work), env, true));
  say("Not the images that Compose pulls, but stand-ins under their names:");
  for (const { image, is } of used) say(`       ${image}:${images.get(image)}: ${is}`);
  return true;
}

function siteOf(folder: string, env: Readonly<Record<string, string>>, ownEngine: boolean): Site {
  // Settings of the user's shell and of an .env file must not reach the check.
  return { folder, env: { ...env, COMPOSE_DISABLE_ENV_FILE: "1", NO_COLOR: "1" }, ownEngine };
}

/** Runs this program in the namespaces, and removes what it leaves. */
async function ownEngine(): Promise<boolean> {
  // What needs a network is made out here.
  const images = await pulledImages();
  await makeParts(images.get("temporalio/server") ?? "", say);
  const work = await Deno.makeTempDir({ prefix: "tidegate-compose-" });
  const [program = "", ...args] = inNamespaces([
    Deno.execPath(),
    ...["run", "--quiet", "--no-prompt", "--allow-all", import.meta.filename ?? ""],
  ]);
  const child = new Deno.Command(program, { args, env: { [INSIDE]: work }, stdin: "null" }).spawn();
  onSignal(() => child.kill("SIGKILL"));
  const { code } = await child.status;
  await removeGroups(work);
  await must("rm", "--recursive", "--force", "--one-file-system", work);
  if (code === UNCHECKED) Deno.exit(UNCHECKED);
  return code === 0;
}

function onSignal(end: () => void): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, end);
  }
}

/** Whether the engine that answers has all images, or can pull them. */
async function hasImages(): Promise<boolean> {
  for (const [image, tag] of await pulledImages()) {
    const name = `${image}:${tag}`;
    if ((await thisMachine.run("docker", ["image", "inspect", name]))?.code === 0) continue;
    const pull = ["pull", "--quiet", name];
    const pulled = await thisMachine.run("docker", pull, { timeoutMs: 600_000 });
    if (pulled?.code === 0) continue;
    console.error(`${name} can't be pulled: ${pulled?.stderr.trim()}`);
    return false;
  }
  return true;
}

/** The check on the engine that answers. */
async function answeringEngine(): Promise<boolean> {
  const own = "label=com.docker.compose.project=tidegate";
  const there = await must("docker", "ps", "--all", "--quiet", "--filter", own) +
    await must("docker", "volume", "ls", "--quiet", "--filter", own);
  if (there !== "") {
    console.error("Cannot check Compose: the project tidegate is on this engine, with its data");
    Deno.exit(UNCHECKED);
  }
  const work = await Deno.makeTempDir({ prefix: "tidegate-compose-" });
  try {
    const has = await thisMachine.run("docker", ["compose", "version"]);
    const env = has?.code === 0 ? {} : { ...await composePlugin(work), DOCKER_BUILDKIT: "0" };
    const site = siteOf(await checkout(work), env, false);
    const down = ["compose", "--project-name", "tidegate", "down", "--volumes"];
    const undo = () => thisMachine.run("docker", down, { env: site.env, timeoutMs: 120_000 });
    onSignal(() => void undo().then(() => Deno.exit(130)));
    await walk(site).finally(undo);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  say("On the engine that answers, with the images that it has.");
  return true;
}

/** What is missing on this machine for an engine of our own. */
async function missing(): Promise<string[]> {
  const lacks: string[] = [];
  for (const [program, debian] of Object.entries(NEEDED)) {
    const has = await thisMachine.run("sh", ["-c", `command -v ${program}`]);
    if (has?.code !== 0) lacks.push(`${program} (Debian: ${debian})`);
  }
  if (Deno.uid() !== 0) return [...lacks, "the rights of root"];
  const [program = "", ...args] = inNamespaces(["true"]);
  const may = lacks.length > 0 || (await thisMachine.run(program, args))?.code === 0;
  return may ? lacks : ["the right to make namespaces"];
}

async function check(): Promise<boolean> {
  const answers = (await thisMachine.run("docker", ["info"], { timeoutMs: 10_000 }))?.code === 0;
  if (answers && await hasImages()) return await answeringEngine();
  const lacks = await missing();
  if (lacks.length === 0) return await ownEngine();
  console.error(
    `Cannot check Compose: no engine with the images answers, and one of our own needs ${
      lacks.join(", ")
    }`,
  );
  Deno.exit(UNCHECKED);
}

if (import.meta.main) {
  const work = Deno.env.get(INSIDE);
  if (work !== undefined) {
    try {
      Deno.exit(await inside(work) ? 0 : 1);
    } catch (error) {
      console.error(errorText(error));
      Deno.exit(1);
    }
  }
  const ok = await orUnchecked(check);
  console.log(ok ? "Compose holds on an engine." : "Compose does not hold on an engine.");
  Deno.exit(ok ? 0 : 1);
}
