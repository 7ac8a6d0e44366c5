/**
 * A fleet's slots with processes that only a test knows, in virtual time.
 *
 * @module
 */

import assert from "node:assert/strict";
import { isOccupied } from "../../../core/scaling/slot.ts";
import { SLOT_LIMITS, type SlotLimits } from "../../../core/scaling/slot.ts";
import {
  NO_SLOTS,
  type Slots,
  type SlotsAct,
  slotsDueMs,
  type SlotsEvent,
  stepSlots,
} from "../../../core/scaling/slots.ts";

/** What a process does once it is started; all times in ms. */
export interface Life {
  /** How it can't be started at all; null if it can. */
  readonly refused: "lasting" | "passing" | null;
  /** How long after its start it is ready; null for never. */
  readonly readyMs: number | null;
  /** How long after its start it ends of itself; null for never. */
  readonly crashMs: number | null;
  /** How long after SIGTERM it ends; null if it does not heed it. */
  readonly drainMs: number | null;
}

/** A process as it should be. */
export const WELL: Life = { refused: null, readyMs: 500, crashMs: null, drainMs: 200 };

/** A process that runs. */
interface Running {
  readonly life: Life;
  readonly startedMs: number;
}

/** What is to happen at a time, unless its process has ended before. */
interface Due {
  readonly atMs: number;
  readonly happen: () => void;
}

/** Slots and processes; checks after each step what must hold always. */
export class SlotsWorld {
  fleet: Slots = NO_SLOTS;
  nowMs = 0;
  /** The processes by slot. */
  readonly running = new Map<number, Running>();
  /** When processes were started, in ms. */
  readonly starts: number[] = [];
  readonly #lives: Life[];
  readonly #jitter: () => number;
  #due: Due[] = [];
  #mostDesired = 0;

  /**
   * @param lives What the processes do, in the order of their starts; later ones are well.
   * @param jitter The random numbers.
   * @param limits The limits.
   */
  constructor(
    lives: readonly Life[] = [],
    jitter: () => number = () => 0.5,
    readonly limits: SlotLimits = SLOT_LIMITS,
  ) {
    this.#lives = [...lives];
    this.#jitter = jitter;
  }

  /** The states of the slots. */
  get states(): string[] {
    return this.fleet.slots.map(({ phase }) => phase.state);
  }

  /** How many slots are ready. */
  get ready(): number {
    return this.states.filter((state) => state === "ready").length;
  }

  /** Wants a number of workers. */
  desire(desired: number): this {
    this.#mostDesired = Math.max(this.#mostDesired, desired);
    this.tell({ kind: "desire", desired });
    return this;
  }

  /** Replaces a worker. */
  replace(slot: number): this {
    this.tell({ kind: "slot", slot, event: { kind: "replace" } });
    return this;
  }

  /** Tells the fleet what has happened, and does what it asks for. */
  tell(event: SlotsEvent): void {
    const events = [event];
    for (let next = events.shift(); next !== undefined; next = events.shift()) {
      const { fleet, acts } = stepSlots(this.fleet, next, this.nowMs, this.limits);
      this.fleet = fleet;
      events.push(...acts.flatMap((act) => this.#do(act)));
      this.#check(events.length > 0);
    }
  }

  /** Lets time pass. */
  pass(ms: number): this {
    const endMs = this.nowMs + ms;
    while (this.#nextMs() <= endMs) this.#advance();
    this.nowMs = endMs;
    return this;
  }

  /** Lets time pass until nothing is to come any more. */
  passAll(): this {
    for (let steps = 0; this.#nextMs() < Infinity; steps++) {
      assert.ok(steps < 10_000, "the fleet comes to rest");
      this.#advance();
    }
    return this;
  }

  #nextMs(): number {
    const due = Math.min(...this.#due.map(({ atMs }) => atMs));
    return Math.min(due, slotsDueMs(this.fleet, this.limits));
  }

  #advance(): void {
    this.nowMs = Math.max(this.nowMs, this.#nextMs());
    const now = this.#due.filter(({ atMs }) => atMs <= this.nowMs);
    this.#due = this.#due.filter(({ atMs }) => atMs > this.nowMs);
    now.forEach(({ happen }) => happen());
    this.tell({ kind: "tick" });
  }

  #do({ slot, act }: SlotsAct): SlotsEvent[] {
    const running = this.running.get(slot);
    if (act === "start") {
      assert.equal(running, undefined, `slot ${slot} has one process at most`);
      this.starts.push(this.nowMs);
      return this.#start(slot, this.#lives.shift() ?? WELL);
    }
    assert.ok(running !== undefined, `slot ${slot} has a process to ${act}`);
    const { drainMs } = running.life;
    if (act === "kill") this.#endsIn(slot, running, 1);
    else if (drainMs !== null) this.#endsIn(slot, running, drainMs);
    return [];
  }

  #start(slot: number, life: Life): SlotsEvent[] {
    const jitter = this.#jitter();
    if (life.refused !== null) {
      const lasting = life.refused === "lasting";
      const how = "can't be started";
      return [{ kind: "slot", slot, event: { kind: "not started", how, lasting, jitter } }];
    }
    const running = { life, startedMs: this.nowMs };
    this.running.set(slot, running);
    const { readyMs, crashMs } = life;
    if (readyMs !== null) {
      this.#later(slot, running, readyMs, () => {
        this.tell({ kind: "slot", slot, event: { kind: "ready" } });
      });
    }
    if (crashMs !== null) this.#endsIn(slot, running, crashMs);
    return [];
  }

  #endsIn(slot: number, running: Running, ms: number): void {
    this.#later(slot, running, ms, () => {
      this.running.delete(slot);
      const jitter = this.#jitter();
      this.tell({ kind: "slot", slot, event: { kind: "exited", how: "ended (exit 1)", jitter } });
    });
  }

  #later(slot: number, running: Running, ms: number, happen: () => void): void {
    const atMs = this.nowMs + ms;
    this.#due.push({
      atMs,
      happen: () => {
        if (this.running.get(slot) === running) happen();
      },
    });
  }

  /** @param between Whether a process that could not be started is still to be told of. */
  #check(between: boolean): void {
    const { slots, desired } = this.fleet;
    assert.ok(this.running.size <= slots.length, "no more processes than slots");
    assert.ok(slots.length <= this.#mostDesired + 1, "no more slots than one to spare");
    const wanted = slots.filter((slot) => slot.wanted);
    assert.ok(wanted.length <= desired, "no more wanted than desired");
    if (wanted.length < desired) {
      const free = slots.filter((slot) => !slot.wanted && !isOccupied(slot));
      assert.equal(free.length, 0, "who waits for a slot waits because none is free");
      assert.ok(slots.length > desired, "and because there are no more");
    }
    if (between) return;
    slots.forEach((slot, number) => {
      assert.equal(isOccupied(slot), this.running.has(number), `slot ${number} knows its process`);
    });
  }
}
