/**
 * Puts together what the page shows: what the collector has seen, and what the looks have found.
 *
 * @module
 */

import type { LogReader } from "../../adapters/kafka/log.ts";
import type { RunPlan } from "../../core/plan.ts";
import { AccountBook } from "./account_book.ts";
import { eventTimeOf } from "./event_time.ts";
import { Problems } from "./problems.ts";
import { readRows, readSamples } from "./samples.ts";
import { Collector, loadOf, type Tick, type TickSource } from "./collector.ts";
import { type Look, Looker, type LookSource, type ServerFound } from "./looker.ts";
import type {
  About,
  EventTimeView,
  FleetView,
  HealthView,
  Now,
  PageChange,
  PageState,
  SampleView,
} from "./state.ts";

/** A window that closed is drawn for so long, in ms. */
const CLOSED_MS = 12_000;
/** Late and skewed events are marked until the watermark has moved on by so many windows. */
const MARKED_WINDOWS = 4;
/** Somebody who asked wants to know for so long, in ms. */
const DEMAND_MS = 10_000;

/** A running control process, as far as it is shown. */
export interface Shown extends TickSource, Omit<LookSource, "reader" | "topic"> {
  /** The log. */
  readonly reader: LogReader;
  /** The partitions being drained. */
  readonly partitions: readonly number[];
}

/** What a board begins with. */
export interface BoardOptions extends Omit<About, "generation" | "life" | "sinceMs" | "demo"> {
  /** The pipeline's plan. */
  readonly plan: RunPlan;
  /** Whether the presenter's load runs; null if there is no such button. */
  readonly loading: (() => boolean) | null;
  /**
   * The wall clock, epoch ms.
   * @default {Date.now}
   */
  readonly now?: () => number;
}

/** How far a reader of the board has come. */
export interface Seen {
  /** Points of the history. */
  readonly points: number;
  /** Versions of the parts that change now and then. */
  readonly versions: readonly number[];
}

/** Puts together what the page shows. */
export class Board {
  /** What has been seen from inside. */
  readonly collector: Collector;
  readonly #options: BoardOptions;
  readonly #now: () => number;
  readonly #problems = new Problems();
  readonly #life = crypto.randomUUID();
  readonly #sinceMs: number;
  #liveSinceMs: number;
  #shown: Shown | null = null;
  #looker: Looker | null = null;
  #phase: HealthView["phase"] = "starting";
  #lost: string | null = null;
  #tick: Tick | null = null;
  #time: EventTimeView | null = null;
  readonly #account = new AccountBook();
  #samples: readonly SampleView[] = [];
  #sideCount = -1;
  #lookVersion = 0;
  #aboutVersion = 0;
  #askedMs = -Infinity;

  /**
   * Begins with nothing to show.
   *
   * @param options What is shown.
   */
  constructor(options: BoardOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#sinceMs = this.#now();
    this.#liveSinceMs = this.#sinceMs;
    this.collector = new Collector(options.plan, this.#now);
  }

  /** The last look; null before the first. */
  get look(): Look | null {
    return this.#looker?.last ?? null;
  }

  /** What the last second brought; null before the first. */
  get tick(): Tick | null {
    return this.#tick;
  }

  /** The generation; 0 before the control process is up. */
  get generation(): number {
    return this.#shown?.generation ?? 0;
  }

  /** Failed calls, by server. */
  get errors(): { readonly broker: number; readonly temporal: number } {
    return {
      broker: this.collector.brokerErrors + (this.#looker?.brokerErrors ?? 0),
      temporal: this.#looker?.temporalErrors ?? 0,
    };
  }

  /** Whether the control process is up and both servers answer. */
  get ready(): boolean {
    const { phase, broker, temporal } = this.health();
    return phase === "live" && broker.ok === true && temporal.ok === true;
  }

  /**
   * The control process is up.
   *
   * @param shown The control process.
   */
  async attach(shown: Shown): Promise<void> {
    this.#shown = shown;
    const { topic } = this.#options.plan;
    this.#looker = new Looker({
      generation: shown.generation,
      workflows: shown.workflows,
      reader: shown.reader,
      topic,
    }, this.#now);
    this.#phase = "live";
    this.#liveSinceMs = this.#now();
    this.#aboutVersion += 1;
    try {
      this.collector.results.take(
        await readRows(shown.reader, this.#options.plan, shown.generation),
      );
    } catch {
      // Only what was closed before is not shown then.
    }
  }

  /**
   * The control process ends.
   *
   * @param why Why it can't go on; null if it was told to end.
   */
  end(why: string | null): void {
    this.#phase = "ending";
    this.#lost = why;
  }

  /** Somebody wants to know: looks go on for a while. */
  ask(): void {
    this.#askedMs = this.#now();
  }

  /**
   * A second has passed.
   *
   * @param watched Whether somebody looks at the page.
   * @returns Resolves when what had to be asked has been answered.
   */
  async second(watched: boolean): Promise<void> {
    const shown = this.#shown;
    if (shown === null) return;
    const wanted = watched || this.#now() - this.#askedMs < DEMAND_MS;
    const reading = wanted ? this.#looker?.readEnds(shown.partitions) : undefined;
    this.#tick = this.collector.tick(shown, wanted ? this.#looker?.ends : undefined);
    if (wanted && this.#looker?.isDue(this.collector.dirty)) await this.refresh();
    await reading;
  }

  /** Looks now, whatever was seen before. */
  async refresh(): Promise<void> {
    const looker = this.#looker;
    const shown = this.#shown;
    if (looker === null || shown === null) return;
    this.collector.dirty = false;
    await Promise.all([looker.look(), looker.readEnds(shown.partitions)]);
    const { last } = looker;
    if (last === null) return;
    this.collector.remember(
      last.supervisor.fleet.decisions.filter((d) => d.desired !== d.previous),
    );
    await this.#readSamples(shown, last);
    const closed = this.collector.results.closedSince(this.#now() - CLOSED_MS);
    const { ends } = looker;
    const recentMs = this.#options.sizeMs * MARKED_WINDOWS;
    const samples = this.#samples;
    this.#time = eventTimeOf(last, this.#time, { closed, ends, samples, recentMs });
    const { dirty } = this.collector;
    const addsUp = this.#account.addUp(last, { moving: dirty, lag: this.#tick?.lag ?? 0 });
    // What did not add up is looked at again soon.
    if (!addsUp) this.collector.dirty = true;
    this.#lookVersion += 1;
  }

  /** All that the page shows. */
  state(): PageState {
    return {
      about: this.#about(),
      now: this.#figures(),
      points: this.collector.history.since(0),
      decisions: this.collector.decisions,
      time: this.#time,
      results: this.collector.results.windows,
      account: this.#account.view,
      samples: this.#samples,
      fleet: this.#fleet(),
      health: this.health(),
    };
  }

  /** How far somebody has come who has all that the page shows. */
  get seen(): Seen {
    return { points: this.collector.history.count, versions: this.#versions() };
  }

  /**
   * What has changed.
   *
   * @param seen How far the reader has come.
   * @returns What is new to it.
   */
  changes(seen: Seen): PageChange {
    const [about, decisions, results, look] = this.#versions().map((version, i) =>
      version !== seen.versions[i]
    );
    return {
      now: this.#figures(),
      fleet: this.#fleet(),
      health: this.health(),
      points: this.collector.history.since(seen.points),
      ...(about ? { about: this.#about() } : {}),
      ...(decisions ? { decisions: this.collector.decisions } : {}),
      ...(results ? { results: this.collector.results.windows } : {}),
      ...(look ? { time: this.#time, account: this.#account.view, samples: this.#samples } : {}),
    };
  }

  /** Health. */
  health(): HealthView {
    const nowMs = this.#now();
    const unknown: ServerFound = { ok: null, sinceMs: this.#sinceMs, problem: null };
    const temporal = this.#looker?.temporal ?? unknown;
    const broker = together([
      this.#looker?.broker ?? unknown,
      this.#shown?.book.brokerHealth ?? unknown,
      this.collector.broker,
    ]);
    const fleet = this.#shown?.fleet ?? null;
    const source = { look: this.look, fleet, broker, temporal, lost: this.#lost };
    return {
      phase: this.#phase,
      broker: { ok: broker.ok, sinceMs: broker.sinceMs },
      temporal: { ok: temporal.ok, sinceMs: temporal.sinceMs },
      problems: this.#problems.find(source, nowMs),
    };
  }

  #versions(): number[] {
    const { decisionsVersion, results } = this.collector;
    return [this.#aboutVersion, decisionsVersion, results.version, this.#lookVersion];
  }

  #about(): About {
    const { plan: _plan, loading, now: _now, ...about } = this.#options;
    const generation = this.generation;
    const demo = loading !== null;
    return { ...about, generation, life: this.#life, sinceMs: this.#sinceMs, demo };
  }

  #figures(): Now {
    const tick = this.#tick;
    const clock = this.look?.clock;
    return {
      atMs: tick?.atMs ?? this.#now(),
      inRate: tick?.inRate ?? null,
      foldedRate: tick?.foldedRate ?? null,
      lag: tick?.lag ?? null,
      workerRate: tick?.workerRate ?? null,
      watermark: clock?.watermark ?? null,
      open: clock?.open.length ?? null,
      closed: clock?.totals.windows ?? null,
      loading: this.#options.loading?.() ?? false,
    };
  }

  #fleet(): FleetView {
    const fleet = this.#shown?.fleet;
    const known = this.look?.supervisor.fleet;
    const loads = this.#tick?.loads ?? [];
    const { staticWorkers } = this.#options;
    const seconds = ((this.#tick?.atMs ?? this.#liveSinceMs) - this.#liveSinceMs) / 1_000;
    return {
      desired: fleet?.desired ?? 0,
      min: known?.bounds.min ?? 0,
      max: known?.bounds.max ?? staticWorkers,
      fixed: known?.override?.workers ?? null,
      workers: (fleet?.slots ?? []).map(({ slot, state, pid, identity, restarts, problem }) => (
        { slot, state, pid, ...loadOf(loads, identity), restarts, problem }
      )),
      workerSeconds: this.collector.workerSeconds,
      staticSeconds: Math.max(0, seconds) * staticWorkers,
      startupMs: fleet?.times.startupMs ?? null,
    };
  }

  async #readSamples(shown: Shown, { drains }: Look): Promise<void> {
    const count = drains.reduce(
      (sum, { totals }) => sum + totals.late + totals.invalid + totals.skewed,
      0,
    );
    if (count === this.#sideCount) return;
    try {
      this.#samples = await readSamples(shown.reader, this.#options.plan, shown.generation);
      this.#sideCount = count;
    } catch {
      // The broker is away, which is shown elsewhere; they are read again with the next look.
    }
  }
}

/** What several have found of one server: away as soon as one says so, since the first has noticed. */
function together(found: readonly ServerFound[]): ServerFound {
  const away = found.filter(({ problem }) => problem !== null);
  const [first] = away.length > 0 ? away : found.filter(({ ok }) => ok !== null);
  const known = first ?? { ok: null, sinceMs: 0, problem: null };
  const sinceMs = Math.min(...(away.length > 0 ? away : found).map((one) => one.sinceMs));
  return { ...known, sinceMs };
}
