/**
 * Folding alone: records decoded, checked and folded in this process, beside what no engine on this
 * runtime could leave out: one `JSON.parse` of the same records, joined.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { decodeBatch } from "../../core/fold/decode.ts";
import { type FoldRecord, SliceFold } from "../../core/fold/fold.ts";
import students from "../../pipelines/cs_student_logs.ts";
import { quantile } from "../machine.ts";
import type { Quiet } from "./processes.ts";
import { benchRecord } from "./record.ts";

/** What folding alone came to. */
export interface FoldBench {
  /** How the machine was before. */
  readonly quiet: Quiet;
  /** Records parsed per second, by round. */
  readonly parsedPerSecond: readonly number[];
  /** Records folded per second, by round, right after. */
  readonly foldedPerSecond: readonly number[];
  /** The second by the first, by round. */
  readonly ratios: readonly number[];
}

const RECORDS = 200_000;
/** Records joined for one parse. */
const JOINED = 500;
/** Records of one call of the fold, as a sweep makes it. */
const GROUP = 1_500;

/** Measures both, in turn; the first two rounds don't count. */
export function benchFold(rounds: number, quiet: Quiet): FoldBench {
  const bytes = Array.from(
    { length: RECORDS },
    (_, i) => new TextEncoder().encode(benchRecord(i).value),
  );
  const records = bytes.map((value, i): FoldRecord => ({
    offset: i,
    timestampMs: benchRecord(i).eventTimeMs,
    value,
  }));
  const joined = chunks(bytes, JOINED).map((some) =>
    Buffer.from(`[${some.map((one) => new TextDecoder().decode(one)).join(",")}]`)
  );
  const all: [parsed: number, folded: number][] = [];
  for (let round = 0; round < rounds + 2; round++) {
    all.push([rate(() => parseAll(joined)), rate(() => foldAll(records))]);
  }
  const counted = all.slice(2);
  return {
    quiet,
    parsedPerSecond: counted.map(([parsed]) => parsed),
    foldedPerSecond: counted.map(([, folded]) => folded),
    ratios: counted.map(([parsed, folded]) => folded / parsed),
  };
}

/** The figures in one line. */
export function foldLine({ parsedPerSecond, foldedPerSecond, ratios }: FoldBench): string {
  const millions = (all: readonly number[]) => (quantile(all, 0.5) / 1e6).toFixed(2);
  return `${millions(foldedPerSecond)} M/s folded, ${millions(parsedPerSecond)} M/s parsed: ` +
    quantile(ratios, 0.5).toFixed(2);
}

function parseAll(joined: readonly Buffer[]): number {
  let count = 0;
  for (const one of joined) count += (JSON.parse(one.toString()) as unknown[]).length;
  return count;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function foldAll(records: readonly FoldRecord[]): number {
  const { plan, reader } = students;
  const fold = new SliceFold(plan, reader, { maxEventTime: null, floor: null });
  for (const group of chunks(records, GROUP)) {
    const values = group.map(({ value }) => value);
    const decoded = decodeBatch(values, crypto.randomUUID(), (text) => strict.decode(text));
    fold.add(group, decoded, () => "");
  }
  return fold.counts.aggregated;
}

function rate(work: () => number): number {
  const beganMs = performance.now();
  const count = work();
  if (count !== RECORDS) throw new Error(`Cannot measure: ${RECORDS} must count, got ${count}`);
  return count / (performance.now() - beganMs) * 1000;
}

function chunks<T>(all: readonly T[], size: number): T[][] {
  return Array.from(
    { length: Math.ceil(all.length / size) },
    (_, i) => all.slice(i * size, (i + 1) * size),
  );
}
