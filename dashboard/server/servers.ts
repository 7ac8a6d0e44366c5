/**
 * Whether broker and Temporal answer, and the present ends of the partitions. Workflows tell of
 * themselves, so Temporal is asked only when none of them has spoken for longer than it should have;
 * the ends are read only while somebody wants to know.
 *
 * @module
 */

import { deadline } from "../../adapters/deadline.ts";
import type { LogReader } from "../../adapters/kafka/log.ts";
import type { PipelineClient } from "../../adapters/temporal/pipeline_client.ts";
import { errorText } from "../../core/errors.ts";
import type { ServerView } from "./state.ts";

/** While workers sweep, the drain speaks every five seconds at the latest; so long is too long, in ms. */
const BUSY_SILENCE_MS = 10_000;
/** While nothing goes on it speaks once a minute; whoever looks at the page is told sooner, in ms. */
const WATCHED_SILENCE_MS = 15_000;
const SILENCE_MS = 70_000;
/** Temporal that did not answer is asked again after this time, in ms. */
const AGAIN_MS = 3_000;
/** A call that takes longer counts as failed, in ms. */
const CALL_MS = 5_000;

/** Who is asked. */
export interface ServersSource {
  /** Temporal: the cheapest question, which is no query and costs no workflow task. */
  readonly workflows: Pick<PipelineClient, "exists">;
  /** The broker. */
  readonly reader: Pick<LogReader, "ends">;
  /** The source topic. */
  readonly topic: string;
  /** When a workflow last told of itself, epoch ms; null before the first time. */
  readonly heardMs: () => number | null;
}

/** What is to be found out. */
export interface ServersLook {
  /** The partitions whose ends are read. */
  readonly partitions: readonly number[];
  /** Whether workers sweep partitions that bring something. */
  readonly busy: boolean;
  /** Whether somebody looks at the page. */
  readonly watched: boolean;
}

/** How a server was found. */
export interface ServerFound extends ServerView {
  /** Why it does not answer; null if it does. */
  readonly problem: string | null;
}

/** Knows how the servers answer. */
export class Servers {
  /** How the broker answers. */
  broker: ServerFound;
  /** Ends of the partitions as last read. */
  ends: ReadonlyMap<number, number> = new Map();
  /** How many questions to Temporal have failed. */
  temporalErrors = 0;
  /** How many readings of the ends have failed. */
  brokerErrors = 0;
  /** When the last look ended, epoch ms. */
  lookedMs = -Infinity;

  readonly #now: () => number;
  readonly #source: ServersSource;
  #temporal: ServerFound;
  #askedMs = -Infinity;
  #reading: Promise<void> | null = null;
  #asking: Promise<void> | null = null;

  /** Begins with nothing known. */
  constructor(source: ServersSource, now: () => number) {
    this.#source = source;
    this.#now = now;
    const unknown = { ok: null, sinceMs: now(), problem: null };
    this.#temporal = unknown;
    this.broker = unknown;
  }

  /** How Temporal answers: a workflow that has spoken since it was last asked is an answer too. */
  get temporal(): ServerFound {
    const heardMs = this.#source.heardMs();
    if (heardMs !== null && heardMs > this.#askedMs && this.#temporal.ok !== true) {
      this.#temporal = found(this.#temporal, null, heardMs);
    }
    return this.#temporal;
  }

  /**
   * Looks, or waits for what is under way. Never fails: a server that does not answer is
   * part of what is seen.
   */
  async look(what: ServersLook): Promise<void> {
    // One that hangs must not keep the other from being seen.
    this.#reading ??= this.#readEnds(what.partitions).finally(() => this.#reading = null);
    this.#asking ??= this.#askTemporal(what).finally(() => this.#asking = null);
    await Promise.all([this.#reading, this.#asking]);
    this.lookedMs = this.#now();
  }

  async #askTemporal({ busy, watched }: ServersLook): Promise<void> {
    const beganMs = this.#now();
    const away = this.temporal.ok === false;
    const patienceMs = away
      ? AGAIN_MS
      : busy
      ? BUSY_SILENCE_MS
      : watched
      ? WATCHED_SILENCE_MS
      : SILENCE_MS;
    const heardMs = this.#source.heardMs() ?? -Infinity;
    if (beganMs - Math.max(this.#askedMs, heardMs) < patienceMs) return;
    this.#askedMs = beganMs;
    try {
      await within(this.#source.workflows.exists());
      this.#temporal = found(this.#temporal, null, this.#now());
    } catch (error) {
      this.temporalErrors += 1;
      this.#temporal = found(this.#temporal, errorText(error), beganMs);
    }
  }

  async #readEnds(partitions: readonly number[]): Promise<void> {
    if (partitions.length === 0) return;
    const beganMs = this.#now();
    try {
      const ends = await within(this.#source.reader.ends(this.#source.topic, partitions));
      if (ends.size === 0) throw new Error("no broker answers");
      this.ends = ends;
      this.broker = found(this.broker, null, this.#now());
    } catch (error) {
      this.brokerErrors += 1;
      this.ends = new Map();
      this.broker = found(this.broker, errorText(error), beganMs);
    }
  }
}

/** What a call that began at a moment found; a server is away since the first call that failed began. */
function found(before: ServerFound, problem: string | null, atMs: number): ServerFound {
  const ok = problem === null;
  return { ok, problem, sinceMs: ok === (before.ok ?? true) ? before.sinceMs : atMs };
}

/** What several have found of one server: away as soon as one says so, since the first has noticed. */
export function together(all: readonly ServerFound[]): ServerFound {
  const away = all.filter(({ problem }) => problem !== null);
  const [first] = away.length > 0 ? away : all.filter(({ ok }) => ok !== null);
  const known = first ?? { ok: null, sinceMs: 0, problem: null };
  const sinceMs = Math.min(...(away.length > 0 ? away : all).map((one) => one.sinceMs));
  return { ...known, sinceMs };
}

async function within<T>(call: Promise<T>): Promise<T> {
  const answer = await deadline(call.then((value) => ({ value })), CALL_MS);
  if (answer === undefined) throw new Error(`no answer within ${CALL_MS / 1_000} s`);
  return answer.value;
}
