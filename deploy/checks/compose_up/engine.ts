/**
 * An engine of our own: Docker's daemon with its own data, in network, mount and process namespaces
 * of its own. What it starts, mounts and routes is gone when they are.
 *
 * @module
 */

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { thisMachine } from "../../../devstack/machine.ts";

/** Becomes process 1 of the namespaces, and waits for the end of what it runs there. */
const INSIDE = 'ip link set lo up && "$@"; exit $?';

/**
 * The command line that runs a program in the namespaces; they end with it, and it ends with its
 * parent.
 */
export function inNamespaces(words: readonly string[]): string[] {
  return [
    ...["setpriv", "--pdeathsig", "KILL"],
    ...["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
    ...["sh", "-c", INSIDE, "inside", ...words],
  ];
}

/** The group of all processes of an engine that works in a folder. */
const groupOf = (work: string) => `tidegate-check-${work.split("-").at(-1)}`;

/**
 * Starts the engine; within the namespaces only.
 *
 * @param work A folder of its own.
 * @returns What commands find it by; what it said if it does not start.
 */
export async function startEngine(work: string): Promise<Record<string, string> | string> {
  const folder = join(work, "engine");
  await Deno.mkdir(folder);
  const socket = `unix://${folder}/socket`;
  const log = join(folder, "log");
  const args = [
    ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
    ...["--pidfile", join(folder, "pid"), "--host", socket],
    ...["--cgroup-parent", `/${groupOf(work)}`],
  ];
  const engine = new Deno.Command("sh", {
    args: ["-c", 'exec dockerd "$@" >"$0" 2>&1', log, ...args],
    stdin: "null",
  }).spawn();
  let ended = false;
  void engine.status.then(() => ended = true);
  engine.unref();
  // Debian's engine has no BuildKit client beside it.
  const env = { DOCKER_HOST: socket, DOCKER_BUILDKIT: "0" };
  for (let tries = 0; tries < 240 && !ended; tries++) {
    const answer = await thisMachine.run("docker", ["info"], { env, timeoutMs: 10_000 });
    if (answer?.code === 0) return env;
    await sleep(250);
  }
  return (await Deno.readTextFile(log)).trim().split("\n").slice(-20).join("\n");
}

/** Removes the groups of processes that an engine has left, which are empty. */
export async function removeGroups(work: string): Promise<void> {
  const find = `find /sys/fs/cgroup -depth -type d -path '*/${groupOf(work)}*' -exec rmdir {} +`;
  // What is still ending goes a moment later.
  for (let tries = 0; tries < 20; tries++) {
    const ran = await thisMachine.run("sh", ["-c", `${find} 2>/dev/null`]);
    if (ran?.code === 0) return;
    await sleep(250);
  }
}
