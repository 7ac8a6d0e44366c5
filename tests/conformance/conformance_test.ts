import assert from "node:assert/strict";
import fc from "fast-check";
import { runVector, runVectors, vectorSummary } from "./conformance.ts";
import { TidegateError } from "../../core/errors.ts";

const given = new URL("../vectors/given.jsonl", import.meta.url);
const unreadable =
  Deno.permissions.querySync({ name: "read", path: given.pathname }).state !== "granted";

Deno.test("the given vectors", { ignore: unreadable }, () => {
  const { lines, ...counts } = runVectors(Deno.readTextFileSync(given));
  assert.deepEqual(lines.filter((line) => !line.endsWith(" ok")), []);
  assert.equal(vectorSummary([counts]), "10 passed, 0 failed, 0 skipped");
});

Deno.test(
  "a malformed line points to the format, whose example passes",
  { ignore: unreadable },
  () => {
    let next = "";
    try {
      runVectors('{"id": 1}');
    } catch (error) {
      if (error instanceof TidegateError) next = error.next;
    }
    const [file = "none"] = /^\S+\.md/.exec(next) ?? [];
    const text = Deno.readTextFileSync(new URL(`../../${file}`, import.meta.url));
    const format = text.slice(text.indexOf("\n### conformance\n"));
    const [, example = ""] = /```jsonl\n([^]*?)```/.exec(format) ?? [];
    assert.match(runVectors(example).lines.join(), /^\w+ ok$/);
  },
);

/** A case of tumbling windows of ten, counted. */
function counting(steps: readonly unknown[], more: Readonly<Record<string, unknown>> = {}) {
  return {
    id: "T",
    source: "own",
    unit: "ms",
    window: { kind: "tumbling", size: 10 },
    delay: 0,
    aggregates: ["count"],
    steps,
    ...more,
  };
}

function passes(vector: unknown): void {
  assert.deepEqual(runVector(vector), { id: "T", outcome: "ok", detail: "" });
}

function fails(vector: unknown, detail: string): void {
  assert.deepEqual(runVector(vector), { id: "T", outcome: "fail", detail });
}

function skips(vector: unknown, reason: RegExp): void {
  const { outcome, detail } = runVector(vector);
  assert.equal(outcome, "skip");
  assert.match(detail, reason);
}

Deno.test("all aggregates, over any column", () => {
  const kinds = ["count", ["count"], ["sum", 1], ["avg", 1], ["min", 0], ["max", 0]];
  const step = {
    in: [["k", 1, -5, 0.1], ["k", 2, 7, 0.2], ["k", 3, 0, 0.3], ["k", 10, 0, 0]],
    out: [["k", 0, 10, 3, 3, 0.6, 0.19999999999999998, -5, 7]],
  };
  passes(counting([step], { aggregates: kinds }));
  passes(counting([{ in: [["k", 1], ["k", 11]], out: [["k", 0, 10]] }], { aggregates: [] }));
});

Deno.test("keys of all kinds stay apart", () => {
  const keys = ["1", 1, true, null, "", ["a", 1], "a,1"];
  passes(counting([{
    in: [...keys.map((key) => [key, 5]), ["a", 10]],
    out: keys.map((key) => [key, 0, 10, 1]),
    open: 1,
  }]));
});

Deno.test("units, fractions of them, offsets and negative times", () => {
  passes(counting([
    { in: [["k", -12.5], ["k", -7]], watermark: -8, out: [["k", -13, -8, 1]] },
    { in: [["k", -3.1]], watermark: -4.1, out: [] },
    { in: [["k", -2.9], ["k", 0.1]], watermark: -0.9, out: [["k", -8, -3, 2]], open: 1 },
  ], { unit: "s", window: { kind: "tumbling", size: 5, offset: 2 }, delay: 1 }));
  passes(counting([
    { in: [["k", 0], ["k", 3]], watermark: 1, out: [] },
    { in: [["k", 12]], watermark: 10, out: [["k", 0, 10, 2]] },
  ], { unit: "min", delay: 2 }));
});

Deno.test("before the first event there is no watermark", () => {
  passes(counting([{ in: [], watermark: null, out: [], late: 0, open: 0 }, { restart: true }, {}]));
});

Deno.test("hopping windows, some of them missed", () => {
  //   -5 [---------) 5     delay 0: a record at 11 closes what ends by then
  //       0 [---------) 10
  //          5 [---------) 15
  passes(counting([
    { in: [["k", 2], ["k", 11]], out: [["k", -5, 5, 1], ["k", 0, 10, 1]], open: 2 },
    { in: [["k", 6], ["k", 4]], out: [], partlyLate: 1, late: 1, open: 2 },
    { in: [["k", 30]], out: [["k", 5, 15, 2], ["k", 10, 20, 1]] },
  ], { window: { kind: "hopping", size: 10, slide: 5 } }));
});

Deno.test("lateness: what changes after its first emission comes again, once a step", () => {
  passes(counting([
    { in: [["a", 1], ["b", 2], ["a", 12]], out: [["a", 0, 10, 1], ["b", 0, 10, 1]], open: 3 },
    { in: [["a", 3], ["a", 4]], out: [["a", 0, 10, 3]], late: 0 },
    // Another key, and a window that is opened after its end.
    { in: [["c", 5], ["a", -4]], out: [["c", 0, 10, 1], ["a", -10, 0, 1]], open: 5 },
    { restart: true, in: [["a", -9]], out: [["a", -10, 0, 2]] },
    // It completes in the same step in which it changes.
    { in: [["b", 6], ["b", 25]], out: [["b", 0, 10, 2], ["a", 10, 20, 1]], late: 0, open: 2 },
    { in: [["b", 7]], out: [], late: 1 },
  ], { lateness: 15 }));
});

Deno.test("an explicit watermark is all that counts, and moves after the step's records", () => {
  passes(counting([
    { in: [["k", 500], ["k", 1]], out: [], watermark: null, late: 0, open: 2 },
    { in: [["k", 9]], advance: 10, out: [["k", 0, 10, 2]], watermark: 10 },
    { advance: 5, out: [], watermark: 10 },
    { restart: true },
    { in: [["k", 9], ["k", 499]], out: [], late: 1, open: 2 },
    // "The end of time", as other suites write it.
    { advance: 9223372036854775807, out: [["k", 500, 510, 1], ["k", 490, 500, 1]], open: 0 },
  ], { watermark: "explicit", delay: undefined }));
  passes(counting([
    { in: [["k", 1]] },
    { advance: 12, out: [["k", 0, 10, 1]] },
    { in: [["k", 2], ["j", 3]], out: [["k", 0, 10, 2], ["j", 0, 10, 1]], late: 0, open: 2 },
    { advance: 15, out: [], open: 0 },
    { in: [["k", 2]], out: [], late: 1 },
  ], { watermark: "explicit", lateness: 5 }));
});

Deno.test("what differs is told in the words of the file, and only that", () => {
  const window = { kind: "tumbling", size: 5 };
  const step = { in: [["k", 1], ["k", 7]], out: [["k", 0, 5, 2]], watermark: 7, late: 0, open: 2 };
  fails(
    counting([{ in: [] }, step], { unit: "s", window }),
    'step 2: got {"out":[["k",0,5,1]],"open":1}, expected {"out":[["k",0,5,2]],"open":2}',
  );
  fails(counting([{ watermark: 3 }]), 'step 1: got {"watermark":null}, expected {"watermark":3}');
  fails(
    counting([{ in: [["k", 20], ["k", 1]], late: 0, partlyLate: 1 }]),
    'step 1: got {"late":1,"partlyLate":0}, expected {"late":0,"partlyLate":1}',
  );
  // Rows have no order, but each counts.
  const twice = [["k", 0, 10, 1], ["k", 0, 10, 1]];
  assert.equal(runVector(counting([{ in: [["k", 0], ["k", 10]], out: twice }])).outcome, "fail");
});

Deno.test("clocks", () => {
  const ops = [[0, 5, null], [1, 3, 3], [1, "idle", 5], [1, "active", null], [0, 9, null]];
  passes({ id: "T", unit: "ms", clock: [{ inputs: 2, ops }] });
  passes({ id: "T", clock: { inputs: 2, ops: [...ops, [1, 7, 7]] } });
  fails(
    { id: "T", clock: [{ inputs: 1, ops: [[0, 1, 1]] }, { inputs: 2, ops: [[0, 4, 4]] }] },
    "step 2: got null, expected 4",
  );
});

Deno.test("assignments, also of windows that Tidegate would not open", () => {
  passes({ id: "T", assign: [[10, 5, 0, 12, [10, 5]], [10, 5, -3, -1, [-8, -3]]] });
  passes({ id: "T", assign: [5, 5, 2, 7, [7]] });
  // A gap between windows; more than sixteen windows at a time.
  passes({ id: "T", assign: [[5, 10, 0, 7, []], [5, 10, 0, 13, [10]]] });
  passes({ id: "T", assign: [[20, 1, 0, 0, Array.from({ length: 20 }, (_, i) => i - 19)]] });
  fails(
    { id: "T", assign: [[5, 5, 0, 1, [0]], [5, 5, 0, 4, [5]]] },
    "step 2: got [0], expected [5]",
  );
});

Deno.test("what is not Tidegate's is skipped, and says why", () => {
  skips(counting([], { window: { kind: "session", gap: 5 } }), /session windows/);
  skips(counting([], { aggregates: ["count", ["collect", 0]] }), /the aggregate collect/);
  skips(counting([], { window: { kind: "hopping", size: 5, slide: 9 } }), /at most the size/);
  skips(counting([], { window: { kind: "hopping", size: 50, slide: 1 } }), /a 16th of the size/);
  skips(counting([{ in: [["k", 9e15]], out: [] }]), /range of ISO dates/);
  skips(counting([{ in: [["k".repeat(300), 1]] }]), /at most 256 bytes/);
  skips(counting([{ in: [["k", 1]], timers: 3 }]), /timers/);
  skips(counting([], { partitions: 2 }), /partitions/);
  passes(counting([{ in: [["k", 1]], note: "for people" }], { title: "for people too" }));
});

Deno.test("malformed cases are refused, with the place", () => {
  const refused = (vector: unknown, place: RegExp) =>
    assert.throws(() => runVector(vector), (error) => {
      assert.ok(error instanceof TidegateError);
      assert.equal(error.code, "TG_INPUT");
      assert.match(error.message, place);
      return true;
    });
  refused(null, /the case must be an object, got null/);
  refused([1], /the case must be an object/);
  refused({ assign: [] }, /id must be a text, got nothing/);
  refused({ id: "T" }, /one of steps, clock and assign/);
  refused({ id: "T", steps: [], clock: [] }, /one of steps, clock and assign/);
  refused(counting([], { window: 5 }), /window must be an object/);
  refused(counting([], { window: { size: 5 } }), /window.kind must be a text/);
  refused(
    counting([], { window: { kind: "tumbling", size: "5" } }),
    /window.size must be a number/,
  );
  refused(counting([], { window: { kind: "tumbling", size: 0 } }), /window.size must be positive/);
  refused(counting([], { window: { kind: "hopping", size: 5 } }), /window.slide must be a number/);
  refused(counting([], { unit: "fortnight" }), /unit must be/);
  refused(counting([], { delay: undefined }), /delay must be a number/);
  refused(counting([], { delay: -1 }), /delay must be at least 0/);
  refused(counting([], { watermark: "implicit" }), /watermark must be "explicit"/);
  refused(counting([], { aggregates: undefined }), /aggregates must be a list/);
  refused(counting([], { aggregates: [["sum"]] }), /aggregates.0.1 must be the number of a value/);
  refused(counting([], { aggregates: [["sum", 0, 1]] }), /aggregates.0 must be/);
  refused(counting({ in: [] } as never), /steps must be a list/);
  refused(counting([7]), /step 1 must be an object/);
  refused(counting([{}, { in: [["k"]] }]), /step 2: in.0.1 must be a number/);
  refused(counting([{ in: [[]] }]), /step 1: in.0.0 must be a key/);
  refused(counting([{ in: [["k", 1]] }], { aggregates: [["sum", 0]] }), /in.0.2 must be a number/);
  refused(counting([{ out: [["k", 0, 10]] }]), /out.0 must be a row of 4 items/);
  refused(counting([{ out: [["k", 0, 10, "1"]] }]), /out.0.3 must be a number/);
  refused(counting([{ late: -1 }]), /late must be a whole number/);
  refused(counting([{ restart: 1 }]), /restart must be true/);
  refused(counting([{ advance: 5 }]), /advance must be left out/);
  refused({ id: "T", clock: [{ inputs: 1, ops: [[1, 5, null]] }] }, /ops.0.0 must be below 1/);
  refused(
    { id: "T", clock: [{ inputs: 1, ops: [[0, "slow", null]] }] },
    /ops.0.1 must be a number/,
  );
  refused({ id: "T", clock: [{ inputs: 1, ops: [[0, 5]] }] }, /ops.0 must be/);
  refused({ id: "T", assign: [[5, 0, 0, 1, []]] }, /assign.0.1 must be positive/);
  refused({ id: "T", assign: [[5, 5, 0, 1]] }, /assign.0.4 must be a list/);
});

Deno.test("a text is read as a whole, then run line by line", () => {
  const lines = [
    '{"id": "A", "assign": [[5, 5, 0, 1, [0]]]}',
    "",
    '{"id": 7, "assign": [[5, 5, 0, 1, [1]]]}\r',
    '{"id": "C", "unit": "s", "window": {"kind": "session"}, "steps": []}',
  ];
  const report = runVectors(`\uFEFF${lines.join("\n")}\n`);
  assert.deepEqual(report, {
    lines: ["A ok", "7 FAIL step 1: got [0], expected [1]", "C skip: session windows"],
    passed: 1,
    failed: 1,
    skipped: 1,
  });
  assert.equal(vectorSummary([report, report]), "2 passed, 2 failed, 2 skipped");
  const refused = (text: string, message: RegExp) =>
    assert.throws(() => runVectors(text), (error) => {
      assert.ok(error instanceof TidegateError && error.code === "TG_INPUT");
      assert.match(error.message, message);
      return true;
    });
  refused([...lines, "{"].join("\n"), /^line 5: Cannot read the case: it must be JSON/);
  refused([...lines, '{"id":"D"}'].join("\n"), /^line 5: Cannot read the case: the case must/);
});

// ── against a plain reading of the README ───────────────────────────────────────────────────────

interface Setup {
  readonly size: number;
  readonly slide: number;
  readonly delay: number | null;
  readonly lateness: number;
}

type PlainStep =
  | { readonly in: readonly (readonly [string, number, number])[] }
  | { readonly advance: number }
  | { readonly restart: true };

/** What the README says must come out, event by event and without anything of core. */
function plainly({ size, slide, delay, lateness }: Setup, steps: readonly PlainStep[]) {
  const cells = new Map<string, { key: string; start: number; values: number[]; dirty: boolean }>();
  let largest = -Infinity;
  let explicit = -Infinity;
  let watermark = -Infinity;
  return steps.map((step) => {
    let late = 0;
    let partlyLate = 0;
    for (const [key, time, value] of "in" in step ? step.in : []) {
      const bound = delay === null ? explicit : largest - delay;
      const starts: number[] = [];
      for (let s = time - size + 1; s <= time; s++) if (s % slide === 0) starts.push(s + 0);
      const open = starts.filter((start) => start + size + lateness > bound);
      if (open.length === 0 && starts.length > 0) late += 1;
      else if (open.length < starts.length) partlyLate += 1;
      for (const start of open) {
        const id = `${start} ${key}`;
        const cell = cells.get(id) ?? { key, start, values: [], dirty: true };
        cells.set(id, cell);
        cell.values.push(value);
        cell.dirty = true;
      }
      largest = Math.max(largest, time);
    }
    if ("advance" in step) explicit = Math.max(explicit, step.advance);
    watermark = Math.max(watermark, delay === null ? explicit : largest - delay);
    const out: unknown[] = [];
    for (const [id, cell] of cells) {
      const end = cell.start + size;
      if (cell.dirty && end <= watermark) {
        out.push([cell.key, cell.start, end, cell.values.length, Math.max(...cell.values)]);
        cell.dirty = false;
      }
      if (end + lateness <= watermark) cells.delete(id);
    }
    return {
      ...step,
      out,
      late,
      partlyLate,
      open: cells.size,
      watermark: watermark === -Infinity ? null : watermark,
    };
  });
}

Deno.test("random cases come out as a plain reading of the README has it", () => {
  const setups = fc.record({
    size: fc.integer({ min: 1, max: 12 }),
    parts: fc.integer({ min: 1, max: 3 }),
    delay: fc.option(fc.nat(9)),
    lateness: fc.constantFrom(0, 0, 4, 11),
  }).map(({ size, parts, ...rest }) => ({ ...rest, size, slide: Math.ceil(size / parts) }));
  const record = fc.tuple(
    fc.constantFrom("a", "b"),
    fc.integer({ min: -20, max: 40 }),
    fc.integer({ min: -5, max: 5 }),
  );
  const steps = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ in: fc.array(record, { maxLength: 6 }) }) },
      { weight: 3, arbitrary: fc.record({ advance: fc.integer({ min: -20, max: 60 }) }) },
      { weight: 2, arbitrary: fc.constant({ restart: true } as const) },
    ),
    { maxLength: 10 },
  );
  fc.assert(
    fc.property(setups, steps, (setup, list) => {
      const usable = list.filter((step) => setup.delay === null || !("advance" in step));
      const { size, slide, delay, lateness } = setup;
      passes({
        id: "T",
        unit: "ms",
        window: { kind: "hopping", size, slide },
        ...(delay === null ? { watermark: "explicit" } : { delay }),
        lateness,
        aggregates: ["count", ["max", 0]],
        steps: plainly(setup, usable),
      });
    }),
    { numRuns: 400 },
  );
});
