/**
 * The oracle itself: its own cases, and whether it and `core/` judge hostile records alike. Needs
 * Python, but no servers.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Cell,
  cellFromWire,
  cellToWire,
  createCellFolder,
} from "../../../core/fold/aggregates.ts";
import { decodeBatch } from "../../../core/fold/decode.ts";
import { SliceFold } from "../../../core/fold/fold.ts";
import { type ResultRow, rowsOf } from "../../../core/flow/row.ts";
import { hopping, tumbling } from "../../../core/event_time/windows.ts";
import { assertRows, type Expected, type GivenRecord, judged } from "../_support/oracle.ts";
import { NO_PYTHON } from "../_support/servers.ts";
import type { TestPipeline } from "../_support/test_pipeline.ts";
import { hostileRecord } from "./_hostile.ts";

/** The part of the oracle's answer that is not rows. */
type Judgement = Omit<Expected, "rows">;

const WINDOWINGS = [
  tumbling("10s"),
  tumbling("10s", { offset: "3s" }),
  hopping("10s", "4s"),
  hopping("30s", "5s", { offset: 1 }),
];

Deno.test({
  name: "the oracle keeps its own cases",
  ignore: NO_PYTHON,
  async fn() {
    const { success, stderr } = await new Deno.Command("python3", {
      args: ["-B", "self_test.py"],
      cwd: new URL("../../oracle/", import.meta.url),
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  },
});

Deno.test({
  name: "a comparison with the oracle fails for one row too few, too many, or a bit off",
  ignore: NO_PYTHON,
  async fn() {
    const { testPipeline } = await import("../_support/test_pipeline.ts");
    const pipeline = await testPipeline("compared", { definition: "scalars" });
    const value = (who: string, n: number) =>
      new TextEncoder().encode(JSON.stringify({ who, n, at: 0 }));
    const given = [[0, 0, null, value("a", 0.1)], [0, 1, null, value("b", 0.2)]] as const;
    const { rows } = await judged(pipeline, given);
    const found = rowsOfAll(pipeline, foldAll(pipeline, given));
    const compare = (some: readonly ResultRow[]) => () => assertRows(pipeline, 1, some, rows);
    compare(found)();
    const [first, second] = found;
    assert.ok(first !== undefined && second !== undefined);
    assert.throws(compare([first]));
    assert.throws(compare([...found, { ...first, key: { who: "c" } }]));
    assert.throws(compare([...found, first]));
    assert.throws(compare([first, { ...second, final: false }]));
    assert.throws(compare([first, { ...second, generation: 2 }]));
    const nextDouble = 0.2 + 2 ** -55;
    assert.notEqual(nextDouble, 0.2);
    const off = { ...second, values: { ...second.values, total: nextDouble } };
    assert.throws(compare([first, off]));
    const minusNothing = { ...second, values: { ...second.values, total: -0 } };
    const nothing = [first, { ...second, values: { ...second.values, total: 0 } }];
    assert.throws(() => assertRows(pipeline, 1, [first, minusNothing], nothing));
  },
});

Deno.test({
  name: "core and the oracle judge hostile records alike",
  ignore: NO_PYTHON,
  async fn() {
    const { testPipeline } = await import("../_support/test_pipeline.ts");
    const property = fc.asyncProperty(
      fc.array(hostileRecord(), { minLength: 1, maxLength: 400, size: "max" }),
      fc.constantFrom(...WINDOWINGS),
      fc.constantFrom(0, 3_000, 60_000),
      fc.constantFrom(0, 7_000),
      async (made, windowing, delayMs, latenessMs) => {
        const changes = { windowing, delayMs, latenessMs, maxAheadMs: 30_000 };
        const pipeline = await testPipeline("hostile", { definition: "scalars", ...changes });
        const records = made.map(({ partition, timestampMs, value }, offset) =>
          [partition, offset, timestampMs, value] as const
        );
        const { rows, ...judgement } = await judged(pipeline, records);
        const folds = foldAll(pipeline, records);
        assert.deepEqual(judgementOf(folds), judgement);
        assertRows(pipeline, 1, rowsOfAll(pipeline, folds), rows);
      },
    );
    await fc.assert(property, { numRuns: 30 });
  },
});

/** Folds each partition as one slice. */
function foldAll(
  { plan, reader }: TestPipeline,
  records: readonly GivenRecord[],
): ReadonlyMap<number, SliceFold> {
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const text = (bytes: Uint8Array) => {
    try {
      return strict.decode(bytes);
    } catch {
      return undefined;
    }
  };
  const folds = new Map<number, SliceFold>();
  for (const partition of [...new Set(records.map(([p]) => p))].sort()) {
    const mine = records.filter(([p]) => p === partition)
      .map(([, offset, time, value]) => ({ offset, timestampMs: time ?? -1, value }));
    const fold = new SliceFold(plan, reader, { maxEventTime: null, floor: null });
    const decoded = decodeBatch(mine.map((record) => record.value), crypto.randomUUID(), text);
    fold.add(mine, decoded, (index) => text(mine[index]?.value ?? new Uint8Array()) ?? "");
    folds.set(partition, fold);
  }
  return folds;
}

function judgementOf(folds: ReadonlyMap<number, SliceFold>): Judgement {
  const names = [
    ...["read", "aggregated", "late", "invalid", "skewed", "filtered", "assigned"] as const,
    "missed" as const,
  ];
  const counts = Object.fromEntries(
    names.map((name) => [name, [...folds.values()].reduce((sum, f) => sum + f.counts[name], 0)]),
  ) as Judgement["counts"];
  const rejects = [...folds].flatMap(([partition, fold]) =>
    fold.takeRejects().map(({ kind, offset }) => ({ kind, position: [partition, offset] as const }))
  ).sort((a, b) => a.position[1] - b.position[1]);
  const of = (kind: string) => rejects.filter((r) => r.kind === kind).map((r) => r.position);
  return {
    counts,
    positions: { late: of("late"), invalid: of("invalid"), skewed: of("skewed") },
    largest: [...folds].flatMap(([partition, { maxEventTime }]) =>
      maxEventTime === null ? [] : [[partition, maxEventTime] as const]
    ),
  };
}

/** The cells of all partitions merged, as the windows do it. */
function rowsOfAll(
  { plan }: TestPipeline,
  folds: ReadonlyMap<number, SliceFold>,
): readonly ResultRow[] {
  const folder = createCellFolder(plan.aggregates);
  const windows = new Map<number, Map<string, Cell>>();
  for (const { start, cells } of [...folds.values()].flatMap((fold) => fold.windows())) {
    const known = windows.get(start) ?? new Map<string, Cell>();
    windows.set(start, known);
    for (const { key, cell } of cells.map(cellFromWire)) {
      const mine = known.get(key) ?? folder.create();
      folder.merge(mine, cell);
      known.set(key, mine);
    }
  }
  return [...windows].flatMap(([windowStart, cells]) =>
    rowsOf(
      plan,
      {
        generation: 1,
        windowStart,
        revision: 0,
        final: true,
        watermark: 0,
        emittedAtMs: 0,
      },
      [...cells].map(([key, cell]) => cellToWire(key, cell)),
    )
  );
}
