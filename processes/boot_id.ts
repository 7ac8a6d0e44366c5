/**
 * Where the number of a process counts: from a boot of the machine to its end, and in a container
 * only within it.
 *
 * @module
 */

import { hostname } from "node:os";

/** Both are the kernel's: a container has the boot of its host, and process numbers of its own. */
const LINUX = "cat /proc/sys/kernel/random/boot_id && readlink /proc/self/ns/pid";
/** The second one moves when the clock is set. */
const DARWIN = "sysctl -n kern.bootsessionuuid || sysctl -n kern.boottime";

/**
 * What tells this boot, and this container, from every other one. Needs the permission to run `sh`:
 * the runtime lets nobody read these files itself.
 *
 * @returns The same text in all processes that see each other's numbers; the host's name where the
 * system does not tell more.
 */
export async function bootId(): Promise<string> {
  const script = { linux: LINUX, darwin: DARWIN }[Deno.build.os as string];
  const told = script === undefined ? null : await outputOf(script);
  return told ?? `host ${hostname()}`;
}

async function outputOf(script: string): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command("sh", {
      args: ["-c", script],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).output();
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    return success ? lines.join(" ") : null;
  } catch {
    return null;
  }
}
