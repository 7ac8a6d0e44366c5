/**
 * The invariants of design §4 and §5, watched from outside while a schedule runs: an omniscient
 * ledger of every (event, window) pair, and of every row that came out.
 *
 * @module
 */

import { cellFromWire, type CellWire, createCellFolder } from "../../core/fold/aggregates.ts";
import { pairsOf } from "../../core/flow/drain_state.ts";
import type { RunPlan } from "../../core/plan.ts";
import type { SliceResult, WindowPartial, WindowShard } from "../../core/flow/slice.ts";
import type { FoldOutcome, Partial, RowsDue } from "../../core/flow/window_state.ts";
import type { ExpectedRow, Segment } from "./oracle.ts";

/** A promise that was broken. */
export class Violation extends Error {}

/** A row in the results topic, as a reader keeps it. */
export interface SinkRow extends ExpectedRow {
  /** The emission it came with. */
  readonly revision: number;
  /** Whether no later one may follow. */
  readonly final: boolean;
}

/** Names a window. */
export function windowKey({ start, shard }: WindowShard): string {
  return `${start}/${shard}`;
}

/** The ledger of one schedule. */
export class Audit {
  /** The runs of offsets that became durable, by partition. */
  readonly segments = new Map<number, Segment[]>();
  /** `partition/offset/kind` of what was written to the side topics. */
  readonly side = new Set<string>();
  /** The last revisions by `windowStart|key`. */
  readonly sink = new Map<string, SinkRow>();
  /** Windows that somebody told of a watermark that there is not. */
  readonly tampered = new Set<string>();
  /** (event, window) pairs that windows have taken. */
  taken = 0;
  /** (event, window) pairs that windows have accepted, but not looked at yet. */
  onTheWay = 0;
  /** (event, window) pairs that are folded and that no window has accepted yet. */
  undelivered = 0;
  /** (event, window) pairs that went down with a terminated window, without being looked at. */
  gone = 0;
  /** Partials that no window has accepted yet: by partition and window, when they would be late. */
  readonly #undelivered = new Map<string, { readonly final: number; readonly pairs: number }>();
  readonly #accepted = new Map<string, number>();
  readonly #onTheWay = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  readonly #revisions = new Map<string, number>();
  readonly #values: (wire: CellWire) => ExpectedRow;
  #watermark = -Infinity;

  constructor(readonly plan: RunPlan) {
    const folder = createCellFolder(plan.aggregates);
    this.#values = (wire) => ({ events: wire[1], values: folder.values(cellFromWire(wire).cell) });
  }

  /** A slice has become durable (I1: every offset once, in order). */
  folded(partition: number, result: SliceResult, floor: number | null): void {
    const { from, to, windows } = result;
    const segments = this.segments.get(partition) ?? [];
    const before = segments.at(-1)?.to ?? 0;
    if (from < before || to <= from) {
      throw new Violation(`I1: partition ${partition} folded [${from}, ${to}) after ${before}`);
    }
    segments.push({ from, to, floor });
    this.segments.set(partition, segments);
    const { sizeMs } = this.plan.windowing;
    for (const window of windows) {
      const final = window.start + sizeMs + this.plan.latenessMs;
      const id = `${partition}>${windowKey(window)}`;
      const pairs = pairsOf(window);
      this.#undelivered.set(id, { final, pairs });
      this.undelivered += pairs;
    }
  }

  /** A window's workflow has accepted a partial, whether or not it was looked at. */
  accepted(window: WindowShard, { partition, to, cells }: Partial): void {
    const id = `${partition}>${windowKey(window)}`;
    if (to <= (this.#accepted.get(id) ?? -1)) return;
    this.#accepted.set(id, to);
    this.#deliver(id);
    this.#move(window, pairsOf({ ...window, cells }));
  }

  /** A window has looked at a partial (I2, I3). */
  judged(window: WindowShard, partial: Partial, outcome: FoldOutcome): void {
    const { partition, from, to } = partial;
    if (outcome === "covered") return;
    const pairs = pairsOf({ ...window, cells: partial.cells });
    if (outcome === "refused" && this.tampered.has(windowKey(window))) {
      // It may come again, and is then refused again.
      const id = `${partition}>${windowKey(window)}@${to}`;
      if (this.#refused.has(id)) return;
      this.#refused.set(id, pairs);
      this.gone += pairs;
      this.#move(window, -pairs);
      return;
    }
    if (outcome !== "taken") {
      throw new Violation(
        `I3: window ${windowKey(window)}: [${from}, ${to}) of ${partition} is ${outcome}`,
      );
    }
    this.taken += pairs;
    this.#move(window, -pairs);
  }

  /** A window was terminated; what it had not looked at is gone. */
  terminated(window: WindowShard): void {
    const id = windowKey(window);
    const pairs = this.#onTheWay.get(id) ?? 0;
    this.gone += pairs;
    this.#move(window, -pairs);
  }

  /** A partial came to a window that was terminated. */
  lost(partition: number, window: WindowShard): void {
    const id = `${partition}>${windowKey(window)}`;
    this.gone += this.#deliver(id);
  }

  /** A partial came to a window that had completed without it (I3). */
  refused(partition: number, partial: WindowPartial): void {
    if (this.tampered.has(windowKey(partial))) return;
    throw new Violation(
      `I3: window ${windowKey(partial)} completed without partition ${partition}`,
    );
  }

  /** A slice was folded again for windows that had refused it. */
  refolded(partition: number, to: number, windows: readonly WindowShard[]): void {
    for (const window of windows) {
      const id = `${partition}>${windowKey(window)}`;
      this.#deliver(id);
      // It was refused while its delivery was not over, which is then made up for.
      this.gone -= this.#refused.get(`${id}@${to}`) ?? 0;
      this.#refused.delete(`${id}@${to}`);
    }
  }

  /** The clock's watermark, whenever it may have moved. */
  watermark(watermark: number | null): void {
    const now = watermark ?? -Infinity;
    if (now < this.#watermark) throw new Violation(`watermark ${this.#watermark} back to ${now}`);
    if (now === this.#watermark) return;
    this.#watermark = now;
    for (const [id, { final }] of this.#undelivered) {
      const window = id.slice(id.indexOf(">") + 1);
      if (final <= now && !this.tampered.has(window)) {
        throw new Violation(`I3: the watermark is ${now}, but ${id} ends ${final}, undelivered`);
      }
    }
  }

  /** A window has taken rows. */
  emitted(window: WindowShard, rows: RowsDue): void {
    const id = windowKey(window);
    const end = window.start + this.plan.windowing.sizeMs;
    const next = this.#revisions.get(id) ?? 0;
    if (rows.revision !== next) throw new Violation(`window ${id}: revision ${rows.revision}`);
    if (rows.watermark < end + (rows.final ? this.plan.latenessMs : 0)) {
      throw new Violation(`window ${id} emitted at ${rows.watermark}`);
    }
    this.#revisions.set(id, rows.final ? Infinity : next + 1);
  }

  /** Rows have been written; a reader keeps those with the largest revision. */
  written(window: WindowShard, { cells, revision, final }: RowsDue): void {
    for (const [id, row] of this.rowsOf(window, cells)) {
      const known = this.sink.get(id);
      if (known !== undefined && known.revision > revision) continue;
      if (known?.revision === revision && !isSame(known, row)) {
        throw new Violation(`row ${id}: revision ${revision} was written with other bytes`);
      }
      this.sink.set(id, { ...row, revision, final });
    }
  }

  #move(window: WindowShard, pairs: number): void {
    const id = windowKey(window);
    this.#onTheWay.set(id, (this.#onTheWay.get(id) ?? 0) + pairs);
    this.onTheWay += pairs;
  }

  #deliver(id: string): number {
    const pairs = this.#undelivered.get(id)?.pairs ?? 0;
    this.#undelivered.delete(id);
    this.undelivered -= pairs;
    return pairs;
  }

  /** The rows of some cells, by `windowStart|key`. */
  rowsOf(window: WindowShard, cells: readonly CellWire[]): (readonly [string, ExpectedRow])[] {
    return cells.map((wire) => {
      const [key = ""]: string[] = JSON.parse(wire[0]);
      return [`${window.start}|${key}`, this.#values(wire)];
    });
  }
}

/** Whether two rows are the same, bit for bit. */
export function isSame(a: ExpectedRow, b: ExpectedRow): boolean {
  return a.events === b.events &&
    Object.keys(b.values).every((name) => Object.is(a.values[name], b.values[name]));
}
