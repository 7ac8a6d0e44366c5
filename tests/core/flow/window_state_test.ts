import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AggregateSpec,
  cellFromWire,
  cellToWire,
  type CellWire,
  createCellFolder,
} from "../../../core/fold/aggregates.ts";
import { type Partial, type RowsDue, WindowState } from "../../../core/flow/window_state.ts";

const aggregates: readonly AggregateSpec[] = [
  { name: "n", kind: "count", field: null },
  { name: "total", kind: "sum", field: "x" },
  { name: "high", kind: "max", field: "x" },
];
const folder = createCellFolder(aggregates);
const rules = { aggregates, endMs: 10, latenessMs: 0 };
const lenient = { ...rules, latenessMs: 5 };

/** The cell of some values of one key. */
function cell(key: string, ...values: number[]): CellWire {
  const made = folder.create();
  for (const x of values) folder.add(made, { x });
  return cellToWire(JSON.stringify([key]), made);
}

function partial(partition: number, from: number, to: number, ...cells: CellWire[]): Partial {
  return { partition, from, to, cells };
}

/** Rows as `key: total`. */
function shown(rows: RowsDue | undefined): string | undefined {
  return rows?.cells.map((wire) => {
    const { key, cell } = cellFromWire(wire);
    return `${JSON.parse(key)[0]}: ${folder.values(cell)["total"]}`;
  }).join(", ");
}

function reborn(state: WindowState, using = rules): WindowState {
  return new WindowState(using, JSON.parse(JSON.stringify(state.snapshot())));
}

Deno.test("a partial counts once, however often it is delivered", () => {
  const state = new WindowState(rules);
  const first = partial(0, 0, 4, cell("a", 1, 2));
  assert.equal(state.fold(first), "taken");
  assert.equal(state.fold(first), "covered");
  assert.equal(state.fold(partial(0, 0, 3, cell("a", 1))), "covered");
  assert.equal(reborn(state).fold(first), "covered");
  // Another partition has offsets of its own; a gap is left by slices without events for the window.
  assert.equal(state.fold(partial(1, 2, 4, cell("b", 5))), "taken");
  assert.equal(state.fold(partial(0, 9, 12, cell("a", 10))), "taken");
  assert.deepEqual(state.lastTo, [[0, 12], [1, 4]]);
  assert.equal(state.pairs, 4);
  assert.equal(state.refused, 0);
  assert.equal(state.size, 2);
  state.close(10);
  assert.equal(shown(state.takeRows()), "a: 13, b: 5");
});

Deno.test("an overlap is refused, and all that follows of its partition, each counted once", () => {
  const state = new WindowState(rules);
  state.fold(partial(0, 0, 4, cell("a", 1)));
  const overlap = partial(0, 3, 6, cell("a", 2, 3));
  assert.equal(state.fold(overlap), "overlap");
  assert.equal(state.fold(overlap), "covered");
  assert.equal(state.fold(partial(0, 6, 7, cell("a", 4))), "full");
  assert.equal(reborn(state).fold(partial(0, 7, 8, cell("a", 4))), "full");
  assert.equal(state.fold(partial(1, 0, 1, cell("a", 9))), "taken");
  assert.equal(state.refused, 3);
  assert.equal(state.pairs, 2);
});

Deno.test("a window refuses to grow past its limit, but goes on with the keys it has", () => {
  const state = new WindowState({ ...rules, maxBytes: 300 });
  assert.equal(state.fold(partial(0, 0, 1, cell("a", 1), cell("b", 1))), "taken");
  assert.equal(state.fold(partial(0, 1, 2, cell("a", 1), cell("b", 1))), "taken");
  const large = partial(0, 2, 3, cell("a", 1), cell("c", 1));
  assert.equal(state.fold(large), "full");
  assert.equal(state.fold(large), "covered");
  assert.equal(state.refused, 2);
  assert.equal(state.size, 2);
  assert.equal(state.fold(partial(1, 0, 1, cell("b", 1))), "taken");
});

Deno.test("nothing is due before the end, and the last rows are taken once", () => {
  const state = new WindowState(rules);
  state.fold(partial(0, 0, 2, cell("b", 1), cell("a", 2)));
  assert.equal(state.takeRows(), undefined);
  state.close(9);
  assert.equal(state.rowsDue, false);
  state.close(12);
  state.close(11);
  assert.equal(state.watermark, 12);
  assert.equal(state.rowsDue, true);
  const rows = state.takeRows();
  assert.equal(shown(rows), "a: 2, b: 1");
  assert.equal(rows?.revision, 0);
  assert.equal(rows?.final, true);
  assert.equal(rows?.watermark, 12);
  assert.equal(state.completed, true);
  assert.equal(state.takeRows(), undefined);
  // What comes now is too late; what was counted before is none of it.
  assert.equal(state.fold(partial(0, 2, 3, cell("a", 1))), "refused");
  assert.equal(state.fold(partial(0, 0, 2, cell("a", 2))), "covered");
  assert.equal(state.refused, 1);
  assert.deepEqual(state.lastTo, [[0, 2]]);
});

Deno.test("with lateness: all rows, then those that change, then all again as final", () => {
  //   end 10 ├── revision 0: all ── 1: changed ── … ──┤ 15 revision n: all, final
  const state = new WindowState(lenient);
  state.fold(partial(0, 0, 2, cell("a", 1), cell("b", 2)));
  state.close(11);
  let rows = state.takeRows();
  assert.equal(shown(rows), "a: 1, b: 2");
  assert.deepEqual([rows?.revision, rows?.final], [0, false]);
  assert.equal(state.takeRows(), undefined);
  state.close(12);
  assert.equal(state.rowsDue, false);
  state.fold(partial(0, 2, 3, cell("b", 10)));
  state.fold(partial(1, 0, 1, cell("b", 100)));
  rows = reborn(state, lenient).takeRows();
  assert.equal(shown(rows), "b: 112");
  assert.deepEqual(state.takeRows(), rows);
  assert.deepEqual([rows?.revision, rows?.final], [1, false]);
  assert.equal(state.fold(partial(0, 3, 4, cell("c", 1))), "taken");
  state.close(15);
  rows = state.takeRows();
  assert.equal(shown(rows), "a: 1, b: 112, c: 1");
  assert.deepEqual([rows?.revision, rows?.final], [2, true]);
  assert.equal(state.completed, true);
});

Deno.test("a window that is first told when all is over emits once", () => {
  const state = new WindowState(lenient);
  state.fold(partial(0, 0, 1, cell("a", 1)));
  state.close(99);
  assert.deepEqual([state.takeRows()?.final, state.completed, state.revision], [true, true, 1]);
});

/** A partition, and where it is cut into slices. */
interface Cut {
  readonly values: readonly { readonly key: string; readonly x: number }[];
  readonly cuts: readonly number[];
}

const topics = fc.array(
  fc.record({
    values: fc.array(
      fc.record({
        key: fc.constantFrom("a", "b", "c"),
        x: fc.oneof(
          fc.integer({ min: -99, max: 99 }).map((n) => n / 10),
          fc.constantFrom(1e300, -1e300, 1e-300, 0.1, 0.2),
        ),
      }),
      { minLength: 1, maxLength: 12 },
    ),
    cuts: fc.array(fc.nat(12), { maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 3 },
);

function partialsOf(topic: readonly Cut[]): Partial[][] {
  return topic.map(({ values, cuts }, partition) => {
    const at = [0, ...cuts.filter((c) => c < values.length), values.length].sort((a, b) => a - b);
    return at.slice(1).flatMap((to, i) => {
      const from = at[i] ?? 0;
      if (from === to) return [];
      const slice = values.slice(from, to);
      const keys = [...new Set(slice.map(({ key }) => key))].sort();
      const cells = keys.map((key) =>
        cell(key, ...slice.filter((value) => value.key === key).map(({ x }) => x))
      );
      return [partial(partition, from, to, ...cells)];
    });
  });
}

Deno.test("any cut, any order of delivery and any crash give the same rows, bit for bit", () => {
  const runs = fc.tuple(topics, fc.array(fc.nat(), { maxLength: 60 }));
  fc.assert(
    fc.property(runs, ([topic, choices]) => {
      const whole = new WindowState(rules);
      for (const list of partialsOf(topic.map((p) => ({ ...p, cuts: [] })))) {
        for (const each of list) whole.fold(each);
      }
      whole.close(10);

      // In the order of its offsets per partition, but with repetitions, mixed anyhow.
      const waiting = partialsOf(topic);
      let state = new WindowState(rules);
      const delivered: Partial[] = [];
      for (let i = 0; waiting.some((list) => list.length > 0); i++) {
        const choice = choices[i % Math.max(1, choices.length)] ?? 0;
        const lists = waiting.filter((list) => list.length > 0);
        const next = lists[choice % lists.length]?.shift();
        if (next === undefined) continue;
        assert.equal(state.fold(next), "taken");
        delivered.push(next);
        if (choice % 3 === 0) state = reborn(state);
        const again = delivered[choice % delivered.length];
        if (again !== undefined) assert.equal(state.fold(again), "covered");
      }
      state.close(10);
      const values = (rows: RowsDue | undefined) =>
        rows?.cells.map((wire) => {
          const { key, cell } = cellFromWire(wire);
          return [key, cell.events, folder.values(cell)];
        });
      assert.deepEqual(values(state.takeRows()), values(whole.takeRows()));
    }),
    { numRuns: 200 },
  );
});

Deno.test("a crash after any message changes nothing", () => {
  const messages = fc.array(
    fc.oneof(
      fc.record({ partition: fc.nat(1), length: fc.integer({ min: 1, max: 3 }), back: fc.nat(2) }),
      fc.integer({ min: 8, max: 17 }),
      fc.constant("take" as const),
    ),
    { maxLength: 25 },
  );
  fc.assert(fc.property(messages, (list) => {
    const play = (crashes: boolean) => {
      let state = new WindowState(lenient);
      const next = [0, 0];
      const seen: unknown[] = [];
      for (const message of list) {
        if (crashes) state = reborn(state, lenient);
        if (message === "take") seen.push(state.takeRows());
        else if (typeof message === "number") seen.push(state.close(message));
        else {
          const { partition, length, back } = message;
          const from = Math.max(0, (next[partition] ?? 0) - back);
          next[partition] = from + length;
          seen.push(state.fold(partial(partition, from, from + length, cell("a", 0.1, length))));
        }
        seen.push(state.rowsDue, state.completed, state.pairs, state.refused, state.lastTo);
      }
      return JSON.stringify([seen, state.snapshot()]);
    };
    assert.equal(play(true), play(false));
  }));
});
