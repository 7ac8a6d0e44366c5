/**
 * The event-time timers of a pipeline: which windows are open, when each is due, and what the
 * closed ones add up to.
 *
 * @module
 */

/** How long a window may take to answer a close before it is told again, in ms. */
export const CLOSE_REPEAT_MS = 60_000;

/** A window's registration, made from the report of the first drain that delivered to it. */
export interface Registration {
  /** The window's workflow id. */
  readonly id: string;
  /** Start of the window, epoch ms. */
  readonly start: number;
  /** When its rows are first due, epoch ms of event time. */
  readonly end: number;
  /** When it completes: end + lateness. */
  readonly final: number;
}

/** What a window says when it has completed. */
export interface ClosedWindow {
  /** The window's workflow id. */
  readonly id: string;
  /** (event, window) pairs it took. */
  readonly pairs: number;
  /** (event, window) pairs it refused. */
  readonly refused: number;
  /** How many rows its last emission had. */
  readonly rows: number;
}

/** A window that did not complete as it should. */
export interface LostWindow {
  /** The window's workflow id. */
  readonly id: string;
  /** What was found. */
  readonly why: string;
}

/** What the closed windows add up to; it outlives Temporal's retention. */
export interface ClosedTotals {
  /** How many windows completed. */
  readonly windows: number;
  /** (event, window) pairs in them. */
  readonly pairs: number;
  /** (event, window) pairs they refused. */
  readonly refused: number;
  /** Rows of their last emissions. */
  readonly rows: number;
}

/** A registered window. */
export interface TimerEntry extends Registration {
  /** How many of its times have been fired: 0, 1 (the end), 2 (the final one). */
  readonly fired: 0 | 1 | 2;
  /** When the last close was sent, wall clock. */
  readonly sentAtMs: number | null;
}

/** The timers' state as plain data. */
export interface CloseTimersSnapshot {
  /** The registered windows. */
  readonly entries: readonly TimerEntry[];
  /** What the closed ones add up to. */
  readonly totals: ClosedTotals;
  /** Those that did not complete as they should. */
  readonly lost: readonly LostWindow[];
}

/** The event-time timers of a pipeline. An entry stays until its window has answered. */
export class CloseTimers {
  readonly #entries: Map<string, TimerEntry>;
  #totals: ClosedTotals;
  readonly #lost: LostWindow[];

  /**
   * Goes on from a state.
   *
   * @param snapshot The state to go on from; empty if left out.
   */
  constructor(snapshot?: CloseTimersSnapshot) {
    this.#entries = new Map((snapshot?.entries ?? []).map((entry) => [entry.id, entry]));
    this.#totals = snapshot?.totals ?? { windows: 0, pairs: 0, refused: 0, rows: 0 };
    this.#lost = [...snapshot?.lost ?? []];
  }

  /**
   * Takes a registration in; a repeated one changes nothing, not even after the window has closed:
   * no partition delivers to a window whose last time the watermark has passed, so that one was
   * registered before.
   *
   * @param window The window.
   * @param watermark The pipeline's watermark before the report that tells of the window; null
   * before the first.
   */
  register(window: Registration, watermark: number | null = null): void {
    const isOver = watermark !== null && window.final <= watermark;
    if (isOver || this.#entries.has(window.id)) return;
    this.#entries.set(window.id, { ...window, fired: 0, sentAtMs: null });
  }

  /** Takes a window's last word in; a repeated one changes nothing. */
  closed(window: ClosedWindow): void {
    if (!this.#entries.delete(window.id)) return;
    this.#totals = {
      windows: this.#totals.windows + 1,
      pairs: this.#totals.pairs + window.pairs,
      refused: this.#totals.refused + window.refused,
      rows: this.#totals.rows + window.rows,
    };
  }

  /** Notes that a window can't be reached any more, and gives up waiting for it. */
  lose(id: string, why: string): void {
    if (this.#entries.delete(id)) this.#lost.push({ id, why });
  }

  /**
   * The windows to tell of the watermark, soonest due first.
   *
   * @param watermark The pipeline's watermark.
   * @param nowMs The wall clock, for those that have not answered.
   * @param limit How many at most.
   * @returns Their workflow ids.
   */
  due(watermark: number | null, nowMs: number, limit: number): string[] {
    if (watermark === null) return [];
    const due: TimerEntry[] = [];
    for (const entry of this.#entries.values()) {
      const next = nextTime(entry);
      const late = entry.fired === 2 && nowMs >= (entry.sentAtMs ?? 0) + CLOSE_REPEAT_MS;
      if (late || (next !== undefined && next <= watermark)) due.push(entry);
    }
    return due.sort((a, b) => a.end - b.end || (a.id < b.id ? -1 : 1))
      .slice(0, limit)
      .map((entry) => entry.id);
  }

  /** Notes that a window was told of a watermark. */
  sent(id: string, watermark: number, nowMs: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    const fired = watermark >= entry.final ? 2 : watermark >= entry.end ? 1 : entry.fired;
    this.#entries.set(id, { ...entry, fired, sentAtMs: nowMs });
  }

  /** When the next unanswered close is to be repeated; undefined if none is out. */
  nextRepeatMs(): number | undefined {
    let next = Infinity;
    for (const entry of this.#entries.values()) {
      if (entry.fired === 2) next = Math.min(next, (entry.sentAtMs ?? 0) + CLOSE_REPEAT_MS);
    }
    return next === Infinity ? undefined : next;
  }

  /** The registered times that are not fired yet. */
  *pendingTimes(): Generator<number> {
    for (const entry of this.#entries.values()) {
      const next = nextTime(entry);
      if (next !== undefined) yield next;
      if (entry.fired === 0 && entry.final > entry.end) yield entry.final;
    }
  }

  /** The largest time registered; undefined if no window is open. */
  lastTime(): number | undefined {
    let last = -Infinity;
    for (const entry of this.#entries.values()) last = Math.max(last, entry.final);
    return last === -Infinity ? undefined : last;
  }

  /** The open windows, earliest first. */
  get open(): TimerEntry[] {
    return [...this.#entries.values()].sort((a, b) => a.end - b.end || (a.id < b.id ? -1 : 1));
  }

  /** What the closed windows add up to. */
  get totals(): ClosedTotals {
    return this.#totals;
  }

  /** Windows that did not complete as they should. */
  get lost(): readonly LostWindow[] {
    return this.#lost;
  }

  /** The state as plain data. */
  snapshot(): CloseTimersSnapshot {
    return { entries: [...this.#entries.values()], totals: this.#totals, lost: [...this.#lost] };
  }
}

function nextTime(entry: TimerEntry): number | undefined {
  if (entry.fired === 0) return entry.end;
  return entry.fired === 1 ? entry.final : undefined;
}
