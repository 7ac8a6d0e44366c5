/**
 * What must come out: computed straight from the topic, record by record, in exact arithmetic,
 * without slices, windows that live, or anything else of core.
 *
 * @module
 */

import type { RunPlan } from "../../core/plan.ts";
import type { SliceCounts } from "../../core/flow/slice.ts";
import { multipleOf, nearestDouble } from "./exact.ts";
import type { ModelRecord } from "./scenario.ts";

/** A run of offsets that was folded, and the floor it was judged by. */
export interface Segment {
  /** First offset. */
  readonly from: number;
  /** Offset after it. */
  readonly to: number;
  /** The floor. */
  readonly floor: number | null;
}

/** A row as it must be. */
export interface ExpectedRow {
  /** How many events. */
  readonly events: number;
  /** The aggregates by name. */
  readonly values: Readonly<Record<string, number>>;
}

/** What must come out of a partition, or of all of them. */
export interface Expected {
  /** The rows by `windowStart|key`. */
  readonly rows: ReadonlyMap<string, ExpectedRow>;
  /** The counts, summed up over the partitions. */
  readonly counts: SliceCounts;
  /** `partition/offset/kind` of all records that belong on a side topic. */
  readonly side: ReadonlySet<string>;
}

interface Cell {
  events: number;
  sum: bigint;
  low: number;
  high: number;
}

/**
 * Computes what must come out.
 *
 * @param plan The definition.
 * @param partitions The records of each partition, with the runs of offsets that were folded.
 * @param withFloor Whether the floors count; without them it is a function of the content alone.
 * @returns Rows, counts and side records.
 */
export function expectedOf(
  plan: RunPlan,
  partitions: readonly {
    readonly records: readonly ModelRecord[];
    readonly segments: readonly Segment[];
  }[],
  withFloor: boolean,
): Expected {
  const cells = new Map<string, Cell>();
  const side = new Set<string>();
  const counts = {
    read: 0,
    aggregated: 0,
    late: 0,
    lateByFloor: 0,
    invalid: 0,
    skewed: 0,
    filtered: 0,
    assigned: 0,
    missed: 0,
  };
  for (const [partition, { records, segments }] of partitions.entries()) {
    let largest = -Infinity;
    for (const { from, to, floor } of segments) {
      for (let offset = from; offset < to; offset++) {
        const record = records[offset];
        if (record === undefined || record.kind === "hole") continue;
        counts.read += 1;
        if (record.kind === "invalid") {
          counts.invalid += 1;
          side.add(`${partition}/${offset}/invalid`);
          continue;
        }
        if (record.timestampMs >= 0 && record.time > record.timestampMs + plan.maxAheadMs) {
          counts.skewed += 1;
          side.add(`${partition}/${offset}/skewed`);
          continue;
        }
        const own = largest - plan.delayMs;
        const bound = withFloor && floor !== null && floor > own ? floor : own;
        largest = Math.max(largest, record.time);
        if (record.kind === "filtered") {
          counts.filtered += 1;
          continue;
        }
        let taken = 0;
        let byFloor = false;
        for (const start of startsOf(plan, record.time)) {
          const completes = start + plan.windowing.sizeMs + plan.latenessMs;
          counts.assigned += 1;
          if (completes <= bound) {
            counts.missed += 1;
            byFloor ||= completes > own;
            continue;
          }
          taken += 1;
          const id = `${start}|${plan.groupBy.length === 0 ? "" : record.key}`;
          add(cells, id, record.x);
        }
        if (byFloor) counts.lateByFloor += 1;
        if (taken > 0) {
          counts.aggregated += 1;
        } else {
          counts.late += 1;
          side.add(`${partition}/${offset}/late`);
        }
      }
    }
  }
  const rows = new Map([...cells].map(([id, cell]) => [id, rowOf(cell)]));
  return { rows, counts, side };
}

/** By looking at every time at which such a window could start. */
function startsOf({ windowing: { sizeMs, slideMs, offsetMs } }: RunPlan, time: number): number[] {
  const starts: number[] = [];
  for (let start = time - sizeMs + 1; start <= time; start++) {
    if ((start - offsetMs) % slideMs === 0) starts.push(start);
  }
  return starts;
}

function add(cells: Map<string, Cell>, id: string, x: number): void {
  const cell = cells.get(id);
  if (cell === undefined) {
    cells.set(id, { events: 1, sum: multipleOf(x), low: x, high: x });
    return;
  }
  cell.events += 1;
  cell.sum += multipleOf(x);
  cell.low = Math.min(cell.low, x);
  cell.high = Math.max(cell.high, x);
}

function rowOf({ events, sum, low, high }: Cell): ExpectedRow {
  const total = nearestDouble(sum);
  return { events, values: { n: events, total, mean: total / events + 0, low, high } };
}
