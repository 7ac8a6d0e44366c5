/**
 * The open windows of a generation as the drain knows them: what has come for each and is held,
 * which call is under way, what is due. It decides whether a window has room before a result is
 * taken in, and makes the numbered calls.
 *
 * @module
 */

import type { AggregateSpec, CellWire } from "../fold/aggregates.ts";
import { isComplete, nextTimeOf, windowTimes } from "../event_time/timers.ts";
import type { Windowing } from "../event_time/windows.ts";
import {
  BYTES_A_SETTLE,
  type Call,
  CALLS_A_SETTLE,
  type SettleOutcome,
  WINDOW_BYTES,
  type WindowCall,
} from "./delivery.ts";
import { cellsBytes, cutCells, mergeCells, mergeSpans, pairsIn } from "./held.ts";
import type { Span, SweptWindow } from "./sweep.ts";

/** How long before its end a window gets no deliver any more: its settle would wait for that. */
const DELIVER_MARGIN_MS = 1_000;
/** How many windows a second get their cells while they stay open. */
const DELIVERS_A_SECOND = 20;
/** How long to wait before the rows of a window are tried again: first, and at most. */
const RETRY_MS = [500, 30_000] as const;
/** How many broken windows are kept by name. */
const NAMED_BROKEN = 100;

/** What the open windows need to know of the plan. */
export interface OpenWindowsRules {
  /** The aggregates. */
  readonly aggregates: readonly AggregateSpec[];
  /** Size, slide and offset of the windows. */
  readonly windowing: Windowing;
  /** The allowed lateness. */
  readonly latenessMs: number;
  /** How often a window that stays open gets its cells; null for never. */
  readonly deliverEveryMs: number | null;
  /** How often a window emits before its end; null for never. */
  readonly emitEveryMs: number | null;
}

/** Cells that wait for their window. */
export interface Held {
  /** The cells, sorted by key. */
  readonly cells: readonly CellWire[];
  /** The offsets they come from. */
  readonly spans: readonly Span[];
  /** Their UTF-8 bytes as JSON. */
  readonly bytes: number;
  /** Their (event, window) pairs. */
  readonly pairs: number;
}

/** A call under way, which never changes but for its cells, once those are taken. */
export interface UnderWay {
  /** The call. */
  readonly call: Call;
  /** UTF-8 bytes of its cells as JSON; 0 once its window is known to have them. */
  readonly bytes: number;
  /** Their (event, window) pairs. */
  readonly pairs: number;
  /** Whether it is with an activity of this run. */
  readonly sent: boolean;
  /** How many tries have come to nothing. */
  readonly tries: number;
  /** Before when it is not tried again. */
  readonly notBeforeMs: number;
  /** Since when its window has taken it and its rows are not written; null if it has not. */
  readonly takenAtMs: number | null;
}

/** An open window. */
interface OpenWindow {
  readonly start: number;
  readonly shard: number;
  /** The number of its last call that is answered or under way. */
  readonly n: number;
  /** (event, window) pairs and UTF-8 bytes that its answered calls brought it to. */
  readonly pairs: number;
  readonly bytes: number;
  /** Whether its first rows are out. */
  readonly emitted: boolean;
  /** When it opened, or its last call was made. */
  readonly atMs: number;
  readonly held: Held | null;
  readonly call: UnderWay | null;
  /** Its cells must leave before more can be taken in. */
  readonly urgent: boolean;
  /** What is wrong with it: nothing more is sent, and what belongs to it is lost. */
  readonly broken: string | null;
}

/** A window that is lost, or full, or was told two things under one number. */
export interface BrokenWindow {
  /** Its start, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
  /** The stable code. */
  readonly code: string;
  /** (event, window) pairs lost with it. */
  readonly pairs: number;
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

/** The open windows as plain data; one window is a list of numbers, since there are thousands. */
export interface OpenWindowsSnapshot {
  /** `[start, shard, n, pairs, bytes, emitted, atMs]`. */
  readonly windows: readonly (readonly [
    start: number,
    shard: number,
    n: number,
    pairs: number,
    bytes: number,
    emitted: 0 | 1,
    atMs: number,
  ])[];
  /** Cells that wait, by the index of their window. */
  readonly held: readonly (readonly [index: number, Held])[];
  /** Calls under way, by the index of their window. */
  readonly calls: readonly (readonly [index: number, UnderWay])[];
  /** What is wrong with windows, by index. */
  readonly broken: readonly (readonly [index: number, code: string])[];
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

/** What people and `audit` see of an open window. */
export interface OpenWindowLook {
  /** Its start, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
  /** The number of its last answered call; 0 if none is. */
  readonly n: number;
  /** (event, window) pairs it must have said it holds with that call. */
  readonly pairs: number;
  /** (event, window) pairs that wait with the drain, or are in the call under way. */
  readonly waiting: number;
  /** (event, window) pairs that call n + 1 brings, which is under way; null if none is. */
  readonly calling: number | null;
  /** Whether its first rows are out. */
  readonly emitted: boolean;
  /** Since when its rows could not be written; null if nothing waits. */
  readonly unwrittenSinceMs: number | null;
  /** What is wrong with it; null if nothing is. */
  readonly broken: string | null;
}

/** The open windows. Every message changes the table; the calls that are due are read from it. */
export class OpenWindows {
  readonly #rules: OpenWindowsRules;
  readonly #windows = new Map<string, OpenWindow>();
  #rest: Omit<OpenWindowsSnapshot, "windows" | "held" | "calls" | "broken">;
  #carried = 0;

  /** Goes on from a state. What was with an activity of an earlier run is sent again. */
  constructor(rules: OpenWindowsRules, snapshot: OpenWindowsSnapshot = NO_WINDOWS) {
    const { windows, held, calls, broken, ...rest } = snapshot;
    this.#rules = rules;
    this.#rest = rest;
    const heldAt = new Map(held);
    const callAt = new Map(calls);
    const brokenAt = new Map(broken);
    for (const [index, [start, shard, n, pairs, bytes, emitted, atMs]] of windows.entries()) {
      const call = callAt.get(index);
      this.#set({
        start,
        shard,
        n,
        pairs,
        bytes,
        emitted: emitted === 1,
        atMs,
        held: heldAt.get(index) ?? null,
        call: call === undefined ? null : { ...call, sent: false },
        urgent: false,
        broken: brokenAt.get(index) ?? null,
      });
    }
  }

  /** The state as plain data. */
  snapshot(): OpenWindowsSnapshot {
    const all = [...this.#windows.values()];
    const having = <T>(of: (window: OpenWindow) => T | null): [number, T][] =>
      all.flatMap((window, index): [number, T][] => {
        const value = of(window);
        return value === null ? [] : [[index, value]];
      });
    return {
      windows: all.map((w) => [w.start, w.shard, w.n, w.pairs, w.bytes, w.emitted ? 1 : 0, w.atMs]),
      held: having((window) => window.held),
      calls: having((window) => window.call),
      broken: having((window) => window.broken),
      ...this.#rest,
    };
  }

  /** How many there are. */
  get size(): number {
    return this.#windows.size;
  }

  /** UTF-8 bytes of cells that the drain carries: held ones, and those of calls under way. */
  get carriedBytes(): number {
    return this.#carried;
  }

  /** What the closed ones add up to. */
  get closed(): ClosedWindows {
    return this.#rest.closed;
  }

  /** Whether cells must leave before more can be taken in. */
  get isUrgent(): boolean {
    return [...this.#windows.values()].some((window) => window.urgent);
  }

  /** Whether a call is under way. */
  get isCalling(): boolean {
    return [...this.#windows.values()].some((window) => window.call !== null);
  }

  /** The times that are not fired yet: for the run-on. */
  times(): number[] {
    return [...this.#windows.values()].flatMap((window) => {
      const { end, final } = this.#timesOf(window);
      return window.emitted ? [final] : [end, final];
    });
  }

  /** The time by which all that are open now are complete; null if none is. */
  lastTime(): number | null {
    let last: number | null = null;
    for (const window of this.#windows.values()) {
      last = Math.max(last ?? -Infinity, this.#timesOf(window).final);
    }
    return last;
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
      const window = this.#windows.get(keyOf(part));
      if (window === undefined || window.broken !== null) continue;
      const waiting = (window.held?.bytes ?? 0) + callBytes(window);
      if (window.bytes + waiting + part.bytes <= WINDOW_BYTES) continue;
      if (waiting === 0) return "full";
      room = "later";
      this.#set({ ...window, urgent: true });
    }
    return room;
  }

  /** Holds what a sweep brought, until the windows take it. */
  hold(parts: readonly SweptWindow[], nowMs: number): void {
    for (const part of parts) {
      const window = this.#windows.get(keyOf(part)) ?? newWindow(part, nowMs);
      const { held } = window;
      const cells = held === null
        ? part.cells
        : mergeCells(this.#rules.aggregates, held.cells, part.cells);
      this.#set({
        ...window,
        held: {
          cells: window.broken === null ? cells : [],
          spans: mergeSpans(held?.spans ?? [], part.spans),
          bytes: window.broken !== null ? 0 : held === null ? part.bytes : cellsBytes(cells),
          pairs: (held?.pairs ?? 0) + pairsIn(part.cells),
        },
      });
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
    const free = [...this.#windows.values()].filter((w) => w.call === null && w.broken === null);
    const rest: OpenWindow[] = [];
    for (const window of free.sort((a, b) => a.start - b.start || a.shard - b.shard)) {
      if (window.urgent) this.#deliver(window, nowMs);
      else if (watermark !== null && this.#settles(window, watermark, nowMs)) {
        this.#settle(window, watermark, nowMs);
      } else if (window.held !== null) rest.push(window);
    }
    let heldBytes = rest.reduce((sum, window) => sum + (window.held?.bytes ?? 0), 0);
    for (const window of rest.toReversed()) {
      if (heldBytes <= carryBytes / 2) break;
      heldBytes -= window.held?.bytes ?? 0;
      this.#deliver(window, nowMs);
    }
    if (!inBacklog) this.#deliverOld(rest, watermark, nowMs);
    this.#dropComplete(watermark);
  }

  /**
   * The calls to be sent now, dealt to activities; they count as sent.
   *
   * @param nowMs The workflow's time.
   * @param most How many activities may be begun.
   */
  send(nowMs: number, most: number): WindowCall[][] {
    const batches: { calls: WindowCall[]; bytes: number }[] = [];
    const settlesFirst = (w: OpenWindow) => w.call?.call.watermark === null ? 1 : 0;
    const due = [...this.#windows.values()]
      .filter(({ call }) => call !== null && !call.sent && call.notBeforeMs <= nowMs)
      .sort((a, b) => settlesFirst(a) - settlesFirst(b) || a.start - b.start);
    for (const window of due) {
      const { call } = window;
      if (call === null) continue;
      let batch = batches.at(-1);
      const fits = batch !== undefined && batch.calls.length < CALLS_A_SETTLE &&
        batch.bytes + call.bytes <= BYTES_A_SETTLE;
      if (batch === undefined || !fits) {
        if (batches.length >= most) break;
        batch = { calls: [], bytes: 0 };
        batches.push(batch);
      }
      batch.calls.push({ start: window.start, shard: window.shard, call: call.call });
      batch.bytes += call.bytes;
      this.#set({ ...window, call: { ...call, sent: true } });
    }
    return batches.map((batch) => batch.calls);
  }

  /** When the first call that waits for its next try may be sent; null if none waits. */
  nextTryMs(): number | null {
    let next: number | null = null;
    for (const { call } of this.#windows.values()) {
      if (call === null || call.sent) continue;
      next = Math.min(next ?? Infinity, call.notBeforeMs);
    }
    return next;
  }

  /** Takes in how one call ended; what is not about the call under way changes nothing. */
  answered(outcome: SettleOutcome, nowMs: number): void {
    const window = this.#windows.get(keyOf(outcome));
    const call = window?.call ?? null;
    if (window === undefined || call === null || call.call.n !== outcome.n || !call.sent) return;
    switch (outcome.end) {
      case "written":
        this.#over(window, outcome);
        break;
      case "taken":
        this.#set({
          ...window,
          bytes: outcome.bytes,
          urgent: window.urgent && window.held !== null,
          call: this.#again({
            ...call,
            call: { ...call.call, cells: null },
            bytes: 0,
            takenAtMs: call.takenAtMs ?? nowMs,
          }, nowMs),
        });
        break;
      case "full":
        this.#break(window, "TG_WINDOW_FULL");
        break;
      case "overlap":
        this.#break(window, "TG_OVERLAP");
        break;
      case "lost":
        this.#break(window, "TG_WINDOW_LOST");
        break;
    }
  }

  /** A call came to nothing: it is tried again as it is. */
  failed(calls: readonly WindowCall[], nowMs: number): void {
    for (const { start, shard, call: { n } } of calls) {
      const window = this.#windows.get(keyOf({ start, shard }));
      const call = window?.call ?? null;
      if (window === undefined || call === null || call.call.n !== n || !call.sent) continue;
      this.#set({ ...window, call: this.#again(call, nowMs) });
    }
  }

  /** All open windows, for people and `audit`. */
  look(): OpenWindowLook[] {
    return [...this.#windows.values()]
      .sort((a, b) => a.start - b.start || a.shard - b.shard)
      .map((window) => ({
        start: window.start,
        shard: window.shard,
        n: window.call === null ? window.n : window.n - 1,
        pairs: window.pairs,
        waiting: (window.held?.pairs ?? 0) + (window.call?.pairs ?? 0),
        calling: window.call?.pairs ?? null,
        emitted: window.emitted,
        unwrittenSinceMs: window.call?.takenAtMs ?? null,
        broken: window.broken,
      }));
  }

  /** The broken ones, open and passed; and all pairs lost with them. */
  get lost(): { readonly windows: number; readonly pairs: number; named: BrokenWindow[] } {
    const open = [...this.#windows.values()].filter((window) => window.broken !== null)
      .map(brokenOf);
    return {
      windows: this.#rest.lostWindows + open.length,
      pairs: this.#rest.lostPairs + open.reduce((sum, window) => sum + window.pairs, 0),
      named: [...this.#rest.lost, ...open],
    };
  }

  #timesOf(window: OpenWindow): { end: number; final: number } {
    return windowTimes(this.#rules.windowing, this.#rules.latenessMs, window.start);
  }

  #settles(window: OpenWindow, watermark: number, nowMs: number): boolean {
    const times = this.#timesOf(window);
    if (nextTimeOf(times, window.emitted ? "emitted" : "open") <= watermark) return true;
    const { deliverEveryMs, emitEveryMs } = this.#rules;
    const everyMs = window.emitted ? deliverEveryMs : emitEveryMs;
    return window.held !== null && everyMs !== null && nowMs - window.atMs >= everyMs;
  }

  /** A settle brings all that is held; what is too much for one call goes ahead of it. */
  #settle(window: OpenWindow, watermark: number, nowMs: number): void {
    if ((window.held?.bytes ?? 0) > BYTES_A_SETTLE) return this.#deliver(window, nowMs);
    const early = this.#timesOf(window).end > watermark;
    this.#begin(window, window.held, null, nowMs, {
      watermark,
      ...(early ? { early } : {}),
    });
  }

  #deliver(window: OpenWindow, nowMs: number): void {
    const { held } = window;
    if (held === null) return;
    const [first, rest] = cutCells(held.cells, BYTES_A_SETTLE);
    const of = (cells: readonly CellWire[]): Held => ({
      cells,
      spans: held.spans,
      bytes: cellsBytes(cells),
      pairs: pairsIn(cells),
    });
    const left = rest.length === 0 ? null : of(rest);
    this.#begin(window, left === null ? held : of(first), left, nowMs, { watermark: null });
  }

  #begin(
    window: OpenWindow,
    held: Held | null,
    left: Held | null,
    nowMs: number,
    kind: Pick<Call, "watermark" | "early">,
  ): void {
    const call: Call = {
      n: window.n + 1,
      spans: held?.spans ?? [],
      cells: held?.cells ?? [],
      emittedAtMs: nowMs,
      ...kind,
    };
    this.#set({
      ...window,
      n: call.n,
      atMs: nowMs,
      held: left,
      call: {
        call,
        bytes: held?.bytes ?? 0,
        pairs: held?.pairs ?? 0,
        sent: false,
        tries: 0,
        notBeforeMs: nowMs,
        takenAtMs: null,
      },
    });
  }

  #deliverOld(rest: readonly OpenWindow[], watermark: number | null, nowMs: number): void {
    const { deliverEveryMs } = this.#rules;
    if (deliverEveryMs === null) return;
    const [left, atMs] = this.#rest.delivers;
    const gained = Math.max(0, nowMs - atMs) * DELIVERS_A_SECOND / 1000;
    let tokens = Math.min(DELIVERS_A_SECOND, left + gained);
    const old = rest
      .filter((window) => this.#windows.get(keyOf(window))?.call === null)
      .filter((window) => nowMs - window.atMs >= deliverEveryMs)
      .filter((window) =>
        watermark === null || window.emitted ||
        this.#timesOf(window).end > watermark + DELIVER_MARGIN_MS
      )
      .sort((a, b) => a.atMs - b.atMs);
    for (const window of old) {
      if (tokens < 1) break;
      tokens -= 1;
      this.#deliver(window, nowMs);
    }
    this.#rest = { ...this.#rest, delivers: [tokens, nowMs] };
  }

  /** A call is over. A window that has emitted for the last time is booked and leaves the table. */
  #over(window: OpenWindow, outcome: SettleOutcome): void {
    const pairs = window.pairs + (window.call?.pairs ?? 0);
    if (outcome.final) {
      const { closed } = this.#rest;
      this.#rest = {
        ...this.#rest,
        closed: {
          windows: closed.windows + 1,
          pairs: closed.pairs + pairs,
          rows: closed.rows + outcome.rows,
        },
      };
      this.#delete(window);
      return;
    }
    const watermark = window.call?.call.watermark ?? null;
    const emitted = window.emitted ||
      (watermark !== null && watermark >= this.#timesOf(window).end);
    const urgent = window.urgent && window.held !== null;
    this.#set({ ...window, pairs, bytes: outcome.bytes, emitted, urgent, call: null });
  }

  #again(call: UnderWay, nowMs: number): UnderWay {
    const waitMs = Math.min(RETRY_MS[1], RETRY_MS[0] * 2 ** call.tries);
    return { ...call, sent: false, tries: call.tries + 1, notBeforeMs: nowMs + waitMs };
  }

  #break(window: OpenWindow, code: string): void {
    const pairs = (window.held?.pairs ?? 0) + (window.call?.pairs ?? 0);
    this.#set({
      ...window,
      pairs: window.pairs + pairs,
      held: null,
      call: null,
      urgent: false,
      broken: code,
    });
  }

  /** Nothing comes any more for a broken window that the watermark has completed. */
  #dropComplete(watermark: number | null): void {
    for (const window of this.#windows.values()) {
      if (window.broken === null || watermark === null) continue;
      if (this.#timesOf(window).final > watermark) continue;
      const { lost, lostPairs, lostWindows } = this.#rest;
      const broken = brokenOf(window);
      this.#rest = {
        ...this.#rest,
        lost: lost.length < NAMED_BROKEN ? [...lost, broken] : lost,
        lostPairs: lostPairs + broken.pairs,
        lostWindows: lostWindows + 1,
      };
      this.#delete(window);
    }
  }

  #set(window: OpenWindow): void {
    const key = keyOf(window);
    const before = this.#windows.get(key);
    this.#carried += carriedBy(window) - (before === undefined ? 0 : carriedBy(before));
    this.#windows.set(key, window);
  }

  #delete(window: OpenWindow): void {
    const known = this.#windows.get(keyOf(window));
    if (known === undefined) return;
    this.#carried -= carriedBy(known);
    this.#windows.delete(keyOf(window));
  }
}

function keyOf(window: { readonly start: number; readonly shard: number }): string {
  return `${window.start}/${window.shard}`;
}

function newWindow(part: SweptWindow, nowMs: number): OpenWindow {
  return {
    start: part.start,
    shard: part.shard,
    n: 0,
    pairs: 0,
    bytes: 0,
    emitted: false,
    atMs: nowMs,
    held: null,
    call: null,
    urgent: false,
    broken: null,
  };
}

/** What the call under way adds to its window, as far as that is not known to have taken it. */
function callBytes(window: OpenWindow): number {
  return window.call?.bytes ?? 0;
}

function carriedBy(window: OpenWindow): number {
  return (window.held?.bytes ?? 0) + callBytes(window);
}

function brokenOf(window: OpenWindow): BrokenWindow {
  return {
    start: window.start,
    shard: window.shard,
    code: window.broken ?? "",
    pairs: window.pairs + (window.held?.pairs ?? 0),
  };
}
