/**
 * Asks the pipeline's workflows and the broker how things stand: only while somebody wants to know,
 * and the less often the longer the answers take.
 *
 * @module
 */

import type { LogReader } from "../../adapters/kafka/log.ts";
import type { PipelineClient } from "../../adapters/temporal/pipeline_client.ts";
import { errorText } from "../../core/errors.ts";
import type { ClockView, DrainView, SupervisorView, WindowView } from "../../workflows/messages.ts";
import type { ServerView } from "./state.ts";

/** While something happens, polls are at least this far apart, in ms. */
const BUSY_MS = 1_000;
/** While nothing does, in ms. */
const QUIET_MS = 10_000;
/** After a poll that failed, in ms. */
const FAILED_MS = 3_000;
/** Polls take at most this share of the time. */
const SHARE = 0.1;
/** The windows are asked at most this often, in ms; each is a call of its own. */
const WINDOWS_MS = 2_000;
/** Open windows are not asked if there are more. */
const MOST_WINDOWS = 200;
/** Calls at a time. */
const AT_A_TIME = 8;
/** A call that takes longer counts as failed, in ms. */
const CALL_MS = 5_000;

/** What is asked. */
export interface PollSource {
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The pipeline's workflows. */
  readonly workflows: Pick<
    PipelineClient,
    "clock" | "drain" | "supervisor" | "window" | "windowId"
  >;
  /** The log. */
  readonly reader: Pick<LogReader, "ends">;
  /** The source topic. */
  readonly topic: string;
}

/** What a poll found. */
export interface Poll {
  /** When it ended. */
  readonly atMs: number;
  /** The drains. */
  readonly drains: readonly DrainView[];
  /** The clock. */
  readonly clock: ClockView;
  /** The supervisor. */
  readonly supervisor: SupervisorView;
  /** The open windows; null if there were too many to ask, or they were not asked this time. */
  readonly windows: readonly WindowView[] | null;
}

/** How a server was found. */
export interface ServerFound extends ServerView {
  /** Why it does not answer; null if it does. */
  readonly problem: string | null;
}

/** Polls the pipeline. */
export class Poller {
  /** The last poll; null before the first. */
  last: Poll | null = null;
  /** How Temporal answers. */
  temporal: ServerFound;
  /** How the broker answers. */
  broker: ServerFound;
  /** Ends of the partitions as last read. */
  ends: ReadonlyMap<number, number> = new Map();
  /** How many polls of Temporal have failed. */
  temporalErrors = 0;
  /** How many polls of the broker have failed. */
  brokerErrors = 0;

  readonly #now: () => number;
  readonly #source: PollSource;
  #underWay: Promise<void> | null = null;
  #endsUnderWay: Promise<void> | null = null;
  #notBeforeMs = -Infinity;
  #windowsNotBeforeMs = -Infinity;

  /** Begins with nothing seen. */
  constructor(source: PollSource, now: () => number = Date.now) {
    this.#source = source;
    this.#now = now;
    const unknown = { ok: null, sinceMs: now(), problem: null };
    this.temporal = unknown;
    this.broker = unknown;
  }

  /** Whether it is time for a poll. */
  isDue(dirty: boolean): boolean {
    const nowMs = this.#now();
    if (this.#underWay !== null || nowMs < this.#notBeforeMs) return false;
    const waitMs = this.temporal.ok === false ? FAILED_MS : dirty ? 0 : QUIET_MS;
    return nowMs >= (this.last?.atMs ?? -Infinity) + waitMs;
  }

  /**
   * Polls, or waits for the poll that is under way. Never fails: a server that does not answer is
   * part of what is seen.
   */
  poll(): Promise<void> {
    this.#underWay ??= this.#poll().finally(() => this.#underWay = null);
    return this.#underWay;
  }

  /** Reads the ends of the partitions, or waits for the reading that is under way. */
  readEnds(partitions: readonly number[]): Promise<void> {
    this.#endsUnderWay ??= this.#readEnds(partitions).finally(() => this.#endsUnderWay = null);
    return this.#endsUnderWay;
  }

  async #poll(): Promise<void> {
    const startMs = this.#now();
    try {
      const { generation, workflows } = this.#source;
      const [clock, supervisor] = await within(
        Promise.all([workflows.clock(generation), workflows.supervisor()]),
      );
      // Drains first, the clock after them: so that nothing that was folded seems to be missing.
      const drains = await each(clock.partitions, ([p]) => workflows.drain(generation, p));
      const after = await within(workflows.clock(generation));
      const windows = await this.#windows(drains, after);
      this.temporal = found(this.temporal, null, this.#now());
      this.last = { atMs: this.#now(), drains, clock: after, supervisor, windows };
    } catch (error) {
      this.temporalErrors += 1;
      this.temporal = found(this.temporal, errorText(error), startMs);
    }
    const endMs = this.#now();
    const pauseMs = Math.max(BUSY_MS, (endMs - startMs) / SHARE);
    this.#notBeforeMs = startMs + (this.temporal.ok === false ? FAILED_MS : pauseMs);
  }

  async #windows(
    drains: readonly DrainView[],
    clock: ClockView,
  ): Promise<readonly WindowView[] | null> {
    const { generation, workflows } = this.#source;
    const untold = drains.flatMap((drain) => drain.untold)
      .map((window) => workflows.windowId(generation, window));
    const ids = [...new Set([...clock.open.map(({ id }) => id), ...untold])];
    const startMs = this.#now();
    if (ids.length > MOST_WINDOWS || startMs < this.#windowsNotBeforeMs) return null;
    const views = await each(ids, (id) => workflows.window(id));
    const tookMs = this.#now() - startMs;
    this.#windowsNotBeforeMs = startMs + Math.max(WINDOWS_MS, tookMs / SHARE);
    return views.filter((view) => view !== null);
  }

  async #readEnds(partitions: readonly number[]): Promise<void> {
    const startMs = this.#now();
    try {
      const ends = await within(this.#source.reader.ends(this.#source.topic, partitions));
      if (partitions.length > 0 && ends.size === 0) throw new Error("no broker answers");
      this.ends = ends;
      this.broker = found(this.broker, null, this.#now());
    } catch (error) {
      this.brokerErrors += 1;
      this.ends = new Map();
      this.broker = found(this.broker, errorText(error), startMs);
    }
  }
}

/** What a call that began at a moment found; a server is away since the first call that failed began. */
function found(before: ServerFound, problem: string | null, atMs: number): ServerFound {
  const ok = problem === null;
  return { ok, problem, sinceMs: ok === (before.ok ?? true) ? before.sinceMs : atMs };
}

/** Does a few at a time, so that a poll never floods the server. */
async function each<T, R>(
  items: readonly T[],
  ask: (item: T) => Promise<R>,
): Promise<R[]> {
  const answers: R[] = [];
  for (let i = 0; i < items.length; i += AT_A_TIME) {
    answers.push(...await within(Promise.all(items.slice(i, i + AT_A_TIME).map(ask))));
  }
  return answers;
}

async function within<T>(call: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CALL_MS / 1_000} s`)), CALL_MS);
  });
  call.catch(() => undefined);
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}
