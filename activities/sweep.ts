/**
 * A sweep: reads some partitions side by side and folds records as they come, until a window can
 * close, the time is over or a limit is reached. What it answers is the commit of what it has read.
 *
 * @module
 */

import type { LogRecord, LogWriter } from "../adapters/kafka/log.ts";
import type { LogTailer, Tail, TailEvent, TailRead } from "../adapters/kafka/tail.ts";
import { TidegateError } from "../core/errors.ts";
import { jsonBytes, SliceCells } from "../core/fold/cells.ts";
import { decodeBatch } from "../core/fold/decode.ts";
import { type EventReader, type Reject, SliceFold } from "../core/fold/fold.ts";
import { heard, lookedOf, NO_SILENCE, type Silence } from "../core/flow/silence.ts";
import type {
  LastRecord,
  SweepEnd,
  SweepFailure,
  SweepPartition,
  SweepRequest,
  SweepResult,
  SweptPartition,
  SweptWindow,
} from "../core/flow/sweep.ts";
import type { RunPlan } from "../core/plan.ts";
import type { EventEnrichment } from "../definition/enrichment.ts";
import { EnrichedFold, Turns } from "./enrich.ts";
import { SideWriter } from "./side_record.ts";
import { cutText } from "../core/text.ts";

/** Polls of one broker are at least so far apart while no window is about to close, in ms. */
const FAR_POLL_MS = 40;
/** The same where the boundary is near. */
const NEAR_POLL_MS = 10;
/** The boundary is near from so much event time before it on, in ms. */
const NEAR_MS = 500;
/** How long polls that are out at the end are waited for, in ms. */
const GRACE_MS = 100;
/** New partitions are looked for so often, or each delay if that is shorter, in ms. */
const METADATA_MS = 5_000;
/** Records decoded and folded between two looks at the limits. */
const GROUP_RECORDS = 1_500;
/** Bytes decoded and folded between two looks at the limits. */
const GROUP_BYTES = 512 * 1024;
/** Bytes of one answer where lookups take longer than reads, or one record is all that is wanted. */
const FEW_BYTES = 128 * 1024;
/** A sweep whose only events wait for lookups that have failed answers after so long, in ms. */
const WAIT_MS = 1_000;
/** No message may fill a history; in characters. */
const MAX_TEXT = 200;
/** What a result takes beside its partitions and windows, in bytes, at most. */
const BASE_BYTES = 512;
/** What a partition takes in a result, without a failure, in bytes, at most. */
const PARTITION_BYTES = 640;

/** How far a sweep has come. */
export interface SweepProgress {
  /** The sweep's number. */
  readonly n: number;
  /** Records folded so far. */
  readonly folded: number;
  /** Folding and lookups so far, without waiting, in ms. */
  readonly busyMs: number;
  /** The partition and the offset of the record that is folded next, where it is the only one. */
  readonly at: { readonly partition: number; readonly offset: number } | null;
  /** The partitions' next offsets and ends, in the order of the request. */
  readonly partitions: readonly {
    readonly partition: number;
    readonly to: number;
    readonly end: number;
  }[];
}

/** What a sweep needs. */
export interface SweepDeps {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** Makes events of decoded records. */
  readonly events: EventReader;
  /**
   * Looks up what is added to each event.
   * @default {null}
   */
  readonly enrichment?: EventEnrichment | null;
  /** Reads the partitions; kept over sweeps. */
  readonly tailer: LogTailer;
  /** Writes to the side topics. */
  readonly writer: LogWriter;
  /**
   * A clock that only goes forward, in ms, the tailer's.
   * @default {performance.now}
   */
  readonly now?: () => number;
  /** Names the process. */
  readonly identity: string;
  /** The hash of the code that folds. */
  readonly codeHash: string;
  /** A text that no record can foresee, for joining records. */
  readonly nonce: () => string;
  /** Is told how far it has come, after every answer of a broker; cheap, or thinned out by itself. */
  readonly progress: (progress: () => SweepProgress) => void;
  /** Whether the process is about to end: the sweep answers with what it has. */
  readonly stopping: () => boolean;
  /** Ends it without an answer. */
  readonly signal: AbortSignal;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
}

/**
 * Sweeps.
 *
 * @throws {TidegateError} `TG_CODE` (retryable) if another code is to fold; what the side topics'
 * writer throws.
 */
export async function sweep(deps: SweepDeps, request: SweepRequest): Promise<SweepResult> {
  if (request.codeHash !== deps.codeHash) {
    throw new TidegateError(
      "TG_CODE",
      `Cannot fold: the code must be ${request.codeHash}, got ${deps.codeHash}`,
      { retryable: true, next: "The worker is started anew with the definition as it is now." },
    );
  }
  const running = new Sweep(deps, request);
  return await running.run();
}

/** One partition while it is swept. */
interface Swept {
  readonly asked: SweepPartition;
  readonly fold: SliceFold;
  readonly enriched: EnrichedFold | null;
  to: number;
  end: number;
  highWatermark: number;
  last: LastRecord | null;
  leaderEpoch: number | null;
  silence: Silence;
  openTransaction: SweptPartition["openTransaction"];
  found: boolean;
  hollow: boolean;
  /** Records set aside without folding them. */
  failed: number;
  failure: SweepFailure | null;
  state:
    /** It is read. */
    | "reading"
    /** Its next event must wait for its lookup. */
    | "waiting"
    /** It is at its fixed end, or needs a decision. */
    | "done";
  /** Whether records wait that can be read. */
  behind: boolean;
}

class Sweep {
  readonly #deps: SweepDeps;
  readonly #request: SweepRequest;
  readonly #now: () => number;
  readonly #startedMs: number;
  readonly #cells: SliceCells;
  readonly #side: SideWriter;
  readonly #swept: ReadonlyMap<number, Swept>;
  /** Since when records waited to be folded without a moment in which none did. */
  #behindSinceMs = Infinity;
  /** Whether a limit has stopped the folding. */
  #isLimited = false;
  /** When the first lookup failed that must be made again. */
  #waitsSinceMs = Infinity;
  #folded = 0;
  #busyMs = 0;
  #recordsLeft: number;

  constructor(deps: SweepDeps, request: SweepRequest) {
    this.#deps = deps;
    this.#request = request;
    this.#now = deps.now ?? (() => performance.now());
    this.#startedMs = this.#now();
    this.#recordsLeft = request.setAside ? 1 : request.limits.records ?? Infinity;
    const bytes = request.limits.bytes - BASE_BYTES - request.partitions.length * PARTITION_BYTES;
    this.#cells = new SliceCells(deps.plan, { ...request.limits, bytes });
    this.#side = new SideWriter(deps.plan, deps.writer);
    const turns = deps.enrichment == null ? undefined : new Turns(deps.enrichment.concurrency);
    this.#swept = new Map(request.partitions.map((it) => [it.partition, this.#begin(it, turns)]));
  }

  async run(): Promise<SweepResult> {
    const { tailer, plan, signal, enrichment = null } = this.#deps;
    const { topic, topicId, partitions } = this.#request;
    const few = enrichment !== null || this.#recordsLeft !== Infinity;
    const tail = tailer.follow({
      topic,
      topicId,
      partitions,
      leftMs: () => this.#leftMs(),
      spacingMs: () => this.#isNear() ? NEAR_POLL_MS : FAR_POLL_MS,
      metadataMs: Math.min(plan.delayMs, METADATA_MS),
      ...(few ? { maxBytes: FEW_BYTES } : {}),
    });
    const aborted = Promise.withResolvers<void>();
    const abort = () => aborted.resolve();
    signal.addEventListener("abort", abort, { once: true });
    try {
      let why = this.#over();
      while (why === null) {
        await Promise.race([this.#readOn(tail), aborted.promise]);
        signal.throwIfAborted();
        why = this.#over();
      }
      const late = await tail.end(why === "boundary" ? 0 : GRACE_MS);
      for (const it of late) this.#hearLate(it);
      for (const [partition, error] of tail.troubles()) this.#trouble(partition, error);
      await this.#side.flush();
      return this.#result(why, tail.topicPartitions);
    } finally {
      signal.removeEventListener("abort", abort);
      await tail.end(0);
    }
  }

  #begin(asked: SweepPartition, turns: Turns | undefined): Swept {
    const { plan, events, enrichment = null, stopping, signal } = this.#deps;
    const { partition, cursor, maxEventTime, floor, leaderEpoch, last } = asked;
    const cells = this.#cells;
    const fold = new SliceFold(plan, events, { partition, maxEventTime, floor, cells });
    const over = () => this.#endsHere();
    const enriched = enrichment === null ? null : new EnrichedFold(fold, {
      enrichment,
      partition,
      over,
      stopping,
      signal,
      ...(turns === undefined ? {} : { turns }),
    });
    return {
      asked,
      fold,
      enriched,
      to: cursor,
      end: cursor,
      highWatermark: cursor,
      last,
      leaderEpoch,
      silence: NO_SILENCE,
      openTransaction: null,
      found: false,
      hollow: false,
      failed: 0,
      failure: null,
      state: "reading",
      behind: false,
    };
  }

  /** Takes the next answer of a broker in. */
  async #readOn(tail: Tail): Promise<void> {
    const events = await tail.next(Math.max(1, Math.ceil(this.#deadlineMs() - this.#now())));
    if (this.#deps.signal.aborted || events.length === 0) return;
    const began = this.#now();
    // Lookups of several partitions go on side by side; without them nothing is waited for.
    await Promise.all(events.map((event) => this.#take(tail, event)));
    if (![...this.#swept.values()].some(({ behind }) => behind)) this.#behindSinceMs = Infinity;
    this.#busyMs += this.#now() - began;
    this.#deps.progress(() => this.#progress(null));
  }

  async #take(tail: Tail, event: TailEvent): Promise<void> {
    const it = this.#swept.get(event.partition);
    if (it === undefined || it.state !== "reading") return;
    if (event.kind === "read") {
      const before = it.fold.maxEventTime;
      this.#ends(it, event);
      // Lookups may take long: what waits for them is told before they begin.
      if (it.enriched !== null) this.#deps.progress(() => this.#progress(null));
      if (it.asked.role === "look") it.found ||= event.records.length > 0;
      else await this.#foldAll(it, event);
      this.#hear(it, event, it.fold.maxEventTime !== before);
    } else {
      it.silence = { ...it.silence, chain: null };
      if (event.kind === "stopped") this.#fail(it, event.error, "done");
    }
    if (it.state !== "reading") tail.drop(event.partition);
  }

  async #foldAll(it: Swept, event: TailRead): Promise<void> {
    if (event.from !== it.to) {
      const { partition } = it.asked;
      throw new Error(
        `Cannot fold ${partition}: it is at ${it.to}, got records from ${event.from}`,
      );
    }
    try {
      const stopped = await this.#foldRecords(it, event.records);
      if (stopped === undefined) {
        it.to = Math.max(it.to, event.next);
        it.leaderEpoch = event.leaderEpoch ?? it.leaderEpoch;
      } else {
        it.to = stopped;
        // The records behind it are gone from memory: the next sweep reads them again.
        this.#isLimited ||= this.#isFull();
        this.#wait(it);
        // Of the batches up to there none was written later than the last of them.
        if (it.leaderEpoch === null && it.to > it.asked.cursor) it.leaderEpoch = event.leaderEpoch;
      }
    } catch (error) {
      this.#deps.signal.throwIfAborted();
      if (!(error instanceof TidegateError) || error.code !== "TG_ENRICH_FAILED") throw error;
      this.#fail(it, error, "waiting");
    }
    await this.#reject(it, it.fold.takeRejects(), event.records);
    const { until } = it.asked;
    if (until !== null && it.to >= until && it.state === "reading") it.state = "done";
    it.behind = it.state === "reading" && !it.hollow && it.to < Math.min(until ?? it.end, it.end);
  }

  /** Folds records of one partition; answers where it stopped if that was before their end. */
  async #foldRecords(it: Swept, records: readonly LogRecord[]): Promise<number | undefined> {
    for (let first = 0; first < records.length;) {
      const group = nextGroup(records, first, this.#recordsLeft);
      const [record] = group;
      if (record === undefined || this.#endsHere()) return records[first]?.offset;
      if (this.#recordsLeft !== Infinity) {
        const at = { partition: it.asked.partition, offset: record.offset };
        this.#deps.progress(() => this.#progress(at));
      }
      if (this.#behindSinceMs === Infinity) this.#behindSinceMs = this.#now();
      const taken = this.#request.setAside
        ? await this.#setAside(it, record)
        : await this.#foldGroup(it, group);
      first += taken;
      this.#folded += taken;
      this.#recordsLeft -= taken;
      const last = group[taken - 1];
      if (last !== undefined) {
        it.to = last.offset + 1;
        it.last = { offset: last.offset, timestamp: last.timestampMs };
      }
      if (taken < group.length) return it.to;
    }
    return undefined;
  }

  /** Folds a group; answers how many of its records. */
  async #foldGroup(it: Swept, group: readonly LogRecord[]): Promise<number> {
    const values = group.map(({ value }) => value);
    const decoded = decodeBatch(values, this.#deps.nonce(), decodeText);
    const textOf = (index: number) => decodeText(values[index] ?? new Uint8Array()) ?? "";
    if (it.enriched === null) return it.fold.add(group, decoded, textOf);
    const stopped = await it.enriched.add(group, decoded, textOf);
    if (stopped === undefined) return group.length;
    return group.findIndex(({ offset }) => offset >= stopped);
  }

  async #setAside(it: Swept, record: LogRecord): Promise<number> {
    it.failed += 1;
    const reject: Reject = {
      offset: record.offset,
      kind: "failed",
      reason: "failed",
      path: "",
      message: "folding it has failed, or ended its process, again and again",
      bound: null,
      windows: [],
    };
    await this.#reject(it, [reject], [record]);
    return 1;
  }

  async #reject(
    it: Swept,
    rejects: readonly Reject[],
    records: readonly LogRecord[],
  ): Promise<void> {
    if (rejects.length === 0) return;
    const { topic, generation } = this.#request;
    const { partition } = it.asked;
    await this.#side.write({ topic, partition, generation }, rejects, records);
  }

  #fail(it: Swept, error: TidegateError, state: "done" | "waiting"): void {
    const { code } = error;
    const message = cutText(error.message, MAX_TEXT);
    it.failure = { code, message, offset: it.to, passing: state === "waiting" };
    if (state === "waiting") this.#wait(it);
    else it.state = state;
  }

  #wait(it: Swept): void {
    it.state = "waiting";
    this.#waitsSinceMs = Math.min(this.#waitsSinceMs, this.#now());
  }

  #trouble(partition: number, { code, message }: TidegateError): void {
    const it = this.#swept.get(partition);
    if (it === undefined || it.failure !== null) return;
    it.failure = { code, message: cutText(message, MAX_TEXT), offset: null, passing: true };
  }

  #ends(it: Swept, event: TailRead): void {
    it.end = event.end;
    it.highWatermark = event.highWatermark;
    const isKnown = event.end === it.asked.hollowTo && it.to === it.asked.cursor;
    it.hollow = event.hollow || (isKnown && event.records.length === 0);
    it.openTransaction = event.openTransaction;
  }

  #hear(it: Swept, event: TailRead, moved: boolean): void {
    const { sentMs: sentAtMs, waitMs, leader, end, highWatermark } = event;
    const all = it.to === event.next && !it.found;
    const caughtUp = all && end === highWatermark && (it.to === end || it.hollow);
    // Folding what came is part of the answer: silence begins after it.
    const answeredAtMs = event.records.length > 0 ? this.#now() : event.answeredMs;
    it.silence = heard(it.silence, {
      sentAtMs,
      answeredAtMs,
      waitMs,
      leader,
      clean: true,
      caughtUp,
      moved,
    });
  }

  /** What came after the end is not folded; it only tells of silence. */
  #hearLate(event: TailEvent): void {
    const it = this.#swept.get(event.partition);
    if (it === undefined) return;
    if (event.kind === "read" && event.records.length === 0 && event.from === it.to) {
      this.#ends(it, event);
      this.#hear(it, event, false);
    } else {
      it.silence = { ...it.silence, chain: null };
    }
  }

  /** Why the sweep is to answer; null while it is to go on. */
  #over(): SweepEnd | null {
    const { silentMs, boundary, paceMs, quietMs, sliceMs } = this.#request;
    const all = [...this.#swept.values()];
    const now = this.#now();
    if (this.#deps.stopping()) return "told";
    if (all.some(({ found }) => found)) return "record";
    if (this.#isLimited || this.#isFull()) return "limit";
    if (all.every(({ state }) => state === "done")) return "ends";
    const behind = all.some((it) => it.behind);
    if (behind && now >= this.#behindSinceMs + sliceMs) return "limit";
    if (!behind) {
      const own = this.#ownWatermark();
      if (boundary !== null && own !== null && own >= boundary) return "boundary";
      if (silentMs !== null && this.#silentMs() >= silentMs) return "silent";
      if (this.#folded > 0 && now >= this.#startedMs + paceMs) return "pace";
    }
    if (now >= this.#waitsSinceMs + WAIT_MS) return "pace";
    return now >= this.#startedMs + quietMs ? "quiet" : null;
  }

  /** When the sweep is to answer if nothing more comes. */
  #deadlineMs(): number {
    const { paceMs, quietMs, sliceMs } = this.#request;
    const behind = [...this.#swept.values()].some((it) => it.behind);
    return Math.min(
      this.#startedMs + quietMs,
      this.#waitsSinceMs + WAIT_MS,
      behind ? this.#behindSinceMs + sliceMs : Infinity,
      this.#folded > 0 && !behind ? this.#startedMs + paceMs : Infinity,
    );
  }

  #leftMs(): number {
    const { silentMs } = this.#request;
    const left = this.#deadlineMs() - this.#now();
    // Silence is confirmed by answers only, so that one must come about then.
    return silentMs === null ? left : Math.min(left, Math.max(30, silentMs - this.#silentMs()));
  }

  /** Whether no further record is folded: a process that is about to end has no time for more. */
  #endsHere(): boolean {
    return this.#deps.stopping() || this.#isFull();
  }

  /** Whether a limit is reached. */
  #isFull(): boolean {
    return this.#recordsLeft <= 0 || this.#cells.isFull ||
      this.#now() >= this.#behindSinceMs + this.#request.sliceMs;
  }

  /** The smallest watermark of the partitions that count; null if one of them has none. */
  #ownWatermark(): number | null {
    let smallest = Infinity;
    for (const { asked, fold } of this.#swept.values()) {
      const counts = asked.role === "fold" ||
        (asked.role === "join" && fold.firstEventTime !== null);
      if (!counts) continue;
      const own = (fold.maxEventTime ?? -Infinity) - this.#deps.plan.delayMs;
      smallest = Math.min(smallest, Math.max(own, asked.floor ?? -Infinity));
    }
    return Number.isFinite(smallest) ? smallest : null;
  }

  #isNear(): boolean {
    const { boundary } = this.#request;
    const own = this.#ownWatermark();
    return boundary !== null && own !== null && boundary - own <= NEAR_MS;
  }

  /** For how long all partitions that are read are known to be silent. */
  #silentMs(): number {
    const read = [...this.#swept.values()].filter(({ state }) => state === "reading");
    return read.length === 0 ? 0 : Math.min(...read.map(({ silence }) => silence.confirmedMs));
  }

  #progress(at: SweepProgress["at"]): SweepProgress {
    const partitions = [...this.#swept.values()]
      .map(({ asked: { partition }, to, end }) => ({ partition, to, end }));
    return {
      n: this.#request.n,
      folded: this.#folded,
      busyMs: Math.round(this.#busyMs),
      at,
      partitions,
    };
  }

  #result(why: SweepEnd, topicPartitions: number | null): SweepResult {
    const { codeHash, attempt, identity } = this.#deps;
    const windows = this.#cells.shared().map((
      { start, shard, cells, partitions },
    ): SweptWindow => ({
      start,
      shard,
      cells,
      bytes: jsonBytes(cells),
      spans: partitions.flatMap((partition) => {
        const it = this.#swept.get(partition);
        return it === undefined ? [] : [[partition, it.asked.cursor, it.to] as const];
      }),
    }));
    return {
      n: this.#request.n,
      codeHash,
      why,
      partitions: [...this.#swept.values()].map((it) => sweptOf(it, this.#now())),
      windows,
      ranMs: Math.round(this.#now() - this.#startedMs),
      busyMs: Math.round(this.#busyMs),
      attempt,
      worker: identity,
      topicPartitions,
    };
  }
}

function sweptOf(it: Swept, nowMs: number): SweptPartition {
  const { asked, fold, failed } = it;
  const counts = { ...fold.counts, read: fold.counts.read + failed, failed };
  return {
    partition: asked.partition,
    from: asked.cursor,
    to: it.to,
    end: it.end,
    highWatermark: it.highWatermark,
    maxEventTime: fold.maxEventTime,
    firstEventTime: fold.firstEventTime,
    counts,
    looked: lookedOf(it.silence, nowMs),
    found: it.found,
    hollow: it.hollow,
    openTransaction: it.openTransaction,
    leaderEpoch: it.leaderEpoch,
    last: it.last,
    failure: it.failure,
  };
}

function nextGroup(records: readonly LogRecord[], first: number, most: number): LogRecord[] {
  const group: LogRecord[] = [];
  let bytes = 0;
  const count = Math.min(GROUP_RECORDS, most);
  for (let i = first; i < records.length && group.length < count; i++) {
    const record = records[i];
    if (record === undefined) break;
    group.push(record);
    bytes += record.value?.length ?? 0;
    if (bytes >= GROUP_BYTES) break;
  }
  return group;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
