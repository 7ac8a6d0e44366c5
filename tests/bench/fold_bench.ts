/**
 * How many records a second one core decodes and folds, by stage. It prints; it decides nothing.
 *
 * Run: `deno run tests/bench/fold_bench.ts`.
 *
 * @module
 */

import type { AggregateSpec } from "../../core/fold/aggregates.ts";
import { decodeBatch, type Decoded, decodeOne, type DecodeText } from "../../core/fold/decode.ts";
import {
  type EventReader,
  type FoldEvent,
  type FoldPlan,
  type FoldRecord,
  SliceFold,
} from "../../core/fold/fold.ts";
import { hopping, tumbling } from "../../core/event_time/windows.ts";

const RECORDS = 400_000;
/** Records per call: so many are decoded and folded while they are still in the cache. */
const FETCH = 2_000;
const ROUNDS = 5;
const FIRST_MS = 1_767_225_600_000;
const NONCE = "b1946ac9-2492-4d23-8a1f-000000000000";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const decodeText: DecodeText = (bytes) => {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
};

const aggregates: readonly AggregateSpec[] = [
  { name: "total_loc", kind: "sum", field: "lines_of_code" },
  { name: "avg_cpu", kind: "avg", field: "cpu_usage_pct" },
];

const plan: FoldPlan = {
  windowing: tumbling("10s"),
  delayMs: 60_000,
  latenessMs: 0,
  maxAheadMs: 300_000,
  groupBy: ["course"],
  aggregates,
  shards: 1,
};

const reader: EventReader = {
  check: (value) =>
    isEvent(value) && typeof value["event_time"] === "string"
      ? { ok: true, event: value }
      : { ok: false, path: "event_time", message: "event_time must be a text" },
  eventTimeField: "event_time",
  where: null,
  numericFields: ["lines_of_code", "cpu_usage_pct"],
};

function isEvent(value: unknown): value is FoldEvent {
  return typeof value === "object" && value !== null;
}

/**
 * Student logs, up to 3 s out of order; views of shared bytes, as fetched.
 *
 * @param keys How many courses there are.
 * @param perMs How many events there are in a millisecond of event time.
 */
function makeRecords(keys: number, perMs: number): FoldRecord[] {
  const encoder = new TextEncoder();
  let shared = new Uint8Array(0);
  let used = 0;
  return Array.from({ length: RECORDS }, (_, i) => {
    const time = FIRST_MS + Math.floor(i / perMs) - (i * 7919) % 3000;
    const text = JSON.stringify({
      student_id: `s-${String(i % 200).padStart(4, "0")}`,
      course: `CS-${String(101 + (i * 31) % keys)}`,
      activity: "coding",
      lines_of_code: i % 50,
      cpu_usage_pct: (i * 37 % 1000) / 10,
      event_time: new Date(time).toISOString(),
    });
    if (used + text.length > shared.length) {
      shared = new Uint8Array(1024 * 1024);
      used = 0;
    }
    const { written } = encoder.encodeInto(text, shared.subarray(used));
    const value = shared.subarray(used, used + written);
    used += written;
    return { offset: i, timestampMs: time, value };
  });
}

/** The best of some rounds, in records a second. */
function rate(run: () => void): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    run();
    best = Math.min(best, performance.now() - began);
  }
  return RECORDS / best * 1000;
}

function forEachFetch(records: readonly FoldRecord[], run: (fetched: FoldRecord[]) => void): void {
  for (let at = 0; at < records.length; at += FETCH) run(records.slice(at, at + FETCH));
}

function foldAll(
  folded: FoldPlan,
  records: readonly FoldRecord[],
  decode: (fetched: readonly FoldRecord[]) => Decoded[],
): SliceFold {
  const fold = new SliceFold(folded, reader, { maxEventTime: null, floor: null });
  forEachFetch(records, (fetched) => fold.add(fetched, decode(fetched), () => ""));
  return fold;
}

const joined = (fetched: readonly FoldRecord[]) =>
  decodeBatch(fetched.map(({ value }) => value), NONCE, decodeText);
const oneByOne = (fetched: readonly FoldRecord[]) =>
  fetched.map(({ value }) => decodeOne(value ?? new Uint8Array(0), decodeText));

function print(name: string, perSecond: number): void {
  const nanoseconds = Math.round(1e9 / perSecond);
  console.log(`${name.padEnd(44)} ${(perSecond / 1e6).toFixed(2)} M/s  ${nanoseconds} ns a record`);
}

const few = makeRecords(8, 1);
const bytes = few.reduce((sum, { value }) => sum + (value?.length ?? 0), 0) / few.length;
console.log(`deno ${Deno.version.deno}, v8 ${Deno.version.v8}, ${RECORDS} records, ${bytes} bytes`);
print("decode, joined", rate(() => forEachFetch(few, (fetched) => void joined(fetched))));
print("decode, one by one", rate(() => forEachFetch(few, (fetched) => void oneByOne(fetched))));
print("decode + fold, joined", rate(() => void foldAll(plan, few, joined)));
print("decode + fold, one by one", rate(() => void foldAll(plan, few, oneByOne)));
const kept = few.slice(0, FETCH);
const keptDecoded = joined(kept);
print(
  "fold alone",
  rate(() => {
    const fold = new SliceFold(plan, reader, { maxEventTime: null, floor: null });
    for (let at = 0; at < RECORDS; at += FETCH) fold.add(kept, keptDecoded, () => "");
  }),
);
const hopped = { ...plan, windowing: hopping("10s", "2s") };
print("decode + fold, hopping 10s/2s", rate(() => void foldAll(hopped, few, joined)));
const twoKeys = { ...plan, groupBy: ["course", "activity"], shards: 4 };
print("decode + fold, two keys, 4 shards", rate(() => void foldAll(twoKeys, few, joined)));
const many = makeRecords(10_000, 100);
print("decode + fold, 10,000 keys, 20 events a cell", rate(() => void foldAll(plan, many, joined)));
console.log("counts", JSON.stringify(foldAll(plan, few, joined).counts));
