/**
 * Asks the pipeline's workflows and the broker how things stand: only while somebody wants to know,
 * and the less often the longer the answers take.
 *
 * @module
 */

import { errorText } from "../../core/errors.ts";
import type { LogReader } from "../../adapters/kafka/log.ts";
import type { PipelineClient } from "../../adapters/temporal/pipeline_client.ts";
import type { ClockView, DrainView, SupervisorView, WindowView } from "../../workflows/messages.ts";
import type { ServerView } from "./state.ts";

/** While something happens, looks are at least this far apart, in ms. */
const BUSY_MS = 1_000;
/** While nothing does, in ms. */
const QUIET_MS = 10_000;
/** After a look that failed, in ms. */
const FAILED_MS = 3_000;
/** Looks take at most this share of the time. */
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
export interface LookSource {
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

/** What a look found. */
export interface Look {
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

/** Looks at the pipeline. */
export class Looker {
  /** The last look; null before the first. */
  last: Look | null = null;
  /** How Temporal answers. */
  temporal: ServerFound;
  /** How the broker answers. */
  broker: ServerFound;
  /** Ends of the partitions as last read. */
  ends: ReadonlyMap<number, number> = new Map();
  /** How many looks at Temporal have failed. */
  temporalErrors = 0;
  /** How many looks at the broker have failed. */
  brokerErrors = 0;

  readonly #now: () => number;
  readonly #source: LookSource;
  #underWay: Promise<void> | null = null;
  #endsUnderWay: Promise<void> | null = null;
  #notBeforeMs = -Infinity;
  #windowsNotBeforeMs = -Infinity;

  /**
   * Begins with nothing seen.
   *
   * @param source What is asked.
   * @param now The wall clock, epoch ms.
   */
  constructor(source: LookSource, now: () => number = Date.now) {
    this.#source = source;
    this.#now = now;
    const unknown = { ok: null, sinceMs: now(), problem: null };
    this.temporal = unknown;
    this.broker = unknown;
  }

  /**
   * Whether it is time for a look.
   *
   * @param dirty Whether something has happened since the last one.
   * @returns Whether it is.
   */
  isDue(dirty: boolean): boolean {
    const nowMs = this.#now();
    if (this.#underWay !== null || nowMs < this.#notBeforeMs) return false;
    const waitMs = this.temporal.ok === false ? FAILED_MS : dirty ? 0 : QUIET_MS;
    return nowMs >= (this.last?.atMs ?? -Infinity) + waitMs;
  }

  /**
   * Looks, or waits for the look that is under way. Never fails: a server that does not answer is
   * part of what is seen.
   */
  look(): Promise<void> {
    this.#underWay ??= this.#look().finally(() => this.#underWay = null);
    return this.#underWay;
  }

  /** Reads the ends of the partitions, or waits for the reading that is under way. */
  readEnds(partitions: readonly number[]): Promise<void> {
    this.#endsUnderWay ??= this.#readEnds(partitions).finally(() => this.#endsUnderWay = null);
    return this.#endsUnderWay;
  }

  async #look(): Promise<void> {
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

/** Does a few at a time, so that a look never floods the server. */
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
