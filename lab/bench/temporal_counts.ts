/**
 * What Temporal's server counts of itself: requests of its frontend, without long polls that ended
 * empty, and billable actions. The dev server serves its metrics on a free port that it tells
 * nobody, which is found among the ports that its process listens on.
 *
 * @module
 */

import { shell } from "./processes.ts";

/** Counts since the server's start. */
export interface TemporalCounts {
  /** Requests of the frontend by operation, long polls that ended empty left out. */
  readonly requests: Readonly<Record<string, number>>;
  /** Billable actions by type. */
  readonly actions: Readonly<Record<string, number>>;
}

/** One sample of the Prometheus text format. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function* samplesOf(text: string, names: ReadonlySet<string>): Generator<Sample> {
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    const [, name = "", labels = "", value = ""] = match ?? [];
    if (!names.has(name)) continue;
    const pairs = [...labels.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)];
    yield {
      name,
      labels: Object.fromEntries(pairs.map(([, label = "", text = ""]) => [label, text])),
      value: Number(value),
    };
  }
}

const NAMES: ReadonlySet<string> = new Set(["service_requests", "action", "poll_timeouts"]);
/** What the server asks of itself. */
const OWN_NAMESPACES: ReadonlySet<string> = new Set(["temporal_system", "temporal-system"]);

/** Reads the counts out of the server's metrics. */
export function parseCounts(text: string): TemporalCounts {
  const requests: Record<string, number> = {};
  const actions: Record<string, number> = {};
  const add = (to: Record<string, number>, name: string, value: number) => {
    to[name] = (to[name] ?? 0) + value;
  };
  for (const { name, labels, value } of samplesOf(text, NAMES)) {
    const { namespace = "", service_name: service, operation = "" } = labels;
    if (OWN_NAMESPACES.has(namespace)) continue;
    if (name === "service_requests" && service === "frontend") add(requests, operation, value);
    if (name === "action") add(actions, labels.action_type ?? operation, value);
    if (name !== "poll_timeouts") continue;
    const kind = labels.task_type === "Workflow" ? "Workflow" : labels.task_type;
    add(requests, `Poll${kind}TaskQueue`, -value);
  }
  return { requests, actions };
}

/** What was counted between two looks. */
export function countsBetween(before: TemporalCounts, after: TemporalCounts): TemporalCounts {
  const minus = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>) =>
    Object.fromEntries(
      Object.entries(a).map(([name, n]) => [name, n - (b[name] ?? 0)] as const)
        .filter(([, n]) => n !== 0).sort(([, x], [, y]) => y - x),
    );
  return {
    requests: minus(after.requests, before.requests),
    actions: minus(after.actions, before.actions),
  };
}

/** The sum of some counts. */
export function totalOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

/** Where a Temporal server on this machine serves its metrics; null if it does not. */
export async function metricsOf(pid: number | null): Promise<string | null> {
  if (pid === null) return null;
  const [inodes, table] = await Promise.all([
    shell(`ls -l /proc/${pid}/fd`),
    shell(`cat /proc/${pid}/net/tcp /proc/${pid}/net/tcp6`),
  ]);
  const own = new Set([...inodes.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode));
  const ports = table.split("\n").flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    // Local address, state (0A listens), inode.
    const [local = "", state, inode] = [fields[1], fields[3], fields[9]];
    return state === "0A" && own.has(inode) ? [Number.parseInt(local.split(":")[1] ?? "", 16)] : [];
  });
  for (const port of ports) {
    const url = `http://127.0.0.1:${port}/metrics`;
    const text = await textOf(url);
    if (text?.includes("service_requests{")) return url;
  }
  return null;
}

/** The counts now. */
export async function readCounts(url: string): Promise<TemporalCounts> {
  const text = await textOf(url);
  if (text === null) throw new Error(`Cannot count: ${url} must answer`);
  return parseCounts(text);
}

async function textOf(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    return await response.text();
  } catch {
    return null;
  }
}
