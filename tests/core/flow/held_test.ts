import assert from "node:assert/strict";
import type { CellWire } from "../../../core/fold/aggregates.ts";
import {
  cellsBytes,
  cellWireBytes,
  cutCells,
  mergeCells,
  mergeSpans,
  pairsIn,
  sameSpans,
} from "../../../core/flow/held.ts";

const COUNT = [{ name: "n", kind: "count", field: null }] as const;

function cell(key: string, n = 1): CellWire {
  return [JSON.stringify([key]), n, null];
}

Deno.test("cells are merged by key, whatever side has more of them", () => {
  const merged = (some: CellWire[], more: CellWire[]) => mergeCells(COUNT, some, more);
  const [a, b, c] = [cell("a"), cell("b", 2), cell("c", 3)];
  assert.deepEqual(merged([], [a, b]), [a, b]);
  assert.deepEqual(merged([a, b], []), [a, b]);
  assert.deepEqual(merged([a, c], [b]), [a, b, c]);
  assert.deepEqual(merged([b], [a, c]), [a, b, c]);
  assert.deepEqual(merged([a, b], [b, c]), [a, cell("b", 4), c]);
  assert.equal(pairsIn(merged([a, b], [b, c])), 8);
});

Deno.test("bytes are those of UTF-8 JSON, each cell with its comma", () => {
  assert.equal(
    cellWireBytes(cell("a")),
    new TextEncoder().encode('["[\\"a\\"]",1,null]').length + 1,
  );
  assert.equal(cellsBytes([cell("a"), cell("漢")]), cellWireBytes(cell("a")) * 2 + 2);
});

Deno.test("cells are cut where they don't fit any more; at least one goes", () => {
  const cells = ["a", "b", "c"].map((key) => cell(key));
  const each = cellWireBytes(cell("a"));
  const cut = (bytes: number) => cutCells(cells, bytes).map((some) => some.length);
  assert.deepEqual(cut(each * 2), [2, 1]);
  assert.deepEqual(cut(each * 2 - 1), [1, 2]);
  assert.deepEqual(cut(0), [1, 2]);
  assert.deepEqual(cut(each * 3), [3, 0]);
  assert.deepEqual(cutCells([], 10), [[], []]);
});

Deno.test("spans are joined by partition, from the first offset to the last", () => {
  const joined = mergeSpans([[1, 5, 9], [0, 2, 4]], [[1, 3, 6], [2, 0, 1]]);
  assert.deepEqual(joined, [[0, 2, 4], [1, 3, 9], [2, 0, 1]]);
  assert.equal(sameSpans(joined, [[0, 2, 4], [1, 3, 9], [2, 0, 1]]), true);
  assert.equal(sameSpans(joined, [[0, 2, 4], [1, 3, 9]]), false);
  assert.equal(sameSpans([[0, 2, 4]], [[0, 2, 4], [1, 3, 9]]), false);
  assert.equal(sameSpans([[0, 2, 4]], [[0, 2, 5]]), false);
});
