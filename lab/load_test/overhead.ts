/**
 * What runs beside the workers of a load test, and what it uses.
 *
 * @module
 */

import { stackStatus } from "../../devstack/mod.ts";
import type { Overhead, ProcessUse } from "./mod.ts";
import { usageOf } from "../machine.ts";
import { type Session, stackOptions } from "../../cli/session.ts";

/**
 * Starts to measure what the control process and the servers use; only servers that run here, and
 * that were started by Tidegate.
 *
 * @param session The session.
 * @returns Gives their use since then.
 */
export async function measureOverhead(session: Session): Promise<() => Promise<Overhead>> {
  // It asks the servers, and has nothing to tell.
  const options = { ...stackOptions(session.config), say: () => undefined };
  const { broker, temporal } = await stackStatus(options);
  const uses = await Promise.all([
    startUse(Deno.pid),
    startUse(temporal.server?.pid ?? null),
    startUse(broker.server?.pid ?? null),
  ]);
  return async () => {
    const [control = null, temporal = null, broker = null] = await Promise.all(
      uses.map((use) => use()),
    );
    return { control, temporal, broker };
  };
}

async function startUse(pid: number | null): Promise<() => Promise<ProcessUse | null>> {
  if (pid === null) return () => Promise.resolve(null);
  const before = await usageOf(pid);
  const startedMs = performance.now();
  return async () => {
    const { cpuSeconds, rssMiB } = await usageOf(pid);
    const cores = (cpuSeconds - before.cpuSeconds) * 1000 / (performance.now() - startedMs);
    // Not so on systems without /proc.
    return Number.isFinite(cores) && rssMiB > 0 ? { cores, memoryMiB: rssMiB } : null;
  };
}
