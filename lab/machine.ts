/**
 * What a benchmark says of its machine, and the CPU time and memory of processes on it.
 *
 * @module
 */

import { cpus, totalmem } from "node:os";

/** The machine and what runs on it. */
export interface Machine {
  /** The processor's name. */
  readonly cpu: string;
  /** How many processors. */
  readonly cores: number;
  /** Memory in GiB. */
  readonly memoryGiB: number;
  /** The operating system. */
  readonly os: string;
  /** Versions by name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Describes the machine. */
export function describeMachine(versions: Readonly<Record<string, string>>): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${Deno.build.os} ${Deno.osRelease()}`,
    versions: { deno: Deno.version.deno, v8: Deno.version.v8, ...versions },
  };
}

/** What a process has used. */
export interface Usage {
  /** CPU time in s, user and system. */
  readonly cpuSeconds: number;
  /** Resident memory in MiB. */
  readonly rssMiB: number;
}

/** What a process has used so far, by the kernel's account (Linux). */
export async function usageOf(pid: number): Promise<Usage> {
  const { stdout } = await new Deno.Command("cat", {
    args: [`/proc/${pid}/stat`],
    stderr: "null",
  }).output();
  // After the name, which may hold spaces: state is field 3, utime 14, stime 15, rss (pages) 24.
  const fields = new TextDecoder().decode(stdout).split(") ").at(-1)?.split(" ") ?? [];
  const field = (n: number) => Number(fields[n - 3] ?? NaN);
  return {
    cpuSeconds: (field(14) + field(15)) / 100,
    rssMiB: Math.round(field(24) * 4096 / 2 ** 20),
  };
}

/**
 * A quantile of some numbers.
 *
 * @returns The smallest number that at least this share does not exceed; NaN if there are none.
 */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
}
