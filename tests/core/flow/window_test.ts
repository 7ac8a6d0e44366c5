import assert from "node:assert/strict";
import type { CellWire } from "../../../core/fold/aggregates.ts";
import type { Call } from "../../../core/flow/delivery.ts";
import { Window, type WindowRules } from "../../../core/flow/window.ts";

const RULES: WindowRules = {
  aggregates: [{ name: "n", kind: "count", field: null }],
  endMs: 10_000,
  latenessMs: 5_000,
};

function call(n: number, changed: Partial<Call> = {}): Call {
  return {
    n,
    spans: [[0, 10 * (n - 1), 10 * n]],
    cells: [['["a"]', n, null]],
    watermark: null,
    emittedAtMs: 1_000 * n,
    ...changed,
  };
}

Deno.test("a window takes calls in the order of their numbers, each once", () => {
  const window = new Window(RULES);
  assert.deepEqual(window.call(call(1)), { kind: "taken", pairs: 1, bytes: 19 });
  assert.deepEqual(window.call(call(1)), { kind: "taken", pairs: 1, bytes: 19 });
  assert.deepEqual(window.call(call(2)), { kind: "taken", pairs: 3, bytes: 19 });
  assert.equal(window.call(call(4)).kind, "lost");
  assert.equal(window.call(call(1)).kind, "overlap");
  assert.equal(window.call(call(2, { spans: [[0, 10, 25]] })).kind, "overlap");
  assert.equal(window.call(call(2, { emittedAtMs: 7 })).kind, "overlap");
  assert.deepEqual([window.n, window.pairs, window.held], [2, 3, [[1, 1], [2, 3]]]);
});

Deno.test("a window that begins with another call than its first answers lost, and is new still", () => {
  for (const first of [call(2), call(1, { cells: null })]) {
    const window = new Window(RULES);
    assert.equal(window.call(first).kind, "lost");
    assert.deepEqual([window.isNew, window.pairs], [true, 0]);
  }
});

Deno.test("all rows at the first and the last emission, between them those that changed", () => {
  const window = new Window(RULES);
  const cells: CellWire[] = [['["a"]', 1, null], ['["b"]', 1, null]];
  assert.equal(window.call(call(1, { cells, watermark: 9_999 })).kind, "taken");
  const rows = (answer: ReturnType<Window["call"]>) =>
    answer.kind === "emitted"
      ? [answer.head.revision, answer.head.final, ...answer.cells.map(([key]) => key)]
      : answer.kind;
  assert.deepEqual(rows(window.call(call(2, { cells: [], watermark: 10_000 }))), [
    0,
    false,
    '["a"]',
    '["b"]',
  ]);
  assert.deepEqual(rows(window.call(call(3, { cells: [], watermark: 11_000 }))), "taken");
  const changed = call(4, { cells: [['["b"]', 2, null]], watermark: 12_000 });
  assert.deepEqual(rows(window.call(changed)), [1, false, '["b"]']);
  assert.deepEqual(rows(window.call(changed)), [1, false, '["b"]'], "a repeat says the same");
  const last = call(5, { cells: [], spans: [], watermark: 15_000 });
  assert.deepEqual(rows(window.call(last)), [2, true, '["a"]', '["b"]']);
  assert.equal(window.isComplete, true);
  assert.equal(window.call(call(6)).kind, "overlap");
});

Deno.test("a repeat is answered byte for byte, also after continue-as-new and without cells", () => {
  const first = new Window(RULES);
  first.call(call(1));
  const settle = call(2, { watermark: 10_500 });
  const answer = JSON.stringify(first.call(settle));
  const next = new Window(RULES, JSON.parse(JSON.stringify(first.snapshot())));
  assert.equal(JSON.stringify(next.call({ ...settle, cells: null })), answer);
  assert.equal(JSON.stringify(next.call(settle)), answer);
  assert.deepEqual(next.snapshot(), first.snapshot());
});

Deno.test("early rows come before the end, and count as a revision", () => {
  const window = new Window(RULES);
  const answer = window.call(call(1, { watermark: 3_000, early: true }));
  assert.deepEqual(answer.kind === "emitted" && [answer.head.revision, answer.head.final], [
    0,
    false,
  ]);
});

Deno.test("a window that would be too large takes nothing; real UTF-8 bytes count", () => {
  const window = new Window(RULES);
  // 200,000 characters, 600,000 bytes: one fits into 1 MiB, two don't.
  const wide: CellWire = [JSON.stringify(["漢".repeat(200_000)]), 1, null];
  assert.equal(window.call(call(1, { cells: [wide] })).kind, "taken");
  assert.equal(window.bytes, new TextEncoder().encode(JSON.stringify(wide)).length + 1);
  const before = window.snapshot();
  const more: CellWire = [JSON.stringify(["字".repeat(200_000)]), 1, null];
  assert.equal(window.call(call(2, { cells: [more], watermark: 20_000 })).kind, "full");
  assert.deepEqual(window.snapshot(), before);
  assert.equal(window.call(call(2, { cells: [wide] })).kind, "taken", "what it has may grow");
});

Deno.test("a window knows what it held after each of its last 16 calls", () => {
  const window = new Window(RULES);
  for (let n = 1; n <= 20; n++) window.call(call(n));
  assert.deepEqual([window.held.length, window.held[0]?.[0], window.held.at(-1)?.[0]], [16, 5, 20]);
});

Deno.test("a window that is complete takes nothing more", () => {
  const window = new Window(RULES);
  assert.equal(window.call(call(1, { watermark: 15_000 })).kind, "emitted");
  assert.equal(window.call(call(2)).kind, "overlap");
});
