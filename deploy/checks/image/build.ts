/**
 * Does the steps of a Dockerfile in clean roots, one a stage.
 *
 * @module
 */

import { dirname, isAbsolute, join } from "node:path";
import { makeDenoRoot, must, rootCommand } from "./clean_root.ts";
import type { Stage, Step } from "./dockerfile.ts";

/** What comes of a build: a root, and how its containers start. */
export interface BuiltImage {
  /** The root folder. */
  readonly root: string;
  /** The user as the Dockerfile names it. */
  readonly user: string;
  /** The working folder. */
  readonly cwd: string;
  /** The environment. */
  readonly env: ReadonlyMap<string, string>;
  /** The entry point. */
  readonly entrypoint: readonly string[];
  /** The arguments if none are given. */
  readonly cmd: readonly string[];
  /** Labels. */
  readonly labels: ReadonlyMap<string, string>;
}

/** Where a build finds things. */
export interface BuildPlaces {
  /** What the Dockerfile may copy: the project without what .dockerignore keeps out. */
  readonly context: string;
  /** A folder for the roots. */
  readonly work: string;
  /** Where the base's content is kept. */
  readonly cacheDir: string;
  /** The version of Deno that the base image must name. */
  readonly denoVersion: string;
}

/** What a network behind a proxy needs; the image does not keep it. */
const NETWORK = /^(?:(?:https?|no|all)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|DENO_CERT)$/i;

/**
 * Does all stages.
 *
 * @param stages The stages.
 * @param places Where things are.
 * @returns The last one.
 */
export async function buildImage(
  stages: readonly Stage[],
  places: BuildPlaces,
): Promise<BuiltImage> {
  const done = new Map<string, BuiltImage>();
  let last: BuiltImage | undefined;
  for (const [number, stage] of stages.entries()) {
    const wanted = `denoland/deno:${places.denoVersion}`;
    if (stage.base !== wanted) {
      throw new Error(`Cannot begin with ${stage.base}: the base must be ${wanted}`);
    }
    last = await buildStage(stage, done, { ...places, work: join(places.work, `stage-${number}`) });
    done.set(stage.name, last);
  }
  if (last === undefined) throw new Error("Cannot build: the Dockerfile has no stage");
  return last;
}

async function buildStage(
  stage: Stage,
  done: ReadonlyMap<string, BuiltImage>,
  { work: root, context, cacheDir }: BuildPlaces,
): Promise<BuiltImage> {
  const baseEnv = await makeDenoRoot(cacheDir, root);
  let image: BuiltImage = {
    root,
    user: "0:0",
    cwd: "/",
    env: baseEnv,
    entrypoint: [],
    cmd: [],
    labels: new Map(),
  };
  await lendNetwork(root);
  for (const step of stage.steps) {
    const began = performance.now();
    image = await doStep(step, image, (from) => {
      if (from === null) return context;
      const other = done.get(from)?.root;
      if (other === undefined) throw new Error(`Cannot copy from ${from}: there is no such stage`);
      return other;
    });
    const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
    console.log(`${seconds} s  ${describe(step)}`);
  }
  await must("rm", "--force", join(root, "etc/resolv.conf"));
  return image;
}

/** Name resolution and the certificates of a proxy, as an engine lends them to a build. */
async function lendNetwork(root: string): Promise<void> {
  await must("cp", "--dereference", "/etc/resolv.conf", join(root, "etc/resolv.conf"));
  for (const [name, value] of network()) {
    if (!/CERT/i.test(name)) continue;
    await must("mkdir", "--parents", dirname(join(root, value)));
    await must("cp", "--dereference", value, join(root, value));
  }
}

function network(): [string, string][] {
  return Object.entries(Deno.env.toObject()).filter(([name]) => NETWORK.test(name));
}

async function doStep(
  step: Step,
  image: BuiltImage,
  folderOf: (from: string | null) => string,
): Promise<BuiltImage> {
  const { root, cwd, user } = image;
  const inside = (path: string) => join(root, isAbsolute(path) ? path : join(cwd, path));
  switch (step.kind) {
    case "workdir":
      await must("mkdir", "--parents", inside(step.path));
      return { ...image, cwd: isAbsolute(step.path) ? step.path : join(cwd, step.path) };
    case "user":
      return { ...image, user: step.user };
    case "env":
      return { ...image, env: new Map([...image.env, ...step.values]) };
    case "label":
      return { ...image, labels: new Map([...image.labels, ...step.values]) };
    case "expose":
      return image;
    case "entrypoint":
      return { ...image, entrypoint: step.words };
    case "cmd":
      return { ...image, cmd: step.words };
    case "copy":
      await copy(step, folderOf(step.from), root, inside(step.target));
      return image;
    case "run": {
      const env = new Map([...image.env, ...network()]);
      const words = ["/bin/sh", "-c", step.command];
      const [program = "", ...args] = rootCommand({ root, user: numeric(user), cwd, env, words });
      await must(program, ...args);
      return image;
    }
  }
}

/** As a Dockerfile's COPY: a folder's content goes into the target, a file becomes it. */
async function copy(
  { sources, chown, from }: Extract<Step, { kind: "copy" }>,
  folder: string,
  root: string,
  target: string,
): Promise<void> {
  for (const source of sources) {
    const path = join(folder, source);
    const { isDirectory } = await Deno.stat(path);
    await must("mkdir", "--parents", isDirectory ? target : dirname(target));
    const kept = from === null ? "--preserve=mode,timestamps" : "--archive";
    // What is copied into a folder of the build belongs to whom the step names, the folder too.
    const staged = await Deno.makeTempDir({ dir: dirname(root) });
    await must("cp", "--recursive", kept, isDirectory ? `${path}/.` : path, staged);
    const owner = from === null ? numeric(chown ?? "0:0") : chown === null ? null : numeric(chown);
    if (owner !== null) await must("chown", "--recursive", owner, staged);
    if (isDirectory) await must("cp", "--archive", "--no-target-directory", staged, target);
    else await must("cp", "--archive", join(staged, source.split("/").at(-1) ?? ""), target);
    await must("rm", "--recursive", staged);
  }
}

/** The base's only user but root, by number. */
export function numeric(user: string): string {
  return user.split(":").map((part) => part === "deno" ? "1993" : part === "root" ? "0" : part)
    .concat(user.includes(":") ? [] : [user === "deno" ? "1993" : "0"]).join(":");
}

function describe(step: Step): string {
  switch (step.kind) {
    case "run":
      return `RUN ${step.command.slice(0, 80)}`;
    case "copy":
      return `COPY ${step.sources.join(" ")} ${step.target}`;
    default:
      return step.kind.toUpperCase();
  }
}
