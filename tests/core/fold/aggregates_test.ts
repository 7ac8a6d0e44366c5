import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AggregateSpec,
  type Cell,
  cellFromWire,
  cellToWire,
  type CellWire,
  createCellFolder,
} from "../../../core/fold/aggregates.ts";

const specs: readonly AggregateSpec[] = [
  { name: "n", kind: "count", field: null },
  { name: "total", kind: "sum", field: "x" },
  { name: "mean", kind: "avg", field: "x" },
  { name: "low", kind: "min", field: "x" },
  { name: "high", kind: "max", field: "y" },
];
const folder = createCellFolder(specs);

const number = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.integer().map((n) => n / 10),
  fc.double({ min: -1e200, max: 1e200, noNaN: true }),
  fc.constantFrom(0, -0, 5e-324, -5e-324),
);
const events = fc.array(fc.record({ x: number, y: number }), { minLength: 1, maxLength: 40 });

function cellOf(list: readonly Readonly<Record<string, unknown>>[], using = folder): Cell {
  const cell = using.create();
  for (const event of list) using.add(cell, event);
  return cell;
}

/** As a window gets it: through JSON. */
function travelled(cell: Cell): Cell {
  const wire: CellWire = JSON.parse(JSON.stringify(cellToWire("[]", cell)));
  return cellFromWire(wire).cell;
}

Deno.test("a cell computes all kinds of aggregates", () => {
  const cell = cellOf([{ x: 3, y: 1 }, { x: -1, y: 7.5 }, { x: 0.5, y: 2 }]);
  const values = folder.values(cell);
  assert.deepEqual(values, { n: 3, total: 2.5, mean: 2.5 / 3, low: -1, high: 7.5 });
  assert.deepEqual(Object.keys(values), ["n", "total", "mean", "low", "high"]);
});

Deno.test("the average is the rounded exact sum over the count", () => {
  const cell = cellOf(Array.from({ length: 10 }, () => ({ x: 0.1, y: 0 })));
  assert.equal(folder.values(cell)["total"], 1);
  assert.equal(folder.values(cell)["mean"], 0.1);
});

Deno.test("cuts, merges, travel and order change nothing", () => {
  const cuts = fc.tuple(events, fc.array(fc.nat(40), { maxLength: 5 }), fc.boolean());
  fc.assert(
    fc.property(cuts, ([list, at, backwards]) => {
      const bounds = [0, ...at.filter((i) => i < list.length).sort((a, b) => a - b), list.length];
      const partials = bounds.slice(1).map((to, i) => cellOf(list.slice(bounds[i], to)));
      if (backwards) partials.reverse();
      const merged = folder.create();
      for (const partial of partials) folder.merge(merged, travelled(partial));
      assert.equal(merged.events, list.length);
      assert.deepEqual(folder.values(travelled(merged)), folder.values(cellOf(list)));
    }),
    { numRuns: 300 },
  );
});

Deno.test("-0 never comes out", () => {
  fc.assert(fc.property(events, (list) => {
    for (const value of Object.values(folder.values(cellOf(list)))) {
      assert.ok(!Object.is(value, -0));
    }
  }));
  const zeros = folder.values(cellOf([{ x: -0, y: -0 }]));
  assert.deepEqual(zeros, { n: 1, total: 0, mean: 0, low: 0, high: 0 });
  // The quotient underflows.
  const tiny = cellOf([{ x: -5e-324, y: 0 }, { x: 0, y: 0 }, { x: 0, y: 0 }]);
  assert.ok(Object.is(folder.values(tiny)["mean"], 0));
});

Deno.test("a wire cell shares nothing with the cell", () => {
  const cell = cellOf([{ x: 1, y: 1 }]);
  const wire = cellToWire('["a"]', cell);
  const before = JSON.stringify(wire);
  const back = cellFromWire(wire);
  folder.add(cell, { x: 5, y: 5 });
  folder.merge(back.cell, cell);
  assert.equal(JSON.stringify(wire), before);
  assert.equal(before, '["[\\"a\\"]",1,null,[1],[1],1,1]');
  assert.equal(back.key, '["a"]');
});

Deno.test("merging changes the first cell only", () => {
  const from = cellOf([{ x: 1, y: 1 }]);
  const into = folder.create();
  folder.merge(into, from);
  folder.add(into, { x: 1, y: 9 });
  assert.deepEqual(folder.values(from), { n: 1, total: 1, mean: 1, low: 1, high: 1 });
  assert.deepEqual(folder.values(into), { n: 2, total: 2, mean: 1, low: 1, high: 9 });
});

Deno.test("names that Object.prototype knows are values like others", () => {
  const names = ["__proto__", "constructor", "toString"];
  const odd = createCellFolder(names.map((name) => ({ name, kind: "sum", field: "x" })));
  const values = odd.values(cellOf([{ x: 2 }], odd));
  assert.deepEqual(Object.entries(values), names.map((name) => [name, 2]));
  assert.equal(Object.getPrototypeOf(values), Object.prototype);
});

Deno.test("without aggregates a cell still counts", () => {
  const bare = createCellFolder([]);
  const cell = cellOf([{}, {}], bare);
  assert.deepEqual(cellToWire("[]", cell), ["[]", 2]);
  assert.deepEqual(bare.values(cell), {});
});
