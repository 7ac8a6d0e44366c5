/**
 * The open windows of a generation as the drain knows them: what has come for each and is held,
 * which call is under way, what is due. It decides whether a window has room before a result is
 * taken in, and makes the numbered calls.
 *
 * @module
 */

import type { AggregateSpec } from "../fold/aggregates.ts";
import { isComplete, lastTimer, nextTimer, ranOnTo, windowTimes } from "../event_time/timers.ts";
import {
  BYTES_A_SETTLE,
  CALLS_A_SETTLE,
  type SettleOutcome,
  WINDOW_BYTES,
  type WindowCall,
} from "./delivery.ts";
import {
  brokenBy,
  type BrokenWindow,
  carriedBytes,
  lookAt,
  lossOf,
  type OpenWindow,
  openWindow,
  type OpenWindowLook,
  over,
  sent,
  taken,
  tryAgain,
  type UnderWay,
  withCall,
  withCells,
} from "./open_window.ts";
import type { SweptWindow } from "./sweep.ts";
import { type TableRules, type TableSnapshot, WindowTable } from "./window_table.ts";

export type { BrokenWindow, OpenWindowLook } from "./open_window.ts";

/** How long before its end a window gets no deliver any more: its settle would wait for that. */
const DELIVER_MARGIN_MS = 1_000;
/** How many windows a second get their cells while they stay open. */
const DELIVERS_A_SECOND = 20;
/** How many broken windows are kept by name. */
const NAMED_BROKEN = 100;

/** What the open windows need to know of the plan. */
export interface OpenWindowsRules extends TableRules {
  /** The aggregates. */
  readonly aggregates: readonly AggregateSpec[];
}

/** What the closed windows add up to; it outlives Temporal's retention. */
export interface ClosedWindows {
  /** How many windows and shares of windows completed. */
  readonly windows: number;
  /** (event, window) pairs in them. */
  readonly pairs: number;
  /** Rows of their last emissions. */
  readonly rows: number;
}

/** The open windows as plain data, with what became of those that are not open any more. */
export interface OpenWindowsSnapshot extends TableSnapshot {
  /** What the closed ones add up to. */
  readonly closed: ClosedWindows;
  /** Broken ones that the watermark has passed. */
  readonly lost: readonly BrokenWindow[];
  /** All pairs lost with those, also of the ones that are not named. */
  readonly lostPairs: number;
  /** How many windows those were. */
  readonly lostWindows: number;
  /** How many delivers may leave, and since when that is counted. */
  readonly delivers: readonly [left: number, atMs: number];
}

/** No windows. */
export const NO_WINDOWS: OpenWindowsSnapshot = {
  windows: [],
  held: [],
  calls: [],
  broken: [],
  closed: { windows: 0, pairs: 0, rows: 0 },
  lost: [],
  lostPairs: 0,
  lostWindows: 0,
  delivers: [DELIVERS_A_SECOND, 0],
};

/** Whether windows have room for what a sweep brings. */
export type Room =
  /** All have. */
  | "enough"
  /** Some may have once what is held for them is delivered: they are marked, nothing is taken. */
  | "later"
  /** One has not. */
  | "full";

/** The open windows. Every message changes the table; the calls that are due are read from it. */
export class OpenWindows {
  #rules: OpenWindowsRules;
  readonly #table: WindowTable;
  #rest: Omit<OpenWindowsSnapshot, keyof TableSnapshot>;

  /** Goes on from a state. What was with an activity of an earlier run is sent again. */
  constructor(rules: OpenWindowsRules, snapshot: OpenWindowsSnapshot = NO_WINDOWS) {
    const { windows, held, calls, broken, ...rest } = snapshot;
    this.#rules = rules;
    this.#rest = rest;
    this.#table = new WindowTable(rules, { windows, held, calls, broken });
  }

  /** From now on by other rules; what has been decided stays. */
  tune(rules: OpenWindowsRules): void {
    this.#rules = rules;
    this.#table.tune(rules);
  }

  /** The state as plain data. */
  snapshot(): OpenWindowsSnapshot {
    return { ...this.#table.snapshot(), ...this.#rest };
  }

  /** How many there are. */
  get size(): number {
    return this.#table.size;
  }

  /** UTF-8 bytes of the cells of all of them: what they are known to have, and what is carried. */
  get bytes(): number {
    return this.#table.bytes + this.#table.carriedBytes;
  }

  /** UTF-8 bytes of cells that the drain carries: held ones, and those of calls under way. */
  get carriedBytes(): number {
    return this.#table.carriedBytes;
  }

  /** What the closed ones add up to. */
  get closed(): ClosedWindows {
    return this.#rest.closed;
  }

  /** Whether cells must leave before more can be taken in. */
  get isUrgent(): boolean {
    return this.#table.isUrgent;
  }

  /** Whether a call is under way. */
  get isCalling(): boolean {
    return this.#table.isCalling;
  }

  /** How far the watermark runs on: to the last time of a window that is within reach. */
  ranOnTo(watermark: number, reach: number): number {
    return ranOnTo(this.#timers, watermark, reach);
  }

  /** The first time of a window after a watermark; null if there is none. */
  nextTime(watermark: number): number | null {
    return nextTimer(this.#timers, watermark);
  }

  /** The time by which all that are open now are complete; null if none is. */
  lastTime(): number | null {
    return lastTimer(this.#timers);
  }

  get #timers() {
    const { windowing, latenessMs } = this.#rules;
    return { windowing, latenessMs, starts: this.#table.starts };
  }

  /** The first of some windows of a result that a watermark has completed; it must not be taken. */
  static completeBy(
    rules: OpenWindowsRules,
    parts: readonly SweptWindow[],
    watermark: number | null,
  ): SweptWindow | undefined {
    return parts.find((part) =>
      isComplete(rules.windowing, rules.latenessMs, part.start, watermark)
    );
  }

  /** Whether all windows have room for what a sweep brings; those that may have later are marked. */
  room(parts: readonly SweptWindow[]): Room {
    let room: Room = "enough";
    for (const part of parts) {
      const window = this.#table.get(part);
      if (window === undefined || window.broken !== null) continue;
      const waiting = carriedBytes(window);
      if (window.bytes + waiting + part.bytes <= WINDOW_BYTES) continue;
      if (waiting === 0) return "full";
      room = "later";
      this.#table.set({ ...window, urgent: true });
    }
    return room;
  }

  /** Holds what a sweep brought, until the windows take it. */
  hold(parts: readonly SweptWindow[], nowMs: number): void {
    for (const part of parts) {
      const window = this.#table.get(part) ?? openWindow(part, nowMs);
      this.#table.set(withCells(window, part, this.#rules.aggregates));
    }
  }

  /**
   * Makes the calls that are due: settles first, soonest due first, then delivers, those farthest
   * from closing first where cells are too many, else those that have waited longest.
   *
   * @param watermark The pipeline's watermark.
   * @param nowMs The workflow's time.
   * @param carryBytes How many bytes may be carried; past half of it cells leave by need.
   * @param inBacklog Whether delivers go by need only.
   */
  makeCalls(
    watermark: number | null,
    nowMs: number,
    carryBytes: number,
    inBacklog: boolean,
  ): void {
    for (const window of this.#table.urgent()) this.#deliver(window, nowMs);
    if (watermark !== null) {
      const next = () => this.#table.due(watermark) ?? this.#table.settling(nowMs);
      for (let window = next(); window !== undefined; window = next()) {
        this.#settle(window, watermark, nowMs);
      }
    }
    while (this.#table.waitingBytes > carryBytes / 2) {
      const farthest = this.#table.farthest();
      if (farthest === undefined) break;
      this.#deliver(farthest, nowMs);
    }
    if (!inBacklog) this.#deliverOld(watermark, nowMs);
    if (watermark !== null) this.#dropComplete(watermark);
  }

  /** A settle brings all that is held; what is too much for one call goes ahead of it. */
  #settle(window: OpenWindow, watermark: number, nowMs: number): void {
    if ((window.held?.bytes ?? 0) > BYTES_A_SETTLE) return this.#deliver(window, nowMs);
    const early = this.#timesOf(window).end > watermark;
    const kind = early ? { watermark, early } : { watermark };
    this.#table.set(withCall(window, kind, nowMs, BYTES_A_SETTLE));
  }

  #deliver(window: OpenWindow, nowMs: number): void {
    this.#table.set(withCall(window, { watermark: null }, nowMs, BYTES_A_SETTLE));
  }

  #deliverOld(watermark: number | null, nowMs: number): void {
    const { deliverEveryMs } = this.#rules;
    if (deliverEveryMs === null) return;
    const [left, atMs] = this.#rest.delivers;
    const gained = Math.max(0, nowMs - atMs) * DELIVERS_A_SECOND / 1000;
    const tokens = Math.min(DELIVERS_A_SECOND, left + gained);
    const most = Math.floor(tokens);
    const old = this.#table.waitingFor(
      deliverEveryMs,
      nowMs,
      most,
      (window) => watermark === null || this.#timesOf(window).end > watermark + DELIVER_MARGIN_MS,
    );
    for (const window of old) this.#deliver(window, nowMs);
    this.#rest = { ...this.#rest, delivers: [tokens - old.length, nowMs] };
  }

  /** Nothing comes any more for a broken window that the watermark has completed. */
  #dropComplete(watermark: number): void {
    for (const window of this.#table.broken()) {
      if (this.#timesOf(window).final > watermark) continue;
      const { lost, lostPairs, lostWindows } = this.#rest;
      const loss = lossOf(window);
      this.#rest = {
        ...this.#rest,
        lost: lost.length < NAMED_BROKEN ? [...lost, loss] : lost,
        lostPairs: lostPairs + loss.pairs,
        lostWindows: lostWindows + 1,
      };
      this.#table.delete(window);
    }
  }

  /** Gives the windows all cells that are held. */
  deliverAll(nowMs: number): void {
    const next = () => this.#table.farthest();
    for (let window = next(); window !== undefined; window = next()) this.#deliver(window, nowMs);
  }

  /**
   * The calls to be sent now, dealt to activities; they count as sent.
   *
   * @param nowMs The workflow's time.
   * @param most How many activities may be begun.
   */
  send(nowMs: number, most: number): WindowCall[][] {
    const batches: { calls: WindowCall[]; bytes: number }[] = [];
    const next = () => this.#table.toSend(nowMs);
    for (let window = next(); window !== undefined; window = next()) {
      const { start, shard, call } = window;
      if (call === null) break;
      let batch = batches.at(-1);
      const fits = batch !== undefined && batch.calls.length < CALLS_A_SETTLE &&
        batch.bytes + call.bytes <= BYTES_A_SETTLE;
      if (batch === undefined || !fits) {
        if (batches.length >= most) break;
        batch = { calls: [], bytes: 0 };
        batches.push(batch);
      }
      batch.calls.push({ start, shard, call: call.call });
      batch.bytes += call.bytes;
      this.#table.set(sent(window, call));
    }
    return batches.map((batch) => batch.calls);
  }

  /** When the first call that waits for its next try may be sent; null if none waits. */
  nextTryMs(): number | null {
    return this.#table.nextTryMs();
  }

  /** Takes in how one call ended; what is not about the call under way changes nothing. */
  answered(outcome: SettleOutcome, nowMs: number): void {
    const window = this.#table.get(outcome);
    const call = sentCall(window, outcome.n);
    if (window === undefined || call === undefined) return;
    switch (outcome.end) {
      case "written":
        this.#over(window, call, outcome);
        break;
      case "taken":
        this.#table.set(taken(window, call, outcome.bytes, nowMs));
        break;
      case "full":
        this.#table.set(brokenBy(window, "TG_WINDOW_FULL"));
        break;
      case "overlap":
        this.#table.set(brokenBy(window, "TG_OVERLAP"));
        break;
      case "lost":
        this.#table.set(brokenBy(window, "TG_WINDOW_LOST"));
        break;
    }
  }

  /** A call is over. A window that has emitted for the last time is booked and leaves the table. */
  #over(window: OpenWindow, call: UnderWay, outcome: SettleOutcome): void {
    const { watermark } = call.call;
    const emitted = window.emitted ||
      (watermark !== null && watermark >= this.#timesOf(window).end);
    const next = over(window, call, outcome.bytes, emitted);
    if (!outcome.final) return this.#table.set(next);
    const { closed } = this.#rest;
    this.#rest = {
      ...this.#rest,
      closed: {
        windows: closed.windows + 1,
        pairs: closed.pairs + next.pairs,
        rows: closed.rows + outcome.rows,
      },
    };
    this.#table.delete(window);
  }

  /** A call came to nothing: it is tried again as it is. */
  failed(calls: readonly WindowCall[], nowMs: number): void {
    for (const { start, shard, call: { n } } of calls) {
      const window = this.#table.get({ start, shard });
      const call = sentCall(window, n);
      if (window === undefined || call === undefined) continue;
      this.#table.set(tryAgain(window, call, nowMs));
    }
  }

  /** The open windows in their order, the first so many, for people and `audit`. */
  look(limit = Infinity): OpenWindowLook[] {
    return this.#table.inOrder(limit).map(lookAt);
  }

  /** The broken ones, open and passed; and all pairs lost with them. */
  get lost(): { readonly windows: number; readonly pairs: number; named: BrokenWindow[] } {
    const open = this.#table.broken().map(lossOf);
    return {
      windows: this.#rest.lostWindows + open.length,
      pairs: this.#rest.lostPairs + open.reduce((sum, window) => sum + window.pairs, 0),
      named: [...this.#rest.lost, ...open],
    };
  }

  #timesOf(window: OpenWindow): { end: number; final: number } {
    return windowTimes(this.#rules.windowing, this.#rules.latenessMs, window.start);
  }
}

/** The call under way, if it is sent and has this number. */
function sentCall(window: OpenWindow | undefined, n: number): UnderWay | undefined {
  const call = window?.call;
  return call?.sent && call.call.n === n ? call : undefined;
}
