/**
 * What the control process knows of the load at any moment: how far each partition is, whether it is
 * looked at or worked on, and what the last slices took. It comes by observing the activities, and,
 * where a partition has not been heard of for a while, by asking its drain.
 *
 * @module
 */

import type { PipelineObserver } from "../../activities/observer.ts";
import type { Load } from "../../activities/sample_fleet.ts";
import { deadline } from "../../adapters/deadline.ts";
import { errorText } from "../../core/errors.ts";
import {
  loadsOf,
  type SliceNote,
  type WorkerLoad,
  workerRateOf,
} from "../../core/scaling/speed.ts";
import type { DrainMode } from "../../core/flow/drain_state.ts";
import type { PartitionSample } from "../../core/scaling/state.ts";

/** Slices are remembered for this long, in ms. */
const NOTES_MS = 10_000;
/** A partition at work that was not heard of for so long is asked, in ms. */
const ASK_AFTER_MS = 2_000;
/** A partition is not asked more often than this, in ms. */
const ASK_EVERY_MS = 5_000;
/** While all partitions wait, the ends are read this often, in ms: a silent broker is no idle topic. */
const CONFIRM_MS = 5_000;
/** Ends that take longer to read are not known, in ms; half of what a look's heartbeat may take. */
const ENDS_MS = 5_000;

/** What a drain answers when it is asked. */
export interface DrainAnswer {
  /** What it does. */
  readonly mode: DrainMode;
  /** The next offset to fold. */
  readonly cursor: number;
  /** The fixed end of a bounded run. */
  readonly until: number | null;
  /** Whether it is held because it is too far ahead. */
  readonly held: boolean;
}

/** What is known of a partition. */
export interface PartitionLoad {
  /** The partition. */
  readonly partition: number;
  /** The next offset to fold; null where it is not known. */
  readonly cursor: number | null;
  /** The end as last seen; null where it is not known. */
  readonly end: number | null;
  /** Whether somebody waits for records, or a slice is at hand. */
  readonly doing: "awaiting" | "working";
  /** Whether workers can get on with it: not while stopped, excluded, parked or held. */
  readonly foldable: boolean;
}

interface Known extends PartitionLoad {
  readonly heardAtMs: number;
  readonly askedAtMs: number;
  readonly until: number | null;
}

/** What the model needs. */
export interface LoadDeps {
  /** The partitions that are drained. */
  readonly partitions: () => readonly number[];
  /** The present ends of partitions; those that are not known are left out. */
  readonly ends: (partitions: readonly number[]) => Promise<ReadonlyMap<number, number>>;
  /** Asks a drain for its state. */
  readonly ask: (partition: number) => Promise<DrainAnswer>;
  /** The wall clock, epoch ms. */
  readonly now: () => number;
}

/** Whether the broker tells the ends of the partitions. */
export interface BrokerHealth {
  /** Whether it does; null before the first try. */
  readonly ok: boolean | null;
  /** Since when it is so: when the first try of that outcome began, epoch ms. */
  readonly sinceMs: number;
  /** Why it doesn't; null if it does. */
  readonly problem: string | null;
}

/** Knows the load. */
export class LoadModel implements Load, PipelineObserver {
  readonly #deps: LoadDeps;
  readonly #pages = new Map<number, Known>();
  #notes: SliceNote[] = [];
  #wakes: (() => void)[] = [];
  #brokerAway = false;
  #endsReadAtMs = -Infinity;
  #health: BrokerHealth;

  /** Begins with nothing known. */
  constructor(deps: LoadDeps) {
    this.#deps = deps;
    this.#health = { ok: null, sinceMs: deps.now(), problem: null };
  }

  /** How the broker has answered when the ends were read. */
  get brokerHealth(): BrokerHealth {
    return this.#health;
  }

  /** What is known of the partitions. */
  get pages(): readonly PartitionLoad[] {
    return this.#deps.partitions().map((partition) => this.#page(partition));
  }

  /** How many slices are at hand, or about to be. */
  get inFlight(): number {
    return this.pages.filter(({ doing, foldable }) => doing === "working" && foldable).length;
  }

  /** Offsets folded per busy second and worker in the last seconds. */
  get workerRate(): number | null {
    return workerRateOf(this.#recent());
  }

  /** How the workers spent the last seconds. */
  get loads(): readonly WorkerLoad[] {
    return loadsOf(this.#recent());
  }

  /** Whether nothing is at hand: then a record is noticed by those who wait for it. */
  get quiet(): boolean {
    return this.pages.every(({ doing, foldable, end, cursor }) =>
      !foldable || (doing === "awaiting" && end === cursor)
    );
  }

  /** Resolves with the next thing that happens. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#wakes.push(resolve));
  }

  /** The partitions that workers can get on with; null is what is not known. */
  async look(): Promise<PartitionSample[]> {
    await this.#askDrains();
    const foldable = this.pages.filter((page) => page.foldable);
    const confirm = this.#brokerAway || this.#deps.now() - this.#endsReadAtMs >= CONFIRM_MS;
    if (confirm || !this.quiet || foldable.some(({ end }) => end === null)) {
      await this.#readEnds(foldable.map(({ partition }) => partition));
    }
    return foldable.map(({ partition }) => {
      const { cursor, end, until } = this.#page(partition);
      const last = end === null || until === null ? end : Math.min(end, until);
      // A cursor beyond the end as it was seen is newer than that.
      return { partition, cursor, end: last === null ? null : Math.max(last, cursor ?? last) };
    });
  }

  /** A partition waits at its cursor. */
  awaiting(partition: number, cursor: number): void {
    const end = Math.max(this.#page(partition).end ?? cursor, cursor);
    this.#hear(partition, { cursor, end, doing: "awaiting", foldable: true, until: null });
  }

  /** Records have come, or the look is over. */
  awaited(partition: number, answer: { kind: string; end?: number } | null): void {
    if (answer?.kind !== "records") return;
    this.#hear(partition, { doing: "working", ...(answer.end === undefined ? {} : answer) });
  }

  /** A slice is durable and was delivered. */
  delivered({ partition, note }: { partition: number; note: SliceNote | null }): void {
    if (note === null) return;
    this.#notes.push(note);
    this.#hear(partition, { cursor: note.to, doing: "working", foldable: true });
  }

  /** The broker can't be reached, or answers again. */
  broker(problem: string | null): void {
    const away = problem !== null;
    if (away === this.#brokerAway) return;
    this.#brokerAway = away;
    this.#wakes.splice(0).forEach((wake) => wake());
  }

  #hear(partition: number, news: Partial<Known>): void {
    const page = this.#page(partition);
    const { cursor, end, doing, foldable, until } = { ...page, ...news };
    const heardAtMs = this.#deps.now();
    this.#pages.set(partition, { ...page, cursor, end, doing, foldable, until, heardAtMs });
    this.#wakes.splice(0).forEach((wake) => wake());
  }

  #page(partition: number): Known {
    return this.#pages.get(partition) ?? {
      partition,
      cursor: null,
      end: null,
      doing: "working",
      foldable: true,
      heardAtMs: -Infinity,
      askedAtMs: -Infinity,
      until: null,
    };
  }

  #recent(): readonly SliceNote[] {
    const since = this.#deps.now() - NOTES_MS;
    this.#notes = this.#notes.filter(({ endedAtMs }) => endedAtMs >= since);
    return this.#notes;
  }

  async #readEnds(partitions: readonly number[]): Promise<void> {
    const found = await this.#ends(partitions);
    this.#endsReadAtMs = this.#deps.now();
    for (const partition of partitions) {
      const page = this.#page(partition);
      this.#pages.set(partition, { ...page, end: found.get(partition) ?? null });
    }
  }

  /** The ends; empty if the broker does not tell them soon. */
  async #ends(partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const beganMs = this.#deps.now();
    try {
      const found = await deadline(this.#deps.ends(partitions), ENDS_MS);
      if (found === undefined) throw new Error(`no answer within ${ENDS_MS / 1_000} s`);
      this.#tried(null, beganMs);
      return found;
    } catch (error) {
      this.#tried(errorText(error), beganMs);
      return new Map();
    }
  }

  #tried(problem: string | null, beganMs: number): void {
    const ok = problem === null;
    const sinceMs = ok === this.#health.ok ? this.#health.sinceMs : beganMs;
    this.#health = { ok, sinceMs, problem };
  }

  /** Those at work that were not heard of: they may be stopped, held, or fold nothing but rejects. */
  async #askDrains(): Promise<void> {
    const now = this.#deps.now();
    const silent = this.#deps.partitions().map((partition) => this.#page(partition)).filter((
      page,
    ) =>
      page.doing === "working" && now - page.heardAtMs >= ASK_AFTER_MS &&
      now - page.askedAtMs >= ASK_EVERY_MS
    );
    await Promise.all(silent.map(async ({ partition }) => {
      const askedAtMs = now;
      this.#pages.set(partition, { ...this.#page(partition), askedAtMs });
      try {
        const { mode, cursor, until, held } = await this.#deps.ask(partition);
        const page = this.#page(partition);
        // Heard of meanwhile: that is newer.
        if (page.heardAtMs >= askedAtMs) return;
        const foldable = !held && !["stopped", "excluded", "parked"].includes(mode);
        const known = Math.max(page.cursor ?? cursor, cursor);
        this.#pages.set(partition, { ...page, cursor: known, until, foldable });
      } catch {
        // It is asked again later; until then it stays as it was known.
      }
    }));
  }
}
