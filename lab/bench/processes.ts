/**
 * CPU time and memory of whole process trees, and how idle the machine is, by the kernel's account
 * (Linux).
 *
 * @module
 */

import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** What one line of `/proc/<pid>/stat` says. */
export interface ProcessStat {
  /** Its id. */
  readonly pid: number;
  /** Who started it. */
  readonly parent: number;
  /** CPU time in s, of itself and of the children that have ended and were waited for. */
  readonly cpuSeconds: number;
  /** Resident memory in MiB. */
  readonly rssMiB: number;
}

/** What a tree of processes has used. */
export interface TreeUsage {
  /** CPU time in s, of all that live and of those that have ended. */
  readonly cpuSeconds: number;
  /** The root. */
  readonly root: ProcessStat;
  /** Those below it that live. */
  readonly below: readonly ProcessStat[];
}

/** The kernel counts in hundredths of a second. */
const TICKS = 100;
const PAGE_BYTES = 4096;

/** Reads a line of `/proc/<pid>/stat`; null if it is none. */
export function parseStat(line: string): ProcessStat | null {
  // The name, in brackets, may hold spaces and brackets: the fields begin after the last one.
  const end = line.lastIndexOf(") ");
  const pid = Number.parseInt(line, 10);
  if (end < 0 || !Number.isInteger(pid)) return null;
  // State is field 3, ppid 4, utime 14, stime 15, cutime 16, cstime 17, rss (pages) 24.
  const fields = line.slice(end + 2).split(" ");
  const field = (n: number) => Number(fields[n - 3] ?? NaN);
  return {
    pid,
    parent: field(4),
    cpuSeconds: (field(14) + field(15) + field(16) + field(17)) / TICKS,
    rssMiB: Math.round(field(24) * PAGE_BYTES / 2 ** 20),
  };
}

/** The tree below a process, or null if there is no such process. */
export function treeOf(all: readonly ProcessStat[], pid: number): TreeUsage | null {
  const root = all.find((one) => one.pid === pid);
  if (root === undefined) return null;
  const below: ProcessStat[] = [];
  for (let found: readonly ProcessStat[] = [root]; found.length > 0;) {
    const parents = new Set(found.map((one) => one.pid));
    found = all.filter((one) => parents.has(one.parent));
    below.push(...found);
  }
  const cpuSeconds = [root, ...below].reduce((sum, one) => sum + one.cpuSeconds, 0);
  return { cpuSeconds, root, below };
}

/** All processes of this machine. */
export async function allProcesses(): Promise<ProcessStat[]> {
  const text = await shell("cat /proc/[0-9]*/stat 2>/dev/null");
  return text.split("\n").flatMap((line) => parseStat(line) ?? []);
}

/** What a process and those below it have used; NaN and 0 where there is no such process. */
export async function treeUsage(pid: number | null): Promise<TreeUsage> {
  const nobody = { pid: pid ?? 0, parent: 0, cpuSeconds: NaN, rssMiB: 0 };
  const tree = pid === null ? null : treeOf(await allProcesses(), pid);
  return tree ?? { cpuSeconds: NaN, root: nobody, below: [] };
}

/** CPU seconds by name. */
export type CpuSeconds = Readonly<Record<string, number>>;

/** Starts counting the CPU time of some trees; those that are not there yet count from 0. */
export async function countTrees(
  pids: Readonly<Record<string, number | null>>,
): Promise<() => Promise<CpuSeconds>> {
  const read = async () => {
    const all = await allProcesses();
    return Object.entries(pids).map(([name, pid]) =>
      [name, pid === null ? NaN : treeOf(all, pid)?.cpuSeconds ?? NaN] as const
    );
  };
  const before = new Map(await read());
  return async () =>
    Object.fromEntries((await read()).map(([name, s]) => [name, s - (before.get(name) ?? 0)]));
}

/** Busy and total CPU time of the machine, in hundredths of a second of one processor. */
export interface MachineTime {
  /** Time with work. */
  readonly busy: number;
  /** All time. */
  readonly total: number;
}

/** Reads the first line of `/proc/stat`. */
export function parseMachineTime(text: string): MachineTime {
  const [first = ""] = text.split("\n");
  // user nice system idle iowait irq softirq steal; guests are counted in user.
  const times = first.split(/\s+/).slice(1, 9).map(Number);
  const total = times.reduce((sum, n) => sum + n, 0);
  return { busy: total - (times[3] ?? 0) - (times[4] ?? 0), total };
}

/** How the machine was before a part. */
export interface Quiet {
  /** Share of its time without work. */
  readonly idleShare: number;
  /** Processes waiting or running, over the last minute. */
  readonly load: number;
}

/** Time of the machine now. */
export async function machineTime(): Promise<MachineTime> {
  return parseMachineTime(await shell("cat /proc/stat"));
}

/** Looks how idle the machine is for a time. */
export async function howQuiet(ms: number): Promise<Quiet> {
  const before = await machineTime();
  await sleep(ms);
  const after = await machineTime();
  const busy = (after.busy - before.busy) / (after.total - before.total);
  return { idleShare: 1 - busy, load: loadavg()[0] ?? NaN };
}

/** Runs a line of the shell, which alone may read all of `/proc`. */
export async function shell(line: string): Promise<string> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", line], stderr: "null" }).output();
  return new TextDecoder().decode(stdout);
}
