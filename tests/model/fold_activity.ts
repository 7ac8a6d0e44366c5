/**
 * `foldSlice` of the model: cuts where it likes, writes to the side topics before it returns, and may
 * run more than once at a time.
 *
 * @module
 */

import type { Decoded } from "../../core/fold/decode.ts";
import { type EventReader, SliceFold } from "../../core/fold/fold.ts";
import type { SliceResult, WindowShard } from "../../core/flow/slice.ts";
import type { ModelRecord } from "./scenario.ts";
import type { Simulation } from "./simulation.ts";

/** What is to be folded. */
export interface FoldOrder {
  /** The partition. */
  readonly partition: number;
  /** First offset. */
  readonly from: number;
  /** Offset not to go beyond; null for the end of the log. */
  readonly until: number | null;
  /** The largest event time before. */
  readonly maxEventTime: number | null;
  /** The floor. */
  readonly floor: number | null;
  /** Windows that refused the slice. */
  readonly refused?: readonly WindowShard[];
}

const reader: EventReader = {
  check: (value) => ({ ok: true, event: Object(value) }),
  eventTimeField: "t",
  where: (event) => event["wanted"] === true,
  numericFields: ["x"],
};
const INVALID: Decoded = { ok: false, reason: "json", path: "", message: "not JSON" };

/**
 * Folds a slice.
 *
 * @param sim The simulation.
 * @param order The slice.
 * @param done Takes the result, once.
 */
export function foldActivity(
  sim: Simulation,
  order: FoldOrder,
  done: (result: SliceResult) => void,
): void {
  let attempt = 0;
  sim.world.call<SliceResult>(
    () => true,
    (answer) => answer(fold(sim, order, ++attempt)),
    done,
  );
}

function fold(sim: Simulation, order: FoldOrder, attempt: number): SliceResult {
  const { partition, from, until, maxEventTime, floor, refused } = order;
  const { world, scenario } = sim;
  const end = sim.endOf(partition);
  const stopAt = Math.min(until ?? end, end);
  const to = refused === undefined
    ? Math.min(stopAt, from + world.random.int(1, scenario.sliceOffsets))
    : stopAt;
  const start = { maxEventTime, floor, ...(refused === undefined ? {} : { refused }) };
  const slice = new SliceFold(scenario.plan, reader, start);
  const records = scenario.partitions[partition]?.records ?? [];
  for (let offset = from; offset < to; offset++) {
    const record = records[offset];
    if (record === undefined || record.kind === "hole") continue;
    const { timestampMs } = record;
    slice.add([{ offset, timestampMs, value: null }], [decodedOf(record)], () => "");
  }
  for (const { offset, kind } of slice.takeRejects()) {
    sim.audit.side.add(`${partition}/${offset}/${kind}`);
  }
  return {
    from,
    to,
    end,
    maxEventTime: slice.maxEventTime,
    firstEventTime: slice.firstEventTime,
    windows: slice.windows(),
    counts: slice.counts,
    busyMs: world.random.int(0, 5),
    attempt,
    readAtMs: world.now,
    endedAtMs: world.now,
    worker: "model",
    ...(refused === undefined ? {} : { moved: slice.moved }),
  };
}

function decodedOf({ kind, key: k, time: t, x }: ModelRecord): Decoded {
  if (kind === "invalid") return INVALID;
  return { ok: true, value: { k, t, x, wanted: kind === "event" } };
}
