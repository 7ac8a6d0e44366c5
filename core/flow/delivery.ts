/**
 * How the drain speaks to windows: by calls numbered 1, 2, 3 … a window, at most one under way. A
 * call keeps its number and its content until it is answered, so that every repeat is the same.
 *
 * @module
 */

import type { CellWire } from "../fold/aggregates.ts";
import type { WindowShard } from "./counts.ts";
import type { Span } from "./sweep.ts";

/** A call of a window; with a watermark it settles, without one it only brings cells. */
export interface Call {
  /** The call's number; the id of the update that carries it is {@linkcode callId}. */
  readonly n: number;
  /** The offsets that the cells come from; empty if it brings none. */
  readonly spans: readonly Span[];
  /** The cells; null for a call that the window is known to have taken. */
  readonly cells: readonly CellWire[] | null;
  /** The watermark of a settle; null for a deliver. */
  readonly watermark: number | null;
  /** When the drain decided to make the call, by its workflow's time. */
  readonly emittedAtMs: number;
  /**
   * Set for a settle that emits before the window's end.
   * @default {undefined}
   */
  readonly early?: true;
}

/**
 * The id of the update that carries a call. The moment is in it, because a drain that somebody has
 * put back to an earlier state uses its numbers again: those must reach the window, not what Temporal
 * kept of the first call with the number.
 */
export function callId(call: Pick<Call, "n" | "emittedAtMs">): string {
  return `${call.n}-${call.emittedAtMs}`;
}

/** A call with the window it goes to. */
export interface WindowCall extends WindowShard {
  /** The call. */
  readonly call: Call;
}

/** What all rows of one emission share. */
export interface EmissionHead {
  /** The number of the call that emitted. */
  readonly n: number;
  /** The emission's number, from 0. */
  readonly revision: number;
  /** Whether no later emission follows. */
  readonly final: boolean;
  /** The watermark of the call. */
  readonly watermark: number;
  /** When the drain decided to emit. */
  readonly emittedAtMs: number;
}

/** How large a window is. */
export interface WindowSize {
  /** (event, window) pairs it holds. */
  readonly pairs: number;
  /** UTF-8 bytes of its cells as JSON. */
  readonly bytes: number;
}

/** What a window answers to a call; a repeat is answered byte for byte the same. */
export type CallAnswer =
  & WindowSize
  & (
    /** The call is taken and rows are due: the cells to make them of, sorted by key. */
    | {
      readonly kind: "emitted";
      readonly head: EmissionHead;
      readonly cells: readonly CellWire[];
    }
    /** The call is taken, no rows are due. */
    | { readonly kind: "taken" }
    /** The cells would make the window too large; nothing is taken. */
    | { readonly kind: "full" }
    /** The number is known for another call: the drain was reset; nothing is taken. */
    | { readonly kind: "overlap" }
    /** What came before the call is not here: Temporal has forgotten it; nothing is taken. */
    | { readonly kind: "lost" }
  );

/** What the settle activity is asked: calls of some windows, settles and delivers alike. */
export interface SettleRequest {
  /** The generation of the pipeline's state. */
  readonly generation: number;
  /** The calls, at most one a window. */
  readonly calls: readonly WindowCall[];
}

/** How one call ended. */
export type CallEnd =
  /** It is over: the window has taken it, and its rows, if any, are in the results topic. */
  | "written"
  /** The window has taken it, its rows are not written yet: try again without cells. */
  | "taken"
  /** The window is full. */
  | "full"
  /** The number is known for another call. */
  | "overlap"
  /** What came before is not there. */
  | "lost";

/** What became of one call. */
export interface SettleOutcome extends WindowShard, WindowSize {
  /** The call's number. */
  readonly n: number;
  /** How it ended. */
  readonly end: CallEnd;
  /** The revision that the call emitted; null if none. */
  readonly revision: number | null;
  /** Whether that emission was the window's last. */
  readonly final: boolean;
  /** How many rows it had. */
  readonly rows: number;
  /** The code of what keeps its rows from being written; null if nothing does. */
  readonly problem: string | null;
}

/** How many windows one settle activity carries. */
export const CALLS_A_SETTLE = 16;
/** How many bytes of calls one settle activity carries. */
export const BYTES_A_SETTLE = 512 * 1024;
/** How large a window's cells may grow, in UTF-8 bytes of JSON a shard. */
export const WINDOW_BYTES = 1024 * 1024;
