/**
 * The test driver: runs a pipeline over an array of events, without servers, by the same rules and
 * the same code as the live pipeline. For testing definitions.
 *
 * @module
 */

import { TidegateError } from "../../core/errors.ts";
import { parseInstant } from "../../core/event_time/instants.ts";
import { type Audit, auditOf, lookAtDrain } from "../../core/flow/audit.ts";
import { addSweepCounts, NO_SWEEP_COUNTS, type SweepCounts } from "../../core/flow/counts.ts";
import { Drain, type DrainCommand, newDrain } from "../../core/flow/drain.ts";
import { type ResultRow, rowRecordKey, rowsOf } from "../../core/flow/row.ts";
import type { SweepRequest, SweepResult } from "../../core/flow/sweep.ts";
import { jsonBytes, SliceCells } from "../../core/fold/cells.ts";
import type { EventReader, FoldEvent } from "../../core/fold/fold.ts";
import { addFaults, type DataProblem, judgeData, NO_FAULTS } from "../../core/fold/judge.ts";
import type { RunPlan } from "../../core/plan.ts";
import { DriverPartition, type InputRecord, type SideEvent } from "./partition.ts";
import { TestWindows } from "./windows.ts";

export type { DataFault, DataProblem, FaultKind, FaultSample } from "../../core/fold/judge.ts";
export type { InputRecord, SideEvent, TimedRecord } from "./partition.ts";

/** What is run: a pipeline as `definePipeline` makes it, or the two parts of one. */
export interface DrivenPipeline {
  /** The plain data of the definition. */
  readonly plan: RunPlan;
  /** How events are read. */
  readonly reader: EventReader;
}

/** Options of {@linkcode runPipeline}. */
export interface DriverOptions {
  /**
   * Whether the windows that are still open at the end of the events are closed, as by
   * `run --until-drained --flush`.
   * @default {true}
   */
  readonly flush?: boolean;
  /**
   * How many records are folded at a time. Rows don't depend on it, the number of revisions may.
   * @default {500}
   */
  readonly sliceRecords?: number;
  /**
   * The `emittedAt` of the rows, epoch ms.
   * @default {0}
   */
  readonly emittedAtMs?: number;
  /**
   * Stands in for the pipeline's enrichment, since the driver waits for nothing: gives the fields
   * that are added to an event. They are checked as those of the enrichment are; where they break
   * the schema, or it throws, the event is invalid, whatever the definition's `onFailure` is.
   * @default {undefined}
   */
  readonly enrich?: (event: FoldEvent) => unknown;
}

/** What a run came to. */
export interface DriverResult {
  /** The last revision of every row, by window and key. */
  readonly rows: readonly ResultRow[];
  /** All revisions, in the order of their emission. */
  readonly emissions: readonly ResultRow[];
  /** The cells of windows that are open at the end, as rows; none after a flush. */
  readonly open: readonly ResultRow[];
  /** Events that missed every window they belong to. */
  readonly late: readonly SideEvent[];
  /** Records that are no events of this pipeline, skewed ones included. */
  readonly invalid: readonly SideEvent[];
  /** What is wrong with the records as a whole, such as event times in seconds. */
  readonly problems: readonly DataProblem[];
  /** What was counted. */
  readonly counts: SweepCounts;
  /** The account of the run. */
  readonly account: Audit;
  /** The watermark at the end, epoch ms; null if there was no event. */
  readonly watermark: number | null;
}

/**
 * Runs a pipeline over events, as `run --until-drained` does over a topic: nothing depends on the
 * wall clock.
 *
 * Events travel as JSON, so that what JSON can't hold is lost here as it would be in a topic.
 *
 * @param records The records of one partition; or, where every item is an array, of several.
 * @throws {TidegateError} `TG_WINDOW_FULL` if a window would grow too large; `TG_USAGE` if the
 * pipeline has an enrichment that adds fields, and nothing stands in for it.
 *
 * @example A sum per minute
 * ```ts
 * import { runPipeline } from "./run_pipeline.ts";
 * import { tumbling } from "../../core/event_time/windows.ts";
 *
 * const plan = {
 *   pipeline: "orders",
 *   topic: "orders",
 *   resultsTopic: "orders.results",
 *   lateTopic: "orders.late",
 *   invalidTopic: "orders.invalid",
 *   from: "earliest",
 *   windowing: tumbling("1m"),
 *   delayMs: 0,
 *   idleAfterMs: 10_000,
 *   maxAheadMs: 300_000,
 *   maxDriftMs: 3_600_000,
 *   latenessMs: 0,
 *   shards: 1,
 *   groupBy: ["shop"],
 *   aggregates: [{ name: "total", kind: "sum", field: "amount" }],
 *   eventTimeField: "at",
 * } as const;
 * const reader = {
 *   check: (value: unknown) => ({ ok: true, event: Object(value) }) as const,
 *   eventTimeField: "at",
 *   where: null,
 *   numericFields: ["amount"],
 * };
 * const { rows, late } = runPipeline({ plan, reader }, [
 *   { shop: "A", at: "2026-01-01T00:00:10Z", amount: 0.1 },
 *   { shop: "A", at: "2026-01-01T00:00:50Z", amount: 0.2 },
 *   { shop: "A", at: "2026-01-01T00:01:05Z", amount: 7 },
 *   { shop: "A", at: "2026-01-01T00:00:59Z", amount: 9 },
 * ]);
 * if (rows.length !== 2 || rows[0]?.values["total"] !== 0.30000000000000004) throw rows;
 * if (late[0]?.offset !== 3) throw late;
 * ```
 */
export function runPipeline(
  pipeline: DrivenPipeline,
  records: readonly (readonly InputRecord[])[] | readonly InputRecord[],
  options: DriverOptions = {},
): DriverResult {
  const { plan, reader } = pipeline;
  const { flush = true, sliceRecords = 500, emittedAtMs = 0 } = options;
  const enrich = standIn(reader, options);
  const logs = isPartitions(records) ? records : [records];
  const partitions = logs.map((log, partition) =>
    new DriverPartition({ plan, reader, enrich, sliceRecords }, partition, log)
  );
  const windows = new TestWindows(plan);
  const drain = drainOf(plan, partitions);
  const emissions: ResultRow[] = [];
  const carryOut = (command: DrainCommand) => {
    if (command.kind === "sweep") drain.swept(sweep(plan, partitions, command.request));
    if (command.kind !== "settle") return;
    drain.settled(
      command.id,
      command.calls.map((call) => {
        const [outcome, emitted] = windows.call(call);
        if (emitted !== null) {
          const { start, head, cells } = emitted;
          emissions.push(...rowsOf(plan, { generation: 1, windowStart: start, ...head }, cells));
        }
        return outcome;
      }),
    );
  };
  const settle = () => {
    for (;;) {
      const { commands } = drain.decide(emittedAtMs, SHORT);
      if (commands.length === 0) return;
      commands.forEach(carryOut);
    }
  };
  drain.ready(1);
  settle();
  refuseStopped(drain);
  if (flush) {
    drain.flush();
    settle();
  }
  const side = partitions.flatMap((partition) => partition.side);
  const rows = lastRevisions(emissions);
  return {
    rows,
    emissions,
    open: openRows(plan, drain, windows, emittedAtMs),
    late: side.filter(({ kind }) => kind === "late"),
    invalid: side.filter(({ kind }) => kind !== "late"),
    problems: judgeData(partitions.map(({ faults }) => faults).reduce(addFaults, NO_FAULTS)),
    counts: drain.partitions.map(({ totals }) => totals).reduce(addSweepCounts, NO_SWEEP_COUNTS),
    account: auditOf(lookAtDrain(drain), {
      windows: windows.running.map(({ start, shard, state: { n, held } }) => (
        { start, shard, n, held }
      )),
      rows: rows.map(({ window, final, watermark, events }) => ({
        start: parseInstant(window.start) ?? NaN,
        final,
        watermark: parseInstant(watermark) ?? NaN,
        events,
      })),
      side: new Map(partitions.map(({ side }, partition) => [partition, {
        late: side.filter(({ kind }) => kind === "late").length,
        invalid: side.filter(({ kind }) => kind !== "late").length,
      }])),
    }),
    watermark: drain.watermark,
  };
}

/** A history that never has to end. */
const SHORT = { events: 0, bytes: 0, suggested: false };
/** Everything is folded by the same code here. */
const CODE = "driver";

function drainOf(plan: RunPlan, partitions: readonly DriverPartition[]): Drain {
  const starts = partitions.map(({ end }, partition) => ({ partition, cursor: 0, until: end }));
  const rules = {
    ...{ ...plan, generation: 1, topicId: null, paceMs: 0, sliceMs: 0 },
    // What changes after a window's first rows is emitted as soon as it is known.
    ...{ deliverEveryMs: 0, emitEveryMs: null, maxOpenWindows: Infinity },
  };
  return new Drain(rules, newDrain(starts, CODE));
}

function sweep(
  plan: RunPlan,
  partitions: readonly DriverPartition[],
  request: SweepRequest,
): SweepResult {
  const cells = new SliceCells(plan, request.limits);
  const swept = request.partitions.flatMap((asked) =>
    partitions[asked.partition]?.sweep(asked, cells) ?? []
  );
  const spanOf = new Map(
    swept.map(({ partition, from, to }) => [partition, [partition, from, to]]),
  );
  const windows = cells.shared().map(({ start, shard, cells, partitions }) => ({
    ...{ start, shard, cells, bytes: jsonBytes(cells) },
    spans: partitions.flatMap((partition) => {
      const [p = partition, from = 0, to = 0] = spanOf.get(partition) ?? [];
      return [[p, from, to] as const];
    }),
  }));
  const why = swept.some(({ to, end }) => to < end) ? "limit" : "ends";
  const took = { ranMs: 0, busyMs: 0, attempt: 1, worker: "driver", topicPartitions: null };
  return { n: request.n, codeHash: CODE, why, partitions: swept, windows, ...took };
}

/** What can't be folded stops a partition; here nobody can decide about it. */
function refuseStopped(drain: Drain): void {
  for (const { partition, stop } of drain.partitions) {
    if (stop === null) continue;
    const message = `${stop.message} (partition ${partition}, offset ${stop.offset})`;
    if (stop.code !== "TG_WINDOW_FULL") throw new Error(`${stop.code}: ${message}`);
    throw new TidegateError(stop.code, message, {
      next: "Spread its keys: set `shards` in the definition.",
    });
  }
}

/** The cells of open windows as rows: those that windows have, and those that wait for them. */
function openRows(
  plan: RunPlan,
  drain: Drain,
  windows: TestWindows,
  emittedAtMs: number,
): ResultRow[] {
  return windows.cells(drain.snapshot().windows).flatMap(({ start, cells, revision }) => {
    const watermark = drain.watermark ?? start;
    const head = { revision, final: false, watermark, emittedAtMs };
    return rowsOf(plan, { generation: 1, windowStart: start, ...head }, cells);
  });
}

function standIn(
  { adds }: EventReader,
  { enrich }: DriverOptions,
): ((event: FoldEvent) => unknown) | null {
  if (adds === undefined) return null;
  if (enrich !== undefined || adds.names.length === 0) return enrich ?? (() => ({}));
  throw new TidegateError(
    "TG_USAGE",
    `Cannot run the pipeline: its enrichment adds ${adds.names.join(", ")}, and nothing gives them`,
    { next: "Give the option `enrich`, a function of the event; the driver makes no lookups." },
  );
}

type Records = readonly (readonly InputRecord[])[] | readonly InputRecord[];

function isPartitions(records: Records): records is readonly (readonly InputRecord[])[] {
  return records.length > 0 && records.every((item) => Array.isArray(item));
}

/** What a reader of the results topic keeps: a row is replaced only by a larger revision. */
function lastRevisions(emissions: readonly ResultRow[]): ResultRow[] {
  const last = new Map<string, ResultRow>();
  for (const row of emissions) {
    const key = rowRecordKey(row);
    if (row.revision >= (last.get(key)?.revision ?? 0)) last.set(key, row);
  }
  return [...last]
    .sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .sort(([, a], [, b]) => startOf(a) - startOf(b))
    .map(([, row]) => row);
}

function startOf(row: ResultRow): number {
  return parseInstant(row.window.start) ?? NaN;
}
