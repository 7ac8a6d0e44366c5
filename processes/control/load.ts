/**
 * What the control process knows of the load at any moment: how far each partition is, whether
 * workers can get on with it, and what the last sweeps took. It comes from the drain's sinks and from
 * what workers say of the sweeps they are at; the ends of partitions that nobody has told of for a
 * while are read from the broker.
 *
 * @module
 */

import type { PipelineObserver } from "../../activities/observer.ts";
import type { Load } from "../../activities/sample_fleet.ts";
import type { SweepProgress } from "../../activities/sweep.ts";
import { deadline } from "../../adapters/deadline.ts";
import { errorText } from "../../core/errors.ts";
import { type DrainPartition, isAtEnd, isHollow } from "../../core/flow/dealing.ts";
import {
  type HeardNote,
  loadsOf,
  type SweepNote,
  type WorkerLoad,
  workerRateOf,
} from "../../core/scaling/speed.ts";
import type { PartitionSample } from "../../core/scaling/state.ts";
import type { GenerationView } from "../../workflows/messages.ts";

/** Notes are remembered for this long, in ms. */
const NOTES_MS = 10_000;
/** Ends that were not heard of for so long are read while something goes on, in ms. */
const ENDS_KNOWN_MS = 250;
/** Where the broker can't be reached, it is tried again after so long, in ms. */
const AGAIN_MS = 1_000;
/** While nothing goes on, the ends are read this often, in ms: a silent broker is no idle topic. */
const CONFIRM_MS = 5_000;
/** Ends that take longer to read are not known, in ms; half of what a look's heartbeat may take. */
const ENDS_MS = 5_000;

/** What is known of a partition. */
export interface PartitionLoad {
  /** The partition. */
  readonly partition: number;
  /** The next offset to fold; null where it is not known. */
  readonly cursor: number | null;
  /** The end as last seen; null where it is not known. */
  readonly end: number | null;
  /** Whether a worker sweeps it at the moment. */
  readonly swept: boolean;
  /** Whether workers can get on with it: not while stopped, excluded, parked or held. */
  readonly foldable: boolean;
}

/** What the model needs. */
export interface LoadDeps {
  /** The present ends of partitions; those that are not known are left out. */
  readonly ends: (partitions: readonly number[]) => Promise<ReadonlyMap<number, number>>;
  /** The wall clock, epoch ms. */
  readonly now: () => number;
  /** Is told when the broker can't be reached, with why, and with null when it answers again. */
  readonly broker: (problem: string | null) => void;
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

/** How far a sweep that is out has come, as its worker has said. */
interface Under {
  readonly worker: string;
  readonly folded: number;
  readonly busyMs: number;
}

/** A partition's end, and when it was heard of. */
interface End {
  readonly end: number | null;
  readonly atMs: number;
}

/** Knows the load. */
export class LoadModel implements Load, PipelineObserver {
  readonly #deps: LoadDeps;
  readonly #ends = new Map<number, End>();
  /** Offsets that a sweep which is out has folded up to. */
  readonly #folded = new Map<number, { readonly n: number; readonly to: number }>();
  readonly #under = new Map<number, Under>();
  #view: GenerationView | null = null;
  #pages: readonly PartitionLoad[] = [];
  #notes: HeardNote[] = [];
  #wakes: (() => void)[] = [];
  #endsReadAtMs = -Infinity;
  #health: BrokerHealth;

  /** Begins with nothing known. */
  constructor(deps: LoadDeps) {
    this.#deps = deps;
    this.#health = { ok: null, sinceMs: deps.now(), problem: null };
  }

  /** The generation as last told of; null before that. */
  get view(): GenerationView | null {
    return this.#view;
  }

  /** How the broker has answered when the ends were read. */
  get brokerHealth(): BrokerHealth {
    return this.#health;
  }

  /** What is known of the partitions. */
  get pages(): readonly PartitionLoad[] {
    return this.#pages;
  }

  /** How many sweeps of the fleet have records at hand. */
  get inFlight(): number {
    const behind = new Set(this.#pages.filter(isBehind).map(({ partition }) => partition));
    return (this.#view?.sweeps ?? []).filter(({ at, partitions }) =>
      at === "fleet" && partitions.some((partition) => behind.has(partition))
    ).length;
  }

  /** Records folded per busy second and worker in the last seconds. */
  get workerRate(): number | null {
    return workerRateOf(this.#recent());
  }

  /** How the workers spent the last seconds. */
  get loads(): readonly WorkerLoad[] {
    return loadsOf(this.#recent());
  }

  /** Whether nothing is at hand: then the first record is told of. */
  get quiet(): boolean {
    return this.#view !== null && !this.#pages.some(isBehind);
  }

  /** Resolves with the next thing that happens. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#wakes.push(resolve));
  }

  /** The partitions that workers can get on with; null is what is not known. */
  async look(): Promise<PartitionSample[]> {
    const now = this.#deps.now();
    const foldable = this.#pages.filter((page) => page.foldable);
    const sinceMs = now - this.#endsReadAtMs;
    const stale = foldable.some(({ partition }) =>
      now - (this.#ends.get(partition)?.atMs ?? -Infinity) >= ENDS_KNOWN_MS
    );
    const isDue = this.quiet ? sinceMs >= CONFIRM_MS : stale && sinceMs >= ENDS_KNOWN_MS;
    if (this.#health.ok === false ? sinceMs >= AGAIN_MS : isDue) {
      await this.#readEnds(foldable.map(({ partition }) => partition));
    }
    const untils = new Map(this.#view?.partitions.map((p) => [p.partition, p.until]));
    return this.#pages.filter((page) => page.foldable).map(({ partition, cursor, end }) => {
      const until = untils.get(partition) ?? null;
      const last = end === null || until === null ? end : Math.min(end, until);
      // A cursor beyond the end as it was seen is newer than that.
      return { partition, cursor, end: last === null ? null : Math.max(last, cursor ?? last) };
    });
  }

  /** The drain has decided. */
  drained(view: GenerationView): void {
    const out = new Set(view.sweeps.map(({ n }) => n));
    for (const [partition, { n }] of this.#folded) if (!out.has(n)) this.#folded.delete(partition);
    for (const n of this.#under.keys()) if (!out.has(n)) this.#under.delete(n);
    const before = new Map(this.#view?.partitions.map((p) => [p.partition, p]));
    this.#view = view;
    for (const p of view.partitions) {
      // What did not change was not heard of: a result brings all partitions of its sweep.
      const was = before.get(p.partition);
      if (was !== undefined && was.lastSweep === p.lastSweep && was.end === p.end) continue;
      this.#hearEnd(p.partition, p.end, p.cursor);
    }
    this.#turn();
  }

  /** A sweep's result was heard of. */
  swept(note: SweepNote): void {
    this.#note(note);
    this.#under.delete(note.n);
  }

  /**
   * A worker says how far its sweep has come.
   *
   * @param worker The worker's identity.
   */
  progress(worker: string, { n, folded, busyMs, partitions }: SweepProgress): void {
    if (!this.#view?.sweeps.some((sweep) => sweep.n === n)) return;
    this.#note({ n, worker, records: folded, busyMs, ranMs: 0 });
    this.#under.set(n, { worker, folded, busyMs });
    for (const { partition, to, end } of partitions) {
      this.#folded.set(partition, { n, to });
      this.#hearEnd(partition, end, to);
    }
    this.#turn();
  }

  /** What is new of a sweep; an attempt of another worker begins anew. */
  #note(note: SweepNote): void {
    const under = this.#under.get(note.n);
    const known = under?.worker === note.worker && under.folded <= note.records ? under : undefined;
    const records = note.records - (known?.folded ?? 0);
    const busyMs = Math.max(0, note.busyMs - (known?.busyMs ?? 0));
    if (records > 0 || busyMs > 0) {
      this.#notes.push({ ...note, records, busyMs, atMs: this.#deps.now() });
    }
  }

  /**
   * A sweep says what it knows of an end. That is of now only where something has come and is folded
   * already: while it folds or looks up it asks no broker, and says again what it knew before.
   */
  #hearEnd(partition: number, end: number, cursor: number): void {
    const known = this.#ends.get(partition);
    const isOfNow = known === undefined || (end > (known.end ?? -1) && end <= cursor);
    this.#ends.set(partition, {
      end: Math.max(known?.end ?? 0, end),
      atMs: isOfNow ? this.#deps.now() : known.atMs,
    });
  }

  /** Puts the pages together anew, and tells who waits if it matters. */
  #turn(): void {
    const view = this.#view;
    if (view === null) return;
    const held = new Set(view.held.map(([partition]) => partition));
    const swept = new Set(
      view.sweeps.flatMap(({ at, partitions }) => at === "fleet" ? partitions : []),
    );
    const wasQuiet = !this.#pages.some(isBehind);
    this.#pages = view.partitions.map((p): PartitionLoad => {
      const cursor = Math.max(p.cursor, this.#folded.get(p.partition)?.to ?? 0);
      const end = this.#ends.get(p.partition)?.end;
      return {
        partition: p.partition,
        cursor,
        end: end === null || isHollow(p)
          ? (end === null ? null : cursor)
          : Math.max(end ?? p.end, cursor),
        swept: swept.has(p.partition),
        foldable: isFoldable(p) && !held.has(p.partition),
      };
    });
    if (wasQuiet !== !this.#pages.some(isBehind)) this.#wake();
  }

  #wake(): void {
    this.#wakes.splice(0).forEach((wake) => wake());
  }

  #recent(): readonly HeardNote[] {
    const since = this.#deps.now() - NOTES_MS;
    this.#notes = this.#notes.filter(({ atMs }) => atMs >= since);
    return this.#notes;
  }

  async #readEnds(partitions: readonly number[]): Promise<void> {
    const beganMs = this.#deps.now();
    const found = await this.#askEnds(partitions, beganMs);
    const atMs = this.#deps.now();
    this.#endsReadAtMs = atMs;
    for (const partition of partitions) {
      const known = this.#ends.get(partition);
      // Heard of meanwhile: that is newer.
      if (known !== undefined && known.atMs > beganMs) continue;
      this.#ends.set(partition, { end: found.get(partition) ?? null, atMs });
    }
    this.#turn();
  }

  /** The ends; empty if the broker does not tell them soon. */
  async #askEnds(
    partitions: readonly number[],
    beganMs: number,
  ): Promise<ReadonlyMap<number, number>> {
    if (partitions.length === 0) return new Map();
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
    this.#deps.broker(problem);
  }
}

function isFoldable(p: DrainPartition): boolean {
  return (p.mode === "active" || p.mode === "idle") && p.stop === null && !isAtEnd(p);
}

function isBehind({ foldable, cursor, end }: PartitionLoad): boolean {
  return foldable && (end === null || cursor === null || end > cursor);
}
