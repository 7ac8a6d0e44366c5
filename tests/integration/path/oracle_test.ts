/**
 * The oracle itself: its own cases, and whether it and `core/` judge hostile records alike. Needs
 * Python, but no servers.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeBatch } from "../../../core/decode.ts";
import { SliceFold } from "../../../core/fold.ts";
import { rowsOf } from "../../../core/row.ts";
import type { Windowing } from "../../../core/windows.ts";
import type { Expected, GivenRecord } from "../_support/oracle.ts";
import { assertRows, judged } from "../_support/oracle.ts";
import { NO_PYTHON } from "../_support/servers.ts";
import type { TestPipeline } from "../_support/test_pipeline.ts";
import { testPipeline } from "../_support/test_pipeline.ts";

const BASE_MS = Date.parse("2020-01-01T00:00:00Z");
const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

Deno.test({
  name: "the oracle keeps its own cases",
  ignore: NO_PYTHON,
  async fn() {
    const folder = new URL("../../oracle/", import.meta.url).pathname;
    const { success, stderr } = await new Deno.Command("python3", {
      args: ["-B", "self_test.py"],
      cwd: folder,
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  },
});

Deno.test({
  name: "core and the oracle judge hostile records alike",
  ignore: NO_PYTHON,
  async fn() {
    const property = fc.asyncProperty(
      fc.array(record(), { minLength: 1, maxLength: 300 }),
      windowing(),
      fc.constantFrom(0, 3_000, 60_000),
      fc.constantFrom(0, 7_000),
      async (made, windows, delayMs, latenessMs) => {
        const pipeline = await testPipeline("hostile", {
          definition: "scalars",
          windowing: windows,
          delayMs,
          latenessMs,
          maxAheadMs: 10_000,
        });
        const records = made.map(({ partition, timestampMs, value }, offset) =>
          [partition, offset, timestampMs, value] as const
        );
        const expected = await judged(pipeline, records);
        assert.deepEqual(withoutRows(folded(pipeline, records)), withoutRows(expected));
        assertRows(pipeline, 1, rowsFolded(pipeline, records), expected.rows);
      },
    );
    await fc.assert(property, { numRuns: 25, endOnFailure: false });
  },
});

function withoutRows({ counts, positions, largest }: Omit<Expected, "rows">) {
  return { counts, positions, largest };
}

/** What core says, in the oracle's form. */
function folded(
  pipeline: TestPipeline,
  records: readonly GivenRecord[],
): Omit<Expected, "rows"> {
  const zero = { read: 0, aggregated: 0, late: 0, invalid: 0, skewed: 0, filtered: 0 };
  const counts = { ...zero, assigned: 0, missed: 0 };
  const positions: Record<keyof Expected["positions"], [number, number][]> = {
    late: [],
    invalid: [],
    skewed: [],
  };
  const largest: [number, number][] = [];
  for (const [partition, fold] of folds(pipeline, records)) {
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) {
      counts[name] += fold.counts[name];
    }
    for (const { offset, kind } of fold.takeRejects()) positions[kind].push([partition, offset]);
    if (fold.maxEventTime !== null) largest.push([partition, fold.maxEventTime]);
  }
  Object.values(positions).forEach((list) => list.sort((a, b) => a[1] - b[1]));
  return { counts, positions, largest };
}

function rowsFolded(pipeline: TestPipeline, records: readonly GivenRecord[]) {
  // One partition's cells are enough to compare the values; how cells merge is core's own test.
  const all = records.map(([, offset, time, value]) => [0, offset, time, value] as const);
  const whole = folds(pipeline, splitLess(pipeline, all));
  return [...whole.values()].flatMap((fold) =>
    fold.windows().flatMap(({ start, cells }) =>
      rowsOf(pipeline.plan, {
        generation: 1,
        windowStart: start,
        revision: 0,
        final: true,
        watermark: 0,
        emittedAtMs: 0,
      }, cells)
    )
  );
}
