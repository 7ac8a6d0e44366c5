/**
 * The world of a schedule: a virtual clock, an agenda, and calls that come late, come twice, or get
 * lost on their way there or back.
 *
 * @module
 */

import type { Random } from "./random.ts";

/** How unreliable a world is; chances from 0 to 1. */
export interface Faults {
  /** That a call never arrives. */
  readonly lost: number;
  /** That a call arrives, but its answer does not. */
  readonly unanswered: number;
  /** That a call arrives only after it has been made again. */
  readonly zombie: number;
  /** That an actor crashes where it gets an answer. */
  readonly crash: number;
  /** That an actor continues as new where it may. */
  readonly continueAsNew: number;
  /** That an activity fails and is tried again. */
  readonly failure: number;
  /** The usual time on the way, in ms, at most. */
  readonly latencyMs: number;
}

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Gives the caller of a call its answer. */
export type Answer<T> = (answer: T) => void;

/** A virtual clock and an agenda. */
export class World {
  /** The virtual time, epoch ms. */
  now: number;
  /** How many entries of the agenda were carried out. */
  steps = 0;
  /** What has happened how often. */
  readonly tally = new Map<string, number>();
  readonly #heap: Entry[] = [];
  #order = 0;

  constructor(readonly random: Random, readonly faults: Faults, startMs: number) {
    this.now = startMs;
  }

  /** Puts something on the agenda. */
  after(delayMs: number, run: () => void): void {
    const entry = { at: this.now + Math.max(0, delayMs), order: this.#order++, run };
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(entry, heap[parent])) break;
      swap(heap, i, parent);
      i = parent;
    }
  }

  /** Counts something that has happened. */
  count(what: string): void {
    this.tally.set(what, (this.tally.get(what) ?? 0) + 1);
  }

  /** Carries out the next entry; false if there is none. */
  step(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return false;
    if (heap.length > 0) {
      heap[0] = last;
      sink(heap);
    }
    this.now = first.at;
    this.steps += 1;
    first.run();
    return true;
  }

  /** A time on the way, in ms: mostly short, sometimes long. */
  latency(): number {
    const { random, faults: { latencyMs } } = this;
    return random.chance(0.05) ? random.int(0, latencyMs * 20) : random.int(0, latencyMs);
  }

  /**
   * Calls another actor. It arrives at least once, and may arrive again at any later time; its answer
   * comes once, unless the caller is not the same any more.
   *
   * @param alive Whether the caller still waits.
   * @param effect What the call does where it arrives; it gives the answer when it has one.
   * @param done Takes the answer.
   */
  call<T>(alive: () => boolean, effect: (answer: Answer<T>) => void, done: Answer<T>): void {
    const { random, faults } = this;
    let settled = false;
    const settle = (answer: T) => {
      if (settled || !alive()) return;
      settled = true;
      done(answer);
    };
    const again = () => {
      if (!settled && alive()) attempt();
    };
    const attempt = () => {
      const fate = random.next();
      const way = this.latency();
      const timeout = random.int(5, 20 * faults.latencyMs);
      if (fate < faults.lost) {
        this.count("calls lost");
        this.after(timeout, again);
      } else if (fate < faults.lost + faults.unanswered) {
        this.count("answers lost");
        this.after(way, () => effect(() => undefined));
        this.after(way + timeout, again);
      } else if (fate < faults.lost + faults.unanswered + faults.zombie) {
        this.count("zombie calls");
        this.after(random.int(0, 100 * faults.latencyMs), () => effect(() => undefined));
        this.after(timeout, again);
      } else {
        this.after(way, () => effect((answer) => this.after(this.latency(), () => settle(answer))));
        // An answer that takes long, because the callee was down, is given up.
        if (random.chance(0.5)) this.after(way + 50 * faults.latencyMs, again);
      }
    };
    attempt();
  }
}

function isBefore(a: Entry, b: Entry | undefined): boolean {
  return b === undefined || a.at < b.at || (a.at === b.at && a.order < b.order);
}

function swap(heap: Entry[], i: number, k: number): void {
  const a = heap[i];
  const b = heap[k];
  if (a === undefined || b === undefined) return;
  heap[i] = b;
  heap[k] = a;
}

function sink(heap: Entry[]): void {
  for (let i = 0;;) {
    let least = i;
    for (const child of [2 * i + 1, 2 * i + 2]) {
      const entry = heap[child];
      if (entry !== undefined && isBefore(entry, heap[least])) least = child;
    }
    if (least === i) return;
    swap(heap, i, least);
    i = least;
  }
}
