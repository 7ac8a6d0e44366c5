/**
 * Reading many partitions of a topic side by side: one loop of polls a broker, all of its partitions
 * in one request. What a broker answers for one partition holds up no other one, and a cursor moves
 * only past records or batches that were seen.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { errorText, TidegateError } from "../../core/errors.ts";
import {
  BrokerAnswer,
  fromAnswer,
  KafkaCode,
  offsetGone,
  topicMissing,
  unreachable,
} from "./errors.ts";
import type { LogRecord, OffsetRange } from "./log.ts";

import { BatchError } from "./record_batch.ts";
import type {
  LogTailer,
  Tail,
  TailAnswer,
  TailerOptions,
  TailEvent,
  TailPartition,
  TailRead,
  TailRequest,
  TailTopic,
  TailTransport,
  TailTrouble,
} from "./tail.ts";

const MAX_BYTES = 1024 * 1024;
/** A partition's share of an answer is at least so large, in bytes. */
const SHARE_BYTES = 64 * 1024;
const METADATA_MS = 5_000;
const HOLLOW_MS = 10_000;
/** The longest wait of one poll, in ms. */
const MAX_WAIT_MS = 5_000;
/** What is remembered of a partition is believed for so long, in ms. */
const REMEMBER_MS = 5_000;
/** A partition that answers nothing below its end is asked alone, so far apart, in ms. */
const APART_MS = 500;
/** A poll that is out for so long beyond its wait is one of a broker that hangs, in ms. */
const OVERDUE_MS = 1_000;
/** How long polls that are ended may take to notice it, in ms. */
const ABORT_MS = 200;
/** Pauses before a partition is tried again, in ms; the last one is repeated. */
const PAUSES_MS = [20, 50, 100, 200, 400, 800, 1_500] as const;

/** Makes a tailer over a transport. */
export function createTailer(transport: TailTransport, options: TailerOptions = {}): LogTailer {
  const memory = {
    known: new Map<string, Known>(),
    open: new Map<string, { readonly offset: number; readonly sinceMs: number }>(),
    throttledUntilMs: new Map<string, number>(),
    now: options.now ?? (() => performance.now()),
    hollowMs: options.hollowMs ?? HOLLOW_MS,
  };
  return {
    follow: (request) => new RunningTail(transport, memory, request),
    close: () => transport.close(),
  };
}

/** What is remembered of a partition between two readings. */
interface Known {
  /** The cursor after its last answer. */
  readonly cursor: number;
  /** The epoch of the leader that gave it. */
  readonly leaderEpoch: number | undefined;
  /** When that was. */
  readonly atMs: number;
  /** Since when answers below the end are empty; null if they aren't. */
  readonly emptySinceMs: number | null;
}

interface Memory {
  readonly known: Map<string, Known>;
  /** Open transactions by partition. */
  readonly open: Map<string, { readonly offset: number; readonly sinceMs: number }>;
  readonly throttledUntilMs: Map<string, number>;
  readonly now: () => number;
  readonly hollowMs: number;
}

/** A partition while it is read. */
interface Followed {
  readonly partition: number;
  readonly until: number | null;
  cursor: number;
  last: TailPartition["last"];
  /** The epoch of the last record read. */
  leaderEpoch: number | null;
  leader: string | null;
  /** The leader's epoch by the metadata. */
  epoch: number | undefined;
  /** Whether the log before the cursor was seen to be the one that was read. */
  checked: boolean;
  /** The number of the poll that last brought records. */
  served: number;
  /** How often it failed in a row. */
  failures: number;
  /** When it may be tried again. */
  retryAtMs: number;
  /** Since when answers below the end are empty, and how many there were. */
  emptySinceMs: number | null;
  empties: number;
  /** When it is asked alone next; null while it is asked with the others. */
  aloneAtMs: number | null;
  /** Bytes that its next batch takes, where an answer was too small for it. */
  wantBytes: number;
  trouble: TidegateError | null;
  answered: boolean;
  /** Whether it is polled beside the others of its broker at the moment. */
  aside: boolean;
}

/** A poll that is out. */
interface Out {
  readonly leader: string;
  readonly sentMs: number;
  readonly waitMs: number;
  readonly partitions: ReadonlySet<number>;
}

class RunningTail implements Tail {
  readonly #transport: TailTransport;
  readonly #memory: Memory;
  readonly #request: TailRequest;
  readonly #what: string;
  readonly #followed = new Map<number, Followed>();
  readonly #loops = new Map<string, Promise<void>>();
  readonly #out = new Set<Out>();
  readonly #queue: { readonly leader: string; readonly events: readonly TailEvent[] }[] = [];
  readonly #late: TailEvent[] = [];
  /** Ends pauses; the polls that are out go on. */
  readonly #ending = new AbortController();
  /** Ends polls. */
  readonly #aborting = new AbortController();
  readonly #startedMs: number;
  #wake = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();
  #placing: Promise<void> | null = null;
  #topic: TailTopic | null = null;
  /** Whether the topic is to be asked about anew before the next poll. */
  #stale = false;
  #polls = 0;

  constructor(transport: TailTransport, memory: Memory, request: TailRequest) {
    this.#transport = transport;
    this.#memory = memory;
    this.#request = request;
    this.#what = `read ${request.topic}`;
    this.#startedMs = memory.now();
    for (const it of request.partitions) this.#followed.set(it.partition, this.#begin(it));
    this.#place();
  }

  get topicPartitions(): number | null {
    return this.#topic?.partitions.length ?? null;
  }

  get topicId(): string | null {
    return this.#topic?.topicId ?? null;
  }

  async next(waitMs: number): Promise<readonly TailEvent[]> {
    if (this.#queue.length === 0 && waitMs > 0) await atMost(waitMs, this.#wake.promise);
    const found = this.#queue.shift();
    if (found === undefined) return [];
    this.#taken.resolve();
    this.#taken = Promise.withResolvers();
    return found.events;
  }

  drop(partition: number): void {
    this.#followed.delete(partition);
  }

  troubles(): ReadonlyMap<number, TidegateError> {
    const now = this.#memory.now();
    const found = new Map<number, TidegateError>();
    for (const it of this.#followed.values()) {
      if (it.trouble !== null) found.set(it.partition, it.trouble);
      else if (!it.answered && it.leader === null && now - this.#startedMs > OVERDUE_MS) {
        found.set(it.partition, unreachable(this.#what, "in charge", "no answer"));
      }
    }
    for (const { leader, sentMs, waitMs, partitions } of this.#out) {
      const overdueMs = now - sentMs - waitMs;
      if (overdueMs < OVERDUE_MS) continue;
      const error = unreachable(this.#what, leader, `nothing in ${Math.round(now - sentMs)} ms`);
      for (const it of partitions) if (this.#followed.has(it)) found.set(it, error);
    }
    return found;
  }

  async end(graceMs: number): Promise<readonly TailEvent[]> {
    this.#ending.abort();
    this.#taken.resolve();
    const running = Promise.allSettled([...this.#loops.values(), this.#placing]);
    await atMost(graceMs, running);
    this.#aborting.abort(new Error("the reading has ended"));
    await atMost(ABORT_MS, Promise.allSettled(this.#loops.values()));
    return [...this.#queue.splice(0).flatMap(({ events }) => events), ...this.#late];
  }

  #begin(it: TailPartition): Followed {
    const now = this.#memory.now();
    const known = this.#memory.known.get(this.#key(it.partition));
    const fresh = known !== undefined && known.cursor === it.cursor;
    const recent = fresh && now - known.atMs < REMEMBER_MS;
    return {
      partition: it.partition,
      until: it.until,
      cursor: it.cursor,
      last: it.last,
      leaderEpoch: it.leaderEpoch,
      leader: null,
      epoch: recent ? known.leaderEpoch : undefined,
      checked: recent,
      served: -1,
      failures: 0,
      retryAtMs: now,
      emptySinceMs: fresh ? known.emptySinceMs : null,
      empties: 0,
      aloneAtMs: fresh && known.emptySinceMs !== null ? now : null,
      wantBytes: 0,
      trouble: null,
      answered: false,
      aside: false,
    };
  }

  #key(partition: number): string {
    return `${this.#request.topic}/${partition}`;
  }

  get #ended(): boolean {
    return this.#ending.signal.aborted;
  }

  async #pause(ms: number): Promise<void> {
    await sleep(Math.max(0, ms), undefined, { signal: this.#ending.signal }).catch(() => undefined);
  }

  /** Finds leaders for the partitions that have none, for as long as there are any. */
  #place(): void {
    if (this.#placing !== null || this.#ended || this.#homeless().length === 0) return;
    this.#placing = this.#placeAll();
  }

  #homeless(): Followed[] {
    return [...this.#followed.values()].filter(({ leader }) => leader === null);
  }

  async #placeAll(): Promise<void> {
    let maxAgeMs = this.#request.metadataMs ?? METADATA_MS;
    while (!this.#ended) {
      const homeless = this.#homeless();
      if (homeless.length === 0) {
        // In the same tick as the look: whoever loses its leader next begins anew.
        this.#placing = null;
        return;
      }
      const dueMs = Math.min(...homeless.map(({ retryAtMs }) => retryAtMs));
      await this.#pause(dueMs - this.#memory.now());
      if (this.#ended) return;
      if (homeless.some(({ failures }) => failures > 0)) maxAgeMs = 0;
      const due = homeless.filter(({ retryAtMs }) => retryAtMs <= this.#memory.now());
      try {
        this.#learn(await this.#transport.topic(this.#request.topic, maxAgeMs), due);
      } catch (error) {
        this.#push("", due.flatMap((it) => this.#fail(it, error)));
      }
      maxAgeMs = 0;
    }
  }

  /** Gives leaders to partitions by what a broker has said of the topic. */
  #learn(topic: TailTopic | null, due: readonly Followed[]): void {
    const { topic: name, topicId } = this.#request;
    this.#topic = topic ?? this.#topic;
    const events: TailEvent[] = [];
    const led = new Map<string, Followed[]>();
    for (const it of due) {
      if (!this.#followed.has(it.partition)) continue;
      if (topic === null || !topic.partitions.includes(it.partition)) {
        const missing = topicMissing(this.#what, name, topic === null ? undefined : it.partition);
        // What a broker does not know yet it may know in a moment.
        const passes = it.failures < PAUSES_MS.length;
        events.push(...(passes ? this.#fail(it, missing) : this.#stop(it, missing)));
      } else if (topicId !== null && topic.topicId !== null && topic.topicId !== topicId) {
        events.push(...this.#stop(it, recreated(name, it.partition)));
      } else {
        const leader = topic.leaders.get(it.partition);
        if (leader === undefined) {
          events.push(...this.#fail(it, new BrokerAnswer(KafkaCode.LEADER_NOT_AVAILABLE)));
          continue;
        }
        const epoch = topic.epochs.get(it.partition);
        if (it.checked && it.epoch !== epoch) it.checked = false;
        it.epoch = epoch;
        it.leader = leader;
        led.set(leader, [...led.get(leader) ?? [], it]);
      }
    }
    for (const [leader, placed] of led) {
      if (!this.#loops.has(leader)) this.#start(leader);
      else if ([...this.#out].some((it) => it.leader === leader)) {
        void this.#pollAside(leader, placed);
      }
    }
    this.#push("", events);
  }

  #start(leader: string): void {
    const running = this.#run(leader).catch((error: unknown) => {
      this.#loops.delete(leader);
      const led = [...this.#followed.values()].filter((it) => it.leader === leader);
      this.#push(leader, led.flatMap((it) => this.#fail(it, error)));
      this.#place();
    });
    this.#loops.set(leader, running);
  }

  /** Polls partitions that have come to a broker whose poll is out: it may wait for long. */
  async #pollAside(leader: string, placed: readonly Followed[]): Promise<void> {
    for (const it of placed) it.aside = true;
    const { events } = await this.#poll(leader, placed, 0);
    for (const it of placed) it.aside = false;
    this.#push(leader, events);
    this.#place();
  }

  /** The polls of one broker, for as long as it leads partitions that are read. */
  async #run(leader: string): Promise<void> {
    let sentMs = -Infinity;
    let backlog = true;
    while (!this.#ended) {
      const led = [...this.#followed.values()].filter((it) => it.leader === leader);
      if (led.length === 0) {
        this.#loops.delete(leader);
        return;
      }
      const throttledMs = (this.#memory.throttledUntilMs.get(leader) ?? 0) - this.#memory.now();
      if (throttledMs > 0) await this.#pause(throttledMs);
      if (!backlog) {
        await this.#untilTaken(leader);
        await this.#pause(sentMs + this.#request.spacingMs() - this.#memory.now());
      }
      if (this.#ended) return;
      await this.#refresh();
      sentMs = this.#memory.now();
      const { alone, together } = this.#choose(led);
      const events: TailEvent[] = [];
      for (const it of alone) events.push(...(await this.#poll(leader, [it], 0)).events);
      // Those that are asked alone again soon, or that are on their way here, do not wait for long.
      const mostMs = together.length < led.length ? APART_MS : MAX_WAIT_MS;
      const polled = await this.#poll(leader, together, mostMs);
      events.push(...polled.events);
      backlog = polled.backlog;
      if (alone.length + together.length === 0) {
        const soonestMs = Math.min(
          ...led.map((it) => it.aloneAtMs ?? this.#memory.now() + APART_MS),
        );
        await this.#pause(Math.min(APART_MS, soonestMs - this.#memory.now()));
      }
      await this.#untilTaken(leader);
      this.#push(leader, events);
      this.#place();
    }
  }

  /** Those that are asked alone now, and those that are asked together: the hungriest first. */
  #choose(led: readonly Followed[]): { alone: Followed[]; together: Followed[] } {
    const now = this.#memory.now();
    const alone = led.filter((it) => !it.aside && it.aloneAtMs !== null && it.aloneAtMs <= now);
    const together = led.filter((it) => !it.aside && it.aloneAtMs === null)
      .sort((a, b) => a.served - b.served || a.partition - b.partition);
    return { alone, together };
  }

  async #poll(
    leader: string,
    asked: readonly Followed[],
    mostMs: number,
  ): Promise<{ events: readonly TailEvent[]; backlog: boolean }> {
    const state = this.#topic;
    const polled = asked.filter((it) => this.#followed.has(it.partition) && it.leader === leader);
    if (polled.length === 0 || state === null || this.#ended) return { events: [], backlog: false };
    const now = this.#memory.now;
    const { topic, leftMs, maxBytes = MAX_BYTES } = this.#request;
    const waitMs = Math.floor(Math.max(0, Math.min(mostMs, leftMs() / 3)));
    const stopped: TailEvent[] = [];
    const unchecked = polled.filter(({ checked }) => !checked);
    const found = await Promise.all(unchecked.map((it) => this.#checkEpoch(leader, it)));
    stopped.push(...found.flat());
    const parts = polled.filter((it) => this.#followed.has(it.partition) && it.leader === leader);
    const froms = new Map(parts.map((it) => [it.partition, startOf(it)]));
    const wantBytes = Math.max(0, ...parts.map((it) => it.wantBytes));
    // A share each, so that none runs ahead of the others in event time.
    const share = Math.max(Math.ceil(maxBytes / parts.length), Math.min(maxBytes, SHARE_BYTES));
    const sentMs = now();
    this.#polls += 1;
    const out: Out = { leader, sentMs, waitMs, partitions: new Set(froms.keys()) };
    this.#out.add(out);
    try {
      const answer = await this.#transport.poll(leader, {
        topic,
        state,
        partitions: parts.map(({ partition }) => ({ partition, from: froms.get(partition) ?? 0 })),
        maxBytes: Math.max(maxBytes, wantBytes),
        partitionBytes: Math.max(share, wantBytes),
        waitMs,
        signal: this.#aborting.signal,
      });
      const answeredMs = now();
      if (answer.throttleMs > 0) {
        this.#memory.throttledUntilMs.set(leader, answeredMs + answer.throttleMs);
      }
      const poll = { leader, sentMs, answeredMs, waitMs, answer, parts };
      const events: TailEvent[] = [];
      for (const it of parts) events.push(...await this.#take(it, poll));
      // Only records that came make it a backlog: no offset is asked for twice without a pause.
      const moved = events.some((it) => it.kind === "read" && it.next > it.from);
      const more = events.some((it) => it.kind === "read" && it.next < it.end);
      return { events: [...stopped, ...events], backlog: moved && more };
    } catch (error) {
      if (this.#aborting.signal.aborted) return { events: stopped, backlog: false };
      return {
        events: [...stopped, ...parts.flatMap((it) => this.#fail(it, error))],
        backlog: false,
      };
    } finally {
      this.#out.delete(out);
    }
  }

  async #take(it: Followed, poll: {
    readonly leader: string;
    readonly sentMs: number;
    readonly answeredMs: number;
    readonly waitMs: number;
    readonly answer: TailAnswer;
    readonly parts: readonly Followed[];
  }): Promise<readonly TailEvent[]> {
    if (!this.#followed.has(it.partition)) return [];
    const { answer, leader, sentMs, answeredMs, waitMs, parts } = poll;
    const part = answer.parts.get(it.partition);
    if (part === undefined) {
      if (answer.throttleMs > 0) return [this.#throttled(it, leader, answer.throttleMs)];
      return this.#fail(
        it,
        unreachable(this.#what, leader, `nothing of partition ${it.partition}`),
      );
    }
    if (part.error instanceof BrokerAnswer) {
      return part.error.code === KafkaCode.OFFSET_OUT_OF_RANGE
        ? await this.#outOfRange(it)
        : this.#fail(it, part.error);
    }
    if (part.error !== null) {
      // Bytes may have been damaged on the way: fetched once more, they tell.
      const error = damaged(this.#what, it, part.error);
      return it.trouble?.code === error.code ? this.#stop(it, error) : this.#fail(it, error);
    }
    if (it.cursor < part.start) {
      return this.#stop(it, offsetGone(this.#of(it), it.cursor, part));
    }
    if (!it.checked) {
      const other = this.#otherLog(it, part.records);
      if (other !== null) return this.#stop(it, other);
      it.checked = true;
    }
    const from = it.cursor;
    const stopAt = it.until ?? Infinity;
    const records = between(part.records, from, stopAt);
    it.cursor = Math.max(from, Math.min(part.next, stopAt));
    it.wantBytes = part.cutOff;
    it.failures = 0;
    it.trouble = null;
    it.answered = true;
    const last = records.at(-1);
    if (last !== undefined) it.last = { offset: last.offset, timestamp: last.timestampMs };
    if (it.cursor > from) {
      it.leaderEpoch = part.leaderEpoch ?? it.leaderEpoch;
      it.served = this.#polls;
    }
    // The first partition of a request always gets a batch if it has one (KIP-74).
    const total = [...answer.parts.values()]
      .reduce((sum, one) => sum + (one.error === null ? one.bytes : 0), 0);
    const starved = total > 0 && parts[0] !== it;
    if (it.cursor > from || it.cursor >= Math.min(part.end, stopAt)) this.#filled(it);
    else if (!starved && part.cutOff === 0) this.#emptyBelowEnd(it, answeredMs);
    this.#memory.known.set(this.#key(it.partition), {
      cursor: it.cursor,
      leaderEpoch: it.epoch,
      atMs: answeredMs,
      emptySinceMs: it.emptySinceMs,
    });
    if (it.cursor >= stopAt) this.#followed.delete(it.partition);
    const hollow = it.emptySinceMs !== null && it.aloneAtMs !== null &&
      answeredMs - it.emptySinceMs >= this.#memory.hollowMs;
    return [{
      kind: "read",
      partition: it.partition,
      leader,
      sentMs,
      answeredMs,
      waitMs,
      from,
      records,
      next: it.cursor,
      end: part.end,
      highWatermark: part.highWatermark,
      leaderEpoch: it.cursor > from ? it.leaderEpoch : null,
      openTransaction: this.#openTransaction(it, part.end, part.highWatermark, answeredMs),
      hollow,
    }];
  }

  #openTransaction(
    it: Followed,
    end: number,
    highWatermark: number,
    nowMs: number,
  ): TailRead["openTransaction"] {
    const { open } = this.#memory;
    const key = this.#key(it.partition);
    if (end >= highWatermark) {
      open.delete(key);
      return null;
    }
    const known = open.get(key);
    const { sinceMs } = known?.offset === end ? known : { sinceMs: nowMs };
    open.set(key, { offset: end, sinceMs });
    return { offset: end, forMs: nowMs - sinceMs };
  }

  #filled(it: Followed): void {
    it.emptySinceMs = null;
    it.empties = 0;
    it.aloneAtMs = null;
  }

  /** Twice nothing although there is something: asked alone from now on, over fresh metadata. */
  #emptyBelowEnd(it: Followed, nowMs: number): void {
    it.emptySinceMs ??= nowMs;
    it.empties += 1;
    if (it.aloneAtMs === null && it.empties < 2) return;
    this.#stale ||= it.aloneAtMs === null;
    it.aloneAtMs = nowMs + APART_MS;
  }

  /** Whether the log before the cursor is the one that was read, by the epochs of its leaders. */
  async #checkEpoch(leader: string, it: Followed): Promise<readonly TailEvent[]> {
    const { topic } = this.#request;
    if (it.leaderEpoch === null || it.epoch === undefined || it.epoch === it.leaderEpoch) return [];
    // Epochs of one partition only grow.
    if (it.epoch < it.leaderEpoch) return this.#stop(it, recreated(topic, it.partition));
    try {
      const end = await this.#transport.epochEnd(leader, topic, it.partition, it.leaderEpoch);
      if (end === null || end >= it.cursor) return [];
      return this.#stop(it, diverged(this.#of(it), it.cursor, `ends at ${end}`));
    } catch (error) {
      // A broker without this question leaves the records to tell.
      if (error instanceof TidegateError && error.code === "TG_CONFIG") return [];
      return this.#fail(it, error);
    }
  }

  /** Another record where the last one was read means another log; a missing one does not. */
  #otherLog(it: Followed, records: readonly LogRecord[]): TidegateError | null {
    const { last } = it;
    if (last === null) return null;
    const found = records.find(({ offset }) => offset >= last.offset);
    if (found === undefined || found.offset !== last.offset) return null;
    if (found.timestampMs === last.timestamp) return null;
    // Records that were cut off leave a new epoch behind, and a topic made anew begins with one.
    const newer = it.epoch !== undefined && it.leaderEpoch !== null && it.epoch > it.leaderEpoch;
    return newer
      ? diverged(this.#of(it), it.cursor, `has another record at ${last.offset}`)
      : recreated(this.#request.topic, it.partition);
  }

  async #outOfRange(it: Followed): Promise<readonly TailEvent[]> {
    let range: OffsetRange;
    try {
      range = await this.#transport.offsets(this.#request.topic, it.partition);
    } catch (error) {
      return this.#fail(it, error);
    }
    if (startOf(it) < it.cursor && it.cursor >= range.start && it.cursor <= range.end) {
      // The last record read is deleted by now, and nothing was asked of the cursor yet.
      it.checked = true;
      return [];
    }
    const gone = offsetGone(this.#of(it), it.cursor, range, it.cursor > range.end);
    if (it.cursor < range.start) return this.#stop(it, gone);
    // A new leader may not know yet how far the log goes.
    if (it.failures < PAUSES_MS.length) return this.#fail(it, gone);
    const older = it.epoch === undefined || it.leaderEpoch === null || it.epoch <= it.leaderEpoch;
    return this.#stop(
      it,
      older
        ? recreated(this.#request.topic, it.partition)
        : diverged(this.#of(it), it.cursor, `ends at ${range.end}`),
    );
  }

  #throttled(it: Followed, leader: string, ms: number): TailTrouble {
    const got = `a pause of ${ms} ms because of a quota`;
    return {
      kind: "throttled",
      partition: it.partition,
      error: unreachable(this.#of(it), leader, got),
    };
  }

  /** It passes: asked again after a pause, over fresh metadata. */
  #fail(it: Followed, thrown: unknown): readonly TailEvent[] {
    if (!this.#followed.has(it.partition)) return [];
    const error = this.#errorOf(it, thrown);
    const pauseMs = PAUSES_MS[Math.min(it.failures, PAUSES_MS.length - 1)] ?? 0;
    it.failures += 1;
    it.retryAtMs = this.#memory.now() + pauseMs;
    it.leader = null;
    it.trouble = error;
    it.checked = false;
    this.#memory.known.delete(this.#key(it.partition));
    return [{ kind: "passing", partition: it.partition, error }];
  }

  #stop(it: Followed, error: TidegateError): readonly TailEvent[] {
    this.#followed.delete(it.partition);
    this.#memory.known.delete(this.#key(it.partition));
    return [{ kind: "stopped", partition: it.partition, error }];
  }

  #errorOf(it: Followed, thrown: unknown): TidegateError {
    if (thrown instanceof TidegateError) return thrown;
    if (thrown instanceof BrokerAnswer) return fromAnswer(thrown, this.#of(it));
    return unreachable(this.#of(it), it.leader ?? "in charge", errorText(thrown), thrown);
  }

  #of(it: { readonly partition: number }): string {
    return `${this.#what}/${it.partition}`;
  }

  /** Keeps what is known of the topic young: partitions may have been added. */
  async #refresh(): Promise<void> {
    const { topic, metadataMs = METADATA_MS } = this.#request;
    try {
      const maxAgeMs = this.#stale ? 0 : metadataMs;
      this.#stale = false;
      this.#topic = await this.#transport.topic(topic, maxAgeMs) ?? this.#topic;
    } catch {
      // Whoever leads the partitions tells what is wrong.
    }
  }

  /** Whether what this broker answered before has been taken. */
  async #untilTaken(leader: string): Promise<void> {
    while (!this.#ended && this.#queue.some((it) => it.leader === leader)) {
      await this.#taken.promise;
    }
  }

  #push(leader: string, events: readonly TailEvent[]): void {
    if (events.length === 0) return;
    if (this.#ended) this.#late.push(...events);
    else this.#queue.push({ leader, events });
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

/** Waits for something, but not longer than some ms. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const timer = sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([work, timer]);
  over.abort();
}

/** Where the next poll of a partition begins: at the last record read, until that is checked. */
function startOf({ checked, last, cursor }: Followed): number {
  return checked || last === null ? cursor : Math.min(last.offset, cursor);
}

function between(
  records: readonly LogRecord[],
  from: number,
  until: number,
): readonly LogRecord[] {
  const first = records[0];
  const last = records.at(-1);
  if (first === undefined || last === undefined) return records;
  if (first.offset >= from && last.offset < until) return records;
  return records.filter(({ offset }) => offset >= from && offset < until);
}

function recreated(topic: string, partition: number): TidegateError {
  return new TidegateError(
    "TG_TOPIC_RECREATED",
    `Topic ${topic} was deleted and made again: partition ${partition} can't go on`,
    { next: "Begin a new generation: deno task start --new-generation." },
  );
}

function diverged(what: string, cursor: number, how: string): TidegateError {
  return new TidegateError(
    "TG_LOG_DIVERGED",
    `Cannot ${what}: the log must hold what was read up to ${cursor}, but it ${how}`,
    {
      next:
        "A leader has lost records that were read. Go on at an offset with resume, or begin a " +
        "new generation.",
    },
  );
}

function damaged(what: string, it: Followed, cause: BatchError): TidegateError {
  return new TidegateError(
    "TG_LOG_DAMAGED",
    `Cannot ${what}/${it.partition} at offset ${it.cursor}: ${cause.message}`,
    { cause, next: "Repair the partition on the broker, or go on behind it with resume." },
  );
}
