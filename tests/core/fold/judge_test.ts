import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addFaults,
  type DataFaults,
  judgeData,
  NO_FAULTS,
  rememberFaults,
  unitOf,
} from "../../../core/fold/judge.ts";
import { type EventReader, type FoldPlan, SliceFold } from "../../../core/fold/fold.ts";
import { tumbling } from "../../../core/event_time/windows.ts";

const NOW = Date.UTC(2026, 0, 1);

const plan: FoldPlan = {
  windowing: tumbling("10s"),
  delayMs: 5000,
  latenessMs: 0,
  maxAheadMs: 300_000,
  groupBy: ["k"],
  aggregates: [{ name: "s", kind: "sum", field: "v" }],
  shards: 1,
};

const reader: EventReader = {
  check: (value) => ({ ok: true, event: Object(value) }),
  eventTimeField: "at",
  where: null,
  numericFields: ["v", "at"],
};

/** What a slice of events finds, all with the same record timestamp. */
function faultsOf(events: readonly unknown[], timestampMs = NOW, start = {}): DataFaults {
  const fold = new SliceFold(plan, reader, {
    partition: 3,
    maxEventTime: null,
    floor: null,
    ...start,
  });
  fold.add(
    events.map((_, offset) => ({ offset, timestampMs, value: null })),
    events.map((value) => ({ ok: true, value })),
    (i) => JSON.stringify(events[i]),
  );
  return fold.faults;
}

const good = { k: "a", v: 1, at: NOW };

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

Deno.test("good data has no fault, and a single bad record is none of the data", () => {
  assert.deepEqual(faultsOf([]), NO_FAULTS);
  assert.deepEqual(judgeData(NO_FAULTS), []);
  assert.deepEqual(judgeData(faultsOf(times(50, () => good))), []);
  const one = faultsOf([...times(9, () => good), { ...good, v: "1" }]);
  assert.equal(one.faults[0]?.count, 1);
  assert.deepEqual(judgeData(one), []);
});

Deno.test("a share of bad records is told by reason, with a sample", () => {
  const faults = faultsOf([
    ...times(20, () => good),
    ...times(3, () => ({ ...good, v: "1" })),
    ...times(4, () => ({ ...good, at: "soon" })),
  ]);
  const [problem, ...others] = judgeData(faults);
  assert.deepEqual(others, []);
  assert.deepEqual([problem?.kind, problem?.count, problem?.read], ["invalid", 7, 27]);
  assert.deepEqual(problem?.reasons.map(({ reason, count }) => [reason, count]), [
    ["time", 4],
    ["number", 3],
  ]);
  assert.match(
    problem?.message ?? "",
    /^7 of 27 records are invalid \(time 4, number 3\), such as partition 3, offset 23: at must be an RFC 3339 time .* got "soon"$/,
  );
  assert.match(problem?.next ?? "", /schema/);
});

Deno.test("a small file of which all is bad is told too", () => {
  const [problem] = judgeData(faultsOf([{ ...good, v: "12" }]));
  assert.match(problem?.message ?? "", /^1 of 1 records are invalid .* got string$/);
});

Deno.test("late and skewed data is told apart", () => {
  const late = faultsOf(times(9, () => ({ ...good, at: NOW - 60_000 })), NOW, {
    maxEventTime: NOW,
  });
  assert.deepEqual(judgeData(late).map(({ kind, count }) => [kind, count]), [["late", 9]]);
  const skewed = faultsOf(times(9, () => ({ ...good, at: NOW + 600_000 })));
  assert.deepEqual(judgeData(skewed).map(({ kind, count }) => [kind, count]), [["skewed", 9]]);
  const enough = { share: 0.5, least: 10 };
  assert.equal(judgeData(addFaults(late, skewed), enough).length, 0);
  assert.equal(judgeData(addFaults(late, skewed)).length, 2);
});

Deno.test("event times in another unit are named, and what comes of it is not told beside it", () => {
  const cases: [factor: number, unit: string][] = [
    [1 / 1000, "seconds"],
    [1000, "microseconds"],
    [1_000_000, "nanoseconds"],
  ];
  for (const [factor, unit] of cases) {
    const faults = faultsOf(times(30, (i) => ({ ...good, at: (NOW + i * 1000) * factor })));
    const problems = judgeData(faults);
    assert.deepEqual(problems.map(({ kind, count }) => [kind, count]), [["unit", 30]], unit);
    const [problem] = problems;
    assert.match(
      problem?.message ?? "",
      new RegExp(`^30 of 30 records have event times that look like ${unit}, such as`),
    );
    assert.match(problem?.message ?? "", new RegExp(`it looks like ${unit}$`));
    assert.match(problem?.next ?? "", unit === "nanoseconds" ? /producer/ : /at: z\.number\(\)/);
  }
});

Deno.test("times in milliseconds, old ones too, and texts are in no other unit", () => {
  const years = [1977, 1987, 2001, 2025].map((year) => ({ ...good, at: Date.UTC(year, 5, 1) }));
  assert.deepEqual(faultsOf(years).faults, []);
  assert.deepEqual(faultsOf([{ ...good, at: new Date(NOW / 1000).toISOString() }]).faults, []);
  assert.deepEqual(faultsOf([{ ...good, at: NOW / 1000 }], -1).faults, []);
});

Deno.test("unitOf finds the unit of any time near its record's timestamp", () => {
  const stamps = fc.integer({ min: Date.UTC(2022, 0), max: Date.UTC(2100, 0) });
  const ages = fc.integer({ min: -360 * 86_400_000, max: 29 * 365 * 86_400_000 });
  fc.assert(fc.property(stamps, ages, (timestampMs, ageMs) => {
    const time = timestampMs - ageMs;
    assert.equal(unitOf(time, timestampMs), null);
    assert.equal(unitOf(time / 1000, timestampMs), "seconds");
    assert.equal(unitOf(time * 1000, timestampMs), "microseconds");
    assert.equal(unitOf(time * 1e6, timestampMs), "nanoseconds");
    assert.equal(unitOf(time / 1000, -1), null);
    // A timestamp that is itself in nanoseconds says nothing.
    assert.equal(unitOf(time, timestampMs * 1e6), null);
  }));
});

Deno.test("a hundred bad records show after a million good ones", () => {
  let recent: readonly DataFaults[] = [];
  recent = rememberFaults(recent, { read: 1_000_000, faults: [] });
  recent = rememberFaults(recent, { read: 0, faults: [] });
  assert.equal(recent.length, 1);
  const bad = (offset: number) => {
    const sample = { partition: 0, offset, path: "v", message: "v must be a number, got string" };
    return { read: 1, faults: [{ kind: "invalid", reason: "number", count: 1, sample } as const] };
  };
  const told: number[] = [];
  for (let offset = 0; offset < 150; offset++) {
    recent = rememberFaults(recent, bad(offset));
    if (judgeData(recent.reduce(addFaults)).length > 0) told.push(offset);
    assert.ok(recent.length <= 100);
  }
  assert.deepEqual(told.at(0), 99);
  assert.equal(recent.reduce(addFaults).faults[0]?.sample.offset, 149);
});

Deno.test("faults add up to the same, however the records are cut", () => {
  const event = fc.record({
    k: fc.constantFrom<unknown>("a", []),
    v: fc.constantFrom<unknown>(1, "1"),
    at: fc.constantFrom<unknown>(NOW, NOW / 1000, NOW * 1000, "x", NOW + 1e9),
  });
  fc.assert(fc.property(fc.array(event), fc.nat(20), (events, at) => {
    const counts = ({ read, faults }: DataFaults) => [
      read,
      ...faults.map(({ kind, reason, count }) => [kind, reason, count]),
    ];
    // Each slice begins without a watermark, so that what is late depends on the cut: left out.
    const withoutLate = ({ read, faults }: DataFaults) => ({
      read,
      faults: faults.filter(({ kind }) => kind !== "late"),
    });
    const [whole, first, second] = [events, events.slice(0, at), events.slice(at)]
      .map((slice) => withoutLate(faultsOf(slice)));
    assert.ok(whole !== undefined && first !== undefined && second !== undefined);
    assert.deepEqual(counts(addFaults(first, second)), counts(whole));
  }));
});
