/**
 * Puts together what the page shows: what the monitor has seen, and what the looks have found.
 *
 * @module
 */

import type { LogReader } from "../../adapters/kafka/log.ts";
import type { RunPlan } from "../../core/plan.ts";
import { AccountMonitor, eventTimeOf, Problems } from "./views.ts";
import { loadOf, PipelineMonitor, type Tick, type TickSource } from "./monitor.ts";
import { type Poll, Poller, type PollSource, type ServerFound } from "./poller.ts";
import { readRows, readSamples } from "./samples.ts";
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
export interface Shown extends TickSource, Omit<PollSource, "reader" | "topic"> {
  /** The log. */
  readonly reader: LogReader;
  /** The partitions being drained. */
  readonly partitions: readonly number[];
}

/** What a model begins with. */
export interface ModelOptions extends Omit<About, "generation" | "life" | "sinceMs" | "demo"> {
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

/** How far a reader of the model has come. */
export interface Seen {
  /** Points of the history. */
  readonly points: number;
  /** Versions of the parts that change now and then. */
  readonly versions: readonly number[];
}

/** Puts together what the page shows. */
export class Model {
  /** What has been seen from inside. */
  readonly monitor: PipelineMonitor;
  readonly #options: ModelOptions;
  readonly #now: () => number;
  readonly #problems = new Problems();
  readonly #life = crypto.randomUUID();
  readonly #sinceMs: number;
  #liveSinceMs: number;
  #shown: Shown | null = null;
  #poller: Poller | null = null;
  #phase: HealthView["phase"] = "starting";
  #lost: string | null = null;
  #tick: Tick | null = null;
  #time: EventTimeView | null = null;
  readonly #account = new AccountMonitor();
  #samples: readonly SampleView[] = [];
  #sideCount = -1;
  #pollVersion = 0;
  #aboutVersion = 0;
  #askedMs = -Infinity;

  /** Begins with nothing to show. */
  constructor(options: ModelOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#sinceMs = this.#now();
    this.#liveSinceMs = this.#sinceMs;
    this.monitor = new PipelineMonitor(options.plan, this.#now);
  }

  /** The last poll; null before the first. */
  get poll(): Poll | null {
    return this.#poller?.last ?? null;
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
      broker: this.monitor.brokerErrors + (this.#poller?.brokerErrors ?? 0),
      temporal: this.#poller?.temporalErrors ?? 0,
    };
  }

  /** Whether the control process is up and both servers answer. */
  get ready(): boolean {
    const { phase, broker, temporal } = this.health();
    return phase === "live" && broker.ok === true && temporal.ok === true;
  }

  /** The control process is up. */
  async attach(shown: Shown): Promise<void> {
    this.#shown = shown;
    const { topic } = this.#options.plan;
    this.#poller = new Poller({
      generation: shown.generation,
      workflows: shown.workflows,
      reader: shown.reader,
      topic,
    }, this.#now);
    this.#phase = "live";
    this.#liveSinceMs = this.#now();
    this.#aboutVersion += 1;
    try {
      this.monitor.results.take(
        await readRows(shown.reader, this.#options.plan, shown.generation),
      );
    } catch {
      // Only what was closed before is not shown then.
    }
  }

  /** The control process ends. */
  end(why: string | null): void {
    this.#phase = "ending";
    this.#lost = why;
  }

  /** Somebody wants to know: looks go on for a while. */
  ask(): void {
    this.#askedMs = this.#now();
  }

  /** A second has passed. */
  async second(watched: boolean): Promise<void> {
    const shown = this.#shown;
    if (shown === null) return;
    const wanted = watched || this.#now() - this.#askedMs < DEMAND_MS;
    const reading = wanted ? this.#poller?.readEnds(shown.partitions) : undefined;
    this.#tick = this.monitor.tick(shown, wanted ? this.#poller?.ends : undefined);
    if (wanted && this.#poller?.isDue(this.monitor.dirty)) await this.refresh();
    await reading;
  }

  /** Looks now, whatever was seen before. */
  async refresh(): Promise<void> {
    const poller = this.#poller;
    const shown = this.#shown;
    if (poller === null || shown === null) return;
    this.monitor.dirty = false;
    await Promise.all([poller.poll(), poller.readEnds(shown.partitions)]);
    const { last } = poller;
    if (last === null) return;
    this.monitor.remember(
      last.supervisor.fleet.decisions.filter((d) => d.desired !== d.previous),
    );
    await this.#readSamples(shown, last);
    const closed = this.monitor.results.closedSince(this.#now() - CLOSED_MS);
    const { ends } = poller;
    const recentMs = this.#options.sizeMs * MARKED_WINDOWS;
    const samples = this.#samples;
    this.#time = eventTimeOf(last, this.#time, { closed, ends, samples, recentMs });
    const { dirty } = this.monitor;
    const addsUp = this.#account.addUp(last, { moving: dirty, lag: this.#tick?.lag ?? 0 });
    // What did not add up is looked at again soon.
    if (!addsUp) this.monitor.dirty = true;
    this.#pollVersion += 1;
  }

  /** All that the page shows. */
  state(): PageState {
    return {
      about: this.#about(),
      now: this.#figures(),
      points: this.monitor.history.since(0),
      decisions: this.monitor.decisions,
      time: this.#time,
      results: this.monitor.results.windows,
      account: this.#account.view,
      samples: this.#samples,
      fleet: this.#fleet(),
      health: this.health(),
    };
  }

  /** How far somebody has come who has all that the page shows. */
  get seen(): Seen {
    return { points: this.monitor.history.count, versions: this.#versions() };
  }

  /** What has changed. */
  changes(seen: Seen): PageChange {
    const [about, decisions, results, poll] = this.#versions().map((version, i) =>
      version !== seen.versions[i]
    );
    return {
      now: this.#figures(),
      fleet: this.#fleet(),
      health: this.health(),
      points: this.monitor.history.since(seen.points),
      ...(about ? { about: this.#about() } : {}),
      ...(decisions ? { decisions: this.monitor.decisions } : {}),
      ...(results ? { results: this.monitor.results.windows } : {}),
      ...(poll ? { time: this.#time, account: this.#account.view, samples: this.#samples } : {}),
    };
  }

  /** Health. */
  health(): HealthView {
    const nowMs = this.#now();
    const unknown: ServerFound = { ok: null, sinceMs: this.#sinceMs, problem: null };
    const temporal = this.#poller?.temporal ?? unknown;
    const asked = [this.#poller?.broker ?? unknown, this.#shown?.load.brokerHealth ?? unknown];
    const { broker: waited } = this.monitor;
    // Who waits for records notices the end of an outage late: a newer answer counts.
    const answered = asked.some(({ ok, sinceMs }) => ok === true && sinceMs > waited.sinceMs);
    const broker = together(answered ? asked : [...asked, waited]);
    const fleet = this.#shown?.fleet ?? null;
    const source = { poll: this.poll, fleet, broker, temporal, lost: this.#lost };
    return {
      phase: this.#phase,
      broker: { ok: broker.ok, sinceMs: broker.sinceMs },
      temporal: { ok: temporal.ok, sinceMs: temporal.sinceMs },
      problems: this.#problems.find(source, nowMs),
    };
  }

  #versions(): number[] {
    const { decisionsVersion, results } = this.monitor;
    return [this.#aboutVersion, decisionsVersion, results.version, this.#pollVersion];
  }

  #about(): About {
    const { plan: _plan, loading, now: _now, ...about } = this.#options;
    const generation = this.generation;
    const demo = loading !== null;
    return { ...about, generation, life: this.#life, sinceMs: this.#sinceMs, demo };
  }

  #figures(): Now {
    const tick = this.#tick;
    const clock = this.poll?.clock;
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
    const known = this.poll?.supervisor.fleet;
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
      workerSeconds: this.monitor.workerSeconds,
      staticSeconds: Math.max(0, seconds) * staticWorkers,
      startupMs: fleet?.times.startupMs ?? null,
    };
  }

  async #readSamples(shown: Shown, { drains }: Poll): Promise<void> {
    const count = drains.reduce(
      (sum, { totals }) => sum + totals.late + totals.invalid + totals.skewed,
      0,
    );
    if (count === this.#sideCount) return;
    try {
      this.#samples = await readSamples(shown.reader, this.#options.plan, shown.generation);
      this.#sideCount = count;
    } catch {
      // The broker is away, which is shown elsewhere; they are read again with the next poll.
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
