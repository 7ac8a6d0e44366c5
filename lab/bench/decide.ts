/**
 * What a decision of the drain costs by itself: `deno run lab/bench/decide.ts`. No server takes part
 * and no permission is needed.
 *
 * @module
 */

import { tumbling } from "../../core/event_time/windows.ts";
import { NO_SWEEP_COUNTS } from "../../core/flow/counts.ts";
import type { SettleOutcome } from "../../core/flow/delivery.ts";
import { Drain, type DrainRules, newDrain } from "../../core/flow/drain.ts";
import type { SweepRequest, SweepResult, SweptWindow } from "../../core/flow/sweep.ts";

const SIZE_MS = 10_000;
const WINDOWS = 10_000;
const RULES: DrainRules = {
  aggregates: [{ name: "n", kind: "count", field: null }],
  windowing: tumbling(SIZE_MS),
  latenessMs: 0,
  deliverEveryMs: 5_000,
  emitEveryMs: null,
  generation: 1,
  topic: "t",
  topicId: null,
  delayMs: 0,
  idleAfterMs: 10_000,
  maxDriftMs: 1e12,
  paceMs: 5_000,
  sliceMs: 2_000,
  maxOpenWindows: 1e6,
};
const QUIET = { events: 0, bytes: 0, suggested: false };

/** A result that brings one cell for each of some windows. */
function resultOf(
  request: SweepRequest,
  starts: readonly number[],
  maxEventTime: number | null,
): SweepResult {
  return {
    n: request.n,
    codeHash: request.codeHash,
    why: "pace",
    windows: starts.map((start): SweptWindow => (
      { start, shard: 0, cells: [['["a"]', 1, null]], bytes: 15, spans: [[0, 0, 1]] }
    )),
    ranMs: 0,
    busyMs: 0,
    attempt: 1,
    worker: "w",
    topicPartitions: null,
    partitions: request.partitions.map((asked) => ({
      partition: asked.partition,
      from: asked.cursor,
      to: asked.cursor + 1,
      end: asked.cursor + 1,
      highWatermark: asked.cursor + 1,
      maxEventTime,
      firstEventTime: maxEventTime,
      counts: NO_SWEEP_COUNTS,
      looked: { confirmedMs: 0, moved: true },
      found: false,
      hollow: false,
      openTransaction: null,
      leaderEpoch: null,
      last: null,
      failure: null,
    })),
  };
}

/** A drain with many partitions and open windows, and a clock. */
class Case {
  readonly drain: Drain;
  nowMs = 1_000;

  constructor(partitions: number, windows: number) {
    const starts = Array.from({ length: partitions }, (_, partition) => ({ partition, cursor: 0 }));
    this.drain = new Drain(RULES, newDrain(starts, "hash"));
    this.drain.ready(1);
    this.decide();
    for (let from = 0; from < windows; from += 1_000) {
      const some = Array.from(
        { length: Math.min(1_000, windows - from) },
        (_, i) => (from + i) * SIZE_MS,
      );
      this.sweep(some, 1);
    }
  }

  /** One decision; its time in ms. */
  decide(): number {
    this.nowMs += 1;
    const began = performance.now();
    const { commands } = this.drain.decide(this.nowMs, QUIET);
    const tookMs = performance.now() - began;
    for (const command of commands) {
      if (command.kind !== "settle") continue;
      this.drain.settled(
        command.id,
        command.calls.map(({ start, shard, call }): SettleOutcome => ({
          start,
          shard,
          n: call.n,
          end: "written",
          pairs: 1,
          bytes: 15,
          revision: null,
          final: call.watermark !== null,
          rows: 1,
          problem: null,
        })),
      );
    }
    return tookMs;
  }

  /** The decision that takes in a sweep's result. */
  sweep(starts: readonly number[], maxEventTime: number): number {
    const [request] = this.drain.sweepsOut;
    if (request === undefined) throw new Error("no sweep is out");
    this.drain.swept(resultOf(request, starts, maxEventTime));
    return this.decide();
  }
}

function report(what: string, times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(3);
  console.log(`${what.padEnd(64)} ${at(0.5).padStart(8)} ${at(0.99).padStart(8)}`);
}

function main(): void {
  console.log(`${"".padEnd(64)} ${"p50 ms".padStart(8)} ${"p99 ms".padStart(8)}`);
  const quiet = (it: Case) => Array.from({ length: 1_000 }, () => it.decide());
  report("nothing due, 1 partition, no window", quiet(new Case(1, 0)));
  report(`nothing due, 1 partition, ${WINDOWS} windows`, quiet(new Case(1, WINDOWS)));
  report(`nothing due, 64 partitions, ${WINDOWS} windows`, quiet(new Case(64, WINDOWS)));
  const some = new Case(64, WINDOWS);
  report(
    `a result with cells for 100 of ${WINDOWS} windows, 64 partitions`,
    Array.from(
      { length: 300 },
      (_, i) =>
        some.sweep(
          Array.from({ length: 100 }, (_, j) => ((i * 97 + j * 31) % WINDOWS) * SIZE_MS),
          1,
        ),
    ),
  );
  const closing = new Case(4, WINDOWS);
  const times = [closing.sweep([], WINDOWS * SIZE_MS)];
  while (closing.drain.windows.size > 0) times.push(closing.decide());
  report(`${WINDOWS} windows due at once: the first decision`, times.slice(0, 1));
  report(`the ${times.length - 1} decisions that settle them`, times.slice(1));
}

if (import.meta.main) main();
