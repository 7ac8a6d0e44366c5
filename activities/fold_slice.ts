/**
 * Folds a slice of a partition into cells, in a worker process.
 *
 * @module
 */

import { Context } from "@temporalio/activity";
import type { Trace } from "../adapters/tracing.ts";
import type { WorkerActivities } from "../workflows/activities.ts";
import type { FetchResult, LogReader, LogRecord, LogWriter } from "../adapters/kafka/log.ts";
import { decodeBatch } from "../core/fold/decode.ts";
import { type EventReader, SliceFold } from "../core/fold/fold.ts";
import type { RunPlan } from "../core/plan.ts";
import type { SliceRequest, SliceResult } from "../core/flow/slice.ts";
import type { EventEnrichment } from "../definition/enrichment.ts";
import { EnrichedFold } from "./enrich.ts";
import { refuseRecreated } from "./recreated.ts";
import { SideWriter } from "./side_record.ts";
import { named } from "./activity.ts";

/** Bytes of one read of the log. */
const CHUNK_BYTES = 1024 * 1024;
/** The same with an enrichment, where lookups take longer than reads and a slice is soon over. */
const LOOKUP_CHUNK_BYTES = 128 * 1024;
/** How often a slice that waits for lookups says that it goes on, in ms. */
const HEARTBEAT_MS = 1_000;
/** Records decoded and folded between two looks at the limits. */
const GROUP_RECORDS = 1500;
/** Bytes decoded and folded between two looks at the limits. */
const GROUP_BYTES = 512 * 1024;
/** A slice stops at this many cells. */
const MAX_CELLS = 10_000;
/** A slice stops at this many windows. */
const MAX_WINDOWS = 64;
/** A slice stops at about this many bytes of result. */
const MAX_RESULT_BYTES = 512 * 1024;

/** What folding needs. */
export interface FoldDeps {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** Makes events of decoded records. */
  readonly events: EventReader;
  /**
   * Looks up what is added to each event.
   * @default {null}
   */
  readonly enrichment?: EventEnrichment | null;
  /** The log. */
  readonly reader: LogReader;
  /** Writes to the side topics. */
  readonly writer: LogWriter;
  /** The wall clock, epoch ms. */
  readonly now: () => number;
  /** Names the process that folds. */
  readonly identity: string;
  /** A text that no record can foresee, for joining records. */
  readonly nonce: () => string;
  /** Says that the work goes on; called about once a read. */
  readonly heartbeat: () => void;
  /** Ends the slice early, with what is folded by then. */
  readonly stopping: () => boolean;
  /** Ends reads of the log. */
  readonly signal: AbortSignal;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Folds from an offset on, until the end of the log, the time budget, or a limit on cells, windows
 * or bytes. The next chunk is read while the present one is folded. Late, invalid and skewed records
 * are on their topics before it returns. With an enrichment, a slice also ends before the first event
 * whose lookup has failed and is to be made again.
 *
 * @param deps What folding needs.
 * @param request The slice.
 * @returns The slice's cells and counts.
 * @throws {TidegateError} What the log throws; `TG_ENRICH_FAILED` (retryable) if the slice's first
 * event can't be enriched.
 */
export async function foldSlice(deps: FoldDeps, request: SliceRequest): Promise<SliceResult> {
  const { maxEventTime, floor, refused } = request;
  const fold = new SliceFold(deps.plan, deps.events, {
    maxEventTime,
    floor,
    ...(refused === undefined ? {} : { refused }),
  });
  const startedMs = deps.now();
  const deadlineMs = startedMs + request.sliceMs;
  const side = new SideWriter(deps.plan, deps.writer);
  const over = () =>
    refused === undefined &&
    (deps.stopping() || deps.now() >= deadlineMs || fold.cellCount >= MAX_CELLS ||
      fold.windowCount >= MAX_WINDOWS || fold.resultBytes >= MAX_RESULT_BYTES);

  const enriched = enrichedFold(deps, request, fold, over);
  const bytes = enriched === null ? CHUNK_BYTES : LOOKUP_CHUNK_BYTES;
  const beat = enriched === null ? undefined : setInterval(deps.heartbeat, HEARTBEAT_MS);

  let to = request.from;
  let end = request.until ?? request.from;
  let readAtMs = startedMs;
  let ahead: Promise<FetchResult> | undefined = read(deps, request, to, bytes);
  try {
    // In a backlog nobody awaits records, which would notice it too.
    await refuseRecreated(deps.reader, request);
    while (ahead !== undefined) {
      const chunk: FetchResult = await ahead;
      readAtMs = deps.now();
      end = chunk.end;
      deps.heartbeat();
      const stopAt = Math.min(request.until ?? end, end);
      const readOn = () => chunk.next < stopAt ? read(deps, request, chunk.next, bytes) : undefined;
      ahead = enriched === null ? readOn() : undefined;
      const folded = await foldChunk(deps, enriched ?? fold, chunk.records, stopAt, over);
      to = folded ?? Math.min(Math.max(chunk.next, to), Math.max(stopAt, to));
      await side.write(request, fold.takeRejects(), chunk.records);
      if (folded !== undefined || over()) break;
      ahead ??= readOn();
    }
  } finally {
    clearInterval(beat);
    ahead?.catch(() => undefined);
  }
  await side.flush();
  const endedAtMs = deps.now();
  return {
    from: request.from,
    to,
    end,
    maxEventTime: fold.maxEventTime,
    firstEventTime: fold.firstEventTime,
    windows: fold.windows(),
    counts: fold.counts,
    busyMs: endedAtMs - startedMs,
    attempt: deps.attempt,
    readAtMs,
    endedAtMs,
    worker: deps.identity,
    ...(refused === undefined ? {} : { moved: fold.moved }),
  };
}

function enrichedFold(
  { enrichment = null, stopping, signal }: FoldDeps,
  { partition, refused }: SliceRequest,
  fold: SliceFold,
  over: () => boolean,
): EnrichedFold | null {
  if (enrichment === null) return null;
  // Folding again must come to all that was folded the first time.
  const mayEndEarly = refused === undefined;
  return new EnrichedFold(fold, { enrichment, partition, over, stopping, mayEndEarly, signal });
}

function read(
  { reader, signal }: FoldDeps,
  { topic, partition }: SliceRequest,
  from: number,
  maxBytes: number,
): Promise<FetchResult> {
  const reading = reader.fetch({ topic, partition, from, maxBytes, signal });
  // A prefetch that fails is noticed when it is its turn; until then it must not be unhandled.
  reading.catch(() => undefined);
  return reading;
}

/**
 * Folds the records before `stopAt`, group by group.
 *
 * @returns Where it stopped because of a limit or a lookup; undefined if it folded all.
 */
async function foldChunk(
  deps: FoldDeps,
  fold: SliceFold | EnrichedFold,
  records: readonly LogRecord[],
  stopAt: number,
  over: () => boolean,
): Promise<number | undefined> {
  let first = 0;
  while (first < records.length) {
    const group = nextGroup(records, first, stopAt);
    if (group.length === 0) return undefined;
    const values = group.map((record) => record.value);
    const decoded = decodeBatch(values, deps.nonce(), decodeText);
    const textOf = (index: number) => decodeText(values[index] ?? new Uint8Array()) ?? "";
    if (fold instanceof EnrichedFold) {
      const stop = await fold.add(group, decoded, textOf);
      if (stop !== undefined) return stop;
    } else {
      fold.add(group, decoded, textOf);
    }
    first += group.length;
    const last = group[group.length - 1];
    if (first < records.length && last !== undefined && over()) return last.offset + 1;
  }
  return undefined;
}

function nextGroup(records: readonly LogRecord[], first: number, stopAt: number): LogRecord[] {
  const group: LogRecord[] = [];
  let bytes = 0;
  for (let i = first; i < records.length && group.length < GROUP_RECORDS; i++) {
    const record = records[i];
    if (record === undefined || record.offset >= stopAt) break;
    group.push(record);
    bytes += record.value?.length ?? 0;
    if (bytes >= GROUP_BYTES) break;
  }
  return group;
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** What the activity needs of its process. */
export interface FoldSliceDeps extends
  Pick<
    FoldDeps,
    "plan" | "events" | "enrichment" | "reader" | "writer" | "identity" | "stopping"
  > {
  /**
   * Asked before a slice of a generation is folded; throws if this process must not fold it.
   * @default nothing is asked
   */
  readonly admit?: (generation: number) => Promise<void>;
  /** Does work as spans. */
  readonly trace: Trace;
}

/** The activity, with its span. */
export function createFoldSlice(deps: FoldSliceDeps): WorkerActivities["foldSlice"] {
  return (request) => {
    const context = Context.current();
    const { cancellationSignal: signal, info: { attempt } } = context;
    const attributes = {
      "tidegate.partition": request.partition,
      "tidegate.from": request.from,
      "tidegate.attempt": attempt,
    };
    return named(() =>
      deps.trace("slice", attributes, async (tell) => {
        await deps.admit?.(request.generation);
        const result = await foldSlice({
          ...deps,
          now: Date.now,
          nonce: () => crypto.randomUUID(),
          heartbeat: () => context.heartbeat(),
          signal,
          attempt,
        }, request);
        tell({ "tidegate.to": result.to, "tidegate.events": result.counts.read });
        return result;
      })
    );
  };
}
