/**
 * The activities of the second engine, made of what they need from outside: `sweep` for worker
 * processes; `settle`, `awaitRecords` and `findPartitions` for the control process.
 *
 * @module
 */

import { Context } from "@temporalio/activity";
import type { SweepRequest, SweepResult } from "../core/flow/sweep.ts";
import type { LogReader } from "../adapters/kafka/log.ts";
import type { GenerationActivities, SweepActivities } from "../workflows/generation_activities.ts";
import { named } from "./activity.ts";
import { settle, type SettleDeps } from "./settle.ts";
import { sweep, type SweepDeps, type SweepProgress } from "./sweep.ts";

/** How often an activity says that it is alive, in ms: a third of its timeout. */
const SETTLE_BEAT_MS = 1_000;
/** The same for sweeps, whose progress travels with it. */
const SWEEP_BEAT_MS = 3_000;

/** What the sweeps of a process need; the rest comes with each of them. */
export type SweepTools = Omit<
  SweepDeps,
  "progress" | "signal" | "attempt" | "nonce" | "codeHash"
>;

/** What the activities of the control process need. */
export interface GenerationTools extends SettleDeps {
  /** What looking at partitions needs. */
  readonly look: SweepTools;
  /** Where partitions begin. */
  readonly reader: Pick<LogReader, "offsets">;
}

/**
 * The activities of a worker process.
 *
 * @param codeHash The hash of the code that the process has loaded.
 */
export function createSweepActivities(tools: SweepTools, codeHash: string): SweepActivities {
  return { sweep: (request) => sweepIn(tools, codeHash, request) };
}

/** The activities of the control process. */
export function createGenerationActivities(
  { look, reader, ...settling }: GenerationTools,
): GenerationActivities {
  return {
    // It folds nothing, so that it does not matter by which code.
    awaitRecords: (request) => sweepIn(look, request.codeHash, request),
    settle: (request) => beating(SETTLE_BEAT_MS, () => settle(settling, request)),
    findPartitions: ({ topic, from, to }) =>
      beating(SETTLE_BEAT_MS, () =>
        Promise.all(
          Array.from({ length: to - from }, async (_, i) => {
            const partition = from + i;
            return { partition, cursor: (await reader.offsets(topic, partition)).start };
          }),
        )),
  };
}

async function sweepIn(
  tools: SweepTools,
  codeHash: string,
  request: SweepRequest,
): Promise<SweepResult> {
  const { cancellationSignal: signal, info: { attempt } } = Context.current();
  let latest: (() => SweepProgress) | null = null;
  return await beating(SWEEP_BEAT_MS, () =>
    sweep({
      ...tools,
      codeHash,
      nonce: () => crypto.randomUUID(),
      progress: (progress) => latest = progress,
      signal,
      attempt,
    }, request), () => latest?.());
}

/** Does work, says meanwhile that it goes on, and lets errors cross by their code. */
async function beating<T>(
  everyMs: number,
  work: () => Promise<T>,
  detail: () => unknown = () => undefined,
): Promise<T> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(detail()), everyMs);
  try {
    return await named(work);
  } finally {
    clearInterval(beat);
  }
}
