/**
 * Puts together what the page shows: what workflows and activities have told the monitor, and how the
 * servers answer.
 *
 * @module
 */

import type { LogReader } from "../../adapters/kafka/log.ts";
import type { RunPlan } from "../../core/plan.ts";
import { accountViewOf, eventTimeOf } from "./event_time.ts";
import { loadOf, PipelineMonitor, type Tick, type TickSource } from "./monitor.ts";
import { Problems } from "./problems.ts";
import { type ServerFound, Servers, type ServersSource, together } from "./servers.ts";
import { readRows, readSamples } from "./samples.ts";
import type {
  About,
  AccountView,
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
/** Records that were set aside are read again at most so often, in ms. */
const SAMPLES_MS = 2_000;

/** A running control process, as far as it is shown. */
export interface Shown extends TickSource, Pick<ServersSource, "workflows"> {
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The log. */
  readonly reader: LogReader;
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
  #servers: Servers | null = null;
  #phase: HealthView["phase"] = "starting";
  #lost: string | null = null;
  #tick: Tick | null = null;
  #time: EventTimeView | null = null;
  #account: AccountView | null = null;
  #samples: readonly SampleView[] = [];
  #samplesVersion = 0;
  #sideCount = -1;
  #samplesNotBeforeMs = -Infinity;
  #drawn = "";
  #drawnVersion = 0;
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
      broker: this.monitor.brokerErrors + (this.#servers?.brokerErrors ?? 0),
      temporal: this.#servers?.temporalErrors ?? 0,
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
    this.#servers = new Servers({
      workflows: shown.workflows,
      reader: shown.reader,
      topic: this.#options.plan.topic,
      heardMs: () => this.monitor.heardMs,
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

  /** Somebody wants to know: servers are looked at for a while. */
  ask(): void {
    this.#askedMs = this.#now();
  }

  /** A second has passed. */
  async second(watched: boolean): Promise<void> {
    const shown = this.#shown;
    if (shown === null) return;
    const wanted = watched || this.#now() - this.#askedMs < DEMAND_MS;
    const looking = wanted ? this.#look(watched) : undefined;
    this.#tick = this.monitor.tick(shown, wanted ? this.#servers?.ends : undefined);
    if (wanted) this.#draw();
    await looking;
  }

  /** Looks at the servers, unless that was done a moment ago. */
  async refresh(maxAgeMs: number): Promise<void> {
    const { lookedMs } = this.#servers ?? { lookedMs: -Infinity };
    if (this.#now() - lookedMs > maxAgeMs) await this.#look(false);
    const shown = this.#shown;
    this.#tick ??= shown === null ? null : this.monitor.tick(shown, this.#servers?.ends);
  }

  /** All that the page shows. */
  state(): PageState {
    this.#draw();
    return {
      about: this.#about(),
      now: this.#figures(),
      points: this.monitor.history.since(0),
      decisions: this.monitor.decisions,
      time: this.#time,
      results: this.monitor.results.windows,
      account: this.#account,
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
    const [about, decisions, results, drawn] = this.#versions().map((version, i) =>
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
      ...(drawn ? { time: this.#time, account: this.#account, samples: this.#samples } : {}),
    };
  }

  /** Health. */
  health(): HealthView {
    const nowMs = this.#now();
    const unknown: ServerFound = { ok: null, sinceMs: this.#sinceMs, problem: null };
    const temporal = this.#servers?.temporal ?? unknown;
    const broker = together([
      this.#servers?.broker ?? unknown,
      this.#shown?.load.brokerHealth ?? unknown,
    ]);
    const { told, supervisor } = this.monitor;
    const source = {
      plan: this.#options.plan,
      view: told?.view ?? null,
      supervisor,
      fleet: this.#shown?.fleet ?? null,
      broker,
      temporal,
      lost: this.#lost,
    };
    return {
      phase: this.#phase,
      broker: { ok: broker.ok, sinceMs: broker.sinceMs },
      temporal: { ok: temporal.ok, sinceMs: temporal.sinceMs },
      problems: this.#problems.find(source, nowMs),
    };
  }

  #versions(): number[] {
    const { decisionsVersion, results } = this.monitor;
    return [this.#aboutVersion, decisionsVersion, results.version, this.#drawnVersion];
  }

  #about(): About {
    const { plan: _plan, loading, now: _now, ...about } = this.#options;
    const generation = this.generation;
    const demo = loading !== null;
    return { ...about, generation, life: this.#life, sinceMs: this.#sinceMs, demo };
  }

  #figures(): Now {
    const tick = this.#tick;
    const view = this.monitor.told?.view;
    return {
      atMs: tick?.atMs ?? this.#now(),
      inRate: tick?.inRate ?? null,
      foldedRate: tick?.foldedRate ?? null,
      lag: tick?.lag ?? null,
      workerRate: tick?.workerRate ?? null,
      watermark: view?.watermark ?? null,
      open: view?.openWindows ?? null,
      closed: view?.closed.windows ?? null,
      loading: this.#options.loading?.() ?? false,
    };
  }

  #fleet(): FleetView {
    const fleet = this.#shown?.fleet;
    const known = this.monitor.supervisor?.fleet;
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

  /** Event time and account; what is the same as before is not sent again. */
  #draw(): void {
    const { told, results } = this.monitor;
    if (told === null || this.#shown === null) return;
    const { plan, sizeMs } = this.#options;
    const nowMs = this.#now();
    this.#time = eventTimeOf({
      plan,
      generation: this.#shown.generation,
      view: told.view,
      tick: this.#tick,
      closed: results.closedSince(nowMs - CLOSED_MS),
      samples: this.#samples,
      recentMs: sizeMs * MARKED_WINDOWS,
      nowMs,
    });
    this.#account = accountViewOf(told.view, told.atMs, this.#tick?.lag ?? 0);
    const { lag: _lag, ...account } = this.#account;
    const drawn = JSON.stringify([this.#time, account, this.#samplesVersion]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#drawnVersion += 1;
  }

  async #look(watched: boolean): Promise<void> {
    const { told } = this.monitor;
    const partitions = told?.view.partitions ?? [];
    const active = new Set(partitions.filter((p) => p.mode === "active").map((p) => p.partition));
    const busy =
      told?.view.sweeps.some((sweep) =>
        sweep.at === "fleet" && sweep.partitions.some((partition) => active.has(partition))
      ) ?? false;
    await Promise.all([
      this.#servers?.look({ partitions: partitions.map((p) => p.partition), busy, watched }),
      this.#readSamples(),
    ]);
  }

  /** Reads what was set aside, if there is more of it than was read. */
  async #readSamples(): Promise<void> {
    const { told } = this.monitor;
    const shown = this.#shown;
    const nowMs = this.#now();
    if (told === null || shown === null || nowMs < this.#samplesNotBeforeMs) return;
    const count = told.view.partitions.reduce(
      (sum, { totals }) => sum + totals.late + totals.invalid + totals.skewed + totals.failed,
      0,
    );
    if (count === this.#sideCount) return;
    this.#samplesNotBeforeMs = nowMs + SAMPLES_MS;
    try {
      const samples = await readSamples(shown.reader, this.#options.plan, shown.generation);
      if (samples.length + this.#samples.length > 0) this.#samplesVersion += 1;
      this.#samples = samples;
      this.#sideCount = count;
    } catch {
      // The broker is away, which is shown elsewhere; they are read again later.
    }
  }
}
