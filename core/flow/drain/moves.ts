/**
 * What people and the supervisor ask of the drain. A move strikes the sweeps whose answer would not
 * be true after it; what has been folded up to then counts.
 *
 * @module
 */

import { type DrainPartition, WIDE } from "../dealing.ts";
import { type DrainPace, type DrainState, newPartition, type PartitionStart } from "./state.ts";

/** What a message asks for; it is taken in with the next decision. */
export type Move =
  /** The fleet has room for so many sweeps now. */
  | { readonly kind: "ready"; readonly slots: number }
  /** A partition goes on; what lies before `from` is skipped. */
  | { readonly kind: "resume"; readonly partition: number; readonly from: number }
  /** A partition is given up. */
  | { readonly kind: "exclude"; readonly partition: number }
  /** The ends of partitions are fixed or lifted. */
  | { readonly kind: "bound"; readonly untils: ReadonlyMap<number, number | null> }
  /** The topic has gained partitions, which begin there. */
  | { readonly kind: "added"; readonly starts: readonly PartitionStart[] }
  /** The topic has so many partitions. */
  | { readonly kind: "topicHas"; readonly partitions: number }
  /** Results of other code are taken too. */
  | { readonly kind: "accept"; readonly hash: string }
  /** Sweeps and delivers are paced anew. */
  | { readonly kind: "tune"; readonly pace: DrainPace }
  /** What is open is closed as soon as no partition is active. */
  | { readonly kind: "flush" };

/** Takes one move in. */
export function takeMove(state: DrainState, move: Move): void {
  switch (move.kind) {
    case "ready":
      return ready(state, move.slots);
    case "topicHas":
      return state.topicHas(move.partitions);
    case "accept":
      return accept(state, move.hash);
    case "tune":
      return state.tune(move.pace);
    case "flush":
      state.change({ flushing: true });
      return state.strikeLooking();
    case "resume":
      return touch(state, move.partition, (p) => resumed(state, p, move.from));
    case "exclude":
      return touch(state, move.partition, (p) => ({ ...p, mode: "excluded", stop: null }));
    case "bound":
      for (const [partition, until] of move.untils) {
        touch(state, partition, (p) => bounded(state, p, until));
      }
      return;
    case "added":
      return added(state, move.starts);
  }
}

/** A fleet that has grown is there for work: it is spread at once, and gathered again if it is little. */
function ready(state: DrainState, slots: number): void {
  const { slots: before, spread } = state.s;
  const grows = slots > Math.max(1, before);
  state.change({ slots, spread: grows ? slots : Math.max(1, Math.min(spread, slots)) });
  if (grows) state.change({ spreadSinceMs: state.nowMs, spreadBusyMs: 0 });
  if (slots === 0) return state.strike((sweep) => sweep.at === "fleet");
  state.change({ wokenAtMs: null });
  if (before === 0) state.strike((sweep) => sweep.at === "control");
}

/** Sweeps are asked with the hash that was accepted last. */
function accept(state: DrainState, hash: string): void {
  state.change({ hashes: [...state.s.hashes.filter((known) => known !== hash), hash] });
}

function resumed(state: DrainState, p: DrainPartition, from: number): DrainPartition {
  const cursor = Math.max(from, p.cursor);
  const skipped = cursor - p.cursor;
  return {
    ...state.joined(p, state.s.watermark),
    stop: null,
    cursor,
    end: Math.max(p.end, cursor),
    hollowTo: null,
    silentMs: 0,
    trouble: null,
    narrow: WIDE,
    skippedOffsets: p.skippedOffsets + skipped,
    skipped: skipped > 0 ? [...p.skipped, [p.cursor, cursor]] : p.skipped,
  };
}

/** A parked partition joins again, because the watermark may have been flushed past it. */
function bounded(state: DrainState, p: DrainPartition, until: number | null): DrainPartition {
  if (p.mode === "stopped" || p.mode === "excluded") return { ...p, until };
  return { ...state.joined(p, state.s.watermark), until, hollowTo: null, silentMs: 0 };
}

/** Partitions that the topic has gained begin at their beginning, whatever the start position. */
function added(state: DrainState, starts: readonly PartitionStart[]): void {
  const floor = state.s.watermark;
  const floorBy = floor === null ? null : "added";
  const unknown = starts.filter(({ partition }) => state.partition(partition) === undefined);
  state.add(unknown.map((start) => ({ ...newPartition(start), floor, floorBy })));
  state.topicHas(state.partitions.length);
  // Those of which nothing is known yet are asked for again.
  state.askedPartitions = 0;
  state.strikeLooking();
}

/** A person's move strikes the sweep that holds the partition, and all whose floors it may move. */
function touch(
  state: DrainState,
  partition: number,
  change: (p: DrainPartition) => DrainPartition,
): void {
  const p = state.partition(partition);
  if (p === undefined) return;
  state.strike((sweep) => sweep.request.partitions.some((q) => q.partition === partition));
  state.strikeLooking();
  state.set(change(p));
}
