/**
 * The world of the model: time, the log, Temporal and its troubles, the control processes, the
 * results topic. Nothing in here decides anything about windows or watermarks.
 *
 * @module
 */

import { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";

/** A promise that was broken. */
export class Violation extends Error {}

/** A record of the log. */
export interface LogRecord {
  /** When it is appended. */
  readonly at: number;
  /** When it can be read: later where it belongs to a transaction. */
  readonly visibleAt: number;
  /** Its event time. */
  readonly time: number;
  /** What it is; a hole can't be read, and is passed over by what follows it. */
  readonly kind: "event" | "invalid" | "filtered" | "poison" | "hole" | "aborted";
  /** The canonical key. */
  readonly key: string;
  /** A number of its own. */
  readonly value: number;
}

/** The rows of one emission, as they lie in the results topic. */
export interface Rows {
  /** The window and its share of the keys, as one number. */
  readonly window: number;
  readonly revision: number;
  readonly final: boolean;
  /** All that a reader sees of them. */
  readonly text: string;
}

/** A control process: its lease, and what its writer remembers. */
export interface ControlProcess {
  pausedUntil: number;
  epoch: number;
  /** The end of its writer's queue. */
  tail: number;
  /** The largest revision that its writer has taken, by window. */
  readonly guard: Map<number, number>;
}

/** Time, and everything that exists but the drain and the windows. */
export class World {
  readonly random: Random;
  readonly scenario: Scenario;
  readonly tally = new Map<string, number>();
  now = 0;
  steps = 0;
  readonly logs: LogRecord[][];
  readonly rows: Rows[] = [];
  /** Temporal's own time: its clock may jump. */
  get temporalNow(): number {
    const jumps = this.scenario.clockJumps.filter(({ at }) => at <= this.now);
    return 1_700_000_000_000 + this.now + jumps.reduce((sum, { byMs }) => sum + byMs, 0);
  }

  /** Windows that Temporal has forgotten, or that somebody has terminated. */
  readonly gone = new Set<number>();
  readonly processes: ControlProcess[];
  owner = 0;
  lastEpoch = 1;
  /** How many sweeps the fleet really has room for. */
  fleet: number;
  #order = 0;
  readonly #queue: { at: number; order: number; run: () => void }[] = [];

  constructor(scenario: Scenario, random: Random) {
    this.scenario = scenario;
    this.random = random;
    this.logs = scenario.logs.map((log) => [...log]);
    this.fleet = scenario.fleet;
    this.processes = [1, 0].map((epoch) => ({ pausedUntil: 0, epoch, tail: 0, guard: new Map() }));
  }

  count(what: string, by = 1): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + by);
  }

  after(ms: number, run: () => void): void {
    this.#order += 1;
    const item = { at: this.now + Math.max(0, ms), order: this.#order, run };
    const queue = this.#queue;
    queue.push(item);
    let i = queue.length - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!before(queue[i], queue[up])) break;
      swap(queue, i, up);
      i = up;
    }
  }

  /** Lets the next thing happen; false if nothing is left. */
  step(): boolean {
    const queue = this.#queue;
    const next = queue[0];
    const last = queue.pop();
    if (next === undefined || last === undefined) return false;
    if (queue.length > 0) {
      queue[0] = last;
      let i = 0;
      for (;;) {
        let least = i;
        for (const child of [2 * i + 1, 2 * i + 2]) {
          if (child < queue.length && before(queue[child], queue[least])) least = child;
        }
        if (least === i) break;
        swap(queue, i, least);
        i = least;
      }
    }
    this.now = Math.max(this.now, next.at);
    this.steps += 1;
    next.run();
    return true;
  }

  /** How long a call takes: short mostly, long at times. */
  latency(): number {
    const { random } = this;
    if (random.chance(0.96)) return random.int(1, 12);
    return random.chance(0.9) ? random.int(20, 900) : random.int(1_000, 6_000);
  }

  /** When Temporal answers again; now, if it does. */
  temporalAt(): number {
    for (const [from, to] of this.scenario.temporalAway) {
      if (this.now >= from && this.now < to) return to + this.random.int(0, 50);
    }
    return this.now;
  }

  /** Runs something once Temporal is there. */
  throughTemporal(run: () => void): void {
    const at = this.temporalAt();
    if (at <= this.now) return run();
    this.count("temporal away");
    this.after(at - this.now, () => this.throughTemporal(run));
  }

  readonly #empty = new Map<string, number>();

  /** Since when the answers below a partition's end have been empty from an offset on. */
  emptySince(partition: number, offset: number): number {
    const key = `${partition}/${offset}`;
    const since = this.#empty.get(key) ?? this.now;
    this.#empty.set(key, since);
    return since;
  }

  /** Whether the leader of a partition answers. */
  leaderOf(partition: number): { readonly name: string; readonly up: boolean; hangsUntil: number } {
    let moves = 0;
    for (const fault of this.scenario.brokerFaults) {
      if (fault.partition !== partition || this.now < fault.from) continue;
      moves += 1;
      if (this.now >= fault.to) continue;
      if (fault.kind === "down") return { name: "", up: false, hangsUntil: this.now };
      if (fault.kind === "hang") return { name: `${moves}`, up: true, hangsUntil: fault.to };
    }
    return { name: `${moves}`, up: true, hangsUntil: this.now };
  }

  /** Whether a partition's answers are empty for a quota's sake. */
  isThrottled(partition: number): boolean {
    return this.scenario.brokerFaults.some((fault) =>
      fault.kind === "throttle" && fault.partition === partition && this.now >= fault.from &&
      this.now < fault.to
    );
  }

  /** How many records the log has. */
  highWatermark(partition: number): number {
    const log = this.logs[partition] ?? [];
    let n = 0;
    while (n < log.length && (log[n]?.at ?? Infinity) <= this.now) n += 1;
    return n;
  }

  /** The last stable offset: before the first record of an open transaction. */
  stable(partition: number): number {
    const log = this.logs[partition] ?? [];
    const high = this.highWatermark(partition);
    for (let i = 0; i < high; i++) if ((log[i]?.visibleAt ?? 0) > this.now) return i;
    return high;
  }

  /** The next moment at which something can be read at or after an offset; Infinity if never. */
  nextVisible(partition: number, offset: number): number {
    const log = this.logs[partition] ?? [];
    let at = -Infinity;
    let next = Infinity;
    for (let i = 0; i < log.length; i++) {
      const record = log[i];
      if (record === undefined) continue;
      at = Math.max(at, record.at, record.visibleAt);
      if (i >= offset && record.kind !== "hole") next = Math.min(next, at);
    }
    return next;
  }
}

interface Item {
  readonly at: number;
  readonly order: number;
}

function before(a: Item | undefined, b: Item | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function swap<T>(items: T[], i: number, j: number): void {
  const [a, b] = [items[i], items[j]];
  if (a === undefined || b === undefined) return;
  items[i] = b;
  items[j] = a;
}
