/**
 * The table of open windows, in the order of their starts, with what a decision looks up without
 * going through all of them: which are due, whose cells have waited long, which calls are to be
 * sent. A window is changed by setting another in its place.
 *
 * @module
 */

import { countUpTo, nextTimeOf, windowTimes } from "../event_time/timers.ts";
import type { Windowing } from "../event_time/windows.ts";
import type { WindowShard } from "./counts.ts";
import { Heap } from "./heap.ts";
import { carriedBytes, type Held, type OpenWindow, type UnderWay } from "./open_window.ts";

/** What the table needs to know of the plan. */
export interface TableRules {
  /** Size, slide and offset of the windows. */
  readonly windowing: Windowing;
  /** The allowed lateness. */
  readonly latenessMs: number;
  /** How often a window that stays open gets its cells; null for never. */
  readonly deliverEveryMs: number | null;
  /** How often a window emits before its end; null for never. */
  readonly emitEveryMs: number | null;
}

/** The open windows as plain data; one window is a list of numbers, since there are thousands. */
export interface TableSnapshot {
  /** `[start, shard, n, pairs, bytes, emitted, atMs]`, in the order of starts and shards. */
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
}

/** Where a window is kept: the place stays, its window is replaced. */
interface Place {
  window: OpenWindow;
  /** When it has something to do next, in event time. */
  nextTime: number;
  /** When cells that are held leave with a settle, by the workflow's time. */
  settlesAtMs: number;
}

/** A set of places, or an order of them. */
interface Queue {
  add(place: Place): unknown;
  delete(place: Place): unknown;
}

/** The open windows, in their order. */
export class WindowTable {
  #rules: TableRules;
  /** The places of the windows that share a start, by their shards. */
  readonly #byStart = new Map<number, Place[]>();
  readonly #starts: number[] = [];
  readonly #urgent = new Set<Place>();
  readonly #broken = new Set<Place>();
  #size = 0;
  #calling = 0;
  #bytes = 0;
  #carriedBytes = 0;
  #waitingBytes = 0;

  // What may be called: neither broken nor with a call under way. The others wait with cells as well.
  readonly #due = new Heap<Place>((a, b) => a.nextTime - b.nextTime);
  readonly #settling = new Heap<Place>((a, b) => a.settlesAtMs - b.settlesAtMs);
  readonly #waiting = new Heap<Place>((a, b) => a.window.atMs - b.window.atMs || inOrder(a, b));
  readonly #farthest = new Heap<Place>((a, b) => inOrder(b, a));
  // Calls to be sent: those that wait for their next try, and those whose turn has come.
  readonly #later = new Heap<Place>((a, b) => notBefore(a) - notBefore(b));
  readonly #ready = new Heap<Place>((a, b) => settlesFirst(a, b) || inOrder(a, b));

  readonly #queues: readonly Queue[];

  /** Goes on from a state. What was with an activity of an earlier run is sent again. */
  constructor(rules: TableRules, snapshot: TableSnapshot) {
    this.#rules = rules;
    this.#queues = [
      this.#urgent,
      this.#broken,
      this.#due,
      this.#settling,
      this.#waiting,
      this.#farthest,
      this.#later,
      this.#ready,
    ];
    const heldAt = new Map(snapshot.held);
    const callAt = new Map(snapshot.calls);
    const brokenAt = new Map(snapshot.broken);
    for (const [index, row] of snapshot.windows.entries()) {
      const [start, shard, n, pairs, bytes, emitted, atMs] = row;
      const held = heldAt.get(index) ?? null;
      const known = callAt.get(index);
      const call = known === undefined ? null : { ...known, sent: false };
      const broken = brokenAt.get(index) ?? null;
      this.set({
        start,
        shard,
        n,
        pairs,
        bytes,
        emitted: emitted === 1,
        atMs,
        held,
        call,
        urgent: false,
        broken,
      });
    }
  }

  /** From now on by other rules: for each window when it is next set. */
  tune(rules: TableRules): void {
    this.#rules = rules;
  }

  /** The state as plain data. */
  snapshot(): TableSnapshot {
    const all = this.inOrder();
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
    };
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The starts of the windows, ascending. */
  get starts(): readonly number[] {
    return this.#starts;
  }

  /** Whether a call is under way. */
  get isCalling(): boolean {
    return this.#calling > 0;
  }

  /** Whether cells must leave before more can be taken in. */
  get isUrgent(): boolean {
    return this.#urgent.size > 0;
  }

  /** UTF-8 bytes of cells that the windows are known to have. */
  get bytes(): number {
    return this.#bytes;
  }

  /** UTF-8 bytes of cells that are held or in calls under way. */
  get carriedBytes(): number {
    return this.#carriedBytes;
  }

  /** UTF-8 bytes of cells that are held for windows with no call under way. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** The windows in their order, the first so many. */
  inOrder(limit = Infinity): OpenWindow[] {
    const windows: OpenWindow[] = [];
    for (const start of this.#starts) {
      for (const { window } of this.#byStart.get(start) ?? []) {
        if (windows.length >= limit) return windows;
        windows.push(window);
      }
    }
    return windows;
  }

  /** The window, if it is open. */
  get(of: WindowShard): OpenWindow | undefined {
    return this.#place(of)?.window;
  }

  /** Those that may be called and whose cells must leave. */
  urgent(): OpenWindow[] {
    return windowsOf(this.#urgent).filter(({ call }) => call === null);
  }

  /** Those that are broken. */
  broken(): OpenWindow[] {
    return windowsOf(this.#broken);
  }

  /** The first that may be called and whose next time a watermark has reached. */
  due(watermark: number): OpenWindow | undefined {
    const first = this.#due.first;
    return first !== undefined && first.nextTime <= watermark ? first.window : undefined;
  }

  /** The first whose cells leave with a settle by now. */
  settling(nowMs: number): OpenWindow | undefined {
    const first = this.#settling.first;
    return first !== undefined && first.settlesAtMs <= nowMs ? first.window : undefined;
  }

  /** The one whose cells wait and that is farthest from closing. */
  farthest(): OpenWindow | undefined {
    return this.#farthest.first?.window;
  }

  /** Those wanted whose cells have waited at least so long, longest first, at most so many. */
  waitingFor(
    ms: number,
    nowMs: number,
    most: number,
    isWanted: (window: OpenWindow) => boolean,
  ): OpenWindow[] {
    const found: OpenWindow[] = [];
    const passed: Place[] = [];
    for (let place = this.#waiting.first; place !== undefined; place = this.#waiting.first) {
      if (found.length >= most || nowMs - place.window.atMs < ms) break;
      this.#waiting.delete(place);
      passed.push(place);
      if (isWanted(place.window)) found.push(place.window);
    }
    for (const place of passed) this.#waiting.add(place);
    return found;
  }

  /** The first whose call is to be sent by now: settles before delivers, soonest due first. */
  toSend(nowMs: number): OpenWindow | undefined {
    for (let place = this.#later.first; place !== undefined; place = this.#later.first) {
      if (notBefore(place) > nowMs) break;
      this.#later.delete(place);
      this.#ready.add(place);
    }
    return this.#ready.first?.window;
  }

  /** When the first call may be sent whose turn has not come; null if there is none. */
  nextTryMs(): number | null {
    const { first } = this.#later;
    return first === undefined ? null : notBefore(first);
  }

  /** Sets a window in the place of what it was, or as one that opens. */
  set(changed: OpenWindow): void {
    const window = carriedBytes(changed) > 0 ? changed : { ...changed, urgent: false };
    const place = this.#place(window);
    if (place === undefined) return this.#open(window);
    this.#count(place.window, -1);
    place.window = window;
    this.#count(window, 1);
    this.#sort(place);
  }

  /** Takes a window out. */
  delete(window: OpenWindow): void {
    const places = this.#byStart.get(window.start) ?? [];
    const index = places.findIndex((place) => place.window.shard === window.shard);
    const [place] = index < 0 ? [] : places.splice(index, 1);
    if (place === undefined) return;
    if (places.length === 0) {
      this.#byStart.delete(window.start);
      this.#starts.splice(countUpTo(this.#starts, window.start) - 1, 1);
    }
    this.#count(place.window, -1);
    for (const queue of this.#queues) queue.delete(place);
  }

  #place({ start, shard }: WindowShard): Place | undefined {
    const places = this.#byStart.get(start);
    return places?.length === 1 && places[0]?.window.shard === shard
      ? places[0]
      : places?.find((place) => place.window.shard === shard);
  }

  #open(window: OpenWindow): void {
    const place: Place = { window, nextTime: 0, settlesAtMs: 0 };
    const places = this.#byStart.get(window.start);
    if (places === undefined) {
      this.#byStart.set(window.start, [place]);
      this.#starts.splice(countUpTo(this.#starts, window.start), 0, window.start);
    } else {
      places.push(place);
      places.sort(inOrder);
    }
    this.#count(window, 1);
    this.#sort(place);
  }

  #count(window: OpenWindow, by: 1 | -1): void {
    this.#size += by;
    this.#bytes += by * window.bytes;
    this.#carriedBytes += by * carriedBytes(window);
    if (window.call !== null) this.#calling += by;
    else if (window.broken === null) this.#waitingBytes += by * (window.held?.bytes ?? 0);
  }

  /** Brings a place to where its window belongs now. */
  #sort(place: Place): void {
    const { start, emitted, atMs, held, call, broken, urgent } = place.window;
    const { windowing, latenessMs, deliverEveryMs, emitEveryMs } = this.#rules;
    const everyMs = emitted ? deliverEveryMs : emitEveryMs;
    const times = windowTimes(windowing, latenessMs, start);
    place.nextTime = nextTimeOf(times, emitted ? "emitted" : "open");
    place.settlesAtMs = atMs + (everyMs ?? 0);
    const free = call === null && broken === null;
    const waits = free && held !== null;
    keep(this.#urgent, place, urgent);
    keep(this.#broken, place, broken !== null);
    keep(this.#due, place, free);
    keep(this.#settling, place, waits && everyMs !== null);
    keep(this.#waiting, place, waits);
    keep(this.#farthest, place, waits);
    keep(this.#later, place, call !== null && !call.sent);
    this.#ready.delete(place);
  }
}

function keep(queue: Queue, place: Place, belongs: boolean): void {
  if (belongs) queue.add(place);
  else queue.delete(place);
}

function inOrder(a: Place, b: Place): number {
  return a.window.start - b.window.start || a.window.shard - b.window.shard;
}

function notBefore({ window }: Place): number {
  return window.call?.notBeforeMs ?? 0;
}

function settlesFirst(a: Place, b: Place): number {
  return Number(isDeliver(a)) - Number(isDeliver(b));
}

function isDeliver({ window }: Place): boolean {
  return window.call?.call.watermark === null;
}

function windowsOf(places: Iterable<Place>): OpenWindow[] {
  return [...places].map(({ window }) => window)
    .sort((a, b) => a.start - b.start);
}
