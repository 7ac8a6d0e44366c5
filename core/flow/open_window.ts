/**
 * One open window as the drain knows it, and what each event makes of it: cells come and are held, a
 * call is made of them, the call is tried again, is over, or breaks the window. Nothing in here
 * decides when.
 *
 * @module
 */

import type { AggregateSpec, CellWire } from "../fold/aggregates.ts";
import type { Call } from "./delivery.ts";
import { cellsBytes, cutCells, mergeCells, mergeSpans, pairsIn } from "./held.ts";
import type { WindowShard } from "./counts.ts";
import type { Span, SweptWindow } from "./sweep.ts";

/** How long to wait before a call is tried again: first, and at most. */
const RETRY_MS = [500, 30_000] as const;

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

/** An open window, or one share of its keys. */
export interface OpenWindow extends WindowShard {
  /** The number of its last call that is answered or under way. */
  readonly n: number;
  /** (event, window) pairs that its answered calls brought it to. */
  readonly pairs: number;
  /** UTF-8 bytes that its answered calls brought it to. */
  readonly bytes: number;
  /** Whether its first rows are out. */
  readonly emitted: boolean;
  /** When it opened, or its last call was made. */
  readonly atMs: number;
  /** Cells for its next call. */
  readonly held: Held | null;
  /** The call under way. */
  readonly call: UnderWay | null;
  /** Its cells must leave before more can be taken in; not any more once none is carried. */
  readonly urgent: boolean;
  /** What is wrong with it: nothing more is sent, and what belongs to it is lost. */
  readonly broken: string | null;
}

/** A window that is lost, or full, or was told two things under one number. */
export interface BrokenWindow extends WindowShard {
  /** The stable code. */
  readonly code: string;
  /** (event, window) pairs lost with it. */
  readonly pairs: number;
}

/** What people and `audit` see of an open window. */
export interface OpenWindowLook extends WindowShard {
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

/** A window that opens. */
export function openWindow({ start, shard }: WindowShard, nowMs: number): OpenWindow {
  return {
    start,
    shard,
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

/** Cells come and are held; of a broken window only their number is. */
export function withCells(
  window: OpenWindow,
  part: SweptWindow,
  aggregates: readonly AggregateSpec[],
): OpenWindow {
  const { held } = window;
  const spans = mergeSpans(held?.spans ?? [], part.spans);
  const pairs = (held?.pairs ?? 0) + pairsIn(part.cells);
  if (window.broken !== null) return { ...window, held: { cells: [], spans, bytes: 0, pairs } };
  if (held === null) {
    return { ...window, held: { cells: part.cells, spans, bytes: part.bytes, pairs } };
  }
  const cells = mergeCells(aggregates, held.cells, part.cells);
  return { ...window, held: { cells, spans, bytes: cellsBytes(cells), pairs } };
}

/** What a call is for: with a watermark it settles, without one it only brings cells. */
export type CallKind = Pick<Call, "watermark" | "early">;

/** A call is made of as many of the cells that are held as fit into so many bytes. */
export function withCall(
  window: OpenWindow,
  kind: CallKind,
  nowMs: number,
  mostBytes: number,
): OpenWindow {
  const [brought, left] = cutHeld(window.held, mostBytes);
  const call: Call = {
    n: window.n + 1,
    spans: brought?.spans ?? [],
    cells: brought?.cells ?? [],
    emittedAtMs: nowMs,
    ...kind,
  };
  return {
    ...window,
    n: call.n,
    atMs: nowMs,
    held: left,
    call: {
      call,
      bytes: brought?.bytes ?? 0,
      pairs: brought?.pairs ?? 0,
      sent: false,
      tries: 0,
      notBeforeMs: nowMs,
      takenAtMs: null,
    },
  };
}

function cutHeld(held: Held | null, mostBytes: number): [brought: Held | null, left: Held | null] {
  if (held === null || held.bytes <= mostBytes) return [held, null];
  const [first, rest] = cutCells(held.cells, mostBytes);
  if (rest.length === 0) return [held, null];
  const of = (cells: readonly CellWire[]): Held => (
    { cells, spans: held.spans, bytes: cellsBytes(cells), pairs: pairsIn(cells) }
  );
  return [of(first), of(rest)];
}

/** The call under way is sent. */
export function sent(window: OpenWindow, call: UnderWay): OpenWindow {
  return { ...window, call: { ...call, sent: true } };
}

/** The call came to nothing: it is tried again as it is. */
export function tryAgain(window: OpenWindow, call: UnderWay, nowMs: number): OpenWindow {
  const waitMs = Math.min(RETRY_MS[1], RETRY_MS[0] * 2 ** call.tries);
  const again = { ...call, sent: false, tries: call.tries + 1, notBeforeMs: nowMs + waitMs };
  return { ...window, call: again };
}

/** The window has taken the call and its rows are not written: it is tried again without cells. */
export function taken(
  window: OpenWindow,
  call: UnderWay,
  bytes: number,
  nowMs: number,
): OpenWindow {
  const without: UnderWay = {
    ...call,
    call: { ...call.call, cells: null },
    bytes: 0,
    takenAtMs: call.takenAtMs ?? nowMs,
  };
  return tryAgain({ ...window, bytes }, without, nowMs);
}

/** The call is over. */
export function over(
  window: OpenWindow,
  call: UnderWay,
  bytes: number,
  emitted: boolean,
): OpenWindow {
  return { ...window, pairs: window.pairs + call.pairs, bytes, emitted, call: null };
}

/** The window has refused the call for good: nothing more is sent. */
export function brokenBy(window: OpenWindow, code: string): OpenWindow {
  const pairs = window.pairs + waitingPairs(window);
  return { ...window, pairs, held: null, call: null, broken: code };
}

/** UTF-8 bytes of cells that wait for the window or are on their way to it. */
export function carriedBytes(window: OpenWindow): number {
  return (window.held?.bytes ?? 0) + (window.call?.bytes ?? 0);
}

/** What people and `audit` see of it. */
export function lookAt(window: OpenWindow): OpenWindowLook {
  const { start, shard, n, pairs, call, emitted, broken } = window;
  return {
    start,
    shard,
    n: call === null ? n : n - 1,
    pairs,
    waiting: waitingPairs(window),
    calling: call?.pairs ?? null,
    emitted,
    unwrittenSinceMs: call?.takenAtMs ?? null,
    broken,
  };
}

/** What is lost with a broken one. */
export function lossOf(window: OpenWindow): BrokenWindow {
  const { start, shard, broken } = window;
  return { start, shard, code: broken ?? "", pairs: window.pairs + waitingPairs(window) };
}

function waitingPairs({ held, call }: OpenWindow): number {
  return (held?.pairs ?? 0) + (call?.pairs ?? 0);
}
