/**
 * Which process a pid stands for. A pid alone is reused by the system, so the state file keeps the
 * process's start time beside it, and only a process with both is ever sent a signal.
 *
 * `/proc` is read by `cat`, because Deno reads it only with all permissions.
 *
 * @module
 */
import { type Machine, thisMachine } from "./machine.ts";

/**
 * Reads the answer of `cat /proc/PID/stat /proc/sys/kernel/random/boot_id`.
 *
 * @param text The answer: one line of `proc(5)`'s stat, then the boot's id.
 * @returns The identity, or null for a zombie, a dead process or an answer of another shape.
 */
export function identityFromProc(text: string): string | null {
  // The command's name stands in parentheses and may itself hold spaces, newlines and parentheses.
  const end = text.lastIndexOf(")");
  if (end < 0) return null;
  const fields = text.slice(end + 1).trim().split(/\s+/);
  // Counted from the state, which is field 3 of stat: the start time is field 22.
  const state = fields[0];
  const startTicks = fields[19];
  const bootId = fields.at(-1);
  if (state === undefined || /^[ZXx]$/.test(state)) return null;
  if (startTicks === undefined || !/^\d+$/.test(startTicks)) return null;
  if (bootId === undefined || !/^[0-9a-f-]{36}$/.test(bootId)) return null;
  return `proc ${bootId} ${startTicks}`;
}

/**
 * Reads the answer of `ps -o stat=,lstart= -p PID`, for systems without `/proc`.
 *
 * @param text The answer: the state, then the start time.
 * @returns The identity, or null for a zombie or an answer of another shape.
 */
export function identityFromPs(text: string): string | null {
  const match = /^\s*(\S+)\s+(\S.*\d{4})\s*$/.exec(text);
  if (match === null || match[1]?.startsWith("Z")) return null;
  return `ps ${match[2]}`;
}

/**
 * Tells which process a pid stands for now.
 *
 * @param pid Process id.
 * @param machine Runs `cat` or `ps`.
 * @returns Equal for the whole life of one process, different for any other; null if there is none.
 */
export async function identify(
  pid: number,
  machine: Machine = thisMachine,
): Promise<string | null> {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  if (Deno.build.os === "linux") {
    const files = [`/proc/${pid}/stat`, "/proc/sys/kernel/random/boot_id"];
    const answer = await machine.run("cat", files);
    if (answer !== null) return answer.code === 0 ? identityFromProc(answer.stdout) : null;
  }
  const env = { LC_ALL: "C" };
  const answer = await machine.run("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { env });
  return answer?.code === 0 ? identityFromPs(answer.stdout) : null;
}
