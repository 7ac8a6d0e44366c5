import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AggregateSpec,
  cellFromWire,
  createCellFolder,
} from "../../../core/fold/aggregates.ts";
import { decodeBatch, type Decoded } from "../../../core/fold/decode.ts";
import {
  type EventReader,
  type FoldEvent,
  type FoldPlan,
  type FoldRecord,
  type FoldStart,
  SliceFold,
} from "../../../core/fold/fold.ts";
import { shardOf } from "../../../core/fold/cells.ts";
import { addCounts, NO_COUNTS, type SliceCounts } from "../../../core/flow/counts.ts";
import { MAX_INSTANT_MS } from "../../../core/event_time/instants.ts";
import { hopping, tumbling } from "../../../core/event_time/windows.ts";

const aggregates: readonly AggregateSpec[] = [
  { name: "n", kind: "count", field: null },
  { name: "total", kind: "sum", field: "x" },
  { name: "mean", kind: "avg", field: "x" },
  { name: "low", kind: "min", field: "x" },
  { name: "high", kind: "max", field: "x" },
];

const base: FoldPlan = {
  windowing: tumbling(10),
  delayMs: 0,
  latenessMs: 0,
  maxAheadMs: 1000,
  groupBy: ["key"],
  aggregates,
  shards: 1,
};

const reader: EventReader = {
  check: (value) =>
    isEvent(value)
      ? { ok: true, event: value }
      : { ok: false, path: "x", message: "x must be there" },
  eventTimeField: "time",
  where: null,
  numericFields: ["x", "extra"],
};

function isEvent(value: unknown): value is FoldEvent {
  return typeof value === "object" && value !== null && "x" in value;
}

const START: FoldStart = { maxEventTime: null, floor: null };
const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A record at an offset; a text is its JSON, anything else is made JSON. */
function record(offset: number, value: unknown, timestampMs = -1): FoldRecord {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { offset, timestampMs, value: encoder.encode(text) };
}

function addAll(fold: SliceFold, records: readonly FoldRecord[]): SliceFold {
  const decoded: Decoded[] = decodeBatch(records.map(({ value }) => value), "nonce", decodeText);
  fold.add(records, decoded, (i) => decodeText(records[i]?.value ?? new Uint8Array(0)) ?? "");
  return fold;
}

/** The same, as with an enrichment that adds nothing, whose answers come after all checks. */
function addEnriched(fold: SliceFold, records: readonly FoldRecord[]): SliceFold {
  const decoded = decodeBatch(records.map(({ value }) => value), "nonce", decodeText);
  const checked = records.map((record, i) =>
    fold.check(
      record,
      decoded[i] ?? assert.fail(),
      () => decodeText(record.value ?? new Uint8Array(0)) ?? "",
    )
  );
  for (const record of checked) fold.addChecked(record, { ok: true, event: {} });
  return fold;
}

/** Folds values at the offsets 0, 1, … */
function foldValues(
  values: readonly unknown[],
  plan: FoldPlan = base,
  using: EventReader = reader,
  start: FoldStart = START,
): SliceFold {
  const records = values.map((value, i) => record(i, value));
  return addAll(new SliceFold(plan, using, start), records);
}

/** The rejects as `[offset, kind, reason, path]`. */
function rejected(fold: SliceFold): [number, string, string, string][] {
  return fold.takeRejects().map(({ offset, kind, reason, path }) => [offset, kind, reason, path]);
}

Deno.test("events fall into the cells of their windows and keys, sorted", () => {
  //  [0----------10)[10---------20)
  //   a:1  b:2  a:3   a:4  b:5
  const fold = foldValues([
    { time: 12, key: "b", x: 5 },
    { time: 0, key: "b", x: 2 },
    { time: 1, key: "a", x: 1 },
    { time: 9, key: "a", x: 3 },
    { time: 10, key: "a", x: 4 },
  ], { ...base, delayMs: 100 });
  assert.deepEqual(fold.windows(), [
    {
      start: 0,
      shard: 0,
      cells: [['["a"]', 2, null, [4], [4], 1, 3], ['["b"]', 1, null, [2], [2], 2, 2]],
    },
    {
      start: 10,
      shard: 0,
      cells: [['["a"]', 1, null, [4], [4], 4, 4], ['["b"]', 1, null, [5], [5], 5, 5]],
    },
  ]);
  assert.deepEqual(fold.counts, { ...NO_COUNTS, read: 5, aggregated: 5, assigned: 5 });
  assert.equal(fold.cellCount, 4);
  assert.equal(fold.windowCount, 2);
  assert.equal(fold.maxEventTime, 12);
  assert.equal(fold.firstEventTime, 12);
  assert.deepEqual(fold.takeRejects(), []);
});

Deno.test("an event is judged by what came before it", () => {
  // Size 10, delay 3: [0, 10) is missed once an event of time 13 has been.
  const events = [12, 5, 13, 9, 10, 13].map((time) => ({ time, key: "a", x: 1 }));
  const fold = foldValues(events, { ...base, delayMs: 3 });
  assert.deepEqual(fold.counts, {
    ...NO_COUNTS,
    read: 6,
    aggregated: 5,
    late: 1,
    assigned: 6,
    missed: 1,
  });
  assert.deepEqual(fold.takeRejects(), [{
    offset: 3,
    kind: "late",
    reason: "late",
    path: "time",
    message: "all windows of 1970-01-01T00:00:00.009Z ended by 1970-01-01T00:00:00.010Z",
    bound: 10,
    windows: [0],
  }]);
  assert.deepEqual(fold.takeRejects(), []);
});

Deno.test("lateness keeps a window open", () => {
  const events = [24, 5, 25, 5].map((time) => ({ time, key: "a", x: 1 }));
  const fold = foldValues(events, { ...base, delayMs: 5, latenessMs: 10 });
  assert.deepEqual(rejected(fold), [[3, "late", "late", "time"]]);
  assert.equal(fold.counts.aggregated, 3);
});

Deno.test("an event that missed some hopping windows counts in the others", () => {
  // The vector V10: size 3000, slide 1000; 2400 belongs to 0, 1000 and 2000; 0 has closed.
  const plan = { ...base, windowing: hopping(3000, 1000) };
  const fold = foldValues([{ time: 2400, key: "k2", x: 1 }], plan, reader, {
    maxEventTime: 3001,
    floor: null,
  });
  assert.deepEqual(fold.windows().map(({ start }) => start), [1000, 2000]);
  assert.deepEqual(fold.counts, { ...NO_COUNTS, read: 1, aggregated: 1, assigned: 3, missed: 1 });
  assert.deepEqual(fold.takeRejects(), []);
});

Deno.test("the floor makes events late, and they are counted apart", () => {
  const start = { maxEventTime: 15, floor: 30 };
  const events = [5, 25, 31, 25].map((time) => ({ time, key: "a", x: 1 }));
  const fold = foldValues(events, { ...base, delayMs: 5 }, reader, start);
  // 5 is late by the partition's own times too; both 25 only by the floor.
  assert.deepEqual(fold.counts, {
    ...NO_COUNTS,
    read: 4,
    aggregated: 1,
    late: 3,
    lateByFloor: 2,
    assigned: 4,
    missed: 3,
  });
  assert.deepEqual(fold.takeRejects().map(({ bound }) => bound), [30, 30, 30]);
  const first = foldValues([{ time: 5, key: "a", x: 1 }], base, reader, {
    maxEventTime: null,
    floor: 10,
  });
  assert.equal(first.counts.lateByFloor, 1);
});

Deno.test("filtered and late events move the largest event time, invalid and skewed ones don't", () => {
  const using = { ...reader, where: (event: FoldEvent) => event["key"] !== "no" };
  const fold = new SliceFold({ ...base, delayMs: 10 }, using, START);
  addAll(fold, [record(0, { time: 50, key: "no", x: 1 })]);
  assert.equal(fold.maxEventTime, 50);
  assert.equal(fold.firstEventTime, 50);
  addAll(fold, [record(1, { time: 5, key: "a", x: 1 })]);
  assert.equal(fold.counts.late, 1);
  addAll(fold, [
    record(2, { time: 90, key: "a" }),
    record(3, { time: 5000, key: "a", x: 1 }, 3999),
    record(4, { time: 5000, key: "no", x: 1 }, 3999),
  ]);
  assert.equal(fold.maxEventTime, 50);
  addAll(fold, [record(5, { time: 5000, key: "a", x: 1 }, 4000)]);
  assert.equal(fold.maxEventTime, 5000);
  assert.deepEqual(fold.counts, {
    ...NO_COUNTS,
    read: 6,
    aggregated: 1,
    late: 1,
    invalid: 1,
    skewed: 2,
    filtered: 1,
    assigned: 2,
    missed: 1,
  });
  assert.deepEqual(fold.takeRejects().slice(1), [
    {
      offset: 2,
      kind: "invalid",
      reason: "schema",
      path: "x",
      message: "x must be there",
      bound: 40,
      windows: [],
    },
    ...[3, 4].map((offset) => ({
      offset,
      kind: "skewed",
      reason: "skewed",
      path: "time",
      message: "1970-01-01T00:00:05.000Z is 1001 ms ahead of the record's timestamp",
      bound: 40,
      windows: [],
    })),
  ]);
});

Deno.test("a late event counts as late even if it raises nothing; none moves time backwards", () => {
  const fold = foldValues([{ time: 50, key: "a", x: 1 }, { time: 7, key: "a", x: 1 }]);
  assert.equal(fold.maxEventTime, 50);
  assert.equal(fold.counts.late, 1);
});

Deno.test("without a record timestamp nothing is skewed", () => {
  const fold = foldValues([{ time: 1e12, key: "a", x: 1 }]);
  assert.equal(fold.counts.aggregated, 1);
});

Deno.test("every reason for an invalid record, in the order of judging", () => {
  const using: EventReader = {
    ...reader,
    check: (value) => {
      if (isEvent(value) && value["x"] === "throw") throw new Error("refine failed");
      return reader.check(value);
    },
    where: (event) => {
      if (event["key"] === "throw") throw new Error("no such thing");
      return true;
    },
  };
  const good = { time: 1, key: "a", x: 1 };
  const cases: [unknown, string, string][] = [
    ["{", "json", ""],
    ["", "json", ""],
    ["7", "schema", "x"],
    [{ ...good, x: "throw" }, "schema", ""],
    ['{"time":"x","key":[],"x":1e999}', "number", "x"],
    [{ ...good, x: "1" }, "number", "x"],
    [{ ...good, x: null }, "number", "x"],
    [{ ...good, x: 2 ** 960 }, "number", "x"],
    ['{"time":1,"key":"a","x":1e300}', "number", "x"],
    [{ ...good, x: -(2 ** 960) }, "number", "x"],
    ['{"time":1,"key":"a","x":-1e999}', "number", "x"],
    ['{"time":1,"key":"a","x":1,"extra":1e999}', "number", "extra"],
    ['{"time":1,"key":"a","x":9007199254740993}', "number", "x"],
    ['{"time":1,"key":"a","x":1,"extra":-9007199254740993}', "number", "extra"],
    ['{"time":1,"key":9007199254740993,"x":1}', "number", "key"],
    ['{"time":1,"key":1e999,"x":1}', "number", "key"],
    [{ ...good, time: "yesterday", key: [] }, "time", "time"],
    [{ ...good, time: "2026-01-01T00:00:00" }, "time", "time"],
    [{ ...good, time: null }, "time", "time"],
    [{ key: "a", x: 1 }, "time", "time"],
    ['{"time":1e999,"key":"a","x":1}', "time", "time"],
    [{ ...good, time: MAX_INSTANT_MS }, "time", "time"],
    [{ ...good, key: {} }, "key", "key"],
    [{ ...good, key: ["a"] }, "key", "key"],
    [{ time: 1, x: 1 }, "key", "key"],
    [{ ...good, key: "x".repeat(257) }, "key", "key"],
    [{ ...good, key: "x".repeat(253) }, "key", ""],
    [{ ...good, key: "é".repeat(127) }, "key", ""],
    [{ ...good, key: "throw" }, "schema", ""],
  ];
  const fold = foldValues(cases.map(([value]) => value), base, using);
  assert.deepEqual(
    rejected(fold),
    cases.map(([, reason, path], i) => [i, "invalid", reason, path]),
  );
  assert.deepEqual(fold.counts, { ...NO_COUNTS, read: cases.length, invalid: cases.length });
  assert.equal(fold.maxEventTime, null);
  assert.equal(fold.firstEventTime, null);
});

Deno.test("of all that is wrong with a record, the first in the order of judging is told", () => {
  const using: EventReader = {
    ...reader,
    where: (event) => {
      if (event["filter"] === "throws") throw new Error("no such thing");
      return event["filter"] !== "no";
    },
  };
  // From the last to the first: each record has all the faults of those before it.
  const records = [
    record(0, { time: 100, key: "a", x: 1 }, 0),
    record(1, { time: 5, key: "a", x: 1 }, 0),
    record(2, { time: 5, key: "a", x: 1, filter: "no" }, 0),
    record(3, { time: 5, key: "a", x: 1, filter: "throws" }, 0),
    record(4, { time: 5, key: [], x: 1, filter: "throws" }, 0),
    record(5, { time: 1001, key: [], x: 1, filter: "throws" }, 0),
    record(6, { time: "1001", key: [], x: 1, filter: "throws" }, 0),
    record(7, { time: "1001", key: [], x: "1", filter: "throws" }, 0),
    record(8, { time: "1001", key: [], filter: "throws" }, 0),
    record(9, "{", 0),
  ];
  const expected = [
    [1, "late", "late", "time"],
    [3, "invalid", "schema", ""],
    [4, "invalid", "key", "key"],
    [5, "skewed", "skewed", "time"],
    [6, "invalid", "time", "time"],
    [7, "invalid", "number", "x"],
    [8, "invalid", "schema", "x"],
    [9, "invalid", "json", ""],
  ];
  const plain = addAll(new SliceFold(base, using, START), records);
  assert.deepEqual(rejected(plain), expected);
  const enriched = addEnriched(new SliceFold(base, using, START), records);
  assert.deepEqual(rejected(enriched), expected);
  assert.equal(plain.counts.filtered, 1);
  assert.deepEqual(enriched.counts, plain.counts);
});

Deno.test("tombstones and invalid UTF-8 are invalid", () => {
  const fold = addAll(new SliceFold(base, reader, START), [
    { offset: 7, timestampMs: 0, value: null },
    { offset: 9, timestampMs: 0, value: Uint8Array.from([0x22, 0xff, 0x22]) },
  ]);
  assert.deepEqual(rejected(fold), [[7, "invalid", "null-value", ""], [9, "invalid", "utf8", ""]]);
});

Deno.test("large numbers that JSON keeps exactly are fine", () => {
  const values = ["1e288", "9007199254740991", "9007199254740994.0", "-9e288", "-0", "5e-324"];
  const fold = foldValues(values.map((x) => `{"time":1,"key":"a","x":${x}}`));
  assert.equal(fold.counts.aggregated, values.length);
  let asked = 0;
  const small = [record(0, { time: 1, key: "a", x: Number.MAX_SAFE_INTEGER })];
  new SliceFold(base, reader, START).add(
    small,
    decodeBatch(small.map(({ value }) => value), "nonce", decodeText),
    () => String(asked++),
  );
  assert.equal(asked, 0);
});

Deno.test("keys are canonical, whatever they hold", () => {
  const keys = ["__proto__", "constructor", "", '"', "\ud800", "é", "1", 1, true, null, 0, 1.5];
  const values = keys.map((key) => ({ time: 1, key, x: 1 }));
  const fold = foldValues([...values, '{"time":1,"key":-0,"x":1}', ...values]);
  const cells = fold.windows()[0]?.cells ?? [];
  const expected = keys.map((key) => JSON.stringify([key])).sort();
  assert.deepEqual(cells.map(([key]) => key), expected);
  for (const [key, events] of cells) assert.equal(events, key === "[0]" ? 3 : 2, key);
  assert.ok(cells.some(([key]) => key === '["\\ud800"]'));
});

Deno.test("the longest key allowed has 256 bytes", () => {
  const keys = ["x".repeat(252), "é".repeat(126)];
  const fold = foldValues(keys.map((key) => ({ time: 1, key, x: 1 })));
  assert.equal(fold.counts.aggregated, 2);
});

Deno.test("no key, and several", () => {
  const event = { time: 1, a: "x", b: 2, x: 1 };
  assert.deepEqual(foldValues([event], { ...base, groupBy: [] }).windows()[0]?.cells[0]?.[0], "[]");
  const both = foldValues([event, { ...event, b: 3 }], { ...base, groupBy: ["b", "a"] });
  assert.deepEqual(both.windows()[0]?.cells.map(([key]) => key), ['[2,"x"]', '[3,"x"]']);
  const broken = foldValues([{ ...event, a: {} }], { ...base, groupBy: ["b", "a"] });
  assert.deepEqual(rejected(broken), [[0, "invalid", "key", "a"]]);
});

Deno.test("more keys than are remembered still meet in one cell", () => {
  const fold = new SliceFold({ ...base, aggregates: [] }, reader, START);
  const decoded = Array.from({ length: 50_000 }, (_, i): Decoded => ({
    ok: true,
    value: { time: 1, key: i % 25_000, x: 1 },
  }));
  const records = decoded.map((_, offset) => ({ offset, timestampMs: -1, value: null }));
  fold.add(records, decoded, () => "");
  assert.equal(fold.cellCount, 25_000);
  assert.ok(fold.windows()[0]?.cells.every(([, events]) => events === 2));
});

Deno.test("cells are spread over the shards by their keys", () => {
  const keys = Array.from({ length: 50 }, (_, i) => `k${i}`);
  const plan = { ...base, shards: 4, delayMs: 100 };
  const values = [11, 1].flatMap((time) => keys.map((key) => ({ time, key, x: 1 })));
  const partials = foldValues(values, plan).windows();
  assert.deepEqual(
    partials.map(({ start, shard }) => [start, shard]),
    [0, 10].flatMap((start) => [0, 1, 2, 3].map((shard) => [start, shard])),
  );
  for (const { shard, cells } of partials) {
    for (const [key] of cells) assert.equal(shardOf(key, 4), shard);
  }
  assert.equal(partials.reduce((sum, { cells }) => sum + cells.length, 0), 100);
});

Deno.test("event times are texts or numbers; fractions of a ms are dropped downwards", () => {
  const times = ["1970-01-01T00:00:00.0099Z", "1970-01-01T01:00:00.009+01:00", 9.9, 9];
  const fold = foldValues(times.map((time) => ({ time, key: "a", x: 1 })));
  assert.equal(fold.maxEventTime, 9);
  assert.equal(fold.windows()[0]?.cells[0]?.[1], 4);
  assert.equal(foldValues([{ time: -0.5, key: "a", x: 1 }]).maxEventTime, -1);
  const zero = foldValues(['{"time":-0,"key":"a","x":1}']);
  assert.ok(Object.is(zero.maxEventTime, 0));
  assert.ok(Object.is(zero.windows()[0]?.start, 0));
});

Deno.test("an event is in range iff its windows, their completion and the watermark are", () => {
  const windowing = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.nat(60), fc.nat(20)).map(
    ([slide, extra, offset]) => hopping(slide + extra % (15 * slide + 1), slide, { offset }),
  );
  const near = fc.tuple(fc.constantFrom(-1, 1), fc.nat(150)).map(
    ([side, inside]) => side * (MAX_INSTANT_MS - inside),
  );
  const inRange = (ms: number) => Math.abs(ms) <= MAX_INSTANT_MS;
  fc.assert(
    fc.property(windowing, near, fc.nat(50), fc.nat(50), (w, time, latenessMs, delayMs) => {
      const fold = foldValues([{ time, key: "a", x: 1 }], {
        ...base,
        windowing: w,
        latenessMs,
        delayMs,
      });
      let fits = inRange(time - delayMs);
      for (let start = time; start > time - w.sizeMs; start--) {
        if ((start - w.offsetMs) % w.slideMs !== 0) continue;
        fits &&= inRange(start) && inRange(start + w.sizeMs + latenessMs);
      }
      assert.equal(fold.counts.aggregated, fits ? 1 : 0);
    }),
    { numRuns: 500 },
  );
});

Deno.test("hostile JSON goes through decode and fold without a crash", () => {
  const values = [
    '{"time":1,"key":"a","x":1,"deep":' + "[".repeat(100_000) + "]".repeat(100_000) + "}",
    "[".repeat(100_000),
    JSON.stringify({ time: 1, key: "a", x: 1, text: "y".repeat(1024 * 1024) }),
    '{"time":1,"key":"a","x":1,"x":2}',
    '{"__proto__":{"x":1},"time":1,"key":"a"}',
    '\ufeff{"time":1,"key":"a","x":1}',
  ];
  const fold = foldValues(values, {
    ...base,
    aggregates: [{ name: "s", kind: "sum", field: "x" }],
  });
  assert.deepEqual(fold.windows(), [{ start: 0, shard: 0, cells: [['["a"]', 3, [4]]] }]);
  assert.deepEqual(rejected(fold), [
    [1, "invalid", "json", ""],
    [4, "invalid", "schema", "x"],
    [5, "invalid", "json", ""],
  ]);
});

// Against a reference that is written the slow way.

interface Case {
  readonly plan: FoldPlan;
  readonly start: FoldStart;
  readonly events: readonly TestEvent[];
}

interface TestEvent {
  readonly time: number;
  readonly key: string | number | null | undefined;
  readonly x: number | null;
  readonly timestamp: number;
}

const cases: fc.Arbitrary<Case> = fc.record({
  plan: fc.record({
    slide: fc.integer({ min: 1, max: 8 }),
    extra: fc.nat(30),
    offset: fc.integer({ min: -10, max: 10 }),
    delayMs: fc.nat(20),
    latenessMs: fc.oneof(fc.constant(0), fc.nat(15)),
    shards: fc.constantFrom(1, 3),
  }).map(({ slide, extra, offset, ...rest }): FoldPlan => ({
    ...base,
    ...rest,
    maxAheadMs: 5,
    windowing: hopping(slide + extra % (15 * slide + 1), slide, { offset }),
  })),
  start: fc.record({
    maxEventTime: fc.option(fc.integer({ min: -40, max: 40 })),
    floor: fc.option(fc.integer({ min: -40, max: 40 })),
  }),
  events: fc.array(
    fc.record({
      time: fc.integer({ min: -60, max: 60 }),
      key: fc.constantFrom<TestEvent["key"]>("a", "b", "c", "skip", 1, null, undefined),
      x: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -99, max: 99 }) }, {
        weight: 1,
        arbitrary: fc.constant(null),
      }),
      timestamp: fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: 60 })),
    }),
    { maxLength: 60 },
  ),
});

const filtering: EventReader = { ...reader, where: (event) => event["key"] !== "skip" };

/** One event after the other, one window after the other, no short cuts. */
function reference({ plan, start, events }: Case) {
  const counts = { ...NO_COUNTS } as { -readonly [K in keyof SliceCounts]: SliceCounts[K] };
  const cells = new Map<string, number[]>();
  const kept: { offset: number; id: string[] }[] = [];
  const rejects: [number, string, number[]][] = [];
  let max = start.maxEventTime ?? -Infinity;
  for (const [offset, { time, key, x, timestamp }] of events.entries()) {
    counts.read++;
    if (x === null) {
      counts.invalid++;
      rejects.push([offset, "number", []]);
      continue;
    }
    if (timestamp >= 0 && time > timestamp + plan.maxAheadMs) {
      counts.skewed++;
      rejects.push([offset, "skewed", []]);
      continue;
    }
    if (key === undefined) {
      counts.invalid++;
      rejects.push([offset, "key", []]);
      continue;
    }
    const own = max - plan.delayMs;
    const bound = Math.max(own, start.floor ?? -Infinity);
    max = Math.max(max, time);
    if (key === "skip") {
      counts.filtered++;
      continue;
    }
    const { sizeMs, slideMs, offsetMs } = plan.windowing;
    const starts: number[] = [];
    for (let s = time - sizeMs + 1; s <= time; s++) {
      if ((s - offsetMs) % slideMs === 0) starts.push(s);
    }
    const open = starts.filter((s) => !(s + sizeMs + plan.latenessMs <= bound));
    counts.assigned += starts.length;
    counts.missed += starts.length - open.length;
    const missedBy = (limit: number) => starts.filter((s) => s + sizeMs + plan.latenessMs <= limit);
    if (missedBy(bound).length > missedBy(own).length) counts.lateByFloor++;
    if (open.length === 0) {
      counts.late++;
      rejects.push([offset, "late", starts]);
      continue;
    }
    counts.aggregated++;
    const text = JSON.stringify([key]);
    const ids = open.map((s) => `${s}/${shardOf(text, plan.shards)}`);
    for (const id of ids) {
      const cell = `${id}/${text}`;
      cells.set(cell, [...cells.get(cell) ?? [], x]);
    }
    kept.push({ offset, id: ids });
  }
  return { counts, cells, kept, rejects, max: max === -Infinity ? null : max };
}

function recordsOf(events: readonly TestEvent[]): FoldRecord[] {
  return events.map(({ timestamp, ...event }, offset) => record(offset, event, timestamp));
}

const folder = createCellFolder(aggregates);

/** The rows of a fold: `start/shard/key` to `[events, values]`. */
function rowsOf(folds: readonly SliceFold[]) {
  const merged = new Map<string, ReturnType<typeof folder.create>>();
  for (const fold of folds) {
    for (const { start, shard, cells } of fold.windows()) {
      for (const wire of cells) {
        const { key, cell } = cellFromWire(wire);
        const id = `${start}/${shard}/${key}`;
        const known = merged.get(id) ?? folder.create();
        folder.merge(known, cell);
        merged.set(id, known);
      }
    }
  }
  return [...merged].map(([id, cell]) => [id, folder.values(cell)] as const).sort(byId);
}

function byId(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}

function expectedRows(cells: ReadonlyMap<string, readonly number[]>) {
  return [...cells].map(([id, xs]) => {
    const total = xs.reduce((sum, x) => sum + x, 0) + 0;
    const low = Math.min(...xs) + 0;
    const high = Math.max(...xs) + 0;
    const mean = total / xs.length + 0;
    return [id, { n: xs.length, total, mean, low, high }] as const;
  }).sort(byId);
}

Deno.test("the fold does what the slow reference does", () => {
  fc.assert(
    fc.property(cases, (given) => {
      const expected = reference(given);
      const fold = new SliceFold(given.plan, filtering, given.start);
      addAll(fold, recordsOf(given.events));
      assert.deepEqual(fold.counts, expected.counts);
      assert.deepEqual(rowsOf([fold]), expectedRows(expected.cells));
      assert.equal(fold.maxEventTime, expected.max);
      assert.deepEqual(
        fold.takeRejects().map(({ offset, reason, windows }) => [offset, reason, windows]),
        expected.rejects,
      );
      const enriched = new SliceFold(given.plan, filtering, given.start);
      addEnriched(enriched, recordsOf(given.events));
      assert.deepEqual(enriched.counts, fold.counts);
      assert.deepEqual(enriched.windows(), fold.windows());
      assert.deepEqual(
        enriched.takeRejects().map(({ offset, reason, windows }) => [offset, reason, windows]),
        expected.rejects,
      );
      const { read, aggregated, late, invalid, skewed, filtered } = fold.counts;
      assert.equal(read, aggregated + late + invalid + skewed + filtered);
      const inCells = fold.windows().flatMap(({ cells }) => cells).reduce(
        (n, cell) => n + cell[1],
        0,
      );
      assert.equal(fold.counts.assigned, inCells + fold.counts.missed);
    }),
    { numRuns: 500 },
  );
});

Deno.test("where a partition is cut into slices and chunks changes nothing", () => {
  const cut = fc.tuple(cases, fc.array(fc.tuple(fc.nat(60), fc.boolean()), { maxLength: 6 }));
  fc.assert(
    fc.property(cut, ([given, cuts]) => {
      const records = recordsOf(given.events);
      const whole = addAll(new SliceFold(given.plan, filtering, given.start), records);
      const folds = [new SliceFold(given.plan, filtering, given.start)];
      let counts = NO_COUNTS;
      let from = 0;
      const rejects = [];
      for (const [at, slice] of [...cuts.sort((a, b) => a[0] - b[0]), [60, true] as const]) {
        const fold = folds.at(-1);
        assert.ok(fold !== undefined);
        addAll(fold, records.slice(from, at));
        from = Math.max(from, at);
        rejects.push(...fold.takeRejects());
        if (!slice) continue;
        counts = addCounts(counts, fold.counts);
        const start = { ...given.start, maxEventTime: fold.maxEventTime };
        folds.push(new SliceFold(given.plan, filtering, start));
      }
      assert.deepEqual(rowsOf(folds), rowsOf([whole]));
      assert.deepEqual(counts, whole.counts);
      assert.deepEqual(rejects, whole.takeRejects());
      assert.equal(folds.at(-1)?.maxEventTime, whole.maxEventTime);
    }),
    { numRuns: 200 },
  );
});
