/**
 * The slots of a fleet: how a desired number of workers becomes processes in slots. Slots are filled
 * from 0 up, and a slot holds at most one process. There is one slot more than the largest number
 * that was ever desired, so that a worker can be replaced, or wanted again, while another one is
 * still finishing its sweep; who finds no free slot waits for the first that gets free.
 *
 * @module
 */

import {
  isOccupied,
  NEW_SLOT,
  type Slot,
  type SlotAct,
  slotDueMs,
  type SlotEvent,
  type SlotLimits,
  type SlotState,
  stepSlot,
} from "./slot.ts";

/** Slots beyond the desired number. */
const SPARE = 1;
/** So many measured times are kept. */
const KEPT = 16;

/** Which workers go first when there are too many: those of the least use. */
const LEAST_USE: readonly SlotState[] = ["draining", "open", "backing off", "starting", "ready"];

/** A fleet of worker processes. */
export interface Slots {
  /** How many workers there are to be. */
  readonly desired: number;
  /** The slots used so far, by number. */
  readonly slots: readonly Slot[];
  /** How long the last workers took from their start until they were ready, in ms. */
  readonly startupsMs: readonly number[];
  /** How long the last workers took from being told to end until their end, in ms. */
  readonly drainsMs: readonly number[];
}

/** What happens to a fleet. */
export type SlotsEvent =
  | {
    /** Another number of workers is desired. */
    readonly kind: "desire";
    /** The number. */
    readonly desired: number;
  }
  | {
    /** Time has passed. */
    readonly kind: "tick";
  }
  | {
    /** Something happens to one slot. */
    readonly kind: "slot";
    /** Its number. */
    readonly slot: number;
    /** What happens to it. */
    readonly event: Exclude<SlotEvent, { readonly kind: "want" | "unwant" | "tick" }>;
  };

/** What is to be done with the process of a slot. */
export interface SlotsAct {
  /** The slot's number. */
  readonly slot: number;
  /** What is to be done. */
  readonly act: SlotAct;
}

/** A fleet after an event. */
export interface SlotsStep {
  /** The fleet. */
  readonly fleet: Slots;
  /** What is to be done, in this order. */
  readonly acts: readonly SlotsAct[];
}

/** How many slots there are in each state. */
export type SlotCounts = Readonly<Record<SlotState, number>>;

/** Counts slots by their state; what is said of ready, starting and draining workers comes from here. */
export function countSlots(slots: Iterable<{ readonly state: SlotState }>): SlotCounts {
  const counts = {
    "absent": 0,
    "starting": 0,
    "ready": 0,
    "draining": 0,
    "backing off": 0,
    "open": 0,
  };
  for (const { state } of slots) counts[state] += 1;
  return counts;
}

/** A fleet without workers. */
export const NO_SLOTS: Slots = { desired: 0, slots: [], startupsMs: [], drainsMs: [] };

/** Tells a fleet what has happened, and when, by a clock that never goes back. */
export function stepSlots(
  fleet: Slots,
  event: SlotsEvent,
  nowMs: number,
  limits: SlotLimits,
): SlotsStep {
  const acts: SlotsAct[] = [];
  const slots = [...fleet.slots];
  const tell = (number: number, told: SlotEvent) => {
    const { slot, act } = stepSlot(slots[number] ?? NEW_SLOT, told, nowMs, limits);
    slots[number] = slot;
    if (act !== null) acts.push({ slot: number, act });
  };
  if (event.kind === "tick") slots.forEach((_, number) => tell(number, { kind: "tick" }));
  if (event.kind === "slot" && slots[event.slot] !== undefined) tell(event.slot, event.event);
  const desired = event.kind === "desire" ? event.desired : fleet.desired;
  settle(slots, desired, nowMs, tell);
  return { fleet: { ...fleet, ...measured(fleet, event, nowMs), desired, slots }, acts };
}

/** When a fleet must be told the time; Infinity if nothing depends on it. */
export function slotsDueMs({ slots }: Slots, limits: SlotLimits): number {
  return Math.min(...slots.map((slot) => slotDueMs(slot, limits)));
}

/** The median of some numbers, the smaller of two in the middle; null if there are none. */
export function median(numbers: readonly number[]): number | null {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? null;
}

/** Wants as many slots as are desired, as far as there are free ones. */
function settle(
  slots: readonly Slot[],
  desired: number,
  nowMs: number,
  tell: (number: number, event: SlotEvent) => void,
): void {
  const wanted = slots.flatMap((slot, number) => slot.wanted ? [{ slot, number }] : []);
  const use = ({ phase }: Slot) => LEAST_USE.indexOf(phase.state);
  wanted
    .toSorted((a, b) => use(a.slot) - use(b.slot) || b.number - a.number)
    .slice(0, Math.max(0, wanted.length - desired))
    .forEach(({ number }) => tell(number, { kind: "unwant" }));
  freeSlots(slots, desired, nowMs)
    .slice(0, Math.max(0, desired - wanted.length))
    .forEach((number) => tell(number, { kind: "want" }));
}

/** The free slots: from 0 up, new ones included, those that must pause at the end. */
function freeSlots(slots: readonly Slot[], desired: number, nowMs: number): number[] {
  const free = slots.flatMap((slot, number) =>
    slot.wanted || isOccupied(slot) ? [] : [{ number, pauseMs: pauseLeftMs(slot, nowMs) }]
  );
  for (let number = slots.length; number < desired + SPARE; number++) {
    free.push({ number, pauseMs: 0 });
  }
  return free.toSorted((a, b) => a.pauseMs - b.pauseMs || a.number - b.number)
    .map(({ number }) => number);
}

function pauseLeftMs({ phase }: Slot, nowMs: number): number {
  return phase.state === "absent" ? Math.max(0, (phase.pause?.untilMs ?? 0) - nowMs) : 0;
}

/** The measured times with the one that ends with an event. */
function measured(
  { slots, startupsMs, drainsMs }: Slots,
  event: SlotsEvent,
  nowMs: number,
): Pick<Slots, "startupsMs" | "drainsMs"> {
  const phase = event.kind === "slot" ? slots[event.slot]?.phase : undefined;
  const happened = event.kind === "slot" ? event.event.kind : null;
  if (happened === "ready" && phase?.state === "starting") {
    return { startupsMs: [...startupsMs, nowMs - phase.sinceMs].slice(-KEPT), drainsMs };
  }
  if (happened === "exited" && phase?.state === "draining" && phase.wasReady) {
    return { startupsMs, drainsMs: [...drainsMs, nowMs - phase.sinceMs].slice(-KEPT) };
  }
  return { startupsMs, drainsMs };
}
