/**
 * Silence is only what was seen. A partition was silent between two polls if both found it caught up
 * to the very end of its log, the same leader answered both without an error between, and nothing
 * that was read in between moved its largest event time.
 *
 * @module
 */

import type { Looked } from "./sweep.ts";

/** How far apart two answers may lie, beyond the second poll's own wait, in ms. */
const APART_MS = 1_000;

/** What one poll of a partition was answered, by a clock that only goes forward. */
export interface PollAnswer {
  /** When it was sent. */
  readonly sentAtMs: number;
  /** When it was answered, and what came with it was folded. */
  readonly answeredAtMs: number;
  /** How long the broker was allowed to wait. */
  readonly waitMs: number;
  /** Who answered, with its epoch. */
  readonly leader: string;
  /** Whether it is an answer about the log at all: no error, not throttled, not a retry. */
  readonly clean: boolean;
  /** Whether cursor = last stable offset = high watermark after what came was folded. */
  readonly caughtUp: boolean;
  /** Whether something that came moved the partition's largest event time. */
  readonly moved: boolean;
}

/** Answers that follow each other closely enough to confirm what lies between. */
export interface Chain {
  /** Up to when it confirms. */
  readonly toMs: number;
  /** Whose answers they are. */
  readonly leader: string;
  /** How long after that the next answer may come. */
  readonly apartMs: number;
}

/** What has been confirmed so far. */
export interface Silence {
  /** Confirmed since the largest event time last moved, in ms. */
  readonly confirmedMs: number;
  /** Whether it moved. */
  readonly moved: boolean;
  /** The chain of answers under way. */
  readonly chain: Chain | null;
}

/** Nothing seen yet. */
export const NO_SILENCE: Silence = { confirmedMs: 0, moved: false, chain: null };

/** Takes one answer in; answers come in the order in which they were sent. */
export function heard(silence: Silence, answer: PollAnswer): Silence {
  const begun = answer.moved ? { confirmedMs: 0, moved: true, chain: null } : silence;
  const toMs = answer.answeredAtMs;
  const { chain } = begun;
  const apartMs = answer.waitMs + APART_MS;
  // After a hang nobody knows at which moment the log was found empty. And where what came moved the
  // time, silence begins with the next poll, which is sent after it.
  const hung = toMs - answer.sentAtMs > apartMs;
  if (!answer.clean || !answer.caughtUp || hung || answer.moved) return { ...begun, chain: null };
  const holds = chain !== null && chain.leader === answer.leader && toMs - chain.toMs <= apartMs;
  const fromMs = holds ? chain.toMs : answer.sentAtMs;
  return {
    ...begun,
    confirmedMs: begun.confirmedMs + Math.max(0, toMs - fromMs),
    chain: { toMs, leader: answer.leader, apartMs },
  };
}

/** What a sweep that answers now says of a partition's silence. */
export function lookedOf({ confirmedMs, moved, chain }: Silence, nowMs: number): Looked {
  const goesOn = chain !== null && nowMs - chain.toMs <= chain.apartMs;
  return { confirmedMs, moved, ...(confirmedMs > 0 && !goesOn ? { brokeOff: true } : {}) };
}

/** Adds what a sweep has confirmed to what was confirmed before it. */
export function addLooked(beforeMs: number, looked: Looked): number {
  return looked.moved ? looked.confirmedMs : beforeMs + looked.confirmedMs;
}

/** How old a result may be that makes a partition idle or moves the run-on, at most. */
const FRESH_MS = 2_000;

/**
 * Whether a result is young enough to decide by what it has seen: between the end of its attempt
 * and now, records may have come that nobody has looked at.
 *
 * @param idleAfterMs How long a partition must be silent.
 * @param sinceScheduledMs How long ago it was asked for, by the asker's clock.
 * @param ranMs How long the attempt that answered took, by its own.
 */
export function isFresh(idleAfterMs: number, sinceScheduledMs: number, ranMs: number): boolean {
  const limit = Math.min(FRESH_MS, idleAfterMs / 4);
  // Negative where the asker's clock was set back: then nothing is known of the time between.
  return Math.abs(sinceScheduledMs - ranMs) < limit;
}
