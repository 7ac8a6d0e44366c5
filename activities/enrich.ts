/**
 * Lookups of a sweep: some at a time, folded in the order of offsets whenever their answers come.
 *
 * @module
 */

import { errorText } from "../core/errors.ts";
import type { Decoded } from "../core/fold/decode.ts";
import { TidegateError } from "../core/errors.ts";
import {
  checkAdded,
  type CheckedRecord,
  type CheckResult,
  type FoldEvent,
  type FoldRecord,
  type SliceFold,
} from "../core/fold/fold.ts";
import type { EnrichContext, EventEnrichment } from "../definition/enrichment.ts";
import { cutText } from "../core/text.ts";

/** How many records may be begun before the first of them is folded: limits are looked at then. */
const MAX_AHEAD = 1_000;
/** No message of a lookup may fill the invalid topic or a history; in characters. */
const MAX_TEXT = 200;

/** What the lookups of a partition need. */
export interface LookupDeps {
  /** The pipeline's enrichment. */
  readonly enrichment: EventEnrichment;
  /** The partition. */
  readonly partition: number;
  /** Whether the sweep is full or its time over: no further record is begun then. */
  readonly over: () => boolean;
  /** Whether the process is about to end: no further try is made then. */
  readonly stopping: () => boolean;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
  /**
   * Lets so many lookups be under way at once, where several folds share them.
   * @default {undefined}
   */
  readonly turns?: Turns;
}

/** So many may be at work at once; the others wait in their order. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** All turns are free. */
  constructor(count: number) {
    this.#free = count;
  }

  /** Does something in a turn of its own. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/** A record with an event. */
type EventRecord = Extract<CheckedRecord, { readonly event: FoldEvent }>;

/** Why a lookup gave nothing. */
interface Failure {
  readonly path: string;
  readonly message: string;
  /** How many tries there were. */
  readonly tries: number;
  /** What was thrown, if anything was. */
  readonly cause?: unknown;
}

/** What the lookup of a record came to. */
type Answer =
  /** The record can be folded: with these fields, or as an invalid one. */
  | { readonly kind: "fold"; readonly added: CheckResult }
  /** The record must wait. */
  | { readonly kind: "wait"; readonly failure: Failure };

const NOTHING_ADDED: Answer = { kind: "fold", added: { ok: true, event: {} } };

/** The fold of one partition in a sweep of a pipeline with an enrichment. */
export class EnrichedFold {
  readonly #fold: SliceFold;
  readonly #deps: LookupDeps;
  /** Whether a record was begun: a sweep takes at least one, however late it is. */
  #begun = false;
  /** Whether a record was folded. */
  #folded = false;

  /**
   * Begins without lookups.
   *
   * @param fold Where events are folded.
   * @param deps What lookups need.
   */
  constructor(fold: SliceFold, deps: LookupDeps) {
    this.#fold = fold;
    this.#deps = deps;
  }

  /**
   * Looks the next records up and folds them in their order. Once the sweep is over, no lookup is
   * begun any more; those that are under way are waited for and folded.
   *
   * @param records The records.
   * @param decoded Their decoded values, one each.
   * @param sourceText Gives the JSON text of the record at an index.
   * @returns The offset of the first record that was not folded; undefined if all were.
   * @throws {TidegateError} `TG_ENRICH_FAILED` (retryable) if the lookup of its first record
   * failed, and the record must wait.
   */
  async add(
    records: readonly FoldRecord[],
    decoded: readonly Decoded[],
    sourceText: (index: number) => string,
  ): Promise<number | undefined> {
    const { enrichment: { concurrency }, over, signal } = this.#deps;
    const unwanted = new AbortController();
    const ended = AbortSignal.any([signal, unwanted.signal]);
    const queue: { readonly checked: CheckedRecord; readonly answer: Answer | Promise<Answer> }[] =
      [];
    let next = 0;
    let running = 0;
    let failed = false;
    const beginMore = () => {
      while (running < concurrency && queue.length < MAX_AHEAD && !failed) {
        const index = next;
        const record = records[index];
        const value = decoded[index];
        if (record === undefined || value === undefined || (this.#begun && over())) return;
        next += 1;
        this.#begun = true;
        const checked = this.#fold.check(record, value, () => sourceText(index));
        if (checked.event === null) {
          queue.push({ checked, answer: NOTHING_ADDED });
          continue;
        }
        running += 1;
        const lookUp = () => this.#lookUp(checked, ended);
        const asked = this.#deps.turns?.take(lookUp) ?? lookUp();
        const answer = asked.then((answer) => {
          running -= 1;
          failed ||= answer.kind === "wait";
          beginMore();
          return answer;
        });
        // Whether it is still asked for depends on those before it.
        answer.catch(() => undefined);
        queue.push({ checked, answer });
      }
    };
    try {
      beginMore();
      for (let head = queue.shift(); head !== undefined; head = queue.shift()) {
        const answer = await head.answer;
        const { checked } = head;
        if (answer.kind === "wait") {
          if (this.#folded) return checked.record.offset;
          throw this.#failureOf(checked.record, answer.failure);
        }
        this.#fold.addChecked(checked, answer.added);
        this.#folded = true;
        beginMore();
      }
    } finally {
      unwanted.abort(new Error("the sweep has ended"));
    }
    return records[next]?.offset;
  }

  /** Tries until there is an answer, or there may be no further try. */
  async #lookUp({ event, record }: EventRecord, signal: AbortSignal): Promise<Answer> {
    const { enrichment, partition, stopping } = this.#deps;
    const { adds, pausesMs, onFailure } = enrichment;
    for (let attempt = 1;; attempt++) {
      let failure: Failure;
      try {
        const context = { attempt, partition, offset: record.offset };
        const added = checkAdded(adds, await tryOnce(enrichment, { ...event }, context, signal));
        if (added.ok) return { kind: "fold", added };
        const { path, message } = added;
        failure = {
          path,
          message: cutText(`what was added: ${message}`, MAX_TEXT),
          tries: attempt,
        };
      } catch (cause) {
        signal.throwIfAborted();
        failure = { path: "", message: cutText(errorText(cause), MAX_TEXT), tries: attempt, cause };
      }
      const pauseMs = pausesMs[attempt - 1];
      if (pauseMs === undefined && onFailure === "invalid") {
        const { path, message } = failure;
        return { kind: "fold", added: { ok: false, path, message } };
      }
      if (pauseMs === undefined || stopping()) return { kind: "wait", failure };
      await pause(pauseMs, signal);
      if (stopping()) return { kind: "wait", failure };
    }
  }

  #failureOf({ offset }: FoldRecord, { path, message, tries, cause }: Failure): TidegateError {
    const where = `partition ${this.#deps.partition}, offset ${offset}`;
    const times = tries === 1 ? "once" : `${tries} times`;
    const what = path === "" ? message : `${path}: ${message}`;
    const said = cause instanceof TidegateError ? cause.next : "";
    return new TidegateError(
      "TG_ENRICH_FAILED",
      `Cannot enrich the event at ${where}: the lookup failed (tried ${times}): ${what}`,
      {
        next: said === "" ? "It is tried again until it succeeds." : said,
        retryable: true,
        cause,
      },
    );
  }
}

/** One try, which ends in time and on the signal even if the lookup heeds neither. */
async function tryOnce(
  { enrich, timeoutMs }: EventEnrichment,
  event: FoldEvent,
  context: Omit<EnrichContext, "signal">,
  signal: AbortSignal,
): Promise<unknown> {
  signal.throwIfAborted();
  const own = new AbortController();
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const end = (reason: unknown) => {
    reject(reason);
    own.abort(reason);
  };
  const abort = () => end(signal.reason);
  const timer = setTimeout(() => end(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  signal.addEventListener("abort", abort, { once: true });
  try {
    const asked = (async () => await enrich(event, { ...context, signal: own.signal }))();
    return await Promise.race([asked, expired]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(signal.reason);
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", abort, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  });
}
