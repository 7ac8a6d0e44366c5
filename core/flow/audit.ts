/**
 * The audit of a generation: one look at its drain, and everything else measured against that look.
 * What has moved on since is no trouble, because windows know what they held after their last calls,
 * and rows say by which watermark they were emitted. So it needs no luck and no second look.
 *
 * @module
 */

import { addSweepCounts, NO_SWEEP_COUNTS, type SweepCounts } from "./counts.ts";
import type { DrainPartition } from "./dealing.ts";
import type { Drain } from "./drain.ts";
import type { BrokenWindow, ClosedWindows, OpenWindowLook } from "./open_windows.ts";

/** What the drain says of a partition. */
export type AuditedPartition = Pick<
  DrainPartition,
  "partition" | "mode" | "stop" | "cursor" | "totals" | "skippedOffsets" | "skipped"
>;

/** One look at a drain: everything in it belongs to the same moment. */
export interface DrainLook {
  /** The partitions. */
  readonly partitions: readonly AuditedPartition[];
  /** The pipeline's watermark. */
  readonly watermark: number | null;
  /** The open windows. */
  readonly windows: readonly OpenWindowLook[];
  /** What the closed ones add up to. */
  readonly closed: ClosedWindows;
  /** Windows that are lost, and what was lost with them. */
  readonly lost: {
    readonly windows: number;
    readonly pairs: number;
    readonly named: readonly BrokenWindow[];
  };
  /** Events that missed a window by the floor alone, by what the floor came from. */
  readonly lateByFloor: Readonly<Record<string, number>>;
}

/** Looks at a drain. */
export function lookAtDrain(drain: Drain): DrainLook {
  const { closed, lost } = drain.windows;
  return {
    partitions: drain.partitions.map((p) => ({
      partition: p.partition,
      mode: p.mode,
      stop: p.stop,
      cursor: p.cursor,
      totals: p.totals,
      skippedOffsets: p.skippedOffsets,
      skipped: p.skipped,
    })),
    watermark: drain.watermark,
    windows: drain.windows.look(),
    closed,
    lost,
    lateByFloor: drain.lateByFloor,
  };
}

/** What an open window says of itself. */
export interface WindowSays {
  /** Its start, epoch ms. */
  readonly start: number;
  /** Which share of the keys. */
  readonly shard: number;
  /** The number of the last call it has taken. */
  readonly n: number;
  /** How many pairs it held after each of its last calls. */
  readonly held: readonly (readonly [n: number, pairs: number])[];
}

/** The last record of a row in the results topic, by offset, read committed. */
export interface LastRow {
  /** Start of its window, epoch ms. */
  readonly start: number;
  /** Whether it says that no later revision follows. */
  readonly final: boolean;
  /** The watermark of its emission, epoch ms. */
  readonly watermark: number;
  /** How many events it aggregates. */
  readonly events: number;
}

/** What was found outside of the drain, after the look; null for what could not be read whole. */
export interface AuditFinds {
  /** The window workflows that exist. */
  readonly windows: readonly WindowSays[];
  /** The last records of all rows of the generation. */
  readonly rows: readonly LastRow[] | null;
  /**
   * How many distinct offsets below each partition's cursor and outside of what was skipped the
   * side topics hold.
   */
  readonly side: ReadonlyMap<number, { readonly late: number; readonly invalid: number }> | null;
}

/** What open windows hold together; broken ones are left out, what they held is lost. */
export interface OpenPairs {
  /** How many windows and shares of windows. */
  readonly windows: number;
  /** (event, window) pairs that they have taken. */
  readonly taken: number;
  /** (event, window) pairs that wait with the drain, or are in a call under way. */
  readonly waiting: number;
}

/** Adds open windows up. */
export function openPairsOf(open: readonly OpenWindowLook[]): OpenPairs {
  let [windows, taken, waiting] = [0, 0, 0];
  for (const window of open) {
    if (window.broken !== null) continue;
    windows += 1;
    taken += window.pairs;
    waiting += window.waiting;
  }
  return { windows, taken, waiting };
}

/** What an account is added up from: all of it from one look. */
export interface AccountLook extends Pick<DrainLook, "closed" | "lost"> {
  /** The partitions. */
  readonly partitions: readonly Pick<AuditedPartition, "totals">[];
  /** What the open windows hold. */
  readonly openPairs: OpenPairs;
}

/** The account of a generation. */
export interface Account {
  /** Events: `read = aggregated + late + invalid + skewed + filtered + failed`. */
  readonly events: Omit<SweepCounts, "assigned" | "missed">;
  /** (event, window) pairs: `assigned = closed + open + waiting + missed + lost`. */
  readonly pairs: {
    /** All pairs of aggregated and late events. */
    readonly assigned: number;
    /** In closed windows. */
    readonly closed: number;
    /** In open windows. */
    readonly open: number;
    /** With the drain, or in a call under way. */
    readonly waiting: number;
    /** Their window may have been closed. */
    readonly missed: number;
    /** Lost with a window. */
    readonly lost: number;
  };
  /** How many windows are closed, open and lost. */
  readonly windows: { readonly closed: number; readonly open: number; readonly lost: number };
  /** What does not add up, or is lost, in words; empty if nothing is. */
  readonly problems: readonly string[];
}

/** What an audit comes to: `problems` holds all that is wrong, also outside of the account. */
export interface Audit extends Account {
  /** What could not be checked, and why. */
  readonly unknown: readonly string[];
  /** What people should know, and is not wrong. */
  readonly notes: readonly string[];
  /** Whether nothing is wrong. */
  readonly ok: boolean;
}

/** Adds the account up. */
export function accountOf({ partitions, closed, lost, openPairs }: AccountLook): Account {
  const { assigned, missed, ...events } = partitions.map((p) => p.totals)
    .reduce(addSweepCounts, NO_SWEEP_COUNTS);
  const pairs = {
    assigned,
    closed: closed.pairs,
    open: openPairs.taken,
    waiting: openPairs.waiting,
    missed,
    lost: lost.pairs,
  };
  const problems: string[] = [];
  const out = events.aggregated + events.late + events.invalid + events.skewed +
    events.filtered + events.failed;
  if (events.read !== out) problems.push(`events: read ${events.read}, but ${out} came out`);
  const placed = pairs.closed + pairs.open + pairs.waiting + pairs.missed + pairs.lost;
  if (assigned !== placed) problems.push(`pairs: assigned ${assigned}, but ${placed} are found`);
  for (const { code, start, pairs: gone } of lost.named) {
    problems.push(`${code}: window ${start}: ${gone} pairs are lost with it`);
  }
  if (lost.windows > lost.named.length) {
    problems.push(`${lost.windows} windows are lost, ${lost.pairs} pairs with them`);
  }
  const windows = { closed: closed.windows, open: openPairs.windows, lost: lost.windows };
  return { events, pairs, windows, problems };
}

/** Measures what was found against a look at the drain. */
export function auditOf(look: DrainLook, finds: AuditFinds): Audit {
  const sound = look.windows.filter((window) => window.broken === null);
  const account = accountOf({ ...look, openPairs: openPairsOf(look.windows) });
  const problems = [...account.problems];
  const unknown: string[] = [];
  for (const p of look.partitions) {
    if (p.stop !== null) problems.push(`partition ${p.partition} stopped: ${p.stop.code}`);
    if (p.skippedOffsets > 0) {
      problems.push(`partition ${p.partition}: ${p.skippedOffsets} offsets skipped`);
    }
  }
  checkWindows(sound, finds.windows, problems, unknown);
  if (finds.rows === null) unknown.push("results: the topic no longer holds all rows");
  else checkRows(look, finds.rows, problems);
  checkSide(look, finds.side, problems, unknown);
  return {
    ...account,
    problems,
    unknown,
    notes: notesOf(look, account.events.failed),
    ok: problems.length === 0,
  };
}

/** Each window must hold after call n what the drain says it does, whatever it has taken since. */
function checkWindows(
  open: readonly OpenWindowLook[],
  found: readonly WindowSays[],
  problems: string[],
  unknown: string[],
): void {
  const saying = new Map(found.map((window) => [`${window.start}/${window.shard}`, window]));
  for (const { start, shard, n, pairs } of open) {
    if (n === 0) continue;
    const says = saying.get(`${start}/${shard}`);
    if (says === undefined || says.n < n) {
      const has = says === undefined ? "is not there" : `has taken ${says.n} calls`;
      problems.push(`TG_WINDOW_LOST: window ${start} must have taken ${n} calls, ${has}`);
      continue;
    }
    const held = says.held.find(([number]) => number === n)?.[1];
    if (held === undefined) unknown.push(`window ${start} no longer knows of call ${n}`);
    else if (held !== pairs) {
      problems.push(`window ${start} must hold ${pairs} pairs after call ${n}, holds ${held}`);
    }
  }
}

/** Windows that were booked before the look have all their rows in the topic, for good. */
function checkRows(look: DrainLook, rows: readonly LastRow[], problems: string[]): void {
  const open = new Set(look.windows.map((window) => window.start));
  const lost = new Set(look.lost.named.map((window) => window.start));
  const isUnnamed = look.lost.windows > look.lost.named.length;
  let [count, pairs, unfinished] = [0, 0, 0];
  for (const row of rows) {
    const isLater = look.watermark === null || row.watermark > look.watermark;
    if (open.has(row.start) || lost.has(row.start) || isLater) continue;
    if (!row.final) unfinished += 1;
    count += 1;
    pairs += row.events;
  }
  if (unfinished > 0) problems.push(`results: ${unfinished} rows of closed windows are not final`);
  const { closed } = look;
  // Windows share a start with their other shards, and those may be open or lost.
  const isSure = look.windows.every((window) => window.shard === 0) && !isUnnamed;
  if (!isSure) return;
  if (count !== closed.rows) {
    problems.push(`results: closed windows have ${closed.rows} rows, the topic ${count}`);
  }
  if (pairs !== closed.pairs) {
    problems.push(`results: closed windows hold ${closed.pairs} pairs, the topic's rows ${pairs}`);
  }
}

/** Side topics hold at least what was counted: a record of a struck sweep may be there too. */
function checkSide(
  look: DrainLook,
  side: AuditFinds["side"],
  problems: string[],
  unknown: string[],
): void {
  if (side === null) {
    unknown.push("side topics: they no longer hold all records");
    return;
  }
  for (const { partition, totals } of look.partitions) {
    const has = side.get(partition) ?? { late: 0, invalid: 0 };
    const invalid = totals.invalid + totals.skewed + totals.failed;
    if (has.late < totals.late) {
      problems.push(
        `partition ${partition}: ${totals.late} late records, the topic has ${has.late}`,
      );
    }
    if (has.invalid < invalid) {
      problems.push(
        `partition ${partition}: ${invalid} invalid records, the topic has ${has.invalid}`,
      );
    }
  }
}

function notesOf(look: DrainLook, failed: number): string[] {
  const notes = look.partitions.filter((p) => p.mode === "excluded")
    .map((p) => `partition ${p.partition} is excluded from offset ${p.cursor} on`);
  for (const [cause, events] of Object.entries(look.lateByFloor)) {
    if (events > 0) notes.push(`${events} events missed a window by a floor (${cause})`);
  }
  if (failed > 0) {
    notes.push(`${failed} records are set aside as failed: rows are not reproducible without them`);
  }
  return notes;
}
